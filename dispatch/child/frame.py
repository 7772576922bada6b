# SPDX-License-Identifier: GPL-3.0-or-later
"""Render one frame into a temporary folder.

Owns the choice of the render call. It must give the very picture that a plain animation render of the whole range
gives: 5.0 and later take the frame as arguments; before, the range is set and given back, except where the frame is
below 0 (Blender would silently render frame 0) or where anything in the file reads the range: there the frame is set
and a still is written under the literal name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..model import Phases
from . import outputs, stand_in
from .handlers import Ours, Watch

_RANGE = ("frame_start", "frame_end", "frame_preview")


class NotRendered(Exception):
    """Blender did not render the frame. The text is Blender's own."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What a rendered frame left in its temporary folder."""

    sides: tuple[outputs.Pair, ...]
    mains: tuple[outputs.Pair, ...]
    phases: Phases
    warnings: tuple[str, ...] = ()
    """Sentences about what its scripts have done."""


def render(
    scene: Any,
    frame: int,
    template: str,
    finals: tuple[Path, ...],
    temp: Path,
    *,
    literal: bool,
    ours: Ours,
    late: Path | None = None,
    tell: Callable[[int, int], None],
) -> Shot:
    """Render one frame.

    Args:
        literal: The answer of `reads_range`.
        late: Folder for files whose compression is put off; None: Blender compresses all.
        tell: Called with samples done and samples in all, at most four times a second, on another thread.

    Raises:
        NotRendered: Blender or its engine reported an error.
        outputs.NamesClash: the files that appeared cannot be put in place.
    """
    literal = not _takes_frames() and (literal or frame < 0)
    with (
        ours.colours.around(scene),
        outputs.redirected(scene, template, finals, temp, literal=literal, late=late) as redirection,
    ):
        watch = ours.watch = Watch(tell, redirection.insist)
        try:
            result = _call(scene, frame, redirection.settle, literal=literal, alone=ours.alone)
        except RuntimeError as error:
            raise _failure(_with_advice(str(error).strip())) from None
        finally:
            ours.watch = None
        phases = Phases(*watch.phase_times())
    if "FINISHED" not in result:
        raise _failure(f"Blender cancelled frame {frame} without a reason.")
    if ours.blank(watch):
        raise _failure(f"Cycles has rendered no sample: {watch.said}")
    if words := redirection.changed or ours.colours.refused():
        raise outputs.NamesClash(words)
    sides, mains = redirection.pairs()
    return Shot(tuple(sides), tuple(mains), phases, ours.colours.told())


def _call(scene: Any, frame: int, settle: Callable[[], None], *, literal: bool, alone: bool) -> Any:
    """Have Blender render the frame; return the operator's result."""
    import bpy

    told = stand_in.set_up(scene, fits=alone and not literal)
    if literal:
        scene.frame_set(frame)
        settle()  # a still would take what the frame's scripts have set; an animation does not
        return bpy.ops.render.render(write_still=True)
    if _takes_frames():
        return bpy.ops.render.render(animation=True, frame_start=frame, frame_end=frame, **told)
    return _render_range(scene, frame, told)


def _failure(words: str) -> NotRendered:
    """Return what to raise; the next frame begins afresh."""
    _forget()
    return NotRendered(words)


def _forget() -> None:
    """Free what persistent data keeps, in all scenes: one may render another.

    A session of Cycles that has failed once fails in every frame after it, and says the same error only once (4.2 to 5.2,
    ``BlenderSession::check_and_report_session_error``): Blender then saves blank pictures and calls them finished.
    """
    import bpy

    for scene in bpy.data.scenes:
        if scene.render.use_persistent_data:
            scene.render.use_persistent_data = False  # frees it
            scene.render.use_persistent_data = True


def _with_advice(words: str) -> str:
    """Blender says what is wrong; add what helps where it does not say that too."""
    return f"{words}: set one, or switch off the script that takes it away" if words.endswith("no camera") else words


def _takes_frames() -> bool:
    """Whether the render operator has arguments for the range."""
    import bpy

    return bool(bpy.app.version >= (5, 0))


def reads_range(scene: Any) -> bool:
    """Whether anything in the file may read the scene's frame range, which the old way of rendering changes."""
    import bpy

    render = scene.render
    if render.use_stamp and (render.use_stamp_frame or render.use_stamp_frame_range):
        return True  # a frame's number is burnt in with as many digits as the last one has
    if any(word in text.as_string() for text in bpy.data.texts for word in _RANGE):
        return True
    if any(_has_simulation(group) for group in bpy.data.node_groups):
        return True
    return any(_driver_reads(curve.driver) for curve in drivers())


def drivers() -> Iterator[Any]:
    """Yield the animation curves of all drivers of the file, embedded node trees and shape keys too."""
    import bpy

    for collection in (getattr(bpy.data, p.identifier) for p in bpy.data.bl_rna.properties if p.type == "COLLECTION"):
        for block in collection:
            for owner in (block, getattr(block, "node_tree", None), getattr(block, "shape_keys", None)):
                yield from getattr(getattr(owner, "animation_data", None), "drivers", ())


def _render_range(scene: Any, frame: int, told: dict[str, str]) -> Any:
    import bpy

    saved = scene.frame_start, scene.frame_end
    try:
        scene.frame_start = scene.frame_end = frame
        if (scene.frame_start, scene.frame_end) != (frame, frame):
            raise NotRendered(f"Blender does not take {frame} as a frame to render.")
        return bpy.ops.render.render(animation=True, **told)
    finally:
        scene.frame_start, scene.frame_end = saved


def _driver_reads(driver: Any) -> bool:
    paths = [target.data_path for variable in driver.variables for target in variable.targets]
    return any(word in text for text in (driver.expression, *paths) for word in _RANGE)


def _has_simulation(group: Any) -> bool:
    return any(node.bl_idname == "GeometryNodeSimulationOutput" for node in group.nodes)
