# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory runs short while the job renders: one worker less, and later back again, where it fits with room to spare.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. Whoever took the
memory (another program, workers that grow), the answer is the same; only what the samples say now is believed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from . import auto_words
from .berths import Berths
from .capacity import Capacity, free_vram, short_of_ram, short_of_vram
from .gauges import Sample
from .kinds import Kind
from .model import Device
from .roster import SlotRecord

if TYPE_CHECKING:
    from .machine import Machine

LOOKS = 2
"""Samples in a row that must say that memory is short."""

QUIET = 20.0
"""Seconds until the next worker goes: the last one must be gone first."""

BACK = 60.0
"""Seconds after which a worker may come back, twice as many each time."""

BACK_LOOKS = 5
"""Samples in a row that must have room for it."""

TIMES = 4
"""How often a device's worker goes and comes back at most."""


class Decide(Protocol):
    """Puts a decision into the journal and says it."""

    def __call__(self, decision: str, words: str, **figures: object) -> None: ...


@dataclass(slots=True)
class Lost:
    """Workers that a device has lost to want of memory."""

    memory: str = ""
    not_before: float = 0.0
    times: int = 0
    room: int = 0
    """Samples in a row with room for one."""


class Squeeze:
    def __init__(
        self, machine: Machine, kinds: Sequence[Kind], berths: Berths, capacity: Capacity, decide: Decide
    ) -> None:
        self._machine = machine
        self._kinds = kinds
        self._berths = berths
        self._capacity = capacity
        self._decide = decide
        self._short: Counter[str] = Counter()
        self._quiet: dict[str, float] = {}
        self._lost: dict[str, Lost] = {}

    def may_join(self, at: float, devices: Iterable[Device], memory: str) -> None:
        """These devices have fewer workers than others of their kind for want of memory; one may join after then."""
        for device in devices:
            self._lost.setdefault(device.id, Lost(memory, at, 1))

    def look(self, at: float, sample: Sample, *, trying: bool) -> bool:
        """See whether memory is short, or there is room again; return whether the layout has changed."""
        for device in self._devices():
            if self._is_short(at, device.id, short=short_of_vram(sample, device)) and self._fewer_there(
                at, sample, device
            ):
                return True
        if self._is_short(at, "RAM", short=short_of_ram(sample)):
            return self._less_ram(at, sample)
        return not trying and self._one_back(at, sample)

    def _devices(self) -> list[Device]:
        return [device for kind in self._kinds for device in kind.devices]

    def _is_short(self, at: float, where: str, *, short: bool) -> bool:
        self._short[where] = self._short[where] + 1 if short else 0
        return self._short[where] >= LOOKS and at >= self._quiet.get(where, 0.0)

    # --- one less -------------------------------------------------------------------------------------------------

    def _fewer_there(self, at: float, sample: Sample, device: Device) -> bool:
        records = self._berths.of(device)
        if len(records) < 2:
            return False  # the last one either fits or fails, and then `blame` judges
        card = sample.cards[device.pci or ""]
        self._go(at, device, records[-1], "VRAM", device.id)
        need = self._capacity.vram(device)
        free, total = free_vram(card) or 0, card.vram_total or 0
        words = auto_words.fewer(self._berths.name(device), len(records) - 1, "VRAM", free, total, need)
        self._decide("fewer", words, device=device.id, memory="VRAM", free=free, total=total, need=need)
        return True

    def _less_ram(self, at: float, sample: Sample) -> bool:
        there = [(device, found) for device in self._devices() if (found := self._berths.of(device))]
        if not there or self._machine.recycling.relieves(at):
            return False
        device, records = max(there, key=lambda pair: len(pair[1]))
        if len(records) < 2:
            if len(there) < 2:
                return False
            device, records = there[-1]
        self._go(at, device, records[-1], "RAM", "RAM")
        free, total = sample.ram_available or 0, sample.ram_total or 0
        name, need = self._berths.name(device), self._capacity.ram
        words = auto_words.fewer(name, len(records) - 1, "RAM", free, total, need)
        self._decide("fewer", words, device=device.id, memory="RAM", free=free, total=total, need=need)
        return True

    def _go(self, at: float, device: Device, record: SlotRecord, memory: str, where: str) -> None:
        self._berths.remove(at, [record])
        self._quiet[where] = at + QUIET
        lost = self._lost.setdefault(device.id, Lost())
        lost.memory, lost.times, lost.room = memory, lost.times + 1, 0
        lost.not_before = at + BACK * 2.0 ** (lost.times - 1)

    # --- one more -------------------------------------------------------------------------------------------------

    def _one_back(self, at: float, sample: Sample) -> bool:
        for kind in self._kinds:
            for device in kind.devices:
                lost = self._lost.get(device.id)
                count = len(self._berths.of(device))
                if lost is None or lost.times >= TIMES or count >= kind.level:
                    continue
                if not self._machine.blame.cards.well(device):
                    continue
                room = self._capacity.more_in_vram(sample, device) and self._capacity.more_in_ram(sample)
                lost.room = lost.room + 1 if room else 0
                if lost.room >= BACK_LOOKS and at >= lost.not_before:
                    lost.room = 0
                    self._berths.add(at, [device])
                    words = auto_words.again(self._berths.name(device), count + 1, lost.memory)
                    self._decide("again", words, device=device.id, memory=lost.memory)
                    return True
        return False
