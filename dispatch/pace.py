# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the job goes: seconds per frame of each worker, frames per second, time left.

Owns recent durations, bounded in memory; pure, time is an argument. Decides nothing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable

WINDOW = 60.0
"""Seconds over which frames per second are counted."""

KEPT = 256
"""Durations kept for the percentile."""

RECENT = 16
"""Durations of one worker that make its seconds per frame."""


class Pace:
    def __init__(self) -> None:
        self._sorted: list[float] = []
        self._kept: deque[float] = deque()
        self._by_worker: dict[int, deque[float]] = {}
        self._ended_at: dict[int, float] = {}
        self._by_device: dict[str, tuple[int, float]] = {}
        self._recent: deque[float] = deque(maxlen=4096)
        self._first: float | None = None

    def rendered(self, seconds: float) -> None:
        """Note how long one frame took from its begin to its whole picture."""
        if len(self._kept) == KEPT:
            del self._sorted[bisect_left(self._sorted, self._kept.popleft())]
        self._kept.append(seconds)
        insort(self._sorted, seconds)

    def finished(self, worker: int, now: float, begun_at: float, devices: Iterable[str] = ()) -> None:
        """Note a frame in place. A worker's time per frame runs from one finish to the next while it is kept busy.

        ``devices``: ids of those that rendered it together.
        """
        since = max(self._ended_at.get(worker, begun_at), begun_at)
        seconds = max(now - since, 1e-6)
        self._ended_at[worker] = now
        self._by_worker.setdefault(worker, deque(maxlen=RECENT)).append(seconds)
        for device in devices:
            count, total = self._by_device.get(device, (0, 0.0))
            self._by_device[device] = count + 1, total + seconds
        if self._first is None:
            self._first = begun_at
        self._recent.append(now)

    def forget(self, worker: int) -> None:
        """The worker is gone."""
        self._by_worker.pop(worker, None)
        self._ended_at.pop(worker, None)

    def usual(self) -> float:
        """95th percentile of the frames' seconds, 0 while unknown."""
        return self._sorted[int(0.95 * (len(self._sorted) - 1))] if self._sorted else 0.0

    def seconds_per_frame(self, worker: int) -> float:
        times = self._by_worker.get(worker)
        return sum(times) / len(times) if times else 0.0

    def of_device(self, device: str) -> tuple[int, float]:
        """Return the frames finished on a device in all, and one worker's mean seconds for one; 0 while unknown."""
        count, total = self._by_device.get(device, (0, 0.0))
        return count, total / count if count else 0.0

    def frames_per_second(self, now: float) -> float:
        """Frames put in place over the last `WINDOW` seconds, 0 while none was."""
        while self._recent and now - self._recent[0] > WINDOW and len(self._recent) > 2:
            self._recent.popleft()
        if self._first is None or not self._recent:
            return 0.0
        begin = (
            self._first
            if len(self._recent) < (self._recent.maxlen or 0) and now - self._first < WINDOW
            else self._recent[0]
        )
        return len(self._recent) / max(now - begin, 1e-6)

    def seconds_left(self, frames: int, now: float) -> float | None:
        """Sum the workers' own rates, so that unequal devices count as what they are; None while unknown."""
        if frames == 0:
            return 0.0
        rates = [1.0 / s for w in self._by_worker if (s := self.seconds_per_frame(w)) > 0]
        rate = sum(rates) or self.frames_per_second(now)
        return frames / rate if rate > 0 else None
