# SPDX-License-Identifier: GPL-3.0-or-later
"""Journal records of a job on two cards, written by hand: moments are seconds after its begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from recorded_job import BLENDER, cards

from dispatch.model import Job
from dispatch.timeline import Timeline

BEGIN = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
DEVICES = cards(2)
JOB = Job("id", "a.blend", "", "/a.blend", "Scene", "1-100", "/p/####", BLENDER, DEVICES)
NUMBERS = tuple(range(1, 101))


def at(seconds: float) -> str:
    return (BEGIN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def record(moment: float, what: str, /, **facts: Any) -> dict[str, Any]:
    return {"what": what, "at": at(moment), **facts}


def spawn(moment: float, worker: int, slot: str = "NVIDIA H200 (10:00)", **facts: Any) -> dict[str, Any]:
    return record(moment, "spawn", worker=worker, slot=slot, **facts)


def rendered(moment: float, worker: int, task: int, took: float = 1.0, **phases: float) -> dict[str, Any]:
    told = {"evaluate": 0.1, "sync": 0.2, "render": took - 0.4, "write": 0.1, "carry": 0.0, **phases}
    return record(moment, "rendered", task=task, attempt=task, worker=worker, seconds=took, phases=told)


def committed(moment: float, task: int) -> dict[str, Any]:
    return record(moment, "committed", task=task, attempt=task)


def timeline(*records: Any) -> Timeline:
    return Timeline(JOB, NUMBERS, records)
