# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's judgement of failures: what counts against a task, a slot, a card, and what against nobody.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. It applies the
table in `faults`; it owns the hold (nothing can succeed) and the memory of recent ends. Cards are judged in `quarantine`,
want of memory in `ladder`.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .events import WorkerEnded
from .faults import RULES, WRITE_STRIKES
from .fit_words import reason, tail
from .hold import Hold
from .model import Fault
from .quarantine import Quarantine
from .roster import AT_WORK, Attempt, Worker
from .telling import FIRST
from .wording import count, names

if TYPE_CHECKING:
    from .machine import Machine

EVENTS_IN_A_ROW = 3
"""Machine events without a finished frame in between that are believed."""

KILLS = 3
"""Machine events with killed workers after which there is one worker fewer, where nobody tells how much RAM is free."""


@dataclass(frozen=True, slots=True)
class RecentEnd:
    """A worker's unexpected end, kept until it is clear that it was no machine event."""

    at: float
    worker: Worker
    deaths: float
    task: int | None
    weight: float
    killed: bool


class Blame:
    def __init__(self, machine: Machine, retries: int) -> None:
        self._machine = machine
        self._retries = retries
        self.cards = Quarantine(machine)
        self.hold = Hold(machine)
        self._ends: deque[RecentEnd] = deque()
        self._kills = 0
        """Machine events in which workers were killed."""
        self._last_worker: dict[int, int] = {}
        """Task that failed → the worker that tried it last: its log tells more."""
        self._event_at = float("-inf")
        self._events = 0
        self._unwritten: set[int] = set()
        self._ever_succeeded = False
        self._given_up: list[int] = []

    def succeeded(self, worker: Worker) -> None:
        """A task was put in place."""
        self._unwritten.clear()
        self._events = 0
        self._ever_succeeded = True
        self.cards.good_frame(worker.slot.slot)
        self.hold.succeeded()

    # --- failed attempts ------------------------------------------------------------------------------------------

    def attempt_failed(self, at: float, worker: Worker, attempt: Attempt, fault: Fault, words: str) -> None:
        """A child reports that an attempt failed; it can render on."""
        fault = self._machine.ladder.memory.which(at, worker, fault)
        machine, rule = self._machine, RULES[fault]
        machine.record("failed", task=attempt.task, attempt=attempt.id, worker=worker.id, fault=fault, words=words)
        self._unwritten = self._unwritten | {attempt.task} if fault is Fault.CANNOT_WRITE else set()
        if rule.hold or len(self._unwritten) >= WRITE_STRIKES or (self.hold.words and fault is Fault.CANNOT_WRITE):
            self.hold.on(at, worker, words)
            machine.ledger.give_back(attempt.task, self.hold.until)
            return
        if rule.streak and self.hold.everything_fails(at, worker, attempt.task, fault, words):
            machine.ledger.give_back(attempt.task, self.hold.until)
            return
        if rule.ladder and machine.ladder.failed(at, worker, attempt.task, fault, words):
            machine.ledger.blame(attempt.task, 0.0, reason(fault, words))
            machine.ledger.give_back(attempt.task, at + machine.limits.backoff)
            return
        # Whatever the kind: a try that costs nothing would be tried for ever.
        self._charge(attempt.task, worker, rule.task or 1.0, fault, words)
        if not self.too_often(attempt.task):
            where = f"{_capital(machine.label(attempt.task))} failed on {worker.slot.slot.name}"
            said = f"{where} ({reason(fault, words)}); it is tried again"
            machine.tell("warning", said, like=f"failed {fault}", worker=worker.id)
        if rule.card:
            if worker.state in AT_WORK:
                self.cards.strike(at, worker.slot.slot, tail(words))
            # A driver's error stays with the process: a fresh one must try next.
            worker.slot.not_before = at + machine.limits.backoff
            machine.dismiss(at, worker)
        elif rule.elsewhere and worker.finished and self._nobody_else_is_left(attempt.task):
            machine.dismiss(at, worker)  # the last try is not made by a process that may be to blame itself
        machine.ledger.give_back(attempt.task, self.next_try(at, attempt.task))

    def why(self, event: WorkerEnded, worker: Worker) -> tuple[Fault, str]:
        """Return what a worker's end is called: by whoever ended it, its exit status and log, and the memory."""
        fault, words = worker.sentence or (event.fault or Fault.UNKNOWN, event.words)
        memory = self._machine.ladder.memory
        from_outside = fault is Fault.KILLED and not worker.dismissed
        if from_outside and (want := memory.why_killed(event.at, event.oom_kills)):
            return Fault.OUT_OF_RAM, want
        return memory.which(event.at, worker, fault), words

    def worker_ended(self, at: float, worker: Worker, fault: Fault, words: str) -> None:
        """A worker ended that was not asked to."""
        machine, record = self._machine, worker.slot
        if fault is Fault.SCENE and not (worker.pid or worker.sentence):
            # It was not even started, and the next one would not be either.
            machine.close(record, words)
            return
        rule, current = RULES[fault], worker.in_frame()
        where = f" in {machine.label(current.task)}" if current else ""
        spent = current and not rule.ladder and machine.ledger.blamed(current.task) + rule.task > self._retries
        again = "that was its last try" if spent else "the frame is tried again"
        follows = again if current else "another one is started"
        said = f"The worker on {record.slot.name} ended{where} ({reason(fault, words)}); {follows}"
        if fault is Fault.CANNOT_START and not worker.pid:
            said = f"No worker can be started on {record.slot.name} now{tail(words)}; it is tried again"
        machine.tell("warning", said, like=f"ended {fault}", worker=worker.id)
        if rule.hold:
            self.hold.on(at, worker, reason(fault, words))
            return
        if rule.streak and current and self.hold.everything_fails(at, worker, current.task, fault, words):
            return
        if rule.ladder and self._climbs(at, worker, current, fault, words):
            return
        # A script that ends Blender in one frame says nothing about the scene's other frames.
        record.deaths += rule.task if current and fault is Fault.SCENE else rule.slot
        record.not_before = at + (self._pause(record.deaths) if worker.finished == 0 else 0.0)
        if current:
            self._charge(current.task, worker, rule.task, fault, words)
        if rule.card:
            self.cards.strike(at, record.slot, tail(words))
        if worker.sentence is None and rule.together and self._ever_succeeded:
            task, killed = current.task if current else None, fault is Fault.KILLED
            self._ends.append(RecentEnd(at, worker, rule.slot, task, rule.task, killed))
            self._look_for_machine_event(at)
        if record.deaths >= machine.limits.deaths:
            why = f"Blender ended there again and again ({reason(fault, words)})"
            if fault is Fault.CANNOT_START and not worker.pid:
                why = f"Blender cannot be started there{tail(words)}"
            machine.close(record, why, worker=worker.id)

    def _climbs(self, at: float, worker: Worker, current: Attempt | None, fault: Fault, words: str) -> bool:
        """A worker ended for want of memory: return whether that is no fault of its slot."""
        machine = self._machine
        if current is None:
            return machine.ladder.fewer(at, worker, fault, words)
        if not machine.ladder.failed(at, worker, current.task, fault, words):
            return False
        machine.ledger.blame(current.task, 0.0, reason(fault, words))
        worker.slot.not_before = at + machine.limits.backoff
        return True

    def _look_for_machine_event(self, at: float) -> None:
        """Ends of several workers at once (driver reset, sleep, OOM killer) are no fault of frames or cards.

        A task that ended two workers is no coincidence, and a machine on which nothing succeeds any more is no event.
        """
        machine = self._machine
        while self._ends and at - self._ends[0].at > machine.limits.together:
            self._ends.popleft()
        tasks = Counter(e.task for e in self._ends if e.task is not None)
        ends = [e for e in self._ends if e.task is None or tasks[e.task] < 2]
        alive = sum(1 for w in machine.workers.values() if w.state in AT_WORK)
        slots = {id(e.worker.slot) for e in ends}
        goes_on = at - self._event_at <= machine.limits.together
        if self._events >= EVENTS_IN_A_ROW or (not goes_on and (len(slots) < 2 or len(slots) < alive)):
            return
        if not goes_on:
            self._events += 1
            self._event_at = at
            machine.tell("warning", f"{len(slots)} workers ended together: blaming the machine, not the frames")
            self._one_fewer(at, [end.worker for end in ends if end.killed])
        for end in ends:
            record = end.worker.slot
            record.deaths = max(0.0, record.deaths - end.deaths)
            record.not_before = at + machine.limits.backoff
            self.cards.forgive(at, record.slot)
            if end.task is not None:
                machine.ledger.forgive(end.task, end.weight)
            self._ends.remove(end)

    def _one_fewer(self, at: float, killed: list[Worker]) -> None:
        """Workers killed together again and again look like the out-of-memory killer, unless somebody saw free RAM."""
        self._kills += bool(killed)
        if killed and self._kills % KILLS == 0 and not self._machine.ladder.memory.ram()[1]:
            words = f"workers were killed together {self._kills} times"
            self._machine.ladder.fewer(at, killed[-1], Fault.OUT_OF_RAM, words)

    # --- tasks ----------------------------------------------------------------------------------------------------

    def _charge(self, task: int, worker: Worker, weight: float, fault: Fault, words: str) -> None:
        self._machine.ledger.blame(task, weight, reason(fault, words))
        self._machine.record("blamed", task=task, weight=weight, fault=fault)
        if RULES[fault].elsewhere:
            self._machine.ledger.avoid(task, worker.slot.seat)
        self._last_worker[task] = worker.id

    def next_try(self, at: float, task: int) -> float:
        """Return when a failed task may be tried again.

        One that has used up its tries waits until it is clear that no machine event was to blame.
        """
        blamed = self._machine.ledger.blamed(task)
        return at + (self._machine.limits.together if self.too_often(task) else self._pause(blamed))

    def too_often(self, task: int) -> bool:
        return self._machine.ledger.blamed(task) > self._retries

    def _nobody_else_is_left(self, task: int) -> bool:
        """Whether one try of a task is left, and all who work have had one."""
        trouble = self._machine.ledger.trouble[task]
        if not self._retries - 1 < trouble.blame <= self._retries:
            return False
        return all(w.slot.slot.name in trouble.tried for w in self._machine.workers.values() if w.state in AT_WORK)

    def give_up(self, task: int, words: str = "") -> None:
        """``words``: the sentence to say, where the number of tries says too little."""
        machine = self._machine
        trouble = machine.ledger.trouble[task]
        machine.ledger.give_up(task)
        machine.record("given up", task=task, tries=trouble.tries, words=trouble.words)
        tries = count(trouble.tries, "try", "tries")
        said = words or f"{_capital(machine.label(task))} is given up after {tries}: {trouble.words}"
        machine.tell("error", said, like="given up", worker=self._last_worker.pop(task, None))
        self._given_up.append(task)

    def sum_up(self) -> None:
        """Name the tasks that were given up, where not each of them was said."""
        if len(self._given_up) > FIRST:
            labels = [self._machine.label(task) for task in sorted(self._given_up)]
            self._machine.tell("error", f"{len(labels):,} were given up: {names(labels, 20)}.")

    def _pause(self, blame: float) -> float:
        limits = self._machine.limits
        return 0.0 if blame <= 0 else min(limits.backoff * 2.0 ** (blame - 1), limits.backoff_most)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
