# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that are alike, and what they have done since their workers were last left alone. Pure.

Auto decides for all devices of a kind together, and for one kind after the other. Owns the window in which their
frames are counted, and what Auto has learned of the kind. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from . import auto_words
from .blocks import Block
from .model import Backend, Device

LOOKS = 3
"""Gauges after which the figures of a window mean something."""

WINDOW = 60.0
"""Seconds after which a new window begins: what is decided is about the frames of now."""

ENDLESS = 1 << 30
"""Frames that a worker may finish in a window: it ends by time."""

AT_AN_INSTANT = 1e5
"""Frames per second that are none: all were heard of in one instant, as after the computer slept."""

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
    """Tries of one more that came to nothing."""
    single: bool = False
    """Whether several at once came to nothing."""


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
    single: bool = False
    """Whether several workers at once came to nothing for these frames: one after the other, then."""
    retry_at: float | None = None
    """When what could not be told from noise may be tried again; None: not."""
    said: set[str] = field(default_factory=set)
    """Why nothing is tried at this level, as far as it was said."""
    since: float | None = None
    """Begin of the window; None: none is open."""
    looks: int = 0
    window: Block | None = None
    """What its workers did since then; None: none is open."""
    rested: set[int] = field(default_factory=set)
    """Workers that rested until now: none is opened before each has finished a frame, as until then less is busy."""

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
            self.found, self.failures, self.single = earlier.level, earlier.failures, earlier.single

    def finished(self, at: float, worker: int) -> None:
        """One of its workers has finished a frame."""
        self.rested.discard(worker)
        if self.window is not None:
            self.window.finished(at, worker)

    def look(self, at: float, workers: Collection[int]) -> None:
        """Its workers, all of them, are warm, and nothing has changed since the last look."""
        if not self.rested.isdisjoint(workers):
            return
        if self.since is None or at - self.since > WINDOW:
            self.since, self.looks = at, 0
            self.window = Block(dict.fromkeys(workers, ENDLESS), dict.fromkeys(workers, self.noun), {})
        self.looks += 1

    def disturbed(self, rested: Collection[int] = ()) -> None:
        """What was counted is about another state of things. ``rested``: workers that go on now."""
        self.rested.update(rested)
        self.since, self.looks, self.window = None, 0, None

    def steady(self, workers: int) -> bool:
        """Whether enough was counted with so many workers."""
        return self.window is not None and self.looks > LOOKS and self.window.count > workers and self.rate > 0.0

    @property
    def rate(self) -> float:
        """Frames per second of all of them; 0 while unknown."""
        rate = self.window.rate({self.noun}).rate if self.window else 0.0
        return rate if rate < AT_AN_INSTANT else 0.0

    def cost(self, devices: int) -> float:
        """Return the device seconds of a frame, with so many of them at work."""
        return devices / self.rate if self.rate else 0.0

    def failed(self, retry_at: float | None, more: int = 1) -> None:
        """A try of so many more workers has failed. Of several: fewer may still do good."""
        if more > 1:
            self.single = True
        else:
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
        self.single = False
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
