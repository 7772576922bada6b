# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets what next: workers for slots, tasks for workers.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. Owns the
numbering of workers and attempts, which never come again within a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .events import Hand, Spawn
from .ledger import TaskState
from .roster import AT_WORK, Attempt, Worker, WorkerState
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
        idle = sum(1 for w in self._machine.workers.values() if w.state in AT_WORK and not w.hand)
        needed = max(self._machine.ledger.counts[TaskState.WAITING] - idle, int(self._machine.checks.wants_worker()))
        for record in self._machine.slots.values():
            if needed <= 0 or self._machine.blame.held(at):
                return
            if record.worker is None and not record.closed and record.not_before <= at:
                self._workers += 1
                record.worker = Worker(self._workers, record, at)
                self._machine.workers[self._workers] = record.worker
                devices = tuple(device.id for device in record.slot.devices)
                self._machine.record("spawn", worker=self._workers, slot=record.slot.name, devices=devices)
                self._machine.command(Spawn(self._workers, record.slot))
                needed -= 1

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
        crew = [w for w in at_work if not w.slot.resting] or at_work
        ready = [w for w in crew if w.state is WorkerState.READY and not w.check]
        able = [w for w in ready if _has_room(w) and machine.kernels.lets(at, w.id, w.slot.slot)]
        if not able:
            return
        plan = Plan(machine, at, crew)
        self._hand_idle(at, [w for w in able if not w.to_render()], plan)
        for worker in able:
            spare = machine.ledger.waiting() > len(crew) and not machine.blame.holding()
            if spare and _has_room(worker) and plan.far(worker):
                self._hand(at, worker, plan)

    def _hand_idle(self, at: float, idle: list[Worker], plan: Plan) -> None:
        late = [worker for worker in idle if plan.outlasts(worker)]
        served = [self._hand(at, worker, plan) for worker in plan.fastest_first(idle) if worker not in late]
        if served and not all(served):
            # What is left may be a task that those who would be in time must avoid.
            for worker in late:
                self._hand(at, worker, plan)

    def _hand(self, at: float, worker: Worker, plan: Plan) -> bool:
        """Return whether there was a task for this worker."""
        if not self._machine.kernels.lets(at, worker.id, worker.slot.slot):
            return False
        while not self._machine.blame.held(at) and not (
            self._machine.blame.holding() and self._machine.ledger.counts[TaskState.OUT]
        ):
            at_work = (w.slot for w in self._machine.workers.values() if w.state in AT_WORK)
            others = any(slot is not worker.slot and not slot.resting for slot in at_work)
            task = self._machine.ledger.take(at, worker.slot.slot.name, alone=not others)
            if task is None:
                return False
            if self._machine.blame.too_often(task):
                self._machine.blame.give_up(task)
                continue
            if not worker.hand:
                worker.since = at
            number, again = self.number(), task in self._machine.trust.again
            worker.hand[number] = Attempt(number, task)
            self._machine.kernels.begins(at, worker.id, worker.slot.slot)
            plan.given(worker)
            self._machine.command(Hand(worker.id, task, number, again))
            return True
        return False

    def number(self) -> int:
        """Return the next attempt's number."""
        self._attempts += 1
        return self._attempts


def _has_room(worker: Worker) -> bool:
    return worker.to_render() < AHEAD and len(worker.hand) < HELD
