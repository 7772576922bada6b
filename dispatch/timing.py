# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the time of the frames goes: recent means of the phases, by worker and by device.

Owns the recent phases, bounded in memory; pure. A worker's first frames do not count: kernels, caches and textures
are loaded then. Decides nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from .model import Phases

WARM_UP = 2
"""First frames of a worker that do not count."""

RECENT = 64
"""Frames of a device, and of a worker, that make the means."""

_seconds = attrgetter("evaluate", "sync", "render", "write", "carry")


@dataclass(frozen=True, slots=True)
class Means:
    """Mean seconds of the phases of one frame, and the mean bytes of its pictures."""

    frames: int
    phases: Phases
    size: float


class Timing:
    def __init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._by: dict[int | str, deque[tuple[float, ...]]] = {}
        """The phases' seconds and the bytes of each frame."""

    def rendered(self, worker: int, devices: Iterable[str], phases: Phases, size: int) -> None:
        """Note one frame. ``devices``: ids of those that rendered it together; ``size``: bytes of its pictures."""
        self._seen[worker] = self._seen.get(worker, 0) + 1
        if self._seen[worker] <= WARM_UP:
            return
        keys: tuple[int | str, ...] = (worker, *devices)
        for key in keys:
            self._by.setdefault(key, deque(maxlen=RECENT)).append((*_seconds(phases), size))

    def forget(self, worker: int) -> None:
        """The worker is gone."""
        self._seen.pop(worker, None)
        self._by.pop(worker, None)

    def of_worker(self, worker: int) -> Means | None:
        """Return the means of a worker's recent frames; None before its first one that counts."""
        return self._means(worker)

    def of_device(self, device: str) -> Means | None:
        """Return the means of the recent frames of all workers on a device (its Cycles id); None while unknown."""
        return self._means(device)

    def _means(self, key: int | str) -> Means | None:
        kept = self._by.get(key)
        if not kept:
            return None
        *seconds, size = (sum(column) / len(kept) for column in zip(*kept, strict=True))
        return Means(len(kept), Phases(*seconds), size)
