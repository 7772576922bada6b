# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurements for tests, with rates that follow a law and repeats that scatter about it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from dispatch.measurement import Measurement, Point, Run, Series, State, Way
from dispatch.model import Backend, Device, Strategy

ONE, COMBINED = Strategy.PER_DEVICE, Strategy.COMBINED


def device(number: int, name: str = "Fake H200") -> Device:
    pci = f"0000:{number:02x}:00"
    return Device(f"CUDA_{name}_{pci}_OptiX", name, Backend.OPTIX, pci)


def measurement(points: Sequence[Point] = (), **changes: Any) -> Measurement:
    values: dict[str, Any] = {
        **{"id": "20260101-000000-shot-0000", "created": "2026-01-01T00:00:00+00:00", "state": State.RUNNING},
        **{"blend": "/scenes/shot.blend", "scene": "Scene", "name": "shot", "blender": "Blender 5.0.1"},
        **{"devices": tuple(device(n) for n in range(4)), "points": tuple(points)},
        **changes,
    }
    return Measurement(**values)


def point(way: Way, *rates: float, **changes: Any) -> Point:
    """A point whose runs came to these rates."""
    runs = tuple(
        Run(at, rate, frames=24, seconds=10.0, frame_seconds=way.workers / rate) for at, rate in enumerate(rates)
    )
    return Point(way, frames=48, runs=runs, **changes)


def by_law(
    strategy: Strategy,
    law: Callable[[int], float],
    *,
    counts: Sequence[int] = (1, 2, 4, 8),
    noise: float = 0.0,
    seed: int = 0,
) -> list[Point]:
    """Points whose rate is ``law(cards)``, three runs each, which scatter by ``noise`` (a part of the rate)."""
    chance = random.Random(seed)
    return [
        point(Way(strategy, 1, cards), *(law(cards) * (1 + chance.gauss(0, noise)) for _ in range(3)))
        for cards in counts
    ]


def work(way: Way, rate: float, factor: float, by: str = "samples") -> Point:
    return point(way, rate, series=Series.WORK, factor=factor, by=by)
