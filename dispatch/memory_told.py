# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readings tell of memory: how much a card has, how much of it others hold, whether want of RAM killed. Pure.

Owns only the questions; a card's memory is remembered, because readings may stop. What nobody told is 0. What other
programs hold is what is used on a card beyond what our workers hold there; where the driver does not tell it by process
(Windows, containers), it is what was used when none of ours had loaded there, and at most what is used now.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from .capacity import VRAM_DISPLAY, short_of_ram
from .devices import gpus
from .gauges import Sample
from .model import Device, Fault
from .readings import Readings
from .roster import Worker, WorkerState

JUST_NOW = 10.0
"""Seconds back for which a shortage of RAM explains a killed worker: its memory is free again at once."""

OTHERS = 0.1
"""Part of a card's memory up to which others do not count, nor below what a desktop takes: equal cards stay equal."""

LATELY = 20.0
"""Seconds for which a card's room is not lost yet: the memory of a process that died is taken for another's."""

BITS = 4
"""Of a room that counts: one that goes up and down a little stays the same, and can only grow so many times."""

LEAST = 256 << 20
"""Bytes below which a card has no room for anything."""


class MemoryTold:
    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._totals: dict[str, int] = {}
        self._seen: Sample | None = None
        self._by_process = False
        """The driver has told what a worker of ours holds."""
        self._others: dict[str, deque[tuple[float, int]]] = {}
        """Card → (when, bytes that others held), latest last."""
        self._suspects: set[str] = set()
        """Cards that others seem to have filled."""

    def look(self, at: float, workers: Collection[Worker]) -> None:
        """Learn from the last sample, if it is new. ``workers``: ours that are there now."""
        last = self._readings.last
        if last is None or last is self._seen:
            return
        self._seen = last
        if not last.workers.keys() <= {worker.id for worker in workers}:
            return  # one is gone, and nobody knows on which card its memory was
        self._by_process = self._by_process or any(seen.vram for seen in last.workers.values())
        ours: dict[str, int] = {}
        loaded: set[str] = set()
        for worker in workers:
            devices, seen = worker.slot.slot.devices, last.workers.get(worker.id)
            for device in devices:
                if worker.state not in (WorkerState.STARTING, WorkerState.LOADING):
                    loaded.add(device.card)
                if seen and seen.vram:
                    ours[device.card] = ours.get(device.card, 0) + seen.vram // len(devices)
        for name, card in last.cards.items():
            if card.vram_used is None:
                continue
            kept = self._others.setdefault(name, deque(maxlen=int(LATELY)))
            held = card.vram_used
            if self._by_process:
                held = max(0, held - ours.get(name, 0))
            elif name in loaded:
                held = min(held, kept[-1][1] if kept else 0)
            kept.append((at, held))

    def total(self, device: Device) -> int:
        """Bytes of the device's memory."""
        last = self._readings.last
        card = last.cards.get(device.pci or "") if last else None
        if card and card.vram_total:
            self._totals[device.card] = card.vram_total
        return self._totals.get(device.card, 0)

    def others(self, device: Device) -> int:
        """Bytes of it that other programs hold; 0: not known, or so few that they do not count."""
        kept = self._others.get(device.card)
        return self._counted(device, kept[-1][1]) if kept else 0

    def room(self, device: Device) -> int:
        """Bytes of the device's memory without what others hold, roughly: frames are sent where most is."""
        total = self.total(device)
        if device.card in self._suspects:
            return 1 if total else -1
        return _rough(total, self.others(device))

    def lately(self, at: float, device: Device) -> int:
        """Return the most room that it has had in the last seconds."""
        kept = self._others.get(device.card, ())
        held = min((self._counted(device, held) for when, held in kept if when >= at - LATELY), default=None)
        known = held is not None and device.card not in self._suspects
        return _rough(self.total(device), held or 0) if known else self.room(device)

    def tells_others(self, device: Device) -> bool:
        """Whether the driver tells what others hold of the device."""
        return self._by_process and self.total(device) > 0

    def suspect(self, device: Device) -> None:
        """Others seem to have filled the device, though nobody tells: it has no room, below all that are not known."""
        self._suspects.add(device.card)

    def trust(self, device: Device) -> None:
        """There is room on the device."""
        self._suspects.discard(device.card)

    def _counted(self, device: Device, held: int) -> int:
        return held if held > max(VRAM_DISPLAY, OTHERS * self.total(device)) else 0

    def was_free(self, device: Device, since: float) -> int:
        """Most bytes that were free on the device since then."""
        seen = (sample.cards.get(device.pci or "") for sample in self._readings.since(since))
        used = [card.vram_used for card in seen if card and card.vram_used is not None]
        return max(0, self.total(device) - min(used)) if used else 0

    def ram(self) -> tuple[int, int]:
        """Return the bytes of RAM that are free, and all of them."""
        last = self._readings.last
        return (last.ram_available or 0, last.ram_total or 0) if last else (0, 0)

    def short_of_ram(self, at: float) -> bool:
        """Whether RAM was nearly used up just now."""
        return any(map(short_of_ram, self._readings.since(at - JUST_NOW)))

    def which(self, at: float, worker: Worker, fault: Fault) -> Fault:
        """Return what a fault of this worker is called now: where the words do not tell which memory, the readings do."""
        if fault is not Fault.OUT_OF_MEMORY:
            return fault
        on_card = gpus(worker.slot.slot.devices)
        return Fault.OUT_OF_VRAM if on_card and not self.short_of_ram(at) else Fault.OUT_OF_RAM

    def why_killed(self, at: float, kills: int | None) -> str:
        """Return what RAM has to do with a worker that was killed just now; empty: nothing that is known.

        Args:
            kills: `Sample.oom_kills` right after that.
        """
        samples = self._readings.since(at - JUST_NOW)
        if kills is not None and any(s.oom_kills is not None and s.oom_kills < kills for s in samples):
            return "the system killed it for want of RAM"
        return "RAM was nearly used up when it was killed" if self.short_of_ram(at) else ""


def _rough(total: int, others: int) -> int:
    if not total or not others:
        return total
    room = total - others
    return room - room % (1 << room.bit_length() - BITS) if room >= LEAST else 1
