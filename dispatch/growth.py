# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether one worker's memory grows from frame to frame, and by how much: told apart from noise and from warming up.

Owns the most that the worker has had, as some points over its whole life. Pure, bounded in memory. Decides nothing.

A leak is even: it goes on at the same rate. The first frames fill caches, a heavy part of the film makes a step, and
the most of noisy figures creeps ever slower: none of these is one.
"""

from __future__ import annotations

from .timing import WARM_UP

KEPT = 32
"""Points; when there are as many, every second one goes."""

LEAST = 16
"""Points before anything is said."""

EVEN = 0.7
"""Part of the latest growth that its slopes must explain: a step is no leak."""

BELOW = 0.4
"""Part of the slopes between any two points that are smaller than the one that counts. Across a single step in the
middle lie a little more than half of them."""

STEADY = 0.7
"""Part of its earlier rate at which it must still grow: what becomes ever slower comes to an end."""


class Growth:
    def __init__(self) -> None:
        self.first = 0
        """Bytes that the worker had when it was warm; 0: not yet known."""
        self.most = 0
        """Most bytes that it has had so far."""
        self._points: list[tuple[int, int]] = []
        self._stride = 1
        self._next = WARM_UP + 1

    @property
    def grown(self) -> int:
        """Bytes that came since it was warm."""
        return self.most - self.first if self.first else 0

    def add(self, frames: int, size: int) -> None:
        """Note what it has after so many frames; 0 bytes: not told."""
        self.most = max(self.most, size)
        if not size or frames < self._next:
            return
        self.first = self.first or self.most
        self._points.append((frames, self.most))
        if len(self._points) == KEPT:
            self._points = self._points[::2]
            self._stride *= 2
        self._next = frames + self._stride

    def per_frame(self) -> float:
        """Return the bytes by which it grows with each frame; 0.0 where nothing shows that it does."""
        if len(self._points) < LEAST:
            return 0.0
        middle = len(self._points) // 2
        late = self._points[middle:]
        (begin, low), (end, high) = late[0], late[-1]
        if high <= low:
            return 0.0
        slopes = sorted((b[1] - a[1]) / (b[0] - a[0]) for n, a in enumerate(late) for b in late[n + 1 :])
        slope = slopes[int(BELOW * len(slopes))]
        start, bottom = self._points[0]
        earlier = (low - bottom) / (begin - start)
        even = slope * (end - begin) >= EVEN * (high - low)
        return slope if even and slope >= STEADY * earlier else 0.0
