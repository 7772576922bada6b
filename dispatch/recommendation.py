# SPDX-License-Identifier: GPL-3.0-or-later
"""What to render the scene with: the fastest way on all cards, or the simplest one that is as fast within the noise.

Pure. Owns the choice, its reason in words, and what each worker more takes in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from . import crossing, scaling, wording
from .measurement import Measurement, Memory, Point, Recommendation, Series, Way
from .model import Strategy
from .noise import Noise


def concluded(measurement: Measurement) -> Measurement:
    """Return the measurement with everything that follows from its points so far."""
    noise = Noise.of(measurement.points)
    return replace(
        measurement,
        scaling=scaling.scalings(measurement, noise),
        memory=memories(measurement),
        crossings=crossing.crossings(measurement, noise),
        recommendation=recommend(measurement, noise),
    )


def on_all(measurement: Measurement) -> list[Point]:
    """Return the points that came to a rate on all cards with the scene as it is, simplest way first."""
    points = [point for point in measurement.of(Series.CARDS) if point.rate > 0]
    cards = max((point.way.cards for point in points), default=0)
    return sorted((point for point in points if point.way.cards == cards), key=lambda point: _effort(point.way))


def best(points: Sequence[Point], noise: Noise) -> Point | None:
    """Return the first of the points that are as fast as the fastest; None: there are none."""
    fastest = max(points, key=lambda point: point.rate, default=None)
    return next((point for point in points if fastest and not noise.differ(point, fastest)), fastest)


def best_instances(measurement: Measurement) -> Point | None:
    """Return the simplest of the fastest ways on all cards with workers of its own on each; None: none is known."""
    points = [point for point in on_all(measurement) if point.way.strategy is Strategy.PER_DEVICE]
    return best(points, Noise.of(measurement.points))


def recommend(measurement: Measurement, noise: Noise) -> Recommendation | None:
    """Return what to use and why; None while too little is known."""
    points = on_all(measurement)
    chosen = best(points, noise)
    if chosen is None or len(points) < 2:
        return None
    others = [point for point in points if point is not chosen]
    way = chosen.way
    compared = [_compared(chosen, other, noise) for other in sorted(others, key=lambda point: -point.rate)]
    reason = f"{_name(way)}: {wording.rate(chosen.rate)}, {wording.names(compared)}."
    if failed := _did_not_work(measurement, way):
        reason += f" {failed}"
    if (need := _memory_words(measurement, way)) and way.per_device > 1:
        reason += f" {need}"
    return Recommendation(way.strategy, way.per_device, measurement.threads, reason)


def memories(measurement: Measurement) -> tuple[Memory, ...]:
    """Return what 1, 2 … workers per card take, on all cards where that was measured."""
    found: list[Memory] = []
    for point in sorted(measurement.of(Series.CARDS), key=lambda point: point.way.per_device):
        way = point.way
        if way.strategy is not Strategy.PER_DEVICE or not point.good or way.cards != _most_cards(measurement):
            continue
        used = _most(run.vram_used for run in point.good)
        before = found[-1] if found else None
        extra = None
        if before and used is not None and before.vram_used is not None:
            extra = (used - before.vram_used) // (way.per_device - before.per_device)
        ram, vram = _most(r.ram_each for r in point.good), _most(r.vram_each for r in point.good)
        found.append(Memory(way.per_device, ram, vram, used, extra))
    return tuple(found)


def _effort(way: Way) -> tuple[int, int]:
    """One worker per card is the simplest; combined comes next: it never beats it where both are equally fast."""
    return (way.per_device, 1 if way.strategy is Strategy.COMBINED else 0)


def _name(way: Way) -> str:
    noun = "CPU" if way.on_cpu else "GPU"
    if way.strategy is Strategy.COMBINED:
        return f"All {way.cards} GPUs as one combined device"
    one = "worker" if way.per_device == 1 else "workers"
    return f"{way.per_device} {one} {'on the CPU' if way.on_cpu else f'per {noun}'}"


def _compared(chosen: Point, other: Point, noise: Noise) -> str:
    name = "combined" if other.way.strategy is Strategy.COMBINED else _name(other.way)
    if not noise.differ(chosen, other):
        return f"{name} the same within the noise"
    return f"{chosen.rate / other.rate:.2f} × {name}"


def _did_not_work(measurement: Measurement, chosen: Way) -> str:
    for point in measurement.of(Series.CARDS):
        if point.trouble and point.way.cards == chosen.cards:
            return f"{_name(point.way)} did not work: {point.trouble}."
    return ""


def _memory_words(measurement: Measurement, way: Way) -> str:
    need = next((each for each in memories(measurement) if each.per_device == way.per_device), None)
    said = []
    if need and need.ram_each:
        said.append(f"{wording.size(need.ram_each)} of RAM")
    if need and (vram := need.vram_each or need.vram_extra):
        said.append(f"{wording.size(vram)} of VRAM")
    return f"Each worker takes {wording.names(said)}." if said else ""


def _most_cards(measurement: Measurement) -> int:
    return max((p.way.cards for p in measurement.of(Series.CARDS) if p.good), default=0)


def _most(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
