# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: which ways to use the cards, on which frames, how often, so that it fits into the time given.

Pure. Owns the points of a measurement, what they cost, and whether one more is worth asking. It must not run anything,
nor say which way is best.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from .measurement import Measurement, Point, Series, Way
from .model import Strategy
from .timing import WARM_UP

LEAST = 3
"""Frames of each worker that count, at least."""

LEAST_SECONDS = 2.0
"""For which each run is watched at least, even where the range has too few frames for it."""

MOST = 200
"""And at most: more only take time."""

TAIL = 1
"""The last frame of each worker does not count: others may have nothing left to do."""

STEADY = (12.0, 6.0, 3.0, 0.0)
"""Seconds for which each run shall be watched, best first; 0: `LEAST` frames."""

STEPS = (1, 2, 3, 4, 6, 8, 12, 16)
"""Workers per device, tried one after the other …"""

PAYS = 1.02
"""… as long as the step before gained more than this."""

LEAST_LOAD = 0.2
"""Seconds until the workers of a run render, at least."""

FACTORS = (0.125, 0.25, 0.5, 2.0, 4.0)
"""Work per frame, beside 1: parts and multiples of the samples, and of the pixels from a quarter on."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run told, mostly the first one: one worker per device on all of them. Seconds."""

    load: float
    """From the start of a run until its workers render."""
    frame: float
    """Of one frame in one worker."""
    workers: int = 1
    """On each device, when it took that."""

    def of_frame(self, way: Way, factor: float = 1.0) -> float:
        """Seconds of one frame in one worker, as far as one can know it beforehand: rather too long."""
        if way.strategy is Strategy.COMBINED:
            return self.frame * factor * (0.3 + 0.7 / way.cards)
        more = way.per_device / self.workers - 1
        return self.frame * factor * (1 + (1.0 if way.on_cpu else 0.7) * more)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured in each round, and how many rounds there are."""

    points: tuple[Point, ...]
    repeats: int
    left_out: tuple[str, ...] = ()
    """Words of the ways for which there is no time."""
    seconds: float = 0.0
    """What it will take."""


def counts(devices: int) -> tuple[int, ...]:
    """1, 2, 4 … and all."""
    found = [1 << power for power in range(devices.bit_length()) if 1 << power < devices]
    return (*found, devices)


def ways(devices: int, *, on_cpu: bool, per_device: int = 2) -> tuple[tuple[Way, ...], ...]:
    """Return the ways to use so many devices, in three ranks: what matters most comes first."""
    single, every = Strategy.PER_DEVICE, range(1, per_device + 1)
    if devices == 1:
        return tuple(Way(single, each, 1, on_cpu=on_cpu) for each in every), (), ()

    def on(cards: int) -> tuple[Way, ...]:
        return (*(Way(single, each, cards) for each in every), Way(Strategy.COMBINED, 1, cards))

    one_card = tuple(Way(single, each, 1) for each in every)
    return on(devices), one_card, tuple(way for cards in counts(devices)[1:-1] for way in on(cards))


def first(measurement: Measurement, *, on_cpu: bool, pinned: bool) -> Way:
    """Return the way of the very first run, which tells what everything costs."""
    return Way(Strategy.PER_DEVICE, 1, len(measurement.devices) if pinned else 1, on_cpu=on_cpu)


def fit(measurement: Measurement, start: Way, cost: Cost, there: int) -> Plan:
    """Return the best plan that takes no longer than asked for; where none does, the shortest.

    Args:
        start: The way of the first run.
        there: Frames of the scene's range.
    """
    ranks = ways(start.cards, on_cpu=start.on_cpu)
    third = Way(Strategy.PER_DEVICE, 3, start.cards, on_cpu=start.on_cpu)
    budget = measurement.minutes * 60.0
    for repeats, steady, kept in _settings(measurement.repeats):
        chosen = [way for rank in ranks[:kept] for way in rank]
        points = tuple(Point(way, frames=_frames(measurement, way, cost, steady, there)) for way in chosen)
        seconds = repeats * sum(seconds_of(point, cost) for point in points)
        # A third worker per card is tried where the second one pays.
        extra = repeats * seconds_of(Point(third, frames=_frames(measurement, third, cost, steady, there)), cost)
        if seconds + extra <= budget:
            break
    left_out = tuple(way.words for rank in ranks for way in rank if way not in chosen)
    return Plan(points, repeats, left_out, seconds)


def without_more_workers(plan: Plan, cost: Cost) -> Plan:
    """Return the plan with one worker per device only."""
    points = tuple(point for point in plan.points if point.way.per_device == 1)
    return replace(plan, points=points, seconds=plan.repeats * sum(seconds_of(point, cost) for point in points))


def more_work(measurement: Measurement, found: Sequence[Way], cost: Cost, there: int) -> Plan:
    """Return the plan for more and less work per frame, each in the ways that were found worth comparing.

    Where the time does not suffice the largest are left out.
    """
    steps = [("samples", factor) for factor in FACTORS] + [("resolution", factor) for factor in FACTORS[1:]]
    costs = [cost_of(way, measurement.points, cost) for way in found]
    points: list[Point] = []
    left_out: list[str] = []
    seconds = 0.0
    for by, factor in sorted(steps, key=lambda step: step[1]):
        these = [
            Point(way, Series.WORK, factor, by, _frames(measurement, way, its, STEADY[1], there, factor))
            for way, its in zip(found, costs, strict=True)
        ]
        takes = sum(seconds_of(point, its) for point, its in zip(these, costs, strict=True))
        if points and seconds + takes > measurement.minutes * 60.0:
            left_out += [point.words for point in these]  # one way without the others tells nothing
            continue
        seconds += takes
        points += these
    return Plan(tuple(points), 1, tuple(left_out), seconds)


def one_more(measurement: Measurement, way: Way, cost: Cost, there: int) -> Point:
    """Return the point of a way that was not planned, watched as long as the others."""
    points = measurement.points
    longest = max(_counted(point) * cost_of(point.way, points, cost).of_frame(point.way) for point in points)
    return Point(way, frames=_frames(measurement, way, cost_of(way, points, cost), longest, there))


def further(points: Sequence[Point], start: Way) -> Way | None:
    """Return the way with the next number of workers per device.

    None: the last step did not pay or did not work, or there is none beyond it.
    """
    rates = {step: point.rate if (point := _of(replace(start, per_device=step), points)) else None for step in STEPS}
    for before, last, step in zip(STEPS, STEPS[1:], STEPS[2:], strict=False):
        gained, base = rates[last], rates[before]
        if not gained or not base or gained < base * PAYS:
            return None
        if rates[step] is None:
            return replace(start, per_device=step)
    return None


def cost_of(way: Way, points: Sequence[Point], cost: Cost) -> Cost:
    """Return what tells best what a way takes, else ``cost``.

    That is the measured one with most workers a device, no more than its own, on the fewest cards, no fewer than its own.
    """
    known = [
        point
        for point in points
        if way.strategy is point.way.strategy is Strategy.PER_DEVICE
        and (point.way.per_device <= way.per_device and point.way.cards >= way.cards)
        and (point.rate and not point.by)
    ]
    if not known:
        return cost
    last = max(known, key=lambda point: (point.way.per_device, -point.way.cards))
    load = mean(run.wall - last.frames / run.rate for run in last.good)
    return Cost(max(LEAST_LOAD, load), last.way.workers / last.rate, last.way.per_device)


def seconds_of(point: Point, cost: Cost) -> float:
    """Return what one run of a point takes."""
    return cost.load + point.frames / point.way.workers * cost.of_frame(point.way, point.factor)


def least_frames(way: Way) -> int:
    """Return how many frames a run must have, so that each worker renders `LEAST` that count."""
    return way.workers * (WARM_UP + LEAST + TAIL)


def spread(numbers: Sequence[int], count: int) -> list[int]:
    """Return ``count`` frames so that they, and every part of them in a row, lie all over the range.

    Fewer are always the first of more: every point renders the same ones, as far as it gets. Where the range has too
    few, those after its end are taken.
    """
    length = len(numbers)
    bits = max(1, (length - 1).bit_length())
    turned = sorted(range(length), key=lambda place: int(f"{place:0{bits}b}"[::-1], 2))
    chosen = [numbers[place] for place in turned[:count]]
    beyond = max(numbers) + 1
    return chosen + list(range(beyond, beyond + count - len(chosen)))


def _of(way: Way, points: Iterable[Point]) -> Point | None:
    """The way with the scene as it is."""
    return next((point for point in points if point.way == way and not point.by), None)


def _settings(repeats: int) -> Iterator[tuple[int, float, int]]:
    """Yield repeats, seconds to watch, and how many ranks of ways are kept: best first."""
    fewer = sorted({min(repeats, 2), repeats}, reverse=True)
    for kept in (3, 2):
        for steady in STEADY[:-1]:
            for count in fewer:
                yield count, steady, kept
    for kept in (3, 2, 1):
        for count in fewer:
            yield count, STEADY[-1], kept
    yield 1, STEADY[-1], 2
    yield 1, STEADY[-1], 1


def _counted(point: Point) -> int:
    return point.frames // point.way.workers - WARM_UP - TAIL


def _frames(measurement: Measurement, way: Way, cost: Cost, steady: float, there: int, factor: float = 1.0) -> int:
    """Frames of one run: enough to watch it for ``steady`` seconds, no more than the range has."""
    if measurement.frames_per_point:
        return max(least_frames(way), measurement.frames_per_point)

    def lasting(seconds: float) -> int:
        counted = min(MOST, math.ceil(seconds / max(cost.of_frame(way, factor), 1e-3)))
        return way.workers * (WARM_UP + counted + TAIL)

    return max(least_frames(way), lasting(LEAST_SECONDS), min(lasting(steady), there))
