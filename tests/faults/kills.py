# SPDX-License-Identifier: GPL-3.0-or-later
"""Random kills by the clock: a child every so often, the dispatcher every so often, until the job has ended.

Owns the pace, the toll and a campaign's result; what is left is judged by `outside`. A dispatcher that was killed is
started again at once, while the children of the dead one may still be dying.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import campaign
import outside
import played
import psutil
from case import Seen
from outside import Counted
from prepared import Prepared
from waiting import until

STUCK = 240.0
"""Seconds without a single new frame: the job hangs."""


@dataclass(frozen=True)
class Pace:
    """Mean seconds between two kills. A machine that is too slow for it is killed as often as frames come."""

    child: float
    dispatcher: float
    most_children: int = 1_000_000
    """Kills after which the children are left in peace, so that a test ends on a slow machine too."""
    most_dispatchers: int = 1_000_000


@dataclass
class Toll:
    """Who was killed."""

    children: int = 0
    dispatchers: int = 0
    stops: int = 0
    """Dispatchers that were stopped for longer than a heartbeat may take, and went on."""
    seconds: float = 0.0
    """From the first start to the last end."""


@dataclass(frozen=True)
class Result:
    """One campaign, as its table shows it."""

    name: str
    tasks: int
    seed: int
    toll: Toll
    counted: Counted
    problems: tuple[str, ...]
    notes: str = ""


@dataclass
class Progress:
    """Counts the commits in a journal that grows, reading each byte once."""

    journal: Path
    position: int = 0
    commits: int = 0
    _rest: bytes = field(default=b"", repr=False)

    def look(self) -> int:
        """Return how many frames were put in place so far."""
        with contextlib.suppress(FileNotFoundError), self.journal.open("rb") as file:
            if os.fstat(file.fileno()).st_size < self.position + len(self._rest):
                self._rest = b""  # a torn last line was cut off
            file.seek(self.position + len(self._rest))
            whole, newline, self._rest = (self._rest + file.read()).rpartition(b"\n")
            self.position += len(whole) + len(newline)
            self.commits += whole.count(b'"what":"committed"')
        return self.commits


@dataclass
class Killer:
    """Strikes one job until it ends. ``strike`` is what `campaign.run_while_killed` wants."""

    job: Prepared
    pace: Pace
    chance: random.Random
    toll: Toll = field(default_factory=Toll)
    meddle: Callable[[int], None] = lambda commits: None
    """Called again and again with the frames in place: does further harm."""

    def __post_init__(self) -> None:
        self._progress = Progress(self.job.folder / "journal.jsonl")
        self._at_last_kill = 0

    def strike(self, dispatcher: subprocess.Popen[bytes]) -> bool:
        """Kill children until it is the dispatcher's turn (True) or the job has ended (False)."""
        at_start = self._progress.look()
        next_child = self._next(self.pace.child, self.toll.children < self.pace.most_children)
        next_dispatcher = self._next(self.pace.dispatcher, self.toll.dispatchers < self.pace.most_dispatchers)
        while True:
            until(
                self._due(dispatcher, min(next_child, next_dispatcher)), STUCK, f"the next frame of {self.job.folder}"
            )
            if dispatcher.poll() is not None:
                return False
            if time.monotonic() >= next_dispatcher and self._progress.commits > at_start:
                self.toll.dispatchers += 1
                dispatcher.kill()
                return True
            if time.monotonic() >= next_child:
                self._kill_a_child(dispatcher)
                next_child = self._next(self.pace.child, self.toll.children < self.pace.most_children)

    def _due(self, dispatcher: subprocess.Popen[bytes], at: float) -> Callable[[], bool]:
        """The next kill is due, and a frame was put in place since the last one; or the job has ended."""

        def due() -> bool:
            ended = dispatcher.poll() is not None
            self.meddle(self._progress.look())
            return ended or (time.monotonic() >= at and self._progress.commits > self._at_last_kill)

        return due

    def _kill_a_child(self, dispatcher: subprocess.Popen[bytes]) -> None:
        if kill_a_child(dispatcher, self.job, self.chance):
            self.toll.children += 1
            self._at_last_kill = self._progress.commits

    def _next(self, mean: float, more: bool) -> float:
        return time.monotonic() + mean * self.chance.uniform(0.5, 1.5) if more else math.inf


def kill_a_child(dispatcher: subprocess.Popen[bytes], job: Prepared, chance: random.Random) -> bool:
    """Kill one of the children, if there are any; whether there was one."""
    alive = sorted(campaign.children(dispatcher, job.entry), key=lambda child: child.pid)
    if not alive:
        return False
    try:
        chance.choice(alive).kill()
    except psutil.NoSuchProcess:
        return False
    return True


def run(name: str, job: Prepared, pace: Pace, seed: int, meddle: Callable[[int], None] | None = None) -> Result:
    """Run a job under random kills and judge what is left."""
    killer = Killer(job, pace, random.Random(seed))
    if meddle is not None:
        killer.meddle = meddle
    begun = time.monotonic()
    with played.marked() as mark:
        statuses = campaign.run_while_killed(job.folder, job.entry, killer.strike)
    killer.toll.seconds = time.monotonic() - begun
    return judged(name, job.seen(statuses[-1], mark=mark), seed, killer.toll)


def judged(name: str, seen: Seen, seed: int, toll: Toll, notes: str = "") -> Result:
    """Look at it from the outside."""
    return Result(name, len(seen.frames), seed, toll, outside.counted(seen), tuple(outside.problems(seen)), notes)


COLUMNS = (
    *("campaign", "tasks", "seed", "children killed", "dispatchers killed", "stopped"),
    *("lost", "committed twice", "rendered twice", "corrupt", "left over", "seconds"),
)


def header() -> str:
    """Return the head of the table."""
    return f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"


def row(result: Result) -> str:
    """Return the result as a line of the table."""
    toll, counted = result.toll, result.counted
    cells = (
        *(result.name, f"{result.tasks:,}", result.seed, toll.children, toll.dispatchers, toll.stops),
        *(counted.lost, counted.committed_twice, counted.rendered_twice, counted.corrupt),
        *(counted.left_over + counted.processes, f"{toll.seconds:.0f}"),
    )
    return f"| {' | '.join(map(str, cells))} |" + (f"  {result.notes}" if result.notes else "")
