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

RENEWALS = 3
"""How often it is measured again, because frames became others, whether the last worker still pays."""

FAILURES = 2
"""Failed tries after which one more is made at most, and only for other frames."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What Auto had found for devices of one name when the job was interrupted."""

    level: int
    """Workers on each."""
    failures: int = 0
    """Tries of more that came to nothing."""


@dataclass(slots=True)
class Kind:
    noun: str
    """What people call one of them."""
    devices: tuple[Device, ...]
    level: int = 1
    """Workers on each of them, as last decided."""
    doubtful: bool = False
    """Whether it was never measured, for these frames, that the last of them pays."""
    found: int = 0
    """Workers on each that an earlier run of this job has found to pay, and that are still to be started; 0: none."""
    failures: int = 0
    renewals: int = 0
    """How often frames became others."""
    others: bool = False
    """Whether frames have become others since the last try."""
    known_cost: float = 0.0
    """Device seconds of a frame when something was decided last; 0: not yet known."""
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
    def name(self) -> str:
        """What the driver calls one of them."""
        return self.devices[0].name

    @property
    def on_cpu(self) -> bool:
        return self.devices[0].backend is Backend.CPU

    def begin(self, level: int, earlier: Searched | None) -> None:
        """The job begins with so many workers on each, or goes on. ``earlier``: what is known from an earlier run."""
        self.level = level
        self.doubtful = level > 1 and not self.on_cpu and (earlier is None or earlier.level < level)
        if earlier:
            self.found, self.failures = earlier.level, earlier.failures

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
        return self.looks > LOOKS and self._count > 2 * workers and self.rate > 0.0

    @property
    def rate(self) -> float:
        """Frames per second of all of them; 0 while unknown."""
        passed = self._last - self._first
        return (self._count - 1) / passed if self._count > 1 and passed > 0 else 0.0

    def cost(self, devices: int) -> float:
        """Return the device seconds of a frame, with so many of them at work."""
        return devices / self.rate if self.rate else 0.0

    def failed(self, retry_at: float | None) -> None:
        """A try has failed."""
        self.failures += 1
        self.retry_at = retry_at

    def decided(self, cost: float) -> None:
        """Something was decided about frames that cost so many device seconds."""
        self.doubtful = self.others = False
        self.known_cost = cost
        self.said = set()

    def became_others(self, cost: float) -> bool:
        """Note what frames cost now; return whether that is so much more or less that what was learned is void."""
        before, self.known_cost = self.known_cost, self.known_cost or cost
        if not before or max(cost, before) <= OTHER_FRAMES * min(cost, before):
            return False
        self.renewals += 1
        self.others = True
        self.doubtful = self.level > 1 and not self.on_cpu and self.renewals <= RENEWALS
        self.known_cost = 0.0  # the window has frames of both sorts: the next one tells
        self.said = set()
        self.disturbed()
        return True

    def may_try(self, at: float) -> bool:
        """Whether earlier failures allow another try."""
        if not self.failures or (self.others and self.failures <= FAILURES):
            return True
        return self.failures < FAILURES and self.retry_at is not None and at >= self.retry_at


def kinds(devices: Sequence[Device]) -> list[Kind]:
    """Return the kinds among these devices; cards of one name and backend are alike."""
    found: dict[tuple[str, Backend], list[Device]] = {}
    for device in devices:
        name = "CPU" if device.backend is Backend.CPU else device.name
        found.setdefault((name, device.backend), []).append(device)
    gpus = [name for name, backend in found if backend is not Backend.CPU]
    return [Kind(auto_words.noun(gpus, name), tuple(those)) for (name, _), those in found.items()]
