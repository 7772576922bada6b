# SPDX-License-Identifier: GPL-3.0-or-later
"""What one more worker a device can gain at most, and whether finding out is worth it. Pure.

Owns the reckoning: what is busy cannot do more, and what a try costs must come back before the job ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, log1p

from .trial import PLAIN

WORTH_A_TRY: Mapping[str, float] = {"share": 0.05, "device": 0.05, "cpu": 0.01}
"""A smaller gain at most is no reason to try. What idle cores promise is no bound: on two H200 with 32 cores that were 97 to
98 % busy (*sync*) it was 1 to 5 % for a fourth worker, and 3 to 4 % were measured."""

LIKELY = 0.5
"""Part of such a bound that is expected at least: workers that share a card slow each other, the more the busier it is."""

AT_ONCE = 3
"""So many times as many workers as there are may join them at once, where cards and processor are far from busy."""

BLOCKS = 6
"""Blocks of a comparison that ends early; half of them begin with a frame that does not count …"""

PLAIN_BLOCKS = 2
"""… and of one that finds a plain gain."""

DISTURBS = 0.25
"""Part of a worker's loading time that the others lose to it."""

LOSES = 0.1
"""Part of the comparison that is lost where the extra workers do harm."""


@dataclass(frozen=True, slots=True)
class Prospect:
    most: float
    """1.0: twice the frames per second, at most; where the cores are the limit, about."""
    likely: float
    """What is expected."""
    worth_a_try: bool
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
    more: int = 1
    """Workers to be tried at once on each of them, beside those that are there."""


@dataclass(frozen=True, slots=True)
class Cores:
    """What the processor does."""

    count: int
    load: float | None = None
    """Percent of all cores, by whomever; None: not told."""
    used: float | None = None
    """Cores that the workers of the devices in question use; None: not told."""


def prospect(
    *, workers: int, devices: int, load: float | None, render_share: float, cores: Cores, on_cpu: bool, room: int = 1
) -> Prospect:
    """Return what more workers beside ``workers`` a device can gain at most, on all devices that are alike.

    One more, mostly; more of them where what is idle would do for that.

    Args:
        workers: On each of them.
        devices: How many of them there are.
        load: Mean percent of the time in which a kernel ran on them; None: not told.
        render_share: Seconds in the render phase per second and device, an upper bound of what is busy.
        on_cpu: The device is the processor itself.
        room: Workers that may join those of each device at once.
    """
    told = cores.load if on_cpu else load
    busy = min(1.0, max(0.01, told / 100.0 if told is not None else render_share))
    idle = {"device": 1.0 / busy - 1.0, "cpu": _idle_cores(cores, on_cpu)}
    told_enough = on_cpu or idle["cpu"] < inf
    more = max(1, min(room, AT_ONCE * workers, int(LIKELY * workers * min(idle.values())))) if told_enough else 1
    gains: Mapping[str, float] = {"share": more / workers, **idle}
    short = [name for name, gain in gains.items() if gain < WORTH_A_TRY[name]]
    limit = min(short or gains, key=lambda name: gains[name])
    likely = min(gains["cpu"], max(LIKELY, 1.0 - busy) * min(gains["share"], gains["device"]))
    cpu = None if cores.load is None else cores.load / 100.0
    return Prospect(gains[limit], likely, not short, busy, told is not None, limit, cpu, devices, more)


def _idle_cores(cores: Cores, on_cpu: bool) -> float:
    """Return what the idle cores promise, if a frame costs them what it does now.

    Two H200 with 32 cores, *sync*: 9, 10 and 6 % were foreseen for a third worker, and 19, 22 and 5 % measured; 6 and
    12 % for a fourth, 3 and 3 % measured.
    """
    if on_cpu or cores.load is None or not cores.used:
        return inf
    free = cores.count * (1.0 - cores.load / 100.0)
    return max(0.0, free) / cores.used


def worth_it(
    gain: float,
    *,
    workers: int,
    left: float,
    load: float,
    interval: float,
    each: int,
    share: float = 1.0,
    more: int = 1,
) -> bool:
    """Whether a try pays before the job ends.

    Args:
        gain: That is expected; 1.0: twice the frames per second.
        left: Seconds until then at today's pace.
        load: Seconds from the start of a worker to its first frame.
        interval: Seconds from one finish of a worker to its next.
        each: Frames that each worker finishes in a block.
        share: Part of the job's frames that these devices render.
        more: Workers that join those of each device.
    """
    slower = interval * (workers + more) / workers / (1.0 + gain)
    blocks = PLAIN_BLOCKS if log1p(gain) > PLAIN else BLOCKS
    compare = (blocks * each + blocks / 2) * slower
    after = left - load - 2 * slower - compare
    saved = (after + compare / 2) * share * gain / (1.0 + gain)
    return after > 0.0 and saved > DISTURBS * load + LOSES * compare * share
