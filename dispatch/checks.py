# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of persistent data: now and then a finished frame is rendered again in a fresh Blender and compared.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. A check is the
first thing that a fresh worker does: a worker that starts anyway, or the next one in the slot of a worker that is asked
to go. A frame that looks different is a doubt; another frame that does, or the same one once more, is the proof that
`trust` acts on. A check that goes wrong harms nobody; after a few of them there are no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .allowance import Allowance
from .candidates import Candidates, Finished, alike
from .events import Compare
from .ledger import TaskState
from .model import Slot
from .roster import Attempt, SlotRecord, Worker, WorkerState

if TYPE_CHECKING:
    from .machine import Machine
    from .protocol import Checked

FAILURES = 2
"""Checks in a row that led to nothing, until there are no more."""

OVERDUE = 60.0
"""Seconds that a check waits for Auto; then it comes before the next try. Where frames take seconds the whole search takes
a quarter of an hour, and what is wrong is to be found before a thousand frames are."""


@dataclass(frozen=True, slots=True)
class Running:
    """A check that a worker makes now."""

    worker: int
    frame: Finished
    attempt: int
    since: float
    change: float
    """Seconds for which its slot did nothing else before: the worker before it left, and it started, only for this."""

    @property
    def task(self) -> int:
        return self.frame.task


@dataclass(slots=True)
class Doubt:
    """A frame that looked different once."""

    frame: Finished
    slot: Slot
    once_more: bool = False
    """Another frame looked the same, so this one is looked at again."""


class Checks:
    def __init__(self, machine: Machine, share: float, seed: int) -> None:
        """``share``: of the job's work, that may go into checks. ``seed``: the same job checks the same frames."""
        self._machine = machine
        self._allowance = Allowance(share)
        self._candidates = Candidates(seed)
        self._running: Running | None = None
        self._awaited: SlotRecord | None = None
        """Its worker was asked to go for a check that the next one there makes."""
        self._vacant = 0.0
        """When that worker had nothing left to render."""
        self._put_off: float | None = None
        """Since when a check that may be made waits for Auto; None: none does."""
        self._doubt: Doubt | None = None
        self._failures = 0

    # --- what the machine tells -----------------------------------------------------------------------------------

    def loaded(self, at: float, worker: Worker) -> None:
        self._allowance.loaded(at - worker.born)

    def rendered(self, at: float, worker: Worker, attempt: Attempt, seconds: float) -> None:
        if worker.slot is self._awaited:
            self._vacant = at
        self._allowance.rendered(seconds, first=not attempt.warm)
        if attempt.warm and attempt.pictures:
            self._candidates.add(worker.slot.slot, Finished(attempt.task, attempt.warm, attempt.pictures))

    def checked(self, at: float, worker: Worker, report: Checked) -> None:
        run = self._end_of_check(at, worker)
        if run is None:
            return
        machine, label = self._machine, self._machine.label(run.task)
        self._record(at, run, report.compared, report.same, report.difference, report.words)
        if not report.compared:
            self._led_to_nothing()
            return
        self._failures = 0
        if not report.same and self._doubt:
            machine.trust.turn_off(at, self._doubt.frame.task)
            self._doubt = self._awaited = None
        elif not report.same:
            self._doubt = Doubt(run.frame, worker.slot.slot)
            machine.tell("note", f"{_capital(label)} looks different in a fresh Blender: another frame is checked.")
        elif self._doubt and not self._doubt.once_more:
            self._doubt.once_more = True
        elif self._doubt:
            self._doubt = None
            machine.tell(
                "note", f"{_capital(label)} looks the same when it is checked again: the render goes on as it is."
            )

    def failed(self, at: float, worker: Worker, words: str) -> None:
        """The frame could not be rendered for the check. What a driver did to this Blender stays with it."""
        if run := self._end_of_check(at, worker):
            self._record(at, run, compared=False, same=False, difference=0.0, words=words)
            self._led_to_nothing()
            self._machine.dismiss(at, worker)

    def lost(self, at: float, worker: Worker, words: str) -> int:
        """The worker has ended: return the number of the attempt that was its check, 0 where it made none."""
        run = self._end_of_check(at, worker)
        if run is None:
            return 0
        self._record(at, run, compared=False, same=False, difference=0.0, words=words)
        if not worker.dismissed:
            self._led_to_nothing()
        return run.attempt

    def _led_to_nothing(self) -> None:
        self._failures += 1
        if self._failures >= FAILURES and self._doubt:
            label = _capital(self._machine.label(self._doubt.frame.task))
            said = f"{label} looks different in a fresh Blender, and no other frame could be checked: look at it."
            self._machine.tell("warning", said)
            self._doubt = None

    # --- what follows ---------------------------------------------------------------------------------------------

    def pending(self) -> bool:
        """Whether the job must not end yet: a check is being made, or a doubt can still be cleared up."""
        return self._running is not None or self._wants_to_know()

    def wants_worker(self) -> bool:
        """Whether a worker must be started although no task waits."""
        if self._running is not None or not self._wants_to_know():
            return False
        fresh = (w for w in self._machine.workers.values() if w.state in _COMING or _is_fresh(w))
        return not any(self._choose(w.slot.slot) for w in fresh)  # another kind of card may have nothing to check

    def overdue(self, at: float) -> bool:
        """Whether a check has waited for so long that it comes before the next one of Auto's tries."""
        return self._put_off is not None and at - self._put_off > OVERDUE

    def go_on(self, at: float, number: Callable[[], int]) -> None:
        """Give a fresh worker its check, or have one started. ``number`` gives the next attempt its number."""
        machine = self._machine
        # While the job is held a task goes first, to see whether things are mended; where none is left, a check does.
        held = bool(machine.blame.hold.words) and not machine.ledger.settled()
        able = machine.trust.checked and self._failures < FAILURES and not held
        if self._running or not able:
            self._put_off = None
        elif machine.auto is not None and machine.auto.is_measuring(at) and not self._doubt:
            if self._put_off is None and self._covered(load=True):
                self._put_off = at
        elif not self._next(at, number):
            self._put_off = None

    def _next(self, at: float, number: Callable[[], int]) -> bool:
        """Begin a check, or make room for one; return whether one is to come."""
        machine, workers = self._machine, self._machine.workers.values()
        if self._doubt and not machine.trust.is_warm(self._doubt.frame.task):
            self._doubt = None  # it was rendered again for another reason
        if self._awaited and (self._awaited.closed or _at_work(self._awaited.worker)):
            self._awaited = None  # it did not come, or a frame had to go first
        for worker in [w for w in workers if _is_fresh(w)]:
            due = self._doubt or worker.slot is self._awaited or self._covered(load=False)
            if due and (chosen := self._choose(worker.slot.slot)):
                self._begin(at, worker, chosen, number())
            if worker.slot is self._awaited:
                self._awaited = None
            if self._running:
                return False
        if self._awaited or any(w.state in _COMING for w in workers):
            return True
        if self._doubt or self._covered(load=True):
            self._make_room(at)
        return self._awaited is not None

    def _covered(self, *, load: bool) -> bool:
        ledger = self._machine.ledger
        left = ledger.waiting() + ledger.counts[TaskState.OUT]
        return self._allowance.covers(left, len(self._machine.workers), load=load)

    def _wants_to_know(self) -> bool:
        return self._doubt is not None and any(self._choose(record.slot) for record in self._machine.open_slots())

    def _choose(self, slot: Slot) -> Finished | None:
        doubt = self._doubt
        if doubt and doubt.once_more:
            return doubt.frame if alike(slot, doubt.slot) else None
        doubted = doubt.frame.task if doubt else None
        return self._candidates.choose(slot, lambda task: task != doubted and self._machine.trust.is_warm(task))

    def _begin(self, at: float, worker: Worker, chosen: Finished, attempt: int) -> None:
        change = at - self._vacant if worker.slot is self._awaited else 0.0
        self._running = Running(worker.id, chosen, attempt, at, change)
        self._candidates.turn()
        worker.check, worker.since = attempt, at
        worker.begun += 1
        self._machine.record("check", task=chosen.task, attempt=attempt, worker=worker.id)
        self._machine.command(Compare(worker.id, chosen.task, attempt, chosen.pictures))

    def _make_room(self, at: float) -> None:
        """Ask the worker with the least in hand to go: the next one in its slot is fresh."""
        able = [
            w
            for w in self._machine.workers.values()
            if w.state is WorkerState.READY
            and not (w.slot.closed or w.slot.resting or w.slot.place)
            and self._choose(w.slot.slot)
        ]
        if able:
            worker = min(able, key=lambda w: (len(w.hand), frame.begun_at if (frame := w.in_frame()) else 0.0, w.id))
            self._awaited, self._vacant = worker.slot, at
            self._machine.dismiss(at, worker)

    def _end_of_check(self, at: float, worker: Worker) -> Running | None:
        run = self._running
        if run is None or run.worker != worker.id:
            return None
        self._running, worker.check, worker.since = None, 0, at
        self._allowance.spend(at - run.since + run.change)
        return run

    def _record(self, at: float, run: Running, compared: bool, same: bool, difference: float, words: str) -> None:
        self._machine.record(
            "checked",
            task=run.task,
            attempt=run.attempt,
            worker=run.worker,
            compared=compared,
            same=same,
            difference=difference,
            words=words,
            seconds=round(at - run.since, 3),
        )


_COMING = (WorkerState.STARTING, WorkerState.LOADING)


def _is_fresh(worker: Worker) -> bool:
    """Whether it is loaded and has done nothing yet."""
    return worker.state is WorkerState.READY and not (
        worker.begun or worker.hand or worker.check or worker.slot.resting or worker.slot.place
    )


def _at_work(worker: Worker | None) -> bool:
    """Whether it is loaded and was given something to do."""
    return worker is not None and worker.state is WorkerState.READY and not _is_fresh(worker)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
