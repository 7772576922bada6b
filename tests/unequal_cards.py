# SPDX-License-Identifier: GPL-3.0-or-later
"""A world of cards with little and much memory, free or filled by others, whose tasks need as much as the test says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from machine_world import World, limits

from dispatch.events import Gauged, Record, Spawn, Tell
from dispatch.gauges import CardSample, ProcessSample, Sample
from dispatch.ledger import TaskState
from dispatch.machine import Machine
from dispatch.model import Backend, Device, Fault, Layout, Slot
from dispatch.own_slot import Resort
from dispatch.protocol import Begun, Failed
from dispatch.roster import WorkerState

GB = 1 << 30

BESIDE = GB
"""What a worker without a frame holds on its card."""

COMING = (WorkerState.STARTING, WorkerState.LOADING)
"""Holding nothing on a card yet."""

ALWAYS = range(1 << 30)


def card(number: int, size: int) -> Device:
    """Cards of one size are of one kind."""
    return Device(f"CUDA_{number}", f"Card {size} GB", Backend.CUDA, pci=str(number))


class UnequalCards(World):
    """``sizes``: GB of each card, 0: the processor; ``needs``: task → GB; others need one.

    ``neighbours``: card → GB that another program holds there, and for which numbers of settled tasks;
    ``by_process``: the driver tells what each worker holds; ``every``: rounds from one sample to the next.
    """

    def __init__(self, sizes: Sequence[int], needs: Mapping[int, int], *, tasks=20, allowed=(), **settings) -> None:
        self.sizes = sizes
        self.needs = needs
        self.allowed = allowed
        self.per_card = settings.pop("per_card", 1)
        self.tells = settings.pop("tells", True)
        self.linked = settings.pop("linked", False)
        self.neighbours: Mapping[int, tuple[float, range]] = settings.pop("neighbours", {})
        self.by_process = settings.pop("by_process", True)
        self.every = settings.pop("every", 0)
        self.rounds = 0
        self.tries: list[tuple[int, str]] = []
        """(task, slot) of every render, in order."""
        settings.setdefault("limits", limits(together=0.1, backoff=0.1, quarantine=10.0))
        super().__init__(tasks=tasks, slots=len(sizes), **settings)

    def make_machine(self, tasks: int, slots: Layout, **settings) -> Machine:
        return Machine(tasks, slots, resort=Resort(self.allowed, 8), label="frame {}".format, **settings)

    def make_slots(self, count: int) -> Layout:
        devices = [
            card(n, size) if size else Device("CPU", "Processor", Backend.CPU) for n, size in enumerate(self.sizes)
        ]
        return tuple(
            Slot(f"{device.name} #{n} {copy}", (device,), 4)
            for copy in range(1, self.per_card + 1)
            for n, device in enumerate(devices)
        )

    def round(self, without=frozenset()) -> None:
        if self.tells and self.every and self.rounds % self.every == 0:
            self.gauge()
        self.rounds += 1
        super().round(without)

    def _play(self, worker) -> None:
        if self.tells and not self.every:
            self.gauge()
        super()._play(worker)

    def gauge(self) -> None:
        here = self.neighbours and [w for w in self.machine.workers.values() if w.state not in COMING]
        ours = {n: BESIDE * sum(str(n) == d.pci for w in here for d in w.slot.slot.devices) for n in self.neighbours}
        used = {n: GB // 2 + ours.get(n, 0) + int(self.held(n) * GB) for n in range(len(self.sizes))}
        cards = {
            str(n): CardSample(vram_used=used[n], vram_total=size * GB) for n, size in enumerate(self.sizes) if size
        }
        told = here if self.by_process else ()
        workers = {
            w.id: ProcessSample(vram=sum(BESIDE for d in w.slot.slot.devices if d.pci and int(d.pci) in ours) or None)
            for w in told
        }
        self.feed(Gauged(self.now, Sample(workers, cards, ram_total=64 * GB, ram_available=32 * GB)))

    def held(self, number: int) -> float:
        """Return the GB that another program holds on this card now."""
        size, when = self.neighbours.get(number, (0, range(0)))
        counts = self.machine.ledger.counts
        return size if counts[TaskState.DONE] + counts[TaskState.GIVEN_UP] in when else 0

    def finish(self, worker: int) -> None:
        """One task at a time: the cards take turns."""
        if attempt := next(iter(self.machine.workers[worker].hand), None):
            self.do_one(worker, attempt)

    def do_one(self, worker: int, attempt: int) -> None:
        held = self.machine.workers[worker].hand[attempt]
        if held.pictures is None:
            slot = self.machine.workers[worker].slot.slot
            self.tries.append((held.task, slot.name))
            if not self.fits(worker, slot, self.needs.get(held.task, 1)):
                self.say(worker, Begun(attempt))
                self.say(worker, Failed(attempt, Fault.OUT_OF_VRAM, "System is out of GPU memory"))
                return
        super().do_one(worker, attempt)

    def fits(self, worker: int, slot: Slot, need: int) -> bool:
        if any(device.backend is Backend.CPU for device in slot.devices):
            return True
        others = [w.slot.slot.devices for w in self.machine.workers.values() if w.id != worker]
        room = [
            (self.sizes[int(d.pci)] - self.held(int(d.pci))) * GB - BESIDE * sum(d in devices for devices in others)
            for d in slot.devices
        ]
        return need * GB <= (sum(room) if self.linked else min(room))

    def where(self, task: int) -> list[str]:
        """Return the slots in which a task was tried."""
        return [slot for tried, slot in self.tries if tried == task]

    def said(self) -> list[str]:
        return [command.text for command in self.log if isinstance(command, Tell)]

    def spawned(self) -> list[str]:
        return [command.slot.name for command in self.log if isinstance(command, Spawn)]

    def records(self, what: str) -> list[dict]:
        return [command.facts for command in self.log if isinstance(command, Record) and command.what == what]
