# SPDX-License-Identifier: GPL-3.0-or-later
"""Render a finished frame again and compare it with what lies in place: does kept data make pictures wrong?

Owns the private folder of a check, from its making to its removal, and what counts as different. Noise is not: GPUs and
denoisers do not repeat a picture to the last bit. Claims nothing and puts nothing in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import pictures
from ..failure_text import classify
from ..model import Fault, Phases, Picture
from ..pictures import exr_layers
from ..protocol import Check, Checked, Configure, Failed, Progressed
from ..working_folder import CannotWrite, WorkingFolder, make_fresh_folder, remove_tree
from . import devices, frame, outputs
from .folders import Folders
from .handlers import Ours

VISIBLE = 3.0 / 255.0
"""Difference of a channel, as displayed (0 … 1), from which on a pixel counts as different."""

SHARE = 0.005
"""Share of a picture's pixels that may differ."""

MEAN = 1.0 / 255.0
"""Mean difference of all channels that a picture may have."""

BLOCK = 16
"""Pixels: a small thing that is wrong fills a square of this size, noise does not."""

BLOCK_MEAN = 8.0 / 255.0

_BAND = 256
"""Rows that are compared at once: a picture may be larger than what is left of the memory."""

_TIMES = ("use_stamp_date", "use_stamp_render_time", "use_stamp_memory")
"""What differs from render to render where it is burnt in."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the check is made."""

    order: Configure
    literal: bool
    """The answer of `frame.reads_range`."""
    ours: Ours
    folders: Folders
    tell: Callable[[Progressed], None]
    """Called while the frame renders, on another thread."""


def check(scene: Any, request: Check, place: Place) -> Checked | Failed | None:
    """Do what the request says; None where the child is asked to leave before it has begun."""
    order = place.order
    if scene.render.use_stamp and any(getattr(scene.render, name) for name in _TIMES):
        return _not(request, "times are burnt into the pictures")
    if changed := next((p.path for p in request.pictures if not _still_there(p)), ""):
        return _not(request, f"{changed} was changed by another program")
    try:
        finals = outputs.final_names(scene, order.output, request.frame)
        if not all(place.folders.wait(folder, begun=False) for folder in {final.parent for final in finals}):
            return None
        temp = WorkingFolder(finals[-1].parent).temp_of(order.owner, request.attempt)
        make_fresh_folder(temp)
    except CannotWrite as error:
        return Failed(request.attempt, error.fault, str(error))
    except RuntimeError as error:
        return Failed(request.attempt, Fault.SCENE, str(error))
    try:
        shot = frame.render(
            scene,
            request.frame,
            order.output,
            finals,
            temp,
            literal=place.literal,
            ours=place.ours,
            tell=lambda done, of: place.tell(Progressed(request.attempt, done, of)),
        )
        if order.devices and scene.render.engine == "CYCLES" and devices.enabled(scene) != tuple(sorted(order.devices)):
            return Failed(request.attempt, Fault.WRONG_DEVICE, "another device rendered the frame")
        return _compare(request, (*shot.sides, *shot.mains), shot.phases)
    except frame.NotRendered as error:
        return Failed(request.attempt, classify(str(error)) or Fault.UNKNOWN, str(error))
    except (outputs.NamesClash, OSError) as error:
        return Failed(request.attempt, classify(str(error)) or Fault.UNKNOWN, str(error))
    finally:
        remove_tree(temp)


def _compare(request: Check, made: Iterable[outputs.Pair], phases: Phases) -> Checked:
    """Compare what was made with what lies in place, as far as this Blender can read it."""
    temps = {str(pair.final): pair.temp for pair in made}
    if missing := next((p.path for p in request.pictures if p.path not in temps), ""):
        return _not(request, f"{Path(missing).name} was not written this time", phases)
    found = [looked for p in request.pictures if (looked := difference(temps[p.path], Path(p.path))) is not None]
    if not found:
        return _not(request, "Blender cannot read these pictures back", phases)
    same = all(alike for _, alike in found)
    return Checked(request.attempt, True, same, max(share for share, _ in found), "", phases)


def difference(mine: Path, theirs: Path) -> tuple[float, bool] | None:
    """Return the share of pixels that differ visibly, and whether the pictures look alike; None: they cannot be read."""
    try:
        import numpy
    except ImportError:  # Blender brings it; a distribution's build may not
        return None
    one, other = _pixels(mine), _pixels(theirs)
    if one is None or other is None:
        return None
    if one.shape != other.shape:
        return 1.0, False
    different, total, worst = 0, 0.0, 0.0
    for top in range(0, len(one), _BAND):
        apart = numpy.abs(one[top : top + _BAND] - other[top : top + _BAND])
        different += int((apart.max(axis=2) > VISIBLE).sum())
        total += float(apart.sum(dtype=numpy.float64))
        worst = max([worst, *_blocks(apart)])
    share = different / max(1, one.shape[0] * one.shape[1])
    return share, share <= SHARE and total / max(1, one.size) <= MEAN and worst <= BLOCK_MEAN


def _blocks(band: Any) -> Iterator[float]:
    """Yield the mean difference of the worst block of each row of blocks."""
    for top in range(0, band.shape[0], BLOCK):
        row = band[top : top + BLOCK]
        whole = row.shape[1] // BLOCK * BLOCK
        if whole and row.shape[0] == BLOCK:
            yield float(row[:, :whole].reshape(BLOCK, -1, BLOCK, row.shape[2]).mean(axis=(0, 2, 3)).max())


def _pixels(path: Path) -> Any | None:
    """Return rows × columns × channels roughly as displayed, 0 … 1, or None where this Blender cannot read the picture."""
    import bpy
    import numpy

    try:
        image = bpy.data.images.load(str(path), check_existing=False)
    except RuntimeError:
        return None
    try:
        values = numpy.empty(len(image.pixels), dtype=numpy.float32)
        image.pixels.foreach_get(values)
        width, height = image.size
        linear = image.is_float
        if not len(values):  # layers
            if (layers := exr_layers.colours(path)) is None:
                return None
            (height, width), values, linear = layers.shape[:2], layers.reshape(-1), True
        numpy.nan_to_num(values, copy=False)
        numpy.clip(values, 0.0, 1.0, out=values)
        if linear:
            numpy.power(values, 1.0 / 2.2, out=values)
        return values.reshape(height, width, -1)
    except (RuntimeError, ValueError):
        return None
    finally:
        bpy.data.images.remove(image)


def _still_there(picture: Picture) -> bool:
    try:
        found = pictures.digest(Path(picture.path))
    except OSError:
        return False
    return (found.size, found.hash) == (picture.size, picture.hash)


def _not(request: Check, why: str, phases: Phases | None = None) -> Checked:
    return Checked(request.attempt, False, False, 0.0, why, phases or Phases())
