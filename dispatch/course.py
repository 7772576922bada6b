# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the state after every event: work is given out, or the job comes to its end.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .assignment import Assignment
from .events import End
from .ledger import TaskState
from .model import Outcome
from .roster import WorkerState

if TYPE_CHECKING:
    from .machine import Machine


class Course:
    def __init__(self, machine: Machine, assignment: Assignment) -> None:
        self._machine = machine
        self._assignment = assignment
        self._closing = False

    def go_on(self, at: float) -> None:
        """Hand out tasks and start workers, or let them go once nothing is left to do."""
        machine = self._machine
        if not machine.started:
            return
        if not (self._closing or machine.stopping):
            if not machine.paused:
                machine.blame.cards.go_on(at)
                machine.ladder.go_on(at)
                machine.checks.go_on(at, self._assignment.number)
                self._assignment.hand_out(at)
            self._closing = machine.ledger.settled() if machine.paused else self._nothing_left(at)
            if self._closing:
                for worker in list(machine.workers.values()):
                    machine.dismiss(at, worker)
            elif not machine.paused:
                self._assignment.spawn(at)
        if (self._closing or machine.stopping) and not self._alive() and not machine.recovering:
            self._end(at)

    def _alive(self) -> bool:
        """Whether any worker can still do something, if only end."""
        return any(w.state is not WorkerState.UNKILLABLE for w in self._machine.workers.values())

    def _nothing_left(self, at: float) -> bool:
        machine = self._machine
        if machine.ledger.settled():
            return not machine.checks.pending()
        if machine.blame.hold.hopeless:
            return True
        if not machine.open_slots() and not self._alive() and not machine.recovering:
            return not machine.blame.cards.waits()
        return self._only_foreign_claims_left(at)

    def _only_foreign_claims_left(self, at: float) -> bool:
        """Claims of a plain Blender that do not move cannot be waited for without end; claims with an owner can."""
        ledger = self._machine.ledger
        if ledger.waiting() or ledger.counts[TaskState.OUT] or not ledger.elsewhere:
            return False
        owned = any(t.elsewhere for t in ledger.trouble.values())
        return not owned and at - self._machine.last_gain > self._machine.limits.foreign

    def _end(self, at: float) -> None:
        machine = self._machine
        done = machine.ledger.counts[TaskState.DONE]
        if done == machine.ledger.count:
            machine.outcome = Outcome.COMPLETE
        elif machine.stopping:
            machine.outcome = Outcome.STOPPED
        elif not machine.ever_ready and done == machine.found:
            machine.outcome = Outcome.IMPOSSIBLE
        else:
            machine.outcome = Outcome.INCOMPLETE
        machine.blame.sum_up()
        closed = [r.closed for r in machine.slots.values() if r.closed and not r.place]
        if not machine.stopping and machine.ledger.counts[TaskState.WAITING] and closed and not machine.open_slots():
            why = f"No worker is left to render the rest ({closed[-1]})"
            look = "see what the worker's log says, mend it" if "log " in closed[-1] else "mend that"
            machine.tell("error", f"{why}: {look} and resume the job.")
        machine.verdict.end(at)
        machine.command(End(machine.outcome))
