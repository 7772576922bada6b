# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reader of a measurement must know of it: the machine, and what limits the figures.

Owns these sentences.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from . import host, layout, measure, noise, wording
from .measure_plan import Plan
from .measurement import Point
from .model import Job


def machine() -> str:
    """Return what this machine is, for people: ``Linux 6.1, 64 cores``."""
    return f"{platform.system()} {platform.release()}, {wording.count(host.cores(), 'core')}"


def from_the_start(folder: Path, measured: Job) -> Iterator[str]:
    """Yield the sentences for a measurement of this job in this folder."""
    devices = measure.measured_devices(measured)
    if len({device.name for device in devices}) > 1:
        yield "The cards are not alike: the ideal counts each of them as the first one."
    if len(devices) < len(measured.devices) and measured.engine == layout.CYCLES:
        yield "The CPU was left out: the table is about GPUs."
    if measured.share_devices:
        yield "The devices were shared with other jobs: the figures hold only for that."
    output = Path(measured.output)
    if output.is_relative_to(folder.parent) or not _same_disk(folder, output.parent):
        yield "Pictures went to the disk of the measurement's own folder: where the scene's output is slower, so is the render."


def of_plan(plan: Plan, frames: int, minutes: float) -> Iterator[str]:
    """Yield the sentences on a plan for a scene with so many frames, and so much time."""
    yield from left_out(plan.left_out)
    yield from beyond_the_end(plan.points, frames)
    if plan.repeats == 1:
        yield f"Every way was measured once: what one run scatters is not known and was taken for {noise.UNKNOWN * 100:.0f} %."
    if plan.seconds > minutes * 60:
        yield f"The shortest measurement of this scene takes about {wording.duration(plan.seconds)}."


def left_out(words: Sequence[str]) -> Iterator[str]:
    """Yield what there is no time for."""
    if words:
        yield f"Left out for lack of time: {wording.names(words, 8)}."


def beyond_the_end(points: Iterable[Point], frames: int) -> Iterator[str]:
    """Yield that some of these points render more frames than the scene has."""
    if any(point.frames > frames for point in points):
        yield (
            f"The scene has {wording.count(frames, 'frame')}: frames after its end were rendered too, "
            "so that every worker has enough."
        )


def _same_disk(folder: Path, output: Path) -> bool:
    try:
        while not output.exists() and output != output.parent:
            output = output.parent
        return folder.stat().st_dev == output.stat().st_dev
    except OSError:
        return False
