# SPDX-License-Identifier: GPL-3.0-or-later
"""Check This Machine and Save Support Bundle, clicked: processes beside a Blender that goes on."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import psutil
from gui.session import MODULE, Session
from gui.simulated import fake_blender
from waiting import until

Start = Callable[..., Session]

OPENER = '#!/bin/sh\necho "$1" >> "$HOME/opened"\n'
LAST = f"__import__('importlib').import_module('{MODULE}.operators.doctor').last()"
UNFOLD = "unfold(('MULTI_GPU_PT_devices', 'MULTI_GPU_PT_machine'))"


def opener(tmp_path: Path, blender: Session) -> None:
    """Let what opens files and folders only note their names."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "xdg-open").write_text(OPENER, encoding="utf-8")
    (tools / "xdg-open").chmod(0o755)
    blender.do(f"import os\nos.environ['PATH'] = {str(tools)!r} + os.pathsep + os.environ['PATH']")


def opened(home: Path) -> list[str]:
    until(lambda: (home / "opened").exists() and (home / "opened").read_text().endswith("\n"), 60, "the viewer")
    return (home / "opened").read_text(encoding="utf-8").split()


def test_a_press_checks_this_machine_and_the_findings_stand_in_the_panel(start: Start, home: Path, tmp_path: Path):
    blender = start(size=(1000, 1400))
    opener(tmp_path, blender)
    blender.do(f"small_scene({str(tmp_path / '####')!r}, 1)")
    blender.do(UNFOLD)
    blender.show_panel()
    blender.shot("before")
    blender.click("check_machine")
    blender.wait_for(f"{LAST} is not None")
    blender.settle()
    blender.shot("checking")
    blender.wait_for(f"not {LAST}.running", seconds=400)
    assert blender.do(f"{LAST}.trouble") == ""
    blender.settle()
    blender.shot("checked")
    said = blender.words()
    assert "things are good." in said
    assert "Check Again" in said
    blender.click("open_check", (0.75,))
    (path,) = opened(home)
    assert "A small picture was rendered on CPU: " in Path(path).read_text(encoding="utf-8")
    assert not blender.do("bpy.data.texts[:]"), "nothing comes into the file"


def test_a_check_is_found_by_f3_stopped_by_a_click_and_told_where_no_panel_shows_it(
    start: Start, simulated: Callable[..., Path], tmp_path: Path
):
    blender = start(env={"MGD_GPUS": "2"}, size=(1000, 1400))
    program = simulated(gpus=2)
    blender.scene(tmp_path / "out", frames=1, blender=program)
    fake_blender.behave(program.parent, rules=[{"at": "start", "do": "hang"}])
    blender.search("doctor")
    blender.wait_for(f"{LAST} and {LAST}.running")
    blender.do(UNFOLD)
    blender.show_panel()
    blender.shot("held")
    blender.click("stop_checking")
    blender.wait_for(f"{LAST} is None")
    fake_blender.behave(program.parent)
    blender.do("big_area().type = 'VIEW_3D'")
    blender.settle()
    blender.search("check machine")
    blender.wait_for(f"{LAST} and not {LAST}.running", seconds=400)
    blender.wait_for(f"__import__('importlib').import_module('{MODULE}.operators.doctor')._drawn is {LAST}")
    blender.settle()
    blender.shot("told")


def test_blender_takes_a_check_with_it_when_it_quits(start: Start, simulated: Callable[..., Path], tmp_path: Path):
    blender = start(env={"MGD_GPUS": "2"})
    program = simulated(gpus=2)
    blender.scene(tmp_path / "out", frames=1, blender=program)
    fake_blender.behave(program.parent, rules=[{"at": "start", "do": "hang"}])
    blender.do("bpy.ops.multi_gpu.check_machine()")

    def doctors() -> list[psutil.Process]:
        return [
            p for p in psutil.Process(blender.pid).children(recursive=True) if str(program.parent) in str(p.cmdline())
        ]

    until(doctors, 60, "the child of the doctor")
    them = doctors()
    assert blender.quit() == 0
    until(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in them), 60, "their end")


def test_a_support_bundle_of_a_job_that_failed_is_a_click_away(
    start: Start, simulated: Callable[..., Path], home: Path, tmp_path: Path
):
    blender = start(env={"MGD_GPUS": "2"})
    opener(tmp_path, blender)
    rules = [{"at": "render", "do": "fail", "frames": [2]}]
    blender.scene(tmp_path / "out", frames=3, blender=simulated(gpus=2, seconds=0.1, rules=rules))
    blender.show_panel()
    blender.do("bpy.ops.multi_gpu.render_animation()")
    blender.wait_for_state("ended")
    blender.settle()
    blender.click("save_support_bundle", (0.75,))
    assert opened(home) == [str(home)]
    (bundle,) = home.glob("*.zip")
    with zipfile.ZipFile(bundle) as packed:
        assert {"machine.txt", "job/job.json", "job/journal.jsonl"} <= set(packed.namelist())
    blender.settle()
    blender.shot("bundle")
