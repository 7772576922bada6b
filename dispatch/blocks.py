# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast workers render in one stretch of time, by what they finish in it. Pure.

Only time from one finish of a worker to its next counts, both wholly inside the stretch. Compares nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass


class Block:
    """One stretch of time in which the same workers render."""

    def __init__(self, quota: Mapping[int, int], groups: Mapping[int, Hashable], marks: Mapping[int, float]) -> None:
        self._groups = groups
        self._quota = dict(quota)
        self._marks = dict(marks)
        self._sums: dict[Hashable, tuple[int, float, float]] = {}
        self._open = set(quota)

    @property
    def over(self) -> bool:
        return not self._open

    @property
    def marks(self) -> Mapping[int, float]:
        """When each worker finished last."""
        return self._marks

    @property
    def count(self) -> int:
        """How many times from one finish to the next were counted."""
        return sum(count for count, _, _ in self._sums.values())

    @property
    def workers(self) -> int:
        return len(self._quota)

    def finished(self, at: float, worker: int) -> None:
        if worker not in self._quota:
            return
        since, self._marks[worker] = self._marks.get(worker), at
        if since is None:
            return  # begun before the block, or a worker's first
        count, total, squares = self._sums.get(self._groups[worker], (0, 0.0, 0.0))
        seconds = max(at - since, 1e-6)
        self._sums[self._groups[worker]] = count + 1, total + seconds, squares + seconds * seconds
        self._quota[worker] -= 1
        if self._quota[worker] <= 0:
            self._open.discard(worker)

    def rate(self, groups: Collection[Hashable]) -> Rate:
        """Return how fast the workers of these groups were."""
        workers = Counter(self._groups[worker] for worker in self._quota)
        rate = variance = 0.0
        for group, (count, total, squares) in self._sums.items():
            if group in groups:
                mean = total / count
                its = workers[group] / mean
                spread = max(0.0, squares / count - mean * mean) / (mean * mean)
                rate += its
                variance += its * its * spread / count
        return Rate(rate, variance / (rate * rate) if rate else 0.0)


@dataclass(frozen=True, slots=True)
class Rate:
    """Frames per second, and the relative variance of that figure."""

    rate: float
    variance: float
