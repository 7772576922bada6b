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

if TYPE_CHECKING:
    from .machine import Machine

AHEAD = 2
"""Tasks that a worker may hold: one that it renders and the next, so that it never waits for an answer."""


class Assignment:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._attempts = 0
        self._workers = 0

    def spawn(self, at: float) -> None:
        """Start a worker in each open slot that has none, but no more than there is work for."""
        idle = sum(1 for w in self._machine.workers.values() if w.state in AT_WORK and not w.hand)
        needed = self._machine.ledger.counts[TaskState.WAITING] - idle
        for record in self._machine.slots.values():
            if needed <= 0 or self._machine.blame.held(at):
                return
            if record.worker is None and not record.closed and record.not_before <= at:
                self._workers += 1
                record.worker = Worker(self._workers, record, at)
                self._machine.workers[self._workers] = record.worker
                self._machine.record("spawn", worker=self._workers, slot=record.slot.name)
                self._machine.command(Spawn(self._workers, record.slot))
                needed -= 1

    def hand_out(self, at: float) -> None:
        """Give each worker that has room its next task; whoever has none comes first."""
        ready = [
            w
            for w in self._machine.workers.values()
            if w.state is WorkerState.READY and len(w.hand) < AHEAD and not w.slot.resting
        ]
        for worker in ready:
            if not worker.hand:
                self._hand(at, worker)
        for worker in ready:
            # At the end of the job nobody keeps a second task while others could go idle.
            if (
                len(worker.hand) == 1
                and self._machine.ledger.waiting() > len(self._machine.workers)
                and not self._machine.blame.holding()
            ):
                self._hand(at, worker)

    def _hand(self, at: float, worker: Worker) -> None:
        while not self._machine.blame.held(at) and not (
            self._machine.blame.holding() and self._machine.ledger.counts[TaskState.OUT]
        ):
            others = any(w.state in AT_WORK and w.slot is not worker.slot for w in self._machine.workers.values())
            task = self._machine.ledger.take(at, worker.slot.slot.name, alone=not others)
            if task is None:
                return
            if self._machine.blame.too_often(task):
                self._machine.blame.give_up(task)
                continue
            self._attempts += 1
            if not worker.hand:
                worker.since = at
            worker.hand[self._attempts] = Attempt(self._attempts, task)
            self._machine.command(Hand(worker.id, task, self._attempts))
            return
