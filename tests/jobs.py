# SPDX-License-Identifier: GPL-3.0-or-later
"""Job folders over fake scenes, for tests that run a whole dispatcher."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

from fake_scene import write_blend

from dispatch import job
from dispatch.model import Backend, BlenderProgram, Device, Job, Limits, Strategy

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
FAKE_CHILD = TESTS / "fake_child.py"
QUICK = Limits(
    start=20, load=20, first=20, task=20, leave=5, die=10, backoff=0.05, backoff_most=0.2, claims=0.2, foreign=1
)


def make_job(place: Path, frames: str = "1-6", script: dict[str, Any] | None = None, **changes: Any) -> Path:
    """Make a job folder under ``place`` whose pictures go to ``place/out``: two workers on the CPU, quick limits.

    Args:
        script: What the fake child does (`fake_scene`).
        changes: Fields of the job that differ.
    """
    blend = write_blend(place / "shot.blend", **(script or {}))
    task = Job(
        id=job.new_id("shot"),
        name="shot",
        created="2026-11-21T00:00:00+00:00",
        blend=str(blend),
        scene="Scene",
        frames=frames,
        output=str(place / "out" / "shot_####"),
        blender=BlenderProgram(sys.executable, True, (5, 0, 1)),
        devices=(Device("CPU", "CPU", Backend.CPU),),
        strategy=Strategy.PER_DEVICE,
        per_device=2,
        cores=2,
        limits=QUICK,
    )
    return job.create(dataclasses.replace(task, **changes), place / "jobs")


def names(place: Path) -> list[str]:
    """The pictures that are there, and anything else that lies beside them."""
    return sorted(p.name for p in (place / "out").iterdir())


def expected(first: int, last: int) -> list[str]:
    return [f"shot_{n:04}.png" for n in range(first, last + 1)]
