# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frame costs each worker, and how the frames differ: seconds = the worker's pace × the frame's cost.

Owns both factors, told apart by comparing workers with one another at the same time: a dear part of the film makes no
worker slow, and a slow card makes no frame dear. Pure, bounded in memory, O(1) a frame. Decides nothing.

A *kind* names workers that should be alike (same cards, as many workers on them). A worker's pace leans on its kind's
until it has shown its own; where the kind changes beneath it (a second worker joins its card), it starts anew, and
the level of cost goes on.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

KEPT = 32
"""Frames that make a pace: older ones fade."""

LEAN = 1.0
"""Frames of its own that count as much for a worker as all that is known of its kind."""

RECENT = 16
"""Frames, at least, that make the present level of cost."""

LATEST = 4
"""The same to compare workers with one another: the fewer, the less a change of the film is taken for one of theirs."""

BLOCKS = 64
"""Blocks that the history of costs is kept in; when all are full, two become one."""


class Kind(NamedTuple):
    """What should render alike."""

    cards: str
    """Names of the cards that render together."""
    beside: int
    """Workers that are busy on them."""


@dataclass(slots=True)
class _Mean:
    """A mean that fades."""

    count: int = 0
    value: float = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        self.value += (value - self.value) / min(self.count, KEPT)


class History:
    """Costs in the order in which frames were finished, as means of blocks of equal length."""

    def __init__(self) -> None:
        self.length = 1
        """Frames in a block, the last ones at least."""
        self.means: list[float] = []
        self.count = 0
        """Frames in all."""
        self._sum = 0.0
        self._open = 0
        self.mean = 0.0
        self._squares = 0.0

    @property
    def spread(self) -> float:
        """Standard deviation of the single frames."""
        return math.sqrt(self._squares / self.count) if self.count else 0.0

    def add(self, cost: float, workers: int = 1) -> None:
        """Note a cost. Of frames rendered side by side the cheap ones are finished first: a block holds them all."""
        self.length = max(self.length, workers)
        self.count += 1
        step = cost - self.mean
        self.mean += step / self.count
        self._squares += step * (cost - self.mean)
        self._sum += cost
        self._open += 1
        if self._open < self.length:
            return
        self.means.append(self._sum / self._open)
        self._sum, self._open = 0.0, 0
        if len(self.means) == BLOCKS:
            self.means = [(a + b) / 2 for a, b in zip(self.means[::2], self.means[1::2], strict=True)]
            self.length *= 2


class Costs:
    def __init__(self) -> None:
        self.history = History()
        self._of_worker: dict[int, dict[Kind, _Mean]] = {}
        self._of_kind: dict[Kind, _Mean] = {}
        self._first: dict[int, tuple[Kind, float]] = {}
        """Each worker's kind and seconds of its first frame: it counts only where nothing else is known."""
        self._more = _Mean()
        """Seconds that a first frame takes more than the second: kernels, textures, caches."""
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._load = _Mean()

    def loaded(self, seconds: float) -> None:
        """Note how long a worker took from its start until it was ready."""
        self._load.add(seconds)

    @property
    def load(self) -> float:
        """Seconds that a worker takes from its start until it is ready; 0 while unknown."""
        return self._load.value

    def finished(self, worker: int, kind: Kind, seconds: float, workers: int = 1) -> None:
        """Note a frame. ``workers``: how many render at present."""
        if worker not in self._first:
            self._first[worker] = kind, seconds
            self._of_worker[worker] = {}
            return
        if (self._recent.maxlen or 0) < 2 * workers:
            self._recent = deque(self._recent, maxlen=2 * workers)
        if not self._of_worker[worker]:
            self._more.add(max(0.0, self._first[worker][1] - seconds))
        last = list(self._recent)[-max(LATEST, workers) :]
        level = sum(last) / len(last) if last else 0.0
        told = math.log(max(seconds, 1e-6))
        for mean in (
            self._of_worker[worker].setdefault(kind, _Mean()),
            self._of_kind.setdefault(kind, _Mean()),
        ):
            mean.add(told - level)
        cost = told - (self._pace(worker, kind) or 0.0)
        self._recent.append(cost)
        self.history.add(math.exp(cost), workers)

    def forget(self, worker: int) -> None:
        """The worker is gone."""
        self._of_worker.pop(worker, None)
        self._first.pop(worker, None)

    @property
    def first_extra(self) -> float:
        """Seconds that a worker's first frame takes more than later ones, as far as is known."""
        return self._more.value

    def level(self) -> float:
        """Return the mean cost of the last frames; 1.0 where nothing is known."""
        return sum(map(math.exp, self._recent)) / len(self._recent) if self._recent else 1.0

    def knows(self, worker: int, kind: Kind) -> bool:
        """Whether the worker, or one of its kind, has shown its pace."""
        return worker in self._first or kind in self._of_kind

    def seconds(self, worker: int, kind: Kind) -> float | None:
        """Return the seconds that a frame like the last ones should take; None while nothing at all is known."""
        pace = self._pace(worker, kind)
        if pace is None:
            pace = _shared(self._of_worker.get(worker, {}), kind)
        if pace is None and worker in self._first:
            first = self._first[worker][1]
            return max(first - self._more.value, first / 4)
        if pace is None:
            pace = _shared(self._of_kind, kind)
        if pace is None and self._of_kind:
            pace = sum(mean.value for mean in self._of_kind.values()) / len(self._of_kind)
        if pace is not None:
            return math.exp(pace) * self.level()
        alike = [seconds for known, seconds in self._first.values() if known == kind]
        alike = alike or [seconds for _, seconds in self._first.values()]
        return sum(alike) / len(alike) if alike else None

    def _pace(self, worker: int, kind: Kind) -> float | None:
        """Return the logarithm of the seconds for a frame of cost 1."""
        alike, own = self._of_kind.get(kind), self._of_worker.get(worker, {}).get(kind)
        if alike is None or own is None:
            return alike.value if alike else None
        weight = min(own.count, KEPT)
        return (weight * own.value + LEAN * alike.value) / (weight + LEAN)


def _shared(known: dict[Kind, _Mean], kind: Kind) -> float | None:
    """Return what a pace must be if the cards do as much for so many workers as they did for the number last seen."""
    for other, mean in reversed(known.items()):
        if other.cards == kind.cards:
            return mean.value + math.log(kind.beside / other.beside)
    return None
