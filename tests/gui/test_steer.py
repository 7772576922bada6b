# SPDX-License-Identifier: GPL-3.0-or-later
"""Steering a job from the panel, and what the panel says of many cards and of their failures (simulated GPUs)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gui.session import Session
from waiting import until

from dispatch import job

Start = Callable[..., Session]
Jobs = Callable[[], list[Path]]
Simulated = Callable[..., Path]


def test_stop_by_a_click_then_resume(start: Start, jobs: Jobs, tmp_path: Path, simulated: Simulated) -> None:
    blender = start()
    blender.scene(tmp_path / "out", frames=24, blender=simulated(seconds=0.5))
    blender.show_panel()
    blender.click("multi_gpu.render_animation")
    blender.wait_for_state("rendering", done=2)
    blender.shot("1-rendering")
    blender.click("multi_gpu.stop", (0.25, 0.5, 0.75))
    stopped = blender.wait_for_state("ended")
    assert stopped["done"] < 24
    blender.shot("2-stopped")
    blender.click("multi_gpu.resume", (0.25, 0.5, 0.75))
    found = blender.wait_for_state("ended", done=24)
    assert found["audit"].startswith("24 of 24 frames complete, 0 rendered twice"), found
    assert found["folder"] == stopped["folder"]
    blender.shot("3-finished")


def test_pause_and_go_on(start: Start, jobs: Jobs, tmp_path: Path, simulated: Simulated) -> None:
    blender = start()
    blender.scene(tmp_path / "out", frames=16, blender=simulated(seconds=0.4))
    blender.do("bpy.ops.multi_gpu.render_animation()", seconds=60)
    blender.wait_for_state("rendering", done=2)
    blender.do("bpy.ops.multi_gpu.pause()")
    paused = blender.wait_for_state("paused")
    blender.do("bpy.ops.multi_gpu.go_on()")
    blender.wait_for_state("rendering", "ended", done=paused["done"] + 1)
    assert blender.wait_for_state("ended")["done"] == 16


def test_every_card_is_listed_and_works(start: Start, jobs: Jobs, tmp_path: Path, simulated: Simulated) -> None:
    blender = start(size=(700, 1300))
    blender.scene(tmp_path / "out", frames=40, blender=simulated(gpus=8, seconds=0.8))
    blender.do("bpy.context.scene.multi_gpu.strategy = 'PER_DEVICE'")
    blender.show_panel()
    blender.wait_for("sum('4090' in word for word in panel_words()) >= 8")
    names = [word for word in blender.words().split("\n") if "4090" in word]
    assert len(set(names)) >= 8, names
    blender.shot("1-eight-cards")
    blender.click("multi_gpu.render_animation")
    found = blender.wait_for_state("rendering", done=3)
    assert len(set(found["workers"])) == 8, found
    blender.shot("2-eight-workers")
    assert blender.wait_for_state("ended")["done"] == 40


def test_a_card_left_out_gets_no_worker(start: Start, jobs: Jobs, tmp_path: Path, simulated: Simulated) -> None:
    blender = start()
    blender.scene(tmp_path / "out", frames=4, blender=simulated(gpus=2, seconds=0.2))
    blender.show_panel()
    blender.wait_for("sum('4090' in word for word in panel_words()) >= 2")
    blender.do("bpy.ops.multi_gpu.toggle_device(card='0000:02:00')")
    blender.do("bpy.ops.multi_gpu.render_animation()", seconds=60)
    until(jobs, 30, "a job")
    assert [device.card for device in job.load(jobs()[0]).devices] == ["0000:01:00"]
    blender.wait_for_state("ended")


def test_a_failing_worker_is_told_in_a_sentence(start: Start, jobs: Jobs, tmp_path: Path, simulated: Simulated) -> None:
    words = "CUDA error: Out of memory in cuMemAlloc"
    rule = {"at": "render", "do": "fail", "frames": [3], "fault": "scene or script error", "words": words}
    blender = start()
    blender.scene(tmp_path / "out", frames=6, blender=simulated(seconds=0.2, rules=[rule]))
    blender.do("bpy.context.scene.multi_gpu.retries = 1")
    blender.show_panel()
    blender.do("bpy.ops.multi_gpu.render_animation()", seconds=60)
    found = blender.wait_for_state("ended", seconds=120)
    assert found["done"] == 5
    assert "5 of 6 frames" in found["audit"]
    said = blender.words()
    assert "frame 3" in said.lower(), said
    assert "multi_gpu.open_log" in str(blender.buttons((0.25, 0.5, 0.75, 0.93)))
    blender.shot("failed")
