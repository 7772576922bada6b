# SPDX-License-Identifier: GPL-3.0-or-later
"""The movie of a scene, made by Blender itself from pictures that are there: the answer to `MakeMovie`.

The pictures stand as strips above everything in the scene's own sequencer, so that Blender writes what a plain movie
render would: the scene's sound (strips and speakers), frame rate, container and codec. The pictures are
display-referred already, and pass through without another view transform.

Changes the scene, which is of no other use afterwards. Writes in our working folder beside the movie first.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .. import host, pictures
from ..failure_text import classify
from ..model import DispatchError, Fault
from ..protocol import MakeMovie, MovieMade
from ..working_folder import WorkingFolder, cannot_write, make_fresh_folder
from . import handlers, paths

_TOGETHER = 500
"""Pictures in one strip: adding one to a strip costs as much as it has."""
_HIGHEST = 128
"""Channels of the sequencer."""
_ENOUGH = 0.9
"""Part of the frames that a movie must have to be whole: some containers tell their length only roughly."""
_BREATH = 0.03
"""Seconds between two frames, see `_let_encode`."""
_SHARED = frozenset(["QTRLE", "PNG", "HUFFYUV", "FFV1", "DNXHD", "PRORES"])
"""Codecs that encode several frames at once, each on a thread."""
_LINEAR = ("Linear Rec.709", "Linear", "ACEScg", "ACES - ACEScg", "scene_linear")


class NotMade(Exception):
    """There is no movie. ``fault`` and the text (a sentence) go into `Broken`."""

    def __init__(self, fault: Fault, words: str) -> None:
        super().__init__(words)
        self.fault = fault


def make(scene: Any, request: MakeMovie, owner: str) -> MovieMade:
    """Make the movie and put it in place.

    Args:
        scene: It writes a movie; its settings are those of the movie.
        owner: Id of the dispatcher's owner file.

    Raises:
        NotMade: the final name is as it was.
    """
    final = Path(request.movie)
    temp = WorkingFolder(final.parent).temp_of(owner) / "movie"
    try:
        make_fresh_folder(temp)
        size = _size_of(request.pictures)
        handlers.leave_out_frames()
        strips = _show(scene, request)
        _settle(scene, strips, size)
        _let_encode(scene)
        _write(scene, strips, temp)
        made = _whole(temp, final, len(request.pictures))
        host.fsync_file(made)
        host.replace(made, final)
        host.fsync_folder(final.parent)
        temp.rmdir()
        return MovieMade(str(final), final.stat().st_size)
    except pictures.BrokenPicture as error:
        raise NotMade(Fault.BAD_OUTPUT, str(error)) from None
    except DispatchError as error:
        raise NotMade(getattr(error, "fault", Fault.UNKNOWN), str(error)) from None
    except OSError as error:
        refused = cannot_write(final, error)
        raise NotMade(refused.fault, str(refused)) from None


def _size_of(files: Sequence[str]) -> tuple[int, int]:
    """Return the size of all pictures. Where one is gone Blender would show what lies below it.

    Pictures that were there before (Overwrite off) may have another size, a test render's for one.
    """
    for path in files:
        if not Path(path).is_file():
            raise pictures.BrokenPicture(f"The picture {path} is gone: resume to render it again.")
    sizes = {path: pictures.dimensions(Path(path)) for path in files}
    usual = Counter(sizes.values()).most_common(1)[0][0]
    for path, size in sizes.items():
        if size != usual:
            raise pictures.BrokenPicture(
                f"The picture {path} has {size[0]} × {size[1]} pixels, others have {usual[0]} × {usual[1]}: remove "
                "those of the wrong size and resume to render them again."
            )
    return usual


def _show(scene: Any, request: MakeMovie) -> list[Any]:
    """Put the pictures above everything else; return their strips."""
    editor = scene.sequence_editor_create()
    editor.display_stack(None)  # saved with a meta strip open, Blender renders only what is in it
    every = editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all
    top = min(_HIGHEST, 1 + max((strip.channel for strip in every), default=0))
    editor.channels[top].mute = False
    # Frames below 0 cannot be in a range; sound begins with the first frame that can.
    scene.frame_start = start = max(0, request.frames[0])
    scene.frame_end = start + len(request.pictures) - 1
    scene.frame_step, scene.use_preview_range = 1, False
    strips = []
    for part in _parts(request.pictures):
        strip = (editor.strips if hasattr(editor, "strips") else editor.sequences).new_image(
            "Pictures", part[0], top, start, fit_method="ORIGINAL"
        )
        for path in part[1:]:
            strip.elements.append(Path(path).name)
        strip.blend_type = "REPLACE"
        strips.append(strip)
        start += len(part)
    return strips


def _parts(files: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield pictures that one strip can hold: they lie in one folder."""
    for _, folder in itertools.groupby(files, lambda path: Path(path).parent):
        while part := tuple(itertools.islice(folder, _TOGETHER)):
            yield part


def _settle(scene: Any, strips: Sequence[Any], size: tuple[int, int]) -> None:
    """Let the sequencer pass the pictures through as they are."""
    render, editor = scene.render, scene.sequence_editor
    render.resolution_x, render.resolution_y, render.resolution_percentage = *size, 100
    render.use_sequencer, render.use_compositing = True, False
    # All of these are in the pictures already.
    render.use_border = render.use_multiview = render.use_stamp = False
    render.dither_intensity = 0.0
    render.use_file_extension, render.ffmpeg.use_autosplit = True, False
    for cache in ("use_cache_raw", "use_cache_preprocessed", "use_cache_composite", "use_cache_final", "use_prefetch"):
        if hasattr(editor, cache):
            setattr(editor, cache, False)
    _keep_colors(scene, strips)


def _let_encode(scene: Any) -> None:
    """Give 4.2's encoder time: it reads a frame's memory still while Blender puts the next one there.

    In a render the next frame takes longer than that; pictures come so fast that frames came twice and others never.
    """
    import bpy

    if bpy.app.version < (4, 3, 0) and scene.render.ffmpeg.codec in _SHARED:
        bpy.app.handlers.render_write.append(lambda *_: time.sleep(_BREATH))


def _keep_colors(scene: Any, strips: Sequence[Any]) -> None:
    image, view = scene.render.image_settings, scene.view_settings
    display = (image if image.color_management == "OVERRIDE" else scene).display_settings.display_device
    image.color_management = "FOLLOW_SCENE"
    scene.display_settings.display_device = display
    spaces = [strip.colorspace_settings for strip in strips] + [scene.sequencer_colorspace_settings]
    # The pictures are in the display's own space; a view that only goes back there changes nothing.
    plain = _takes(view, "view_transform", "Standard") and any(
        all(_takes(space, "name", name) for space in spaces) for name in (display, "sRGB")
    )
    # Under another configuration: read and written as linear, which leaves all numbers alone.
    if not plain and not (
        _takes(view, "view_transform", "Raw")
        and any(all(_takes(space, "name", name) for space in spaces) for name in _LINEAR)
    ):
        raise NotMade(
            Fault.SCENE,
            "The color management in use has no view that leaves the pictures' colors alone: make the movie by hand.",
        )
    view.exposure, view.gamma, view.use_curve_mapping = 0.0, 1.0, False
    if hasattr(view, "use_white_balance"):
        view.use_white_balance = False
    _takes(view, "look", "None")
    for strip in strips:
        # Whole numbers are taken for sRGB on the way, whatever the space.
        strip.use_float = not plain or display != "sRGB"


def _takes(struct: Any, name: str, value: str) -> bool:
    try:
        setattr(struct, name, value)
    except TypeError:
        return False
    return True


def _write(scene: Any, strips: Sequence[Any], temp: Path) -> None:
    import bpy

    render = scene.render
    render.filepath = paths.literally(f"{temp}{os.sep}") + "movie"
    try:
        try:
            bpy.ops.render.render(animation=True)
        except RuntimeError as error:
            if "divisible by 2" not in str(error):
                raise
            # Most codecs want even numbers: a row or a column less is better than no movie.
            for strip in strips:
                strip.transform.offset_x, strip.transform.offset_y = (n % 2 / 2 for n in _size(render))
            render.resolution_x, render.resolution_y = (n - n % 2 for n in _size(render))
            bpy.ops.render.render(animation=True)
    except RuntimeError as error:
        words = " ".join(str(error).removeprefix("Error: ").split())
        raise NotMade(
            classify(words) or Fault.SCENE, f"Blender cannot write the movie ({words}): check its settings."
        ) from None


def _size(render: Any) -> tuple[int, int]:
    return render.resolution_x, render.resolution_y


def _whole(temp: Path, final: Path, frames: int) -> Path:
    """Return the movie that Blender wrote. It says nothing of a disk that filled up."""
    import bpy

    found = sorted(path for path in temp.iterdir() if path.is_file() and path.stat().st_size)
    with contextlib.suppress(RuntimeError):
        if len(found) == 1:
            clip = bpy.data.movieclips.load(str(found[0]))
            length = clip.frame_duration
            bpy.data.movieclips.remove(clip)  # it holds the file open, and Windows moves no open file
            if length >= frames * _ENOUGH:
                return found[0]
    if host.free_space(temp) < (1 << 20):
        raise NotMade(Fault.DISK_FULL, f"The disk of {final.parent} is full: make room.")
    raise NotMade(Fault.BAD_OUTPUT, f"Blender said that it had finished, but {final.name} is not whole: try again.")
