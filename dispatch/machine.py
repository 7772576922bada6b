# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine: every decision of the dispatcher is made here and nowhere else.

Rule 1: no clock, no process, no file, no thread, no Blender. Time arrives inside events.
Rule 2: state changes only in `Machine.handle`, one event at a time.
Rule 3: what must be done comes back as commands, in order; the caller does it and reports events. A `Record` is on disk
        before the commands after it are carried out.
Rule 4: a message may be late, doubled or missing, an end without goodbye is normal: what does not fit the records is
        ignored, and silence is ended by a deadline.
Rule 5: a task is with at most one worker, and only one attempt of it may ever put pictures in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from . import events
from .assignment import Assignment
from .auto import Auto
from .berths import Given
from .blame import Blame
from .checks import Checks
from .costs import Costs
from .course import Course
from .events import Command, Event, Kill, Record, Recover, Send, Tell
from .hearing import Hearing
from .kernels import Kernels
from .ladder import Ladder
from .ledger import Ledger, TaskState
from .model import BlenderProgram, Fault, Layout, Limits, Outcome
from .own_slot import Resort
from .pace import Pace
from .protocol import Leave, Threads
from .readings import Readings
from .recycling import Recycling
from .roster import AT_WORK, NOT_WANTED, Attempt, SlotRecord, Worker, WorkerState, patience
from .telling import Telling
from .timing import Timing
from .trust import Belief, Trust
from .verdict import Verdict


class Machine:
    """All of a job's state. Readers (the snapshot) may look at the attributes; only `handle` writes them."""

    outcome: Outcome | None = None
    blender: BlenderProgram | None = None
    last_picture = ""
    """Main picture of the task that was put in place last."""
    started = paused = stopping = ever_ready = gather = False
    doubled, last_gain = 0, 0.0

    def __init__(
        self,
        tasks: int,
        slots: Layout,
        limits: Limits,
        *,
        retries: int = 3,
        gigabytes: float = 0.0,
        done: Iterable[int] = (),
        label: Callable[[int], str] = "task {}".format,
        belief: Belief | None = None,
        given: Given | None = None,
        kernels: Kernels | None = None,
        recycle: int | None = 0,
        resort: Resort | None = None,
    ) -> None:
        """``label`` names a task (``frame 12``), ``gigabytes``: of the scene file, ``given``: what Auto may work with.

        ``recycle``: see `Recycling`; ``resort``: what is done for tasks that fit on no card.
        """
        self.limits = limits
        self.gigabytes = gigabytes
        self.label = label
        self.ledger = Ledger(tasks, done)
        self.pace, self.costs = Pace(), Costs()
        self.kernels = kernels or Kernels()
        self.timing, self.readings = Timing(), Readings()
        self.verdict = Verdict(self)
        self.slots = {slot.name: SlotRecord(slot) for slot in slots}
        self.workers: dict[int, Worker] = {}
        self.recovering: dict[int, dict[int, Attempt]] = {}
        """Attempts of workers that are gone, until what they left is cleared."""
        self.found = self.ledger.counts[TaskState.DONE]
        self.blame, self.ladder = Blame(self, retries), Ladder(self, resort or Resort())
        believed = belief or Belief()
        self.trust = Trust(self, believed)
        self.checks = Checks(self, believed.share, believed.seed)
        self.auto = Auto(self, given) if given else None
        self.recycling = Recycling(self, recycle)
        self._hearing = Hearing(self)
        self._course = Course(self, Assignment(self))
        self._telling = Telling()
        self._out: list[Command] = []

    # --- the one way in -----------------------------------------------------------------------------------------

    def handle(self, event: Event) -> list[Command]:
        """Take one event; return what must be done now."""
        if self.outcome is not None:
            return []
        match event:
            case events.Started():
                self.started = True
                self.last_gain = event.at
                self.verdict.begin(event.at)
            case events.WorkerSaid():
                self._hearing.hear(event)
            case events.Spawned():
                if worker := self.workers.get(event.worker):
                    worker.pid = event.pid
            case events.WorkerEnded():
                self._on_ended(event)
            case events.Recovered():
                self._on_recovered(event)
            case events.TimePassed():
                self._on_time(event)
            case events.StopAsked():
                self._on_stop(event)
            case events.PauseAsked():
                self._on_pause(event.at)
            case events.GoOnAsked():
                self.paused = False
            case events.LayoutChosen():
                self.lay_out(event.at, event.slots)
            case events.Gauged():
                self.readings.add(event.at, event.sample)
                self.verdict.look(event.at)
                self.recycling.look(event.at, event.sample)
        if self.auto:
            self.auto.look(event)
        self._course.go_on(event.at)
        commands, self._out = self._out, []
        return commands

    # --- ends and recoveries ------------------------------------------------------------------------------------

    def _on_ended(self, event: events.WorkerEnded) -> None:
        worker = self.workers.pop(event.worker, None)
        if worker is None:
            return
        asked_to_go = worker.state is WorkerState.LEAVING and event.fault is None
        worker.state = WorkerState.GONE
        if worker.slot.worker is worker:
            worker.slot.worker = None
        self.pace.forget(worker.id)
        self.costs.forget(worker.id)
        self.kernels.gone(worker.id)
        self.timing.forget(worker.id)
        self.recycling.forget(worker.id)
        fault, words = self.blame.why(event, worker)
        self.record("worker ended", worker=worker.id, fault=None if asked_to_go else fault, words=words)
        if not asked_to_go and not worker.dismissed and not worker.check:
            self.blame.worker_ended(event.at, worker, fault, words)
        self._recover(event.at, worker, words)

    def _recover(self, at: float, worker: Worker, words: str) -> None:
        """Have what a worker left cleared; its tasks wait until that is done."""
        check = self.checks.lost(at, worker, words)
        if worker.hand or check:
            self.recovering[worker.id], worker.hand = worker.hand, {}
            attempts = [(a.id, a.pictures or ()) for a in self.recovering[worker.id].values()]
            self.command(Recover(worker.id, (*attempts, *([(check, ())] if check else ()))))

    def _on_recovered(self, event: events.Recovered) -> None:
        for attempt in self.recovering.pop(event.worker, {}).values():
            if attempt.id in event.in_place and attempt.pictures is not None:
                self.in_place(event.at, attempt)
            else:
                not_before = self.blame.next_try(event.at, attempt.task) if attempt.begun else event.at
                self.ledger.give_back(attempt.task, not_before)

    def in_place(self, at: float, attempt: Attempt, lost: tuple[str, ...] = ()) -> None:
        """A task's pictures are under their final names."""
        self.ledger.done(attempt.task)
        self.last_gain = at
        if attempt.pictures:
            self.last_picture = attempt.pictures[-1].path
        self.record("committed", task=attempt.task, attempt=attempt.id, lost_to_others=lost)
        if lost:
            self.doubled += 1
            self.tell("warning", f"{lost[0]} was put there by another program while it was rendered here: kept theirs")
        self.trust.in_place(attempt, ours=not lost)

    def kill(self, at: float, worker: Worker, fault: Fault, words: str) -> None:
        """End a worker because of its own fault."""
        worker.sentence = (fault, words)
        self._end_worker(at, worker)

    def dismiss_now(self, at: float, worker: Worker) -> None:
        """End a worker at once without blame on it or on what it renders."""
        worker.dismissed = True
        self._end_worker(at, worker)

    def _end_worker(self, at: float, worker: Worker) -> None:
        if worker.state not in (WorkerState.KILLED, WorkerState.UNKILLABLE):
            worker.state, worker.since = WorkerState.KILLED, at
            self.command(Kill(worker.id))

    # --- time and wishes ----------------------------------------------------------------------------------------

    def _on_time(self, event: events.TimePassed) -> None:
        at = event.at
        if words := self.kernels.sentence(at):
            self.tell("note", words)
        for worker in list(self.workers.values()):
            worker.since = min(at, worker.since + event.stood_still)
            idle = worker.state is WorkerState.READY and not (worker.hand or worker.check)
            if worker.state is WorkerState.UNKILLABLE or idle:
                continue
            seconds, fault, words = patience(worker, self.limits, self.gigabytes, self.pace.usual())
            if at - worker.since <= seconds:
                continue
            if worker.state is WorkerState.KILLED:
                self._on_unkillable(at, worker)
            else:
                self.kill(at, worker, fault, f"{words} for {seconds:.0f} s")

    def _on_unkillable(self, at: float, worker: Worker) -> None:
        """The slot stays out and the job ends without it; a fence keeps what it may still do out of the pictures."""
        worker.state = WorkerState.UNKILLABLE
        self.kernels.gone(worker.id)
        self.close(
            worker.slot, f"process {worker.pid} on {worker.slot.slot.name} cannot be ended (driver?)", worker=worker.id
        )
        self._recover(at, worker, "the process does not die")

    def _on_stop(self, event: events.StopAsked) -> None:
        self.stopping = True
        for worker in list(self.workers.values()):
            if event.now:
                self.dismiss_now(event.at, worker)
            else:
                self.dismiss(event.at, worker)

    def _on_pause(self, at: float) -> None:
        self.paused = True
        for worker in list(self.workers.values()):
            self.dismiss(at, worker)

    def lay_out(self, at: float, slots: Layout) -> None:
        """Have these slots from now on; those of the same name stay, with the threads that they are given here."""
        wanted = {slot.name: slot for slot in slots}
        for name, record in self.slots.items():
            if name not in wanted and not (record.closed or record.place):
                self.close(record, NOT_WANTED, level="note")
                if record.worker:
                    self.dismiss(at, record.worker)
        for name, slot in wanted.items():
            if name not in self.slots or self.slots[name].closed:
                self.slots[name] = SlotRecord(slot)
            elif (record := self.slots[name]).slot.threads != slot.threads:
                record.slot = replace(record.slot, threads=slot.threads)
                if record.worker and record.worker.state in (WorkerState.LOADING, WorkerState.READY):
                    self.command(Send(record.worker.id, Threads(slot.threads)))
        self.record("layout", slots=tuple(wanted))

    def dismiss(self, at: float, worker: Worker) -> None:
        """Let a worker finish what it has begun; one that has not loaded yet, or only makes a check, has nothing."""
        if worker.state is WorkerState.READY and not worker.check:
            worker.state, worker.since = WorkerState.LEAVING, at
            self.command(Send(worker.id, Leave()))
        elif worker.state in AT_WORK:
            self.dismiss_now(at, worker)

    # --- small words --------------------------------------------------------------------------------------------

    def know_folder(self, folder: str) -> None:
        """The journal of an earlier run knows this output folder already."""
        self._hearing.know_folder(folder)

    def open_slots(self) -> list[SlotRecord]:
        return [r for r in self.slots.values() if not r.closed]

    def close(self, record: SlotRecord, why: str, level: str = "error", worker: int | None = None) -> None:
        """Start no more workers in this slot."""
        if not record.closed:
            record.closed = why
            self.record("slot closed", slot=record.slot.name, why=why)
            if level != "note":
                self.tell(level, f"{record.slot.name} is left out: {why}", worker=worker)

    def reopen(self, record: SlotRecord) -> None:
        """Start workers in a closed slot again."""
        if record.closed and self.slots[record.slot.name] is record:
            self.slots[record.slot.name] = SlotRecord(record.slot)
            self.record("slot opened", slot=record.slot.name, why="again")

    def command(self, command: Command) -> None:
        """Add to the answer."""
        self._out.append(command)

    def record(self, what: str, **facts: object) -> None:
        self.command(Record(what, facts))

    def tell(self, level: str, text: str, *, once: bool = False, like: str = "", worker: int | None = None) -> None:
        if words := self._telling.words(text, once=once, like=like):
            self.command(Tell(level, words, worker))
