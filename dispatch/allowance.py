# SPDX-License-Identifier: GPL-3.0-or-later
"""What checks of persistent data may cost: a share of the job's work, done and foreseen, in seconds of one worker.

Owns the sums, pure; times come as arguments. What is checked, and when, is decided in `trust`.
"""

from __future__ import annotations

AT_ONCE = 0.1
"""Part of the allowance that may be spent at the beginning: what is found early costs fewest frames. The rest comes as
the job goes on, since old data shows most after many frames."""

FASTEST = 2.0
"""Checks take no larger part of the work at any time than so many times their share: what was saved up while Auto
compared is not spent at once, one check after the other, with a worker missing for minutes."""

LEAST_FRAMES = 4
"""Finished frames before which nothing can be foreseen."""


class Allowance:
    def __init__(self, share: float) -> None:
        """``share``: 0.01 for a hundredth of the work."""
        self._share = share
        self._work = 0.0
        self._frames = 0
        self._first = 0.0
        self._loads = 0
        self._loading = 0.0
        self._spent = 0.0
        self._last: float | None = None
        """Work that was done when the last check ended; None: there was none."""

    @property
    def load(self) -> float:
        """Mean seconds from a worker's start to its loaded scene; 0 while unknown."""
        return self._loading / self._loads if self._loads else 0.0

    @property
    def frame(self) -> float:
        """Mean seconds of a frame; 0 while unknown."""
        return self._work / self._frames if self._frames else 0.0

    def loaded(self, seconds: float) -> None:
        """Note how long a worker took from its start to its loaded scene."""
        self._loads += 1
        self._loading += seconds

    def rendered(self, seconds: float, *, first: bool) -> None:
        """Note a frame. A worker's ``first`` one costs what a check costs; the slowest ones compiled kernels."""
        self._work += seconds
        self._frames += 1
        if first:
            self._first = min(self._first or seconds, seconds)

    def spend(self, seconds: float) -> None:
        """Note what a check has cost."""
        self._spent += seconds
        self._last = self._work

    def covers(self, tasks: int, workers: int, *, load: bool) -> bool:
        """Whether one more check may be made, and does not outlast the job.

        Args:
            tasks: Those that are not finished.
            workers: Those that render.
            load: A worker is started only for the check.
        """
        if self._frames < LEAST_FRAMES or not self._loads:
            return False
        cost = (self.load if load else 0.0) + max(self._first, self.frame)
        if self._last is not None and cost > FASTEST * self._share * (self._work - self._last):
            return False
        left = tasks * self.frame
        whole = self._work + left
        may = self._share * whole * (AT_ONCE + (1.0 - AT_ONCE) * self._work / whole) if whole > 0 else 0.0
        return self._spent + cost <= may and left / max(1, workers) > 2.0 * cost
