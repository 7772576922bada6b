# SPDX-License-Identifier: GPL-3.0-or-later
"""What one more worker a device can gain at most, and whether finding out is worth it. Pure.

Owns the reckoning: what is busy cannot do more, and what a try costs must come back before the job ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WORTH_A_TRY = 0.05
"""A smaller gain at most is no reason to try."""

LIKELY = 0.5
"""Part of the most that is expected: workers that share a card slow each other."""

BLOCKS = 6
"""Blocks of a comparison that ends early; half of them begin with a frame that does not count."""

DISTURBS = 0.25
"""Part of a worker's loading time that the others lose to it."""

LOSES = 0.1
"""Part of the comparison that is lost where the extra workers do harm."""


@dataclass(frozen=True, slots=True)
class Prospect:
    most: float
    """1.0: twice the frames per second, at most."""
    busy: float
    """Part of the time in which the devices were at work."""
    told: bool
    """Whether the driver said so; else it is reckoned from the frames' phases, and is the most it can be."""
    limit: str
    """What allows no more: ``device``, ``cpu`` or ``share`` (one worker more of so many)."""
    cpu: float | None = None
    """Part of all cores that is busy; None: not told."""
    devices: int = 1
    """How many of them there are."""


@dataclass(frozen=True, slots=True)
class Cores:
    """What the processor does."""

    count: int
    load: float | None = None
    """Percent of all cores, by whomever; None: not told."""
    used: float | None = None
    """Cores that the workers of the devices in question use; None: not told."""


def prospect(
    *, workers: int, devices: int, load: float | None, render_share: float, cores: Cores, on_cpu: bool
) -> Prospect:
    """Return what one worker more beside ``workers`` a device can gain at most, on all devices that are alike.

    Args:
        workers: On each of them.
        devices: How many of them there are.
        load: Mean percent of the time in which a kernel ran on them; None: not told.
        render_share: Seconds in the render phase per second and device, an upper bound of what is busy.
        on_cpu: The device is the processor itself.
    """
    told = cores.load if on_cpu else load
    busy = min(1.0, max(0.01, told / 100.0 if told is not None else render_share))
    bounds: Mapping[str, float] = {"share": 1.0 / workers, "device": 1.0 / busy - 1.0, "cpu": _cpu_bound(cores, on_cpu)}
    limit = min(bounds, key=lambda name: bounds[name])
    cpu = None if cores.load is None else cores.load / 100.0
    return Prospect(bounds[limit], busy, told is not None, limit, cpu, devices)


def _cpu_bound(cores: Cores, on_cpu: bool) -> float:
    """Return what the idle cores allow, if a frame costs them what it does now.

    Two H200 with 32 cores, *sync*: 9 and 10 % were foreseen for a third worker, and 19 and 22 % measured; 6 and 12 % for
    a fourth, 3 and 3 % measured.
    """
    if on_cpu or cores.load is None or not cores.used:
        return float("inf")
    free = cores.count * (1.0 - cores.load / 100.0)
    return max(0.0, free) / cores.used


def worth_it(
    most: float, *, workers: int, left: float, load: float, interval: float, each: int, share: float = 1.0
) -> bool:
    """Whether a try pays before the job ends.

    Args:
        left: Seconds until then at today's pace.
        load: Seconds from the start of a worker to its first frame.
        interval: Seconds from one finish of a worker to its next.
        each: Frames that each worker finishes in a block.
        share: Part of the job's frames that these devices render.
    """
    gain = LIKELY * most
    slower = interval * (workers + 1) / workers / (1.0 + gain)
    compare = (BLOCKS * each + BLOCKS / 2) * slower
    after = left - load - 2 * slower - compare
    saved = (after + compare / 2) * share * gain / (1.0 + gain)
    return after > 0.0 and saved > DISTURBS * load + LOSES * compare * share
