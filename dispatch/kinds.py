# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that are alike, and what they have done since their workers were last left alone. Pure.

Auto decides for all devices of a kind together, and for one kind after the other. Owns the window in which their
frames are counted, and what Auto has learned of the kind. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from . import auto_words
from .model import Backend, Device

LOOKS = 3
"""Gauges after which the figures of a window mean something."""

WINDOW = 60.0
"""Seconds after which a new window begins: what is decided is about the frames of now."""

OTHER_FRAMES = 2.0
"""Frames that cost so many times as much, or as little, are others: what was learned before does not hold."""

FAILURES = 2
"""Failed tries after which one more is made at most, and only for other frames."""


@dataclass(slots=True)
class Kind:
    noun: str
    """What people call one of them."""
    devices: tuple[Device, ...]
    level: int = 1
    """Workers on each of them, as last decided."""
    doubtful: bool = False
    """Whether it was never measured, for these frames, that the last of them pays."""
    failures: int = 0
    failed_cost: float = 0.0
    """Device seconds of a frame when a try failed last; 0: none has."""
    kept_cost: float = 0.0
    """The same since the level was last decided."""
    retry_at: float | None = None
    """When what could not be told from noise may be tried again; None: not."""
    said: set[str] = field(default_factory=set)
    """Why nothing is tried at this level, as far as it was said."""
    since: float | None = None
    """Begin of the window; None: none is open."""
    looks: int = 0
    _first: float = 0.0
    _last: float = 0.0
    _count: int = 0

    @property
    def on_cpu(self) -> bool:
        return self.devices[0].backend is Backend.CPU

    def finished(self, at: float) -> None:
        """One of its workers has finished a frame."""
        if self.since is not None:
            self._first = self._first if self._count else at
            self._last = at
            self._count += 1

    def look(self, at: float) -> None:
        """Every worker is warm and nothing has changed since the last look."""
        if self.since is None or at - self.since > WINDOW:
            self.since, self.looks, self._count = at, 0, 0
        self.looks += 1

    def disturbed(self) -> None:
        """What was counted is about another state of things."""
        self.since, self.looks, self._count = None, 0, 0

    def steady(self, workers: int) -> bool:
        """Whether enough was counted with so many workers."""
        return self.looks > LOOKS and self._count > 2 * workers

    @property
    def rate(self) -> float:
        """Frames per second of all of them; 0 while unknown."""
        passed = self._last - self._first
        return (self._count - 1) / passed if passed > 0 else 0.0

    def cost(self, devices: int) -> float:
        """Return the device seconds of a frame, with so many of them at work."""
        return devices / self.rate if self.rate else 0.0

    def failed(self, cost: float, retry_at: float | None) -> None:
        """A try has failed. ``cost``: a frame's device seconds before it."""
        self.failures += 1
        self.failed_cost, self.retry_at = cost, retry_at

    def may_try(self, at: float, cost: float) -> bool:
        """Whether earlier failures allow another try."""
        if not self.failures:
            return True
        if self.failures < FAILURES and self.retry_at is not None and at >= self.retry_at:
            return True
        return self.failures <= FAILURES and others(cost, self.failed_cost)


def others(cost: float, before: float) -> bool:
    """Whether these frames cost so much more or less that they count as others; False while one is unknown."""
    return min(cost, before) > 0 and max(cost, before) > OTHER_FRAMES * min(cost, before)


def kinds(devices: Sequence[Device]) -> list[Kind]:
    """Return the kinds among these devices; cards of one name and backend are alike."""
    found: dict[tuple[str, Backend], list[Device]] = {}
    for device in devices:
        name = "CPU" if device.backend is Backend.CPU else device.name
        found.setdefault((name, device.backend), []).append(device)
    gpus = [name for name, backend in found if backend is not Backend.CPU]
    return [Kind(auto_words.noun(gpus, name), tuple(those)) for (name, _), those in found.items()]
