# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast the job goes: seconds per frame of each worker and device, frames per second, the usual longest.

Owns recent durations, bounded in memory; pure, time is an argument. Decides nothing.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable

WINDOW = 60.0
"""Seconds over which frames per second are counted once nobody renders any more."""

MOST = 4096
"""Frames counted there."""

KEPT = 256
"""Durations kept for the percentile."""

RECENT = 16
"""Durations of one worker that make its seconds per frame."""


class Pace:
    def __init__(self) -> None:
        self._sorted: list[float] = []
        self._kept: deque[float] = deque()
        self._by_worker: dict[int, deque[float]] = {}
        self._only_first: set[int] = set()
        """Workers that have finished one frame: it holds more than later ones, and gives way to the second."""
        self._ended_at: dict[int, float] = {}
        self._by_device: dict[str, tuple[int, float]] = {}
        self._recent: deque[float] = deque()
        self._before = 0.0
        """When the frames in ``_recent`` began to be rendered."""

    def rendered(self, seconds: float) -> None:
        """Note how long one frame took from its begin to its whole picture."""
        if len(self._kept) == KEPT:
            del self._sorted[bisect_left(self._sorted, self._kept.popleft())]
        self._kept.append(seconds)
        insort(self._sorted, seconds)

    def finished(self, worker: int, now: float, begun_at: float, devices: Iterable[str] = ()) -> float:
        """Note a frame in place; return the seconds it cost its worker: from one finish to the next while it is kept busy.

        ``devices``: ids of those that rendered it together.
        """
        since = max(self._ended_at.get(worker, begun_at), begun_at)
        seconds = max(now - since, 1e-6)
        self._ended_at[worker] = now
        times = self._by_worker.setdefault(worker, deque(maxlen=RECENT))
        if worker in self._only_first:
            times.clear()
            self._only_first.discard(worker)
        elif not times:
            self._only_first.add(worker)
        times.append(seconds)
        for device in devices:
            count, total = self._by_device.get(device, (0, 0.0))
            self._by_device[device] = count + 1, total + seconds
        if not self._recent:
            self._before = begun_at
        self._recent.append(now)
        while len(self._recent) > MOST or now - self._recent[0] > WINDOW:
            self._before = self._recent.popleft()
        return seconds

    def forget(self, worker: int) -> None:
        """The worker is gone."""
        self._by_worker.pop(worker, None)
        self._only_first.discard(worker)
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
        """Sum what each worker does at present; once nobody is left, frames over the last `WINDOW` seconds of work.

        The sum follows a change of the layout at once, and frames that take minutes do not make it jump. A worker that
        has finished nothing for longer than usual counts for less and less.
        """
        rates = [1.0 / max(self.seconds_per_frame(worker), now - self._ended_at[worker]) for worker in self._by_worker]
        if rates:
            return sum(rates)
        return len(self._recent) / max(self._recent[-1] - self._before, 1e-6) if self._recent else 0.0
