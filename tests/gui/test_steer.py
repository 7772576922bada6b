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
LAST = (-28, -34)
"""Where a small button at the end of a row is."""
Simulated = Callable[..., Path]


def held(gate: Path, first: int, last: int) -> dict[str, object]:
    """Return a rule that keeps a simulated job at work: these frames wait until the file is there."""
    return {"at": "render", "do": "await", "path": str(gate), "frames": list(range(first, last + 1))}


def test_stop_by_a_click_then_resume(start: Start, jobs: Jobs, tmp_path: Path, simulated: Simulated) -> None:
    blender, gate = start(), tmp_path / "go"
    blender.scene(tmp_path / "out", frames=60, blender=simulated(seconds=0.5, rules=[held(gate, 11, 60)]))
    blender.show_panel()
    blender.click("multi_gpu.render_animation")
    blender.wait_for_state("rendering", done=2)
    blender.shot("1-rendering")
    blender.click_beside("multi_gpu.pause", 0.75)
    blender.shot("2-stop-menu")
    blender.press("Down")
    blender.press("Return")
    blender.wait_for_state("stopping")
    gate.touch()
    stopped = blender.wait_for_state("ended")
    assert stopped["done"] < 60
    blender.shot("3-stopped")
    blender.click("multi_gpu.resume", (0.25, 0.5, 0.75))
    found = blender.wait_for_state("ended", done=60)
    assert found["audit"].startswith("60 of 60 frames complete, 0 rendered twice"), found
    assert found["folder"] == stopped["folder"]
    blender.shot("4-finished")


def test_pause_and_go_on(start: Start, jobs: Jobs, tmp_path: Path, simulated: Simulated) -> None:
    blender, gate = start(), tmp_path / "go"
    blender.scene(tmp_path / "out", frames=16, blender=simulated(seconds=0.4, rules=[held(gate, 7, 16)]))
    blender.do("bpy.ops.multi_gpu.render_animation()")
    blender.wait_for_state("rendering", done=2)
    blender.do("bpy.ops.multi_gpu.pause()")
    paused = blender.wait_for_state("paused")
    gate.touch()
    blender.do("bpy.ops.multi_gpu.go_on()")
    blender.wait_for_state("rendering", "ended", done=paused["done"] + 1)
    assert blender.wait_for_state("ended")["done"] == 16


def test_every_card_is_listed_and_works(start: Start, jobs: Jobs, tmp_path: Path, simulated: Simulated) -> None:
    blender, gate = start(size=(700, 1300)), tmp_path / "go"
    blender.scene(tmp_path / "out", frames=40, blender=simulated(gpus=8, seconds=0.8, rules=[held(gate, 17, 40)]))
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
    gate.touch()
    assert blender.wait_for_state("ended")["done"] == 40


def test_a_card_left_out_gets_no_worker(start: Start, jobs: Jobs, tmp_path: Path, simulated: Simulated) -> None:
    blender = start()
    blender.scene(tmp_path / "out", frames=4, blender=simulated(gpus=2, seconds=0.2))
    blender.show_panel()
    blender.wait_for("sum('4090' in word for word in panel_words()) >= 2")
    blender.do("bpy.ops.multi_gpu.toggle_device(card='0000:02:00')")
    blender.do("bpy.ops.multi_gpu.render_animation()")
    until(jobs, 120, "a job")
    assert [device.card for device in job.load(jobs()[0]).devices] == ["0000:01:00"]
    blender.wait_for_state("ended")


def test_a_failing_worker_is_told_in_a_sentence(start: Start, jobs: Jobs, tmp_path: Path, simulated: Simulated) -> None:
    words = "CUDA error: Out of memory in cuMemAlloc"
    rule = {"at": "render", "do": "fail", "frames": [3], "fault": "scene or script error", "words": words}
    blender = start()
    blender.scene(tmp_path / "out", frames=6, blender=simulated(seconds=0.2, rules=[rule]))
    blender.do("bpy.context.scene.multi_gpu.retries = 1")
    blender.prefer("notice_blender", False)  # the notice of the job's end would take the mouse
    blender.show_panel()
    blender.do("bpy.ops.multi_gpu.render_animation()")
    found = blender.wait_for_state("ended")
    assert found["done"] == 5
    assert "5 of 6 frames" in found["audit"]
    said = blender.words()
    assert "frame 3" in said.lower(), said
    blender.shot("failed")
    blender.find("multi_gpu.open_log", LAST)


def test_a_second_job_waits_in_line_until_it_shares(
    start: Start, jobs: Jobs, tmp_path: Path, simulated: Simulated
) -> None:
    blender = start()
    blender.scene(tmp_path / "first", frames=5000, blender=simulated(seconds=0.4))
    blender.do("bpy.ops.multi_gpu.render_animation()")
    blender.wait_for_state("rendering", done=1)
    blender.do("bpy.context.scene.frame_end = 6")
    blender.do("bpy.context.scene.render.filepath = " + repr(str(tmp_path / "second" / "####")))
    blender.do("bpy.ops.multi_gpu.render_animation()")
    first, second = jobs()
    blender.do(f"bpy.ops.multi_gpu.show_job(folder={str(second)!r})")
    blender.wait_for_state("waiting")
    blender.show_panel()
    blender.wait_for("'Waits for' in ' '.join(panel_words())")
    blender.shot("waiting")
    blender.click("multi_gpu.share")
    found = blender.wait_for_state("ended")
    assert found["done"] == 6
    assert job.is_running(first)


def test_one_click_mends_what_stands_in_the_way(start: Start, jobs: Jobs, tmp_path: Path) -> None:
    blender = start()
    blender.scene(tmp_path / "out", frames=3)
    blender.do("bpy.data.objects['Cube'].modifiers.new('Cloth', 'CLOTH')")
    blender.show_panel()
    blender.click("multi_gpu.render_animation")
    blender.wait_for("'not baked' in ' '.join(panel_words())")
    assert jobs() == []
    blender.shot("1-warning")
    blender.click_nothing()  # where Blender shows the error in a pop-over of its own, a click takes it away
    blender.click("multi_gpu.allow_unbaked", (0.6, 0.8, 0.95))
    blender.wait_for("bpy.context.scene.multi_gpu.allow_unbaked")
    blender.wait_for("'not baked' not in ' '.join(panel_words())")
    blender.settle()
    blender.shot("2-mended")
    blender.click("multi_gpu.render_animation")
    assert blender.wait_for_state("ended")["done"] == 3
