# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel says of a measurement: which one it shows, how far it is, what came of it.

Pure. Owns these short lines, beside `job_words`; the reasons themselves are `recommendation`'s. It must not draw,
measure, look at a clock, or decide what is recommended.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from . import wording
from .measurement import Measurement, Recommendation, State
from .model import Strategy
from .panel_words import DOT

_STRATEGIES = {Strategy.AUTO: "Auto", Strategy.PER_DEVICE: "Per GPU", Strategy.COMBINED: "Combined"}


class Listed(Protocol):
    """What is looked at (`measurements_seen.MeasurementSeen`)."""

    @property
    def folder(self) -> str: ...
    @property
    def running(self) -> bool: ...
    @property
    def found(self) -> Measurement: ...
    @property
    def why(self) -> str: ...


T = TypeVar("T", bound=Listed)


def shown(measurements: Sequence[T], file: str, scene: str, folder: str = "") -> T | None:
    """Return the one that matters beside this scene of this file: one that runs, else the newest of this scene.

    Args:
        folder: Of the one that was started from the open file: a file that was never saved has no other name.
    """
    running = next((each for each in measurements if each.running), None)
    return running or next(iter(_of(measurements, file, scene, folder)), None)


def usable(measurements: Sequence[T], file: str, scene: str, folder: str = "") -> T | None:
    """Return the newest one of this scene that is over and came to a recommendation."""
    mine = _of(measurements, file, scene, folder)
    return next((each for each in mine if each.found.recommendation is not None and not each.running), None)


def _of(measurements: Sequence[T], file: str, scene: str, folder: str) -> list[T]:
    return [
        each
        for each in measurements
        if (folder and each.folder == folder) or (file and (each.found.blend, each.found.scene) == (file, scene))
    ]


def part(found: Measurement) -> float:
    """How far it is, 0 to 1."""
    return min(1.0, found.done / found.planned) if found.planned else 0.0


def progress(found: Measurement) -> str:
    """``12 of 40 · 6 min left``: what stands in the bar."""
    if not found.planned:
        return "Starting …" if found.state is State.WAITING else "Looking at the scene …"
    said = [f"{found.done} of {found.planned}"]
    if found.seconds_left:
        said.append(f"{wording.span(found.seconds_left, found.seconds_left)} left")
    return DOT.join(said)


def current(seen: Listed) -> str:
    """What is measured now, and of which file where that is not plain."""
    return f"{seen.found.name}: {seen.found.current}" if seen.found.current else f"Measuring {seen.found.name}"


def settings(advice: Recommendation) -> str:
    """``Per GPU, 2 instances, 8 threads``."""
    said = [_STRATEGIES[advice.strategy]]
    if advice.strategy is not Strategy.COMBINED and advice.per_device > 1:
        said.append(wording.count(advice.per_device, "instance"))
    said += [wording.count(advice.threads, "thread")] if advice.threads else []
    return ", ".join(said)


def failed(seen: Listed) -> str:
    """Why there is no advice; empty: there is, or it is still measured."""
    if seen.running or seen.found.recommendation is not None:
        return ""
    if seen.found.state is State.FAILED and seen.found.notes:
        return seen.found.notes[-1]
    if seen.found.state is State.STOPPED:
        return "Stopped before there was a result."
    return f"The measurement ended early{f' ({seen.why})' if seen.why else ''}: measure again."


def ended(seen: Listed) -> str:
    """One line for somebody who looks elsewhere: ``shot was measured. The fastest: Per GPU, 2 instances``."""
    if seen.found.recommendation is None:
        return f"{seen.found.name}: {failed(seen)}"
    return f"{seen.found.name} was measured. The fastest: {settings(seen.found.recommendation)}"


def unfinished(seen: Listed) -> str:
    """What to think of a result: from when it is, and whether it was measured to the end."""
    day = seen.found.created[:10]
    if seen.found.state is State.COMPLETE:
        return f"Measured on {day}" if day else ""
    return f"Measured on {day}, not to the end" if day else "Not measured to the end"
