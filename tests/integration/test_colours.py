# SPDX-License-Identifier: GPL-3.0-or-later
"""Scripts that set the colours of the file: pictures as a plain animation render saves them, or a refusal with words."""

from __future__ import annotations

import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import coloured_scene
import pytest
from integration.spoken_child import SpokenChild

from dispatch.model import Fault
from dispatch.protocol import Committed, Failed, Rendered

LAST = 4

PLAIN = """
import bpy, os, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[1], load_ui=False, use_scripts=True)
bpy.context.scene.render.filepath = sys.argv[2]
bpy.ops.render.render(animation=True)
os.write(1, b"DONE\\n")
os._exit(0)
"""

READS_RANGE = "# frame_end: a script that names it is rendered in another way before 5.0\n"


def a_scene(place: Path, where: str, words: str, comment: str = "") -> Path:
    """Return a scene whose own script does something with ``image`` for each ``frame``."""
    body = "".join(f"    {line}\n" for line in words.splitlines())
    code = f"""{comment}import bpy
def step(scene, *_):
    image, frame = scene.render.image_settings, scene.frame_current
{body}
bpy.app.handlers.{where}.append(step)
"""
    script = f"text = bpy.data.texts.new('step.py')\ntext.write({code!r})\ntext.use_module = True\n"
    script += "scene.render.image_settings.color_mode = 'RGBA'\n"
    return coloured_scene.make(place / "scene" / "a.blend", 1, LAST, script)


def plainly(blend: Path, place: Path) -> list[tuple[bytes, bytes]]:
    """Return what one Blender makes of all frames."""
    command = [sys.executable, "-P", "-c", PLAIN, str(blend), str(place / "####")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert "DONE" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
    return pictures(place)


def pictures(place: Path) -> list[tuple[bytes, bytes]]:
    """Return form (size, depth, kind of colours) and pixels of the frames' pictures."""
    return [_parts(place / f"{frame:04}.png") for frame in range(1, LAST + 1)]


def _parts(png: Path) -> tuple[bytes, bytes]:
    data, packed, at = png.read_bytes(), b"", 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        packed += data[at + 8 : at + 8 + length] if data[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + length
    return data[16:29], zlib.decompress(packed)


@pytest.mark.parametrize(
    ("where", "words", "said", "comment"),
    [
        ("frame_change_pre", "image.color_mode = 'BW'", "(RGBA → BW)", ""),
        ("frame_change_post", "image.color_mode = 'RGB'", "(RGBA → RGB)", ""),
        ("frame_change_post", "image.color_mode = 'BW'", "(RGBA → BW)", READS_RANGE),
        ("render_pre", "image.color_depth = '16'", "(8 → 16)", ""),
    ],
)
def test_what_a_script_sets_in_every_frame_is_saved_as_a_plain_render_saves_it(
    another: Callable[[], SpokenChild], tmp_path: Path, where: str, words: str, said: str, comment: str
) -> None:
    blend = a_scene(tmp_path, where, words, comment)
    for first in (1, 2):
        child = another()
        child.configure(blend, str(tmp_path / "ours" / "####"), autoexec=True)
        for frame in range(first, LAST + 1, 2):
            assert isinstance(child.render(frame, frame), Committed)
        told = {words for report in child.heard if isinstance(report, Rendered) for words in report.warnings}
        assert told == {
            f"A script sets the colours of the file {said} in each frame, and the pictures are saved that way."
        }
    assert pictures(tmp_path / "ours") == plainly(blend, tmp_path / "plain")


def test_what_a_script_sets_for_the_saving_and_gives_back_is_nobodys_business(
    child: SpokenChild, tmp_path: Path
) -> None:
    before = "import bpy\nbpy.app.handlers.render_pre.append(lambda s, *_: setattr(s.render.image_settings, 'color_mode', 'BW'))\n"
    blend = a_scene(tmp_path, "render_write", "image.color_mode = 'RGBA'", before)
    child.configure(blend, str(tmp_path / "ours" / "####"), autoexec=True)
    for frame in range(1, LAST + 1):
        assert isinstance(child.render(frame, frame), Committed)
    assert pictures(tmp_path / "ours") == plainly(blend, tmp_path / "plain")


@pytest.mark.parametrize(
    ("where", "words", "refused"),
    [
        # A plain render would save all later frames in this way too, and other Blenders know nothing of it.
        ("frame_change_post", "if frame == 3: image.color_mode = 'BW'", {3}),
        ("frame_change_post", "image.color_mode = ('BW', 'RGB')[frame % 2]", {2, 4}),
        ("frame_change_post", "if frame == 1: image.color_mode = 'BW'", {2, 3, 4}),
        # It comes too late for this frame's picture.
        ("render_post", "image.color_mode = 'BW'", {1, 2, 3, 4}),
    ],
)
def test_what_would_hang_on_who_renders_what_is_refused(
    child: SpokenChild, tmp_path: Path, where: str, words: str, refused: set[int]
) -> None:
    blend = a_scene(tmp_path, where, words)
    child.configure(blend, str(tmp_path / "ours" / "####"), autoexec=True)
    for frame in range(1, LAST + 1):
        answer = child.render(frame, frame)
        if frame not in refused:
            assert isinstance(answer, Committed)
            continue
        assert isinstance(answer, Failed)
        assert answer.fault is Fault.SCENE
        assert answer.words.startswith("A script sets the colours of the file (")
        assert "switch it off" in answer.words
