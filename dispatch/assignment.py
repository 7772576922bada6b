# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets what next: workers for slots, tasks for workers.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. Owns the
numbering of workers and attempts, which never come again within a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .events import Hand, Spawn
from .ledger import ORDINARY, TaskState
from .roster import AT_WORK, Attempt, SlotRecord, Worker, WorkerState
from .tail import Plan

if TYPE_CHECKING:
    from .machine import Machine

AHEAD = 2
"""Tasks that a worker may hold and has not rendered: the one in hand and the next, so that it never waits for an answer."""

HELD = 4
"""Tasks that a worker may hold in all: the files of rendered ones are carried home beside the next frame."""


class Assignment:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._attempts = 0
        self._workers = 0

    def spawn(self, at: float) -> None:
        """Start a worker in each open slot that has none, but no more than there is work for."""
        machine, ladder = self._machine, self._machine.ladder
        idle = [w.slot for w in machine.workers.values() if w.state in AT_WORK and not w.hand]
        elsewhere = sum(map(machine.ledger.waiting_at, machine.ledger.places()))
        able = sum(1 for record in idle if ladder.is_ordinary(record))
        needed = machine.ledger.counts[TaskState.WAITING] - elsewhere - able
        needed = max(needed, int(machine.checks.wants_worker()))
        if machine.blame.hold.held(at):
            return
        for record in machine.slots.values():
            if record.worker is not None or record.closed or record.not_before > at:
                continue
            # Whoever is idle and serves the same tasks comes first.
            heavy = ladder.waiting(record) and not any(ladder.waiting(other) for other in idle)
            if (heavy or (needed > 0 and ladder.is_ordinary(record))) and ladder.own.lets_start(record):
                self._start(at, record)
                idle.append(record)
                needed -= ladder.is_ordinary(record)

    def _start(self, at: float, record: SlotRecord) -> None:
        self._workers += 1
        record.worker = Worker(self._workers, record, at)
        self._machine.workers[self._workers] = record.worker
        devices = tuple(device.id for device in record.slot.devices)
        self._machine.record("spawn", worker=self._workers, slot=record.slot.name, devices=devices)
        self._machine.command(Spawn(self._workers, record.slot))

    def hand_out(self, at: float) -> None:
        """Give each worker that has room its next task; whoever has none comes first.

        Towards the end a worker gets none that would outlast the job, and no second one while others could go idle.
        """
        machine = self._machine
        if machine.gather:
            slots = machine.open_slots()
            here = sum(1 for r in slots if r.worker and r.worker.state is WorkerState.READY)
            machine.gather = here < min(len(slots), machine.ledger.counts[TaskState.WAITING])
        if machine.gather or not machine.ledger.counts[TaskState.WAITING]:
            return
        at_work = [w for w in machine.workers.values() if w.state in AT_WORK]
        free = {w.id for w in at_work if w.state is WorkerState.READY and not w.check and _has_room(w)}
        if not free:  # as after most events
            return
        crew = [w for w in at_work if not w.slot.resting and machine.ladder.places(w.slot)] or at_work
        able = [w for w in crew if w.id in free and machine.kernels.lets(at, w.id, w.slot.slot)]
        able = [w for w in able if machine.ladder.places(w.slot)]
        if not able:
            return
        plan = Plan(machine, at, crew)
        self._hand_idle(at, [w for w in able if not w.to_render()], plan)
        for worker in able:
            spare = machine.ledger.waiting() > len(crew) and not machine.blame.hold.words
            if spare and _has_room(worker) and plan.far(worker):
                self._hand(at, worker, plan)

    def _hand_idle(self, at: float, idle: list[Worker], plan: Plan) -> None:
        late = [worker for worker in idle if not worker.slot.place and plan.outlasts(worker)]
        served = [self._hand(at, worker, plan) for worker in plan.fastest_first(idle) if worker not in late]
        if served and not all(served):
            # What is left may be a task that those who would be in time must avoid.
            for worker in late:
                self._hand(at, worker, plan)

    def _hand(self, at: float, worker: Worker, plan: Plan) -> bool:
        """Return whether there was a task for this worker."""
        machine = self._machine
        if not machine.kernels.lets(at, worker.id, worker.slot.slot) or not machine.recycling.lets(worker):
            return False
        hold = machine.blame.hold
        while not hold.held(at) and not (hold.words and machine.ledger.counts[TaskState.OUT]):
            task = self._next(at, worker.slot)
            if task is None:
                return False
            if machine.blame.too_often(task):
                machine.blame.give_up(task)
                continue
            if not worker.hand:
                worker.since = at
            number, again = self.number(), task in machine.trust.again
            worker.hand[number] = Attempt(number, task)
            machine.kernels.begins(at, worker.id, worker.slot.slot)
            machine.ladder.handed(worker.slot)
            plan.given(worker)
            machine.command(Hand(worker.id, task, number, again))
            return True
        return False

    def _next(self, at: float, record: SlotRecord) -> int | None:
        """Take the next task for a worker in this slot; where everything seems to fail, one from far away."""
        machine, streak = self._machine, self._machine.blame.hold.streak
        places = machine.ladder.places(record)
        if ORDINARY in places and streak.wants_far() and (far := machine.ledger.take_far()) is not None:
            streak.tried_far(far)
            return far
        at_work = [w.slot for w in machine.workers.values() if w.state in AT_WORK and w.slot is not record]
        for place in places:
            others = [r.seat for r in at_work if not r.resting and place in machine.ladder.places(r)]
            if (task := machine.ledger.take(at, record.seat, others, place)) is not None:
                return task
        return None

    def number(self) -> int:
        """Return the next attempt's number."""
        self._attempts += 1
        return self._attempts


def _has_room(worker: Worker) -> bool:
    return worker.to_render() < AHEAD and len(worker.hand) < HELD
