# SPDX-License-Identifier: GPL-3.0-or-later
"""The one slot that is open only for tasks that do not fit elsewhere, and who steps aside for it meanwhile.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. Knows which
devices a place of `rungs` needs; which tasks go there is `ladder`'s to say. Alone is tried soon, because it tells
whether it helps; then twice as many tasks must wait each time. Combined and CPU wait until nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import layout, rungs
from .devices import display_names, gpus
from .memory_told import MemoryTold
from .model import Backend, Device, Slot
from .roster import AT_WORK, SlotRecord, WorkerState
from .small_cards import SmallCards

if TYPE_CHECKING:
    from .machine import Machine

PROCESSOR = Device("CPU", "CPU", Backend.CPU)


@dataclass(frozen=True, slots=True)
class Resort:
    """What may be done for tasks that fit on no card."""

    allowed: tuple[str, ...] = ()
    """Of `rungs.RESORTS`."""
    threads: int = 1
    """CPU threads of a worker that has the machine to itself."""
    climbs: bool = True
    """False: a layout is measured, or the tasks' order matters; nothing but fewer workers is tried."""


class OwnSlot:
    def __init__(self, machine: Machine, resort: Resort, memory: MemoryTold, small: SmallCards) -> None:
        self._machine = machine
        self._resort = resort
        self._memory = memory
        self._small = small
        self._batch: dict[str, int] = {}
        """Place → tasks that must wait there before a slot is opened while others have work."""
        self._broken: set[str] = set()
        self.record: SlotRecord | None = None
        """Open now; None: nobody needs it."""

    def aside(self, record: SlotRecord) -> bool:
        """Whether nobody may work in this slot, because a task has its cards, or the machine, to itself."""
        own = self.record
        if own is None or record is own:
            return False
        return own.place == rungs.ALONE_IN_RAM or bool(cards(own.slot) & cards(record.slot))

    def lets_start(self, record: SlotRecord) -> bool:
        """Whether a worker may be started here now: whoever steps aside for it must be gone."""
        if record is not self.record:
            return not self.aside(record)
        others = (w for w in self._machine.workers.values() if w.state is not WorkerState.UNKILLABLE)
        return not any(self.aside(worker.slot) for worker in others)

    def devices(self, place: str) -> tuple[Device, ...]:
        """Return the devices for a place that needs a slot of its own; none: it needs none, or they are not there."""
        here = devices_of(self._machine)
        cards_here = gpus(here)
        if place in self._broken or not here:
            return ()
        if place.startswith(rungs.ALONE):
            return self._roomiest(card for card in cards_here if card.name == place.removeprefix(rungs.ALONE))
        if place == rungs.ALONE_IN_RAM:
            return self._roomiest(here)
        if place == rungs.TOGETHER:
            return rungs.together(here, self._memory.room)
        allowed = place == rungs.CPU and rungs.CPU in self._resort.allowed and len(cards_here) == len(here)
        return (PROCESSOR,) if allowed else ()

    def _roomiest(self, devices: Iterable[Device]) -> tuple[Device, ...]:
        def merit(device: Device) -> tuple[int, bool]:
            return self._memory.room(device), not self._small.misfit(device)

        return tuple(sorted(devices, key=merit, reverse=True)[:1])

    def go_on(self, at: float) -> None:
        """Open, close, and have others step aside, as the waiting tasks ask for."""
        if self.record and (self.record.closed or not self._needed(self.record)):
            self._close(at, self.record)
        if self.record is None:
            self._open()
        if self.record:
            for worker in list(self._machine.workers.values()):
                if worker.state in AT_WORK and self.aside(worker.slot):
                    self._machine.dismiss(at, worker)

    def _open(self) -> None:
        ledger = self._machine.ledger
        own = [place for place in ledger.places() if self.devices(place)]
        others_wait = ledger.waiting() > sum(map(ledger.waiting_at, own))
        for place in sorted(own, key=lambda place: place in rungs.RESORTS):
            count = ledger.waiting_at(place)
            soon = place not in rungs.RESORTS and count >= self._batch.get(place, 1)
            if soon or not others_wait:
                self._batch[place] = 2 * count
                self.record = self._make(place, self.devices(place))
                return

    def _make(self, place: str, devices: tuple[Device, ...]) -> SlotRecord:
        machine = self._machine
        names = display_names(devices_of(machine))
        name = layout.combined(devices, 0).name if place in rungs.RESORTS else f"{names[devices[0].id]} alone"
        if name in machine.slots and not machine.slots[name].place:
            name += " (big frames)"
        record = machine.slots[name] = SlotRecord(Slot(name, devices, self._resort.threads), place=place)
        machine.record("slot opened", slot=name, why="for frames that do not fit elsewhere")
        return record

    def _needed(self, record: SlotRecord) -> bool:
        machine = self._machine
        held = record.worker is not None and bool(record.worker.hand)
        gone = (attempt for hand in machine.recovering.values() for attempt in hand.values())
        waits = machine.ledger.waiting_at(record.place)
        return held or bool(waits) or any(machine.ledger.place(a.task) == record.place for a in gone)

    def _close(self, at: float, record: SlotRecord) -> None:
        if record.closed and not self._machine.blame.cards.left_out(record.slot):
            self._broken.add(record.place)
        self._machine.close(record, "what did not fit elsewhere is done", level="note")
        if record.worker:
            self._machine.dismiss(at, record.worker)
        self.record = None


def ordinary(machine: Machine) -> list[SlotRecord]:
    """Return the open slots that take any task."""
    return [record for record in machine.open_slots() if not record.place]


def devices_of(machine: Machine) -> list[Device]:
    """Return the devices of the open ordinary slots, each once."""
    return list(dict.fromkeys(device for record in ordinary(machine) for device in record.slot.devices))


def cards(slot: Slot) -> set[str]:
    return {device.card for device in slot.devices}
