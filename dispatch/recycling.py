# SPDX-License-Identifier: GPL-3.0-or-later
"""When a worker starts afresh: its memory grows and will not fit, it has become slow, or it has done its count of frames.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. A worker that is
renewed finishes its frame and goes; the next one in its slot is fresh. By measurement one goes at a time, and only where
its start costs little beside what it has rendered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from . import wording
from .capacity import RAM_KEPT, free_vram, kept_vram, short_of_ram, short_of_vram
from .costs import Kind
from .gauges import Sample
from .growth import Growth
from .model import Device
from .roster import AT_WORK, SlotRecord, Worker, WorkerState
from .slowness import Slowness

if TYPE_CHECKING:
    from .machine import Machine

GROWN = 1.5
"""A worker that has less than so many times its first memory stays as long as memory is not about to run short."""

WARM = 40
"""Frames before which it stays, too: caches may fill that long."""

SHORT_SOON = 0.1
"""Part of its time that a worker's start may have taken where memory runs short before all could be renewed."""

WORTH = 10.0
"""So many times what its start costs a slow worker's successor must save, and one that has grown have left to render."""

LOOK = 2.0
"""Seconds until telemetry looks again, and the next one may go."""

WAIT = 60.0
"""Seconds after which a slot that gets no successor holds up the others no more."""


class Cause(StrEnum):
    """Why a worker is renewed."""

    RAM = "RAM"
    VRAM = "VRAM"
    SLOW = "slow"
    COUNT = "count"
    """The artist wants each Blender to start afresh after so many frames."""


@dataclass(slots=True)
class _Life:
    """What a worker has shown since its start."""

    count: int
    """Frames after which the artist wants it to start afresh; 0: no number."""
    ram: Growth = field(default_factory=Growth)
    vram: Growth = field(default_factory=Growth)
    begun: int = 0
    """Frames; checks do not count."""
    tells: bool = False
    """It tells its own memory, at each frame's end: telemetry looks at any moment of a frame."""


class Recycling:
    def __init__(self, machine: Machine, every: int | None) -> None:
        """``every``: frames after which each worker starts afresh; 0: only by measurement; None: none ever does."""
        self._machine = machine
        self._every = None if every is None else max(0, every)
        self._lives: dict[int, _Life] = {}
        self._slowness = Slowness()
        self._layout: tuple[tuple[str, int], ...] = ()
        """Slots and their threads that the paces are about."""
        self._renewing: tuple[SlotRecord, int, float] | None = None
        """Slot, worker and time of the last renewal by measurement."""
        self._staggered: set[str] = set()
        """Slots whose first worker has its count of frames."""
        self._told: set[Cause] = set()
        self.renewed = 0
        """Workers that started afresh."""

    # --- what the machine tells -----------------------------------------------------------------------------------

    def begun(self, at: float, worker: Worker) -> None:
        """A worker has begun a frame: its last one where that makes up its count."""
        life = self._life(worker)
        life.begun += 1
        if self._every and worker.state is WorkerState.READY and life.begun >= life.count:
            self._renew(at, worker, Cause.COUNT, f"{worker.slot.slot.name} has rendered its count of frames")

    def lets(self, worker: Worker) -> bool:
        """Whether the worker may be given one more task: not where those that it has make up its count."""
        if not self._every:
            return True
        life = self._life(worker)
        return life.begun + sum(not attempt.begun for attempt in worker.hand.values()) < life.count

    def rendered(self, worker: Worker, memory: int) -> None:
        """A worker has rendered a frame. ``memory``: most bytes that it has had, by its own word; 0: not told."""
        life = self._life(worker)
        life.tells = life.tells or memory > 0
        life.ram.add(life.begun, memory)

    def finished(self, at: float, worker: Worker, kind: Kind, seconds: float) -> None:
        """A worker's frame is in place. ``seconds``: that it took."""
        machine = self._machine
        layout = tuple((record.slot.name, record.slot.threads) for record in machine.open_slots())
        if layout != self._layout or (machine.auto is not None and machine.auto.is_measuring(at)):
            self._slowness, self._layout = Slowness(), layout  # who was fast beside fewer others is not slow now
        self._slowness.finished(worker.id, worker.slot.slot.name, kind, seconds)

    def forget(self, worker: int) -> None:
        """The worker is gone."""
        self._lives.pop(worker, None)
        self._slowness.forget(worker)

    def relieves(self, at: float) -> bool:
        """Whether a worker goes just now, so that what it has comes free."""
        return self._under_way(at)

    def look(self, at: float, sample: Sample) -> None:
        """Telemetry has looked at the machine: see who must start afresh."""
        machine = self._machine
        for id, life in self._lives.items():
            if seen := sample.workers.get(id):
                life.vram.add(life.begun, seen.vram or 0)
                life.ram.add(life.begun, 0 if life.tells else seen.memory or 0)
        held = machine.stopping or machine.paused or machine.blame.hold.words
        if self._every is None or held or self._under_way(at) or not machine.ledger.waiting():
            return
        able = [worker for worker in machine.workers.values() if worker.id in self._lives and self._may_go(worker)]
        if not (self._look_at_ram(at, sample, able) or self._look_at_vram(at, sample, able)):
            self._look_at_pace(at, able)

    # --- who goes -------------------------------------------------------------------------------------------------

    def _look_at_ram(self, at: float, sample: Sample, able: Iterable[Worker]) -> bool:
        room = None
        if sample.ram_available is not None and sample.ram_total:
            room = sample.ram_available - RAM_KEPT * sample.ram_total
        grown = [(worker, self._lives[worker.id].ram, 1.0) for worker in able]
        queue = self._queue(worker for worker, growth, _ in grown if growth.per_frame())
        return self._look_at_memory(at, Cause.RAM, grown, room, queue, short=short_of_ram(sample))

    def _look_at_vram(self, at: float, sample: Sample, able: list[Worker]) -> bool:
        queue = self._queue(worker for worker in able if self._lives[worker.id].vram.per_frame())
        cards: dict[str, tuple[Device, list[tuple[Worker, Growth, float]]]] = {}
        for worker in able:
            devices = worker.slot.slot.devices
            for device in devices:
                there = cards.setdefault(device.card, (device, []))[1]
                there.append((worker, self._lives[worker.id].vram, 1.0 / len(devices)))
        for device, grown in cards.values():
            card = sample.cards.get(device.pci or "")
            free = free_vram(card)
            room = None if card is None or free is None else free - kept_vram(card)
            if self._look_at_memory(at, Cause.VRAM, grown, room, queue, short=short_of_vram(sample, device)):
                return True
        return False

    def _look_at_memory(
        self,
        at: float,
        cause: Cause,
        grown: Iterable[tuple[Worker, Growth, float]],
        room: float | None,
        queue: float,
        *,
        short: bool,
    ) -> bool:
        """Renew the worker that has grown most, where that is much or memory will not do until all were renewed.

        Args:
            grown: Workers, what each has there, and the part of it that lies there.
            room: Bytes that they may take still; None: not told.
            queue: Seconds until all that leak could be renewed.
            short: Memory is nearly used up.
        """
        leaks = [(w, growth, part * rate) for w, growth, part in grown if (rate := growth.per_frame()) > 0.0]
        if not leaks:
            return False
        fits = room is None or sum(rate for _, _, rate in leaks) * self._frames_left() <= room
        soon = sum(rate / max(self._seconds(w), 1e-6) for w, _, rate in leaks) * queue
        worker, growth, rate = max(leaks, key=lambda leak: leak[1].grown)
        share = self._share(worker, growth, in_time=fits or room is None or soon <= room)
        last_gasp = short and not fits and growth.most >= GROWN * growth.first
        if not last_gasp and self._cost(worker) > share * (at - worker.born):
            return False
        words = (
            f"Blender on {worker.slot.slot.name} starts afresh: it grows by {wording.size(int(rate))} of {cause} with "
            f"each frame, from {wording.size(growth.first)} to {wording.size(growth.most)}"
            f"{'' if fits else ', and what it would need until the job ends does not fit'}."
        )
        self._renewing = worker.slot, worker.id, at
        self._renew(at, worker, cause, words, memory=growth.most, first=growth.first, per_frame=round(rate))
        return True

    def _share(self, worker: Worker, growth: Growth, *, in_time: bool) -> float:
        """Return the part of a worker's time that its start may have taken; 0: it stays. ``in_time``: memory will do."""
        if not in_time:
            return SHORT_SOON
        limits = self._machine.limits
        much = growth.most >= GROWN * growth.first and growth.grown >= limits.growth * 1e9
        goes_on = self._frames_left() * self._seconds(worker) > WORTH * self._cost(worker)
        return limits.renewal if much and goes_on and self._lives[worker.id].begun >= WARM else 0.0

    def _look_at_pace(self, at: float, able: Iterable[Worker]) -> None:
        worker = max(able, key=lambda w: self._slowness.slower(w.id), default=None)
        if worker is None:
            return
        times = self._slowness.slower(worker.id)
        saved = (1.0 - 1.0 / times) * self._frames_left() * self._seconds(worker)
        cost = self._cost(worker)
        if saved <= WORTH * cost or cost > SHORT_SOON * (at - worker.born):
            return
        words = (
            f"Blender on {worker.slot.slot.name} starts afresh: it needs {times:.1f} × as long for a frame as at its "
            "beginning, and its neighbours do not."
        )
        self._renewing = worker.slot, worker.id, at
        self._renew(at, worker, Cause.SLOW, words, times=round(times, 3))

    # --- small words ----------------------------------------------------------------------------------------------

    def _renew(self, at: float, worker: Worker, cause: Cause, words: str, **figures: object) -> None:
        machine, slot = self._machine, worker.slot.slot.name
        self.renewed += 1
        machine.record("renew", worker=worker.id, slot=slot, cause=cause, frames=worker.begun, words=words, **figures)
        if cause not in self._told and cause is not Cause.COUNT:  # the artist chose the count
            self._told.add(cause)
            machine.tell("note", words)
        machine.dismiss(at, worker)

    def _may_go(self, worker: Worker) -> bool:
        slot = worker.slot
        return worker.state is WorkerState.READY and not (worker.check or slot.resting or slot.closed)

    def _under_way(self, at: float) -> bool:
        """Whether the last worker that was renewed has no successor that renders yet."""
        if self._renewing is None:
            return False
        slot, gone, since = self._renewing
        worker = slot.worker
        over = at - since > WAIT if worker is None else worker.id != gone and worker.finished > 0
        if over or slot.closed:
            self._renewing = None
        return self._renewing is not None

    def _life(self, worker: Worker) -> _Life:
        """Return the worker's life. The slots' first ones have different counts: they are not renewed all at once."""
        if life := self._lives.get(worker.id):
            return life
        count, name = self._every or 0, worker.slot.slot.name
        if name not in self._staggered:
            self._staggered.add(name)
            names = [record.slot.name for record in self._machine.open_slots()]
            place = names.index(name) if name in names else 0
            count -= count * place // max(1, len(names))
        life = self._lives[worker.id] = _Life(count)
        return life

    def _frames_left(self) -> float:
        """Return how many frames each worker has still to render."""
        at_work = sum(worker.state in AT_WORK for worker in self._machine.workers.values())
        return self._machine.ledger.waiting() / max(1, at_work)

    def _queue(self, workers: Iterable[Worker]) -> float:
        """Return the seconds until all these could be renewed, one after another."""
        return sum(self._cost(worker) + 2.0 * self._seconds(worker) + LOOK for worker in workers)

    def _seconds(self, worker: Worker) -> float:
        return self._machine.pace.seconds_per_frame(worker.id)

    def _cost(self, worker: Worker) -> float:
        """Return the seconds of a worker that its renewal takes."""
        costs = self._machine.costs
        return costs.load + costs.first_extra + self._seconds(worker)
