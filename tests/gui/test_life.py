# SPDX-License-Identifier: GPL-3.0-or-later
"""A job outlives whatever happens to Blender, and a Blender finds it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import campaign
import psutil
from gui.holding import holding_add_on
from gui.session import MODULE, Session
from waiting import until

from dispatch import job

Start = Callable[..., Session]
Jobs = Callable[[], list[Path]]


def held(gate: Path, first: int, last: int) -> dict[str, object]:
    """Return a rule that keeps a simulated job at work: these frames wait until the file is there."""
    return {"at": "render", "do": "await", "path": str(gate), "frames": list(range(first, last + 1))}


def done(folder: Path) -> int:
    seen = job.read_snapshot(folder)
    return seen.done if seen else 0


def test_a_killed_blender_loses_no_frame_and_the_next_one_shows_the_job(
    start: Start, jobs: Jobs, tmp_path: Path, install: Callable[[str, str], None]
) -> None:
    out, gate = tmp_path / "out", tmp_path / "go"
    install("gui_test_hold", holding_add_on(gate, free=8))
    blender = start()
    blender.scene(out, frames=40)
    blender.do("bpy.ops.multi_gpu.render_animation()")
    blender.wait_for_state("rendering", done=3)
    blender.kill()
    (folder,) = jobs()
    assert job.is_running(folder)
    assert done(folder) < 30, "the job was over too soon for this test"
    again = start()
    found = again.wait_for_state("rendering", "ended")
    assert found["state"] == "rendering", "the new Blender came too late: make the frames slower"
    again.show_panel()
    again.shot("1-found-running")
    gate.touch()
    found = again.wait_for_state("ended")
    assert found["audit"].startswith("40 of 40 frames complete, 0 rendered twice"), found
    assert "40 of 40 frames" in again.words()
    again.shot("2-finished")
    pictures = sorted(out.glob("*.png"))
    assert len(pictures) == 40
    campaign.assert_all_whole(pictures)
    assert sorted(out.iterdir()) == pictures


def test_quitting_leaves_the_job_running(
    start: Start, jobs: Jobs, tmp_path: Path, simulated: Callable[..., Path]
) -> None:
    blender, gate = start(), tmp_path / "go"
    blender.scene(tmp_path / "out", frames=30, blender=simulated(seconds=0.5, rules=[held(gate, 11, 30)]))
    blender.do("bpy.ops.multi_gpu.render_animation()")
    blender.wait_for_state("rendering", done=1)
    assert blender.quit() == 0
    (folder,) = jobs()
    assert job.is_running(folder)
    gate.touch()
    until(lambda: not job.is_running(folder), 240, "the job's end")
    assert len(list((tmp_path / "out").glob("*.png"))) == 30


def test_two_blenders_steer_one_job(start: Start, jobs: Jobs, tmp_path: Path, simulated: Callable[..., Path]) -> None:
    first = start()
    first.scene(tmp_path / "out", frames=5000, blender=simulated(seconds=0.3))
    first.do("bpy.ops.multi_gpu.render_animation()")
    first.wait_for_state("rendering", done=1)
    second = start()
    second.wait_for_state("rendering", done=2)
    second.do("bpy.ops.multi_gpu.pause()")
    first.wait_for_state("paused")
    second.wait_for_state("paused")
    first.do("bpy.ops.multi_gpu.go_on()")
    second.wait_for_state("rendering", done=done(jobs()[0]) + 1)
    second.do("bpy.ops.multi_gpu.stop()")
    found = first.wait_for_state("ended")
    assert 0 < found["done"] < 5000
    assert len(list((tmp_path / "out").glob("*.png"))) == found["done"]


def test_undo_and_switching_the_extension_off_do_not_touch_a_running_job(
    start: Start, jobs: Jobs, tmp_path: Path, simulated: Callable[..., Path]
) -> None:
    blender, gates = start(), [tmp_path / "first", tmp_path / "second"]
    rules = [held(gates[0], 21, 40), held(gates[1], 41, 60)]
    blender.scene(tmp_path / "out", frames=60, blender=simulated(seconds=0.2, rules=rules))
    blender.do("bpy.ops.multi_gpu.render_animation()")
    before = blender.wait_for_state("rendering", done=1)
    for step in (1.0, 2.0):
        blender.do(f"bpy.data.objects['Cube'].location.x = {step}; bpy.ops.ed.undo_push(message='move')")
    blender.undo()
    assert blender.do("bpy.data.objects['Cube'].location.x") == 1.0
    blender.undo()
    blender.undo(redo=True)
    assert blender.do("bpy.data.objects['Cube'].location.x") == 1.0
    gates[0].touch()
    after = blender.wait_for_state("rendering", done=before["done"] + 2)
    assert after["folder"] == before["folder"]
    blender.do(f"import addon_utils; addon_utils.disable({MODULE!r})")
    (folder,) = jobs()
    at = done(folder)
    gates[1].touch()
    until(lambda: done(folder) >= at + 2, 120, "frames of the job without the extension")
    assert not blender.do("hasattr(bpy.types.Scene, 'multi_gpu')")
    assert not blender.do("dir(bpy.ops.multi_gpu)")
    blender.do(f"bool(addon_utils.enable({MODULE!r}))")
    blender.wait_for_state("rendering", "ended")
    found = blender.wait_for_state("ended")
    assert found["audit"].startswith("60 of 60 frames complete"), found


def test_switching_the_extension_off_in_the_middle_of_a_button_ends_it(
    start: Start, jobs: Jobs, tmp_path: Path
) -> None:
    blender = start()
    blender.scene(tmp_path / "out", frames=3)
    blender.shown()
    blender.do(f"""
import threading, {MODULE}.operators.start as steps, {MODULE}.operators.stepwise as stepwise
hanging = threading.Event()
steps._on_disk = lambda *_: hanging.wait(60)
over, timers = stepwise.Stepwise._over, []
stepwise.Stepwise._over = lambda self: (over(self), timers.append(self._timer))
with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
    bpy.ops.multi_gpu.render_animation("INVOKE_DEFAULT")
""")
    blender.wait_for("'output folder' in session.busy")
    assert blender.do("work = stepwise._modal[0]._steps\nbool(work.gi_frame)")
    blender.do(f"import addon_utils; addon_utils.disable({MODULE!r})")
    assert blender.do("[timers, work.gi_frame, stepwise._modal, session.busy]") == [[None], None, [], ""]
    blender.do("hanging.set()")
    blender.do(f"bool(addon_utils.enable({MODULE!r}))")
    assert jobs() == []


def test_after_a_power_cut_the_panel_offers_to_resume_and_starts_nothing(
    start: Start, jobs: Jobs, tmp_path: Path, simulated: Callable[..., Path]
) -> None:
    blender, gate = start(), tmp_path / "go"
    blender.scene(tmp_path / "out", frames=20, blender=simulated(seconds=0.4, rules=[held(gate, 11, 20)]))
    blender.do("bpy.ops.wm.save_userpref()")
    blender.do("bpy.ops.multi_gpu.render_animation()")
    blender.wait_for_state("rendering", done=3)
    (folder,) = jobs()
    look = job.read_snapshot(folder)
    assert look is not None
    blender.kill()
    psutil.Process(look.pid).kill()
    until(lambda: not job.is_running(folder), 60, "the dispatcher's end")
    again = start()
    found = again.wait_for_state("interrupted")
    again.show_panel()
    again.shot("interrupted")
    assert again.shown() == found, "it went on without being asked"
    assert not job.is_running(folder)
    gate.touch()
    again.click_nothing()
    again.click("multi_gpu.resume", (0.25,))
    found = again.wait_for_state("ended", done=20)
    assert found["audit"].startswith("20 of 20 frames complete, 0 rendered twice"), found
