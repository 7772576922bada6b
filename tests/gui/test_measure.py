# SPDX-License-Identifier: GPL-3.0-or-later
"""Measuring and the report, clicked: processes beside a Blender that goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gui.session import Session
from waiting import until

Start = Callable[..., Session]

OPENER = '#!/bin/sh\necho "$1" >> "$HOME/opened"\n'
MEASUREMENTS = "session.seen().measurements"


def test_a_scene_is_measured_stopped_and_its_result_used(start: Start, simulated: Callable[..., Path], tmp_path: Path):
    blender = start(env={"MGD_GPUS": "2"})
    blender.scene(tmp_path / "out", frames=24, blender=simulated(gpus=2, seconds=0.1))
    blender.do(f"bpy.ops.wm.save_as_mainfile(filepath={str(tmp_path / 'shot.blend')!r})")
    blender.do("unfold(('MULTI_GPU_PT_measure',))")
    blender.show_panel()
    blender.wait_for("sum('4090' in word for word in panel_words()) >= 2")
    blender.click("measure_scene")
    blender.wait_for(f"{MEASUREMENTS} and {MEASUREMENTS}[0].found.recommendation", seconds=120)
    blender.shot("measuring")
    blender.click("stop_measuring")
    blender.wait_for(f"not {MEASUREMENTS}[0].running", seconds=60)
    before = blender.do("bpy.context.scene.multi_gpu.strategy")
    blender.click("use_measured")
    used = blender.wait_for(
        f"(lambda found, now: now.strategy == found.strategy.name and [now.strategy, now.per_device])"
        f"({MEASUREMENTS}[0].found.recommendation, bpy.context.scene.multi_gpu)"
    )
    blender.shot("used")
    assert used[0] in ("PER_DEVICE", "COMBINED")
    blender.undo()
    blender.wait_for(f"bpy.context.scene.multi_gpu.strategy == {before!r}")
    assert not list((tmp_path / "out").glob("*.png")), "nothing of it is in the scene's output"


def test_the_report_of_a_job_is_a_click_away(start: Start, simulated: Callable[..., Path], home: Path, tmp_path: Path):
    tools = tmp_path / "bin"
    tools.mkdir()
    opener = tools / "xdg-open"
    opener.write_text(OPENER, encoding="utf-8")
    opener.chmod(0o755)
    blender = start(env={"MGD_GPUS": "2"})
    blender.do(f"import os\nos.environ['PATH'] = {str(tools)!r} + os.pathsep + os.environ['PATH']")
    blender.scene(tmp_path / "out", frames=6, blender=simulated(gpus=2, seconds=0.1))
    blender.show_panel()
    blender.do("bpy.ops.multi_gpu.render_animation()")
    blender.wait_for_state("ended")
    blender.settle()
    blender.click("open_report")
    opened = home / "opened"
    until(lambda: opened.exists() and opened.read_text(encoding="utf-8").endswith("\n"), 60, "the browser")
    (page,) = opened.read_text(encoding="utf-8").split()
    assert "6 of 6 frames complete" in Path(page).read_text(encoding="utf-8")
