# SPDX-License-Identifier: GPL-3.0-or-later
"""Many faults at the same time: children that crash, hang, garble and lose messages, random kills, and a full disk.

Owns the drawing of the faults from a seed. Each strikes a bounded number of times, so that the job can end.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kills
from disks import Disk, small_disk
from kills import Pace, Result
from prepared import HASTY, Prepared, fake_job

# Rules that strike once do so once for each frame: in between, where a child's last frame is still known, there are none.
FRAME_PLACES = ("claim", "render", "write", "commit", "Begun", "Rendered", "Committed")
LIFE_PLACES = ("start", "load", "Hello", "Loaded")
DEEDS: tuple[dict[str, Any], ...] = (
    {"do": "exit", "code": 1},
    {"do": "exit", "code": 0},
    {"do": "signal", "code": signal.SIGKILL},
    {"do": "signal", "code": signal.SIGSEGV},
    {"do": "signal", "code": signal.SIGTERM},
    {"do": "stop"},
    {"do": "hang"},
    {"do": "garbage"},
    {"do": "flood", "stream": "reports", "size": 1_000_000},
    {"do": "endless", "stream": "reports", "size": 1_000_000},
    {"do": "flood", "stream": "stderr", "size": 1_000_000},
    {"do": "close"},
)
ABOUT_REPORTS: tuple[dict[str, Any], ...] = ({"do": "lost"}, {"do": "half"}, {"do": "double"}, {"do": "other"})

PATIENT = dataclasses.replace(HASTY, deaths=30)
"""A slot is not closed for the faults that are drawn for it."""


def draw(chance: random.Random, frames: int, count: int) -> list[dict[str, Any]]:
    """Return so many rules for fake children; each strikes once."""
    return [_rule(chance, frames) for _ in range(count)]


def _rule(chance: random.Random, frames: int) -> dict[str, Any]:
    at = chance.choice(FRAME_PLACES + LIFE_PLACES)
    about_frame = at in ("Begun", "Rendered", "Committed")
    deed = chance.choice(DEEDS + (ABOUT_REPORTS if about_frame else ()))
    where = {"frames": [chance.randint(1, frames)]} if at in FRAME_PLACES else {}
    return {"at": at, "times": 1, **deed, **where}


@dataclass
class FullDisk:
    """Fills the disk once so many frames are in place, and makes room when the job says that it waits for it."""

    disk: Disk
    job: Prepared
    at: int
    state: str = "free"

    def __call__(self, commits: int) -> None:
        if self.state == "free" and commits >= self.at:
            self.disk.fill()
            self.state = "full"
        elif self.state == "full" and b"Paused: " in (self.job.folder / "journal.jsonl").read_bytes():
            self.disk.make_room()
            self.state = "free again"
            self.at = commits + 10**9


def run(
    folder: Path, tasks: int, seed: int, *, rules: int, pace: Pace, workers: int = 4, seconds: float = 0.03
) -> Result:
    """Run fake children under everything at once and judge what is left."""
    chance = random.Random(seed)
    with contextlib.ExitStack() as stack:
        disk = stack.enter_context(small_disk(folder / "disk", 64 << 10))
        job = fake_job(
            folder,
            tasks,
            rules=draw(chance, tasks, rules),
            script={"seconds": seconds},
            output=folder / "disk" / "out",
            workers=workers,
            limits=PATIENT,
            retries=20,
        )
        full = FullDisk(disk, job, at=tasks // 3)
        result = kills.run("mixed faults", job, pace, seed, full)
    assert full.state == "free again", "the job never waited for room on the full disk"
    return result
