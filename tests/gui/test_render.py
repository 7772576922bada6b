# SPDX-License-Identifier: GPL-3.0-or-later
"""From the artist's hand to whole frames on disk: the button, F3 and the operator, in the real application."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import campaign
from gui.holding import holding_add_on
from gui.session import Session
from waiting import until

from dispatch import job

Start = Callable[..., Session]
Jobs = Callable[[], list[Path]]


def pictures(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.png"))


def ended(folder: Path) -> bool:
    seen = job.read_snapshot(folder)
    return seen is not None and seen.outcome is not None


def test_a_click_renders_every_frame_while_another_file_is_loaded(
    start: Start, jobs: Jobs, tmp_path: Path, install: Callable[[str, str], None]
) -> None:
    out, other, gate = tmp_path / "out", tmp_path / "other.blend", tmp_path / "go"
    install("gui_test_hold", holding_add_on(gate, free=3))
    blender = start()
    blender.do(f"bpy.ops.wm.save_as_mainfile(filepath={str(other)!r}, copy=True)")
    blender.scene(out, frames=12, samples=64)
    blender.show_panel()
    blender.shot("1-idle")
    blender.click("multi_gpu.render_animation")
    until(jobs, 120, "a job")
    blender.wait_for_state("rendering", done=1)
    blender.settle()
    blender.shot("2-rendering")
    blender.do(f"bpy.ops.wm.open_mainfile(filepath={str(other)!r})")
    blender.show_panel()
    gate.touch()
    found = blender.wait_for_state("ended")
    assert found["audit"].startswith("12 of 12 frames complete"), found
    assert "12 of 12 frames" in blender.words()
    blender.shot("3-finished")
    campaign.assert_all_whole(pictures(out))
    assert len(pictures(out)) == 12
    assert len(jobs()) == 1
    assert blender.do("bpy.data.filepath") == str(other)
    assert not blender.do("bpy.data.is_dirty"), "the loaded file was changed by us"


def test_search_finds_it_by_the_words_of_an_artist(start: Start, jobs: Jobs, tmp_path: Path) -> None:
    blender = start()
    blender.scene(tmp_path / "out", frames=3)
    blender.search("animation on all gpus")
    until(jobs, 120, "a job")
    blender.wait_for_state("ended")
    assert len(pictures(tmp_path / "out")) == 3


def test_the_operators_render_the_animation_a_frame_and_what_is_missing(
    start: Start, jobs: Jobs, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    blender = start()
    blender.scene(out, frames=4)
    assert blender.do("bpy.ops.multi_gpu.render_animation()") == "{'FINISHED'}"
    blender.wait_for_state("ended")
    first = {path: path.stat().st_mtime_ns for path in pictures(out)}
    assert len(first) == 4
    pictures(out)[2].unlink()
    assert blender.do("bpy.ops.multi_gpu.render_missing()") == "{'FINISHED'}"
    until(lambda: len(jobs()) == 2 and ended(jobs()[-1]), 120, "the second job's end")
    kept = [path for path in pictures(out) if path.stat().st_mtime_ns == first[path]]
    assert len(pictures(out)) == 4
    assert len(kept) == 3
    blender.do("bpy.context.scene.frame_set(9)")
    assert blender.do("bpy.ops.multi_gpu.render_frame()") == "{'FINISHED'}"
    until(lambda: len(jobs()) == 3 and ended(jobs()[-1]), 120, "the third job's end")
    assert [path.stem for path in pictures(out)] == ["0001", "0002", "0003", "0004", "0009"]


def test_unsaved_edits_are_rendered_and_the_file_stays_as_it_is(start: Start, jobs: Jobs, tmp_path: Path) -> None:
    blend = tmp_path / "shot.blend"
    blender = start()
    blender.scene(tmp_path / "out", frames=2)
    blender.do(f"bpy.ops.wm.save_as_mainfile(filepath={str(blend)!r})")
    saved = blend.read_bytes()
    blender.do("bpy.context.scene.render.resolution_x = 48; bpy.ops.ed.undo_push(message='edit')")
    assert blender.do("bpy.data.is_dirty")
    blender.do("bpy.ops.multi_gpu.render_animation()")
    blender.wait_for_state("ended")
    assert blender.do("[bpy.data.filepath, bpy.data.is_dirty]") == [str(blend), True]
    assert blend.read_bytes() == saved
    sizes = {path.read_bytes()[16:24] for path in pictures(tmp_path / "out")}
    assert sizes == {(48).to_bytes(4, "big") + (64).to_bytes(4, "big")}


def test_the_children_are_this_blender_with_the_artists_add_ons(
    start: Start, jobs: Jobs, tmp_path: Path, install: Callable[[str, str], None], version: str
) -> None:
    mark = tmp_path / "mark"
    install("gui_test_artist", ADD_ON.format(mark=str(mark)))
    blender = start()
    blender.scene(tmp_path / "out", frames=3)
    before = blender.do("bpy.app.version_string")
    blender.do("bpy.ops.multi_gpu.render_animation()")
    blender.wait_for_state("ended")
    said = [line.split(" ", 3) for line in mark.read_text(encoding="utf-8").splitlines()]
    frames = {int(frame): text for what, background, frame, text in said if (what, background) == ("frame", "True")}
    assert set(frames) >= {1, 2, 3}, said
    assert set(frames.values()) == {before}
    assert before.startswith(version)
    assert len(pictures(tmp_path / "out")) == 3


ADD_ON = """
import bpy
from bpy.app.handlers import persistent

def tell(what, frame):
    with open({mark!r}, "a") as out:
        out.write(f"{{what}} {{bpy.app.background}} {{frame}} {{bpy.app.version_string}}\\n")

@persistent
def on_frame(scene, depsgraph=None):
    tell("frame", scene.frame_current)

def register():
    tell("register", 0)
    bpy.app.handlers.frame_change_pre.append(on_frame)

def unregister():
    bpy.app.handlers.frame_change_pre.remove(on_frame)
"""
