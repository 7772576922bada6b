# SPDX-License-Identifier: GPL-3.0-or-later
"""A measurement as it came out on four cards, without measuring anything.

python tests/recorded_measurement.py FOLDER     writes its measurement.json there
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from recorded_job import cards

from dispatch import measure
from dispatch.measurement import Measurement, Point, Run, Series, State, Way
from dispatch.model import Strategy
from dispatch.recommendation import concluded

RATES = {
    Strategy.COMBINED: ((1, 1, 3.1), (1, 2, 3.6), (1, 4, 3.5)),
    Strategy.PER_DEVICE: (
        (1, 1, 3.2),
        (1, 2, 6.4),
        (1, 4, 12.5),
        (2, 1, 5.9),
        (2, 2, 11.6),
        (2, 4, 22.9),
        (3, 4, 21.8),
    ),
}
"""(workers per card, cards, frames per second)."""

WORKS = ((0.125, 2.9, 31.0), (0.25, 3.2, 27.0), (1.0, 3.5, 12.5), (4.0, 3.6, 3.9), (16.0, 1.15, 1.05))
"""(samples, combined, one per card)."""


def measurement() -> Measurement:
    """Return it as `measure` would have written it, recommendation and all."""
    dice = random.Random(3)
    points = []
    for strategy, ways in RATES.items():
        for each, count, rate in ways:
            way = Way(strategy, each, count)
            points.append(Point(way, runs=tuple(_run(n, rate, way, dice) for n in range(3))))
    for factor, combined, instances in WORKS:
        for way, rate in ((Way(Strategy.COMBINED, 1, 4), combined), (Way(Strategy.PER_DEVICE, 1, 4), instances)):
            runs = tuple(_run(n, rate, way, dice) for n in range(3))
            points.append(Point(way, series=Series.WORK, factor=factor, by="samples", runs=runs))
    return concluded(
        Measurement(
            id="20261121-090000-forest-00bb",
            created="2026-11-21T09:00:00+00:00",
            state=State.COMPLETE,
            blend="/scenes/forest.blend",
            scene="Scene",
            name="forest",
            blender="Blender 5.0.1",
            devices=cards(4),
            machine="Linux, 64 cores, 1008 GiB",
            work_per_frame=True,
            done=3 * len(points),
            planned=3 * len(points),
            points=tuple(points),
            notes=("The rate of a run is counted from its third frame on.",),
        )
    )


def _run(number: int, rate: float, way: Way, dice: random.Random) -> Run:
    real = rate * dice.uniform(0.97, 1.03)
    return Run(
        repeat=number,
        rate=real,
        frames=60,
        seconds=60 / real,
        frame_seconds=way.workers / real,
        render=0.6 * way.workers / real,
        ram_each=1_700_000_000,
        vram_used=(4 + 4 * way.per_device) * 2**30,
        gpu_load=min(95.0, 40.0 + 22.0 * way.per_device),
        wall=60 / real + 9,
    )


if __name__ == "__main__":
    measure.write(Path(sys.argv[1]), measurement())
