# SPDX-License-Identifier: GPL-3.0-or-later
"""The workers side by side on one device: which slots there are, one more, one less, who rests, who has how many threads.

A part of the machine under its rules: no clock, no process, no file. Changes the layout by the way on which the artist
changes it (`Machine.lay_out`), so that what is closed and opened is journaled there. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from . import layout
from .devices import display_names
from .kinds import Searched
from .model import Device, Slot
from .roster import SlotRecord, WorkerState

if TYPE_CHECKING:
    from .machine import Machine

MOST = 16
"""Workers on one device: on an H200 with 16 cores a scene that one thread prepares (*serial*) did 1.5 frames/s with four, 2.9
with eight, and left 42 % of the cores idle."""

UNEVEN = 1.3
"""Threads are shared anew when the shares would change by more than this: Cycles starts afresh with another number."""


@dataclass(frozen=True, slots=True)
class Given:
    """What Auto has to work with: the job's devices, and what the artist fixed."""

    devices: tuple[Device, ...]
    cores: int
    """Cores that the job may use."""
    threads: int = 0
    """CPU threads of each worker; 0: `layout.share`."""
    blend_size: int = 0
    searched: Mapping[str, Searched] = field(default_factory=dict)
    """Name of a device → what an earlier run of the job has found for those of that name."""


class Berths:
    def __init__(self, machine: Machine, given: Given) -> None:
        self._machine = machine
        self._given = given
        self._names = display_names(given.devices)

    def of(self, device: Device) -> list[SlotRecord]:
        """Return the open slots of a device, in the order in which they joined it."""
        found = (self._machine.slots.get(self._name(device, copy)) for copy in range(1, MOST + 1))
        return [record for record in found if record and not record.closed]

    def name(self, device: Device) -> str:
        """Return what people call the device."""
        return self._names[device.id]

    def add(self, at: float, devices: Iterable[Device]) -> list[SlotRecord]:
        """Open one more slot on each device; return them."""
        there = [record.slot for record in self._machine.open_slots()]
        wanted = list(devices)
        threads = self._threads([*(slot.devices for slot in there), *((device,) for device in wanted)])
        taken = {slot.name for slot in there}
        new: list[Slot] = []
        for device in wanted:
            names = (self._name(device, copy) for copy in range(1, MOST + 1))
            if free := next((name for name in names if name not in taken), None):
                new.append(Slot(free, (device,), threads))
                taken.add(free)
        self._machine.lay_out(at, (*there, *new))
        return [self._machine.slots[slot.name] for slot in new]

    def remove(self, at: float, records: Collection[SlotRecord]) -> None:
        """Close these slots; their workers finish what they have begun."""
        gone = {record.slot.name for record in records}
        self.rest(records, resting=False)
        self._machine.lay_out(at, tuple(r.slot for r in self._machine.open_slots() if r.slot.name not in gone))

    def combine(self, at: float) -> None:
        """Render with all devices as one from now on."""
        self._machine.lay_out(at, (layout.combined(self._given.devices, self._threads([self._given.devices])),))

    def share_threads(self, at: float) -> None:
        """Give each worker its share of the cores, where that is far from what it has."""
        there = [record.slot for record in self._machine.open_slots()]
        share = self._threads([slot.devices for slot in there])
        ratios = [max(slot.threads, share) / min(slot.threads, share) for slot in there if slot.threads]
        if max(ratios, default=1.0) > UNEVEN:
            self._machine.lay_out(at, tuple(replace(slot, threads=share) for slot in there))

    def rest(self, records: Iterable[SlotRecord], *, resting: bool) -> None:
        for record in records:
            record.resting = resting

    def _name(self, device: Device, copy: int) -> str:
        return layout.copy_name(self._names[device.id], copy)

    def _threads(self, slots: Sequence[tuple[Device, ...]]) -> int:
        return self._given.threads or layout.share(slots, self._given.cores, len(slots))


def ready(record: SlotRecord) -> bool:
    return record.worker is not None and record.worker.state is WorkerState.READY
