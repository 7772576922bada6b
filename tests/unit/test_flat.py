# SPDX-License-Identifier: GPL-3.0-or-later
"""What the dispatcher keeps does not grow with what it has done: hours of a job fit into the memory of its first minutes."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import FunctionType, ModuleType
from typing import Any

import pytest
from simulated_auto import FOUR, LIGHT
from simulated_machine import GB, SimulatedMachine

from dispatch.gauges import CardSample, ProcessSample, Sample
from dispatch.model import Outcome
from dispatch.readings import KEPT, Readings
from dispatch.recorder import Recorder

SAMPLE = Sample({1: ProcessSample(1 << 30, 90.0)}, {"0000:01:00": CardSample(load=50.0)}, 64 * GB, 32 * GB, 50.0)
NOT_OURS = (type, FunctionType, ModuleType)


def weight(root: Any) -> int:
    """Return the bytes of everything that can be reached from here."""
    seen: set[int] = set()
    todo, total = [root], 0
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, NOT_OURS):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        todo += gc.get_referents(one)
    return total


@pytest.mark.parametrize(
    "given",
    [{"recycle": 25}, {"auto": True, "ram": 24 * GB}],
    ids=["hundreds of workers", "auto and leaks"],
)
def test_the_machine_keeps_no_more_after_thousands_of_frames(given):
    scene = replace(LIGHT, leak=20 << 20)
    world = SimulatedMachine(scene, FOUR, tasks=3000, cores=64, **given)
    weights: dict[int, int] = {}

    def look() -> None:
        done = len(world.finishes)
        if done // 500 not in weights:
            # The readings of the last half hour are bounded, and take that long to get there.
            weights[done // 500] = weight(world.machine) - weight(world.machine.readings)
        world.after(1.0, look)

    world.at(1.0, look)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert len([w for w in world.log if getattr(w, "what", "") == "renew"]) > 3
    assert weights[5] < weights[1] + 100_000


def test_the_readings_are_bounded():
    readings = Readings()
    for n in range(KEPT):
        readings.add(2.0 * n, SAMPLE)
    full = weight(readings)
    for n in range(KEPT, 3 * KEPT):
        readings.add(2.0 * n, SAMPLE)
    assert weight(readings) <= full


def test_the_recorders_file_stays_small_over_a_week(tmp_path):
    kept = Recorder(tmp_path / "telemetry.jsonl", most=200)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    most = 0
    for n in range(20_000):
        kept.add(at + timedelta(seconds=30 * n), SAMPLE)
        if n % 100 == 0:
            most = max(most, (tmp_path / "telemetry.jsonl").stat().st_size)
    assert most < 201 * 400
