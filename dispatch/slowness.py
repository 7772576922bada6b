# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether one worker has become slower than it was, while its neighbours have not.

Owns each worker's recent frames and what each slot is like when its worker is young. Pure, bounded in memory, O(workers)
a frame. Decides nothing.

Frames differ in cost, so a worker is never compared with its own past alone: what frames cost at present is told by the
fastest of its neighbours (same cards, as many workers on them), each corrected by what its own slot was like when its
worker was young. So frames that become heavier for all make nobody slow; and where all have become slow alike, the
first fresh one among them shows it.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from statistics import fmean

from .costs import Kind
from .timing import WARM_UP

SPAN = 24
"""Frames of a worker that are compared; so many looks in a row must agree."""

LEAST = math.log(1.5)
"""Slower by less is not looked at: workers that share a card fall in and out of step for hundreds of frames."""

SURE = 4.0
"""Times the standard error of the comparison by which it must be slower."""


@dataclass(slots=True)
class _Run:
    """A worker's recent frames of one kind."""

    slot: str
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=SPAN))
    """Logarithms of their seconds."""
    mean: float = 0.0
    error: float = 0.0
    """Standard error of the difference between two such means."""
    young: bool = True
    """Its first `SPAN` frames have not yet shown what the slot is like."""
    looks: int = 0
    """Looks in a row that found it slower."""
    excess: float = 0.0
    """By how much, as a logarithm."""
    turn: int = 0
    """When it was looked at last."""


class Slowness:
    def __init__(self) -> None:
        self._runs: dict[int, dict[Kind, _Run]] = {}
        self._seen: dict[int, int] = {}
        self._now: dict[int, Kind] = {}
        self._turn = 0
        """Frames of all workers so far."""
        self._slots: dict[tuple[str, Kind], float] = {}
        """What a slot's young worker needs beside the others, as a logarithm."""

    def finished(self, worker: int, slot: str, kind: Kind, seconds: float) -> None:
        """Note a frame of a worker. A worker's first frames do not count."""
        self._seen[worker] = self._seen.get(worker, 0) + 1
        if self._seen[worker] <= WARM_UP or seconds <= 0.0:
            return
        self._turn += 1
        self._now[worker] = kind
        run = self._runs.setdefault(worker, {}).setdefault(kind, _Run(slot))
        run.recent.append(math.log(seconds))
        if len(run.recent) < SPAN:
            return
        run.turn, run.mean = self._turn, fmean(run.recent)
        deviation = math.dist(run.recent, [run.mean] * SPAN) / math.sqrt(SPAN)  # pstdev: in fractions, 100 × slower
        run.error = deviation * math.sqrt(2.0 / SPAN)
        others = self._present_cost(worker, kind)
        if run.young:
            run.young = False
            self._know_slot(run, kind, others)
            return
        if others is None:
            run.looks = 0
            return
        run.excess = run.mean - self._slots[slot, kind] - others
        run.looks = run.looks + 1 if run.excess > max(LEAST, SURE * run.error) else 0

    def forget(self, worker: int) -> None:
        """The worker is gone."""
        for known in (self._runs, self._seen, self._now):
            known.pop(worker, None)

    def slower(self, worker: int) -> float:
        """Return how many times as long as it should the worker needs for its frames; 1.0 unless that is certain."""
        run = self._runs[worker].get(self._now[worker]) if worker in self._now else None
        return math.exp(run.excess) if run and run.looks >= SPAN else 1.0

    def _present_cost(self, worker: int, kind: Kind) -> float | None:
        """Return what frames cost at present by the fastest neighbour; None: there is none."""
        oldest = self._turn - SPAN * len(self._runs)  # what one that rests has shown is about other frames
        runs = (known[kind] for other, known in self._runs.items() if other != worker and self._now[other] == kind)
        told = (run.mean - self._slots[run.slot, kind] for run in runs if not run.young and run.turn > oldest)
        return min(told, default=None)

    def _know_slot(self, run: _Run, kind: Kind, others: float | None) -> None:
        """A fresh worker has shown what its slot is like. One faster than before says that the others are slow now."""
        own = 0.0 if others is None else run.mean - others
        known = self._slots.get((run.slot, kind))
        if known is None or own > known + LEAST:
            self._slots[run.slot, kind] = own
