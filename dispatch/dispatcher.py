# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell around the machine: it runs one job folder from its lock to its audit.

Owns the loop: events in (reports, ends, wishes, time), the machine's answer, the journal on disk, commands out. Every
effect lives in another room (`staff`, `presence`, `journal`, `job`, `line`, `voice`, `closing`); every decision in `machine`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import time
from collections.abc import Iterator
from pathlib import Path

from . import audit, closing, frames, history, host, job, recovery, wishes
from .changes import Changes
from .disk import Disk
from .events import (
    Command,
    Compare,
    End,
    Event,
    Gauged,
    Hand,
    Kill,
    Load,
    Record,
    Recover,
    Recovered,
    Send,
    Spawn,
    Spawned,
    Started,
    Tell,
    TimePassed,
    WorkerEnded,
    WorkerSaid,
)
from .folder_there import FolderThere
from .insistence import Insistence, StoppedMeanwhile
from .journal import Journal
from .kernels_known import KernelsKnown
from .line import InLine
from .machine import Machine
from .model import Fault, Job, Outcome, Slot
from .movie import MovieMaker
from .owners import Owner
from .presence import Presence
from .process import Ended, Said, new_inbox
from .protocol import FolderNoted, Rendered
from .staff import Staff, given, not_started, resort, slots
from .voice import Listener, Voice

TICK = 0.25
"""Seconds between looks at the clock, the wishes and the snapshot."""

BATCH = 256
"""Reports taken at once: they share one sync of the journal."""


def run(folder: Path, listener: Listener | None = None, entry: Path | None = None) -> Outcome:
    """Run the job in this folder until it has ended; start it or go on where it was.

    Args:
        listener: Called with each new snapshot, at most four times a second, and with the last one.
        entry: Replaces the program that runs inside Blender (tests).

    Raises:
        DispatchError: the folder is no job, another dispatcher runs it, or it cannot be written.
    """
    task = job.load_to_run(folder)
    with job.lock(folder), contextlib.closing(Journal(folder / "journal.jsonl")) as record:
        dispatcher = Dispatcher(task, folder, record, listener, entry)
        try:
            return dispatcher.run()
        except StoppedMeanwhile:
            return dispatcher.stopped_meanwhile()
        finally:
            dispatcher.close()


class Dispatcher:
    def __init__(self, task: Job, folder: Path, record: Journal, listener: Listener | None, entry: Path | None) -> None:
        self._job = task
        self._folder = folder
        self._journal = record
        owner = self._owner = Owner.new(task.id)
        self._inbox = new_inbox()
        self._there = FolderThere(folder, record)
        self._next_look = time.monotonic()
        self._late = 0.0
        self._frames = frames.arrange(frames.parse(task.frames), task.order)
        past = history.read(folder / "journal.jsonl", len(self._frames), task.id)
        recovery.end_leftovers(past)
        self._staff = Staff(task, folder, self._owner.id, self._inbox, entry)
        self._disk = Disk()
        self._kernels = KernelsKnown(task)
        self._awake = host.KeepAwake(f"rendering {task.name}")
        self._line = InLine(task)
        self._voice = Voice(task, folder, record, self._frames, self._staff.pids, listener)
        self._changes = Changes(task, self._voice.tell)
        self._insistence = Insistence(record, folder, self._there, self._voice.tell)
        self._presence = Presence(self._owner, task.limits.heartbeat, past.owners, self._voice.note)
        self._write("opened", job=task.id, owner=owner.id, boot=owner.boot, pid=os.getpid(), start=owner.start_time)
        done = recovery.settle(past, self._write)
        self._machine = Machine(
            len(self._frames),
            slots(task, len(self._frames) - len(done)),
            task.limits,
            retries=task.retries,
            gigabytes=task.blend_size / 1e9,
            done=done,
            label=lambda number: f"frame {self._frames[number]}",
            belief=recovery.belief(task, past),
            given=given(task, past.searched),
            resort=resort(task),
            recycle=None if task.in_order or task.gather else task.recycle,
            kernels=self._kernels.kernels(),
        )
        self._machine.ladder.recall(past.climbed)
        self._machine.last_picture = history.last_picture(past)
        self._machine.gather, self._machine.blender = task.gather, task.blender
        self._known = past.folders

    # --- the loop -----------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Render until the machine says that the job has ended, then audit."""
        self._sync()  # our owner files must not be a stranger's to the next run
        for known in self._known:
            self._presence.join(known)
            self._machine.know_folder(known)
        while self._machine.outcome is None:
            if not self._machine.started:
                self._begin()
            self._handle(*self._events())
            self._look()
        self._changes.tell_others()
        self._voice.tell_claims(self._machine)
        self._sync()  # the audit reads the journal
        self._presence.keep()
        found = audit.audit(self._folder, self._job, look_into=False, elsewhere=self._machine.ledger.elsewhere)
        outcome = audit.outcome_of(found, self._machine.outcome, self._voice.tell)
        if outcome is Outcome.COMPLETE and self._job.movie:
            outcome = self._make_movie()
        self._presence.leave()
        self._write("job ended", outcome=outcome, audit=found.sentence)
        self._sync()
        self._voice.show_end(self._machine, outcome, found.sentence)
        if outcome is Outcome.COMPLETE:
            recovery.tidy(self._folder)
        self._line.leave()
        self._awake.release()
        closing.carry_out(self._folder, self._job.name, self._voice, self._show)
        return outcome

    def stopped_meanwhile(self) -> Outcome:
        """End without a word in the journal, which cannot be written."""
        found = audit.audit(self._folder, self._job, look_into=False)
        self._voice.show_end(self._machine, Outcome.STOPPED, found.sentence)
        return Outcome.STOPPED

    def _make_movie(self) -> Outcome:
        folder = str(Path(self._job.movie).parent)
        self._write("folder", folder=folder)  # what a crash leaves there is removed by the next run
        self._sync()
        self._presence.join(folder)
        maker = MovieMaker(self._job, self._folder, self._staff, self._voice, self._journal, self._machine.workers)
        maker.begin(self._frames, self._changes.blend_changed())
        while maker.outcome is None:
            for event in self._events():
                maker.take(event)
            self._look()
        return maker.outcome

    def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        list(job.take_wishes(self._folder))  # what came too late must not stop the next run
        self._kernels.keep(self._machine.kernels)
        self._voice.close()
        self._staff.close(self._job.limits.die)
        self._presence.leave()
        self._line.leave()
        self._awake.release()

    def _begin(self) -> None:
        """Begin when the cards are ours; a job that is stopped while it waits for them begins only to end."""
        line, beside = self._line, self._voice.beside
        told = beside.behind.name if beside.behind else ""
        if self._machine.stopping or line.ours():
            line.behind = None
            self._awake.hold()
            self._handle(Started(time.monotonic()))
        elif line.behind and line.behind.name != told:
            self._voice.tell(
                "note", f"Waiting for {line.waits_for[0].name}: the job '{line.behind.name}' renders on it."
            )
        beside.behind, beside.waits_for = line.behind, line.waits_for

    def _events(self) -> Iterator[Event]:
        """Wait for the next reports, at most until the next tick; then the time and the wishes."""
        wait = max(0.0, self._next_look - time.monotonic())
        for _ in range(BATCH):
            try:
                item = self._inbox.get(timeout=wait) if wait else self._inbox.get_nowait()
            except queue.Empty:
                break
            wait = 0.0
            match item:
                case Said(worker, report):
                    yield self._staff.heard(worker, report, time.monotonic())
                case Ended():
                    yield self._staff.ended(item, time.monotonic())
        now = time.monotonic()
        if now >= self._next_look:
            yield from wishes.take(self._insistence.asked(), now, self._line, self._voice, self._write)
            if sample := self._voice.gauged():
                yield Gauged(now, sample)
            yield TimePassed(now, self._late + now - self._next_look)

    def _handle(self, *events: Event) -> None:
        """Let the machine decide; put its records on disk; then do what it says, and tell it what came of that."""
        while events:
            commands = [command for event in events for command in self._decide(event)]
            # Only what lets a child go on must be on disk before; the rest is synced at the next tick.
            if any(isinstance(command, Send) for command in commands):
                self._sync()
            events = tuple(event for command in commands for event in self._do(command))

    def _decide(self, event: Event) -> list[Command]:
        commands = self._machine.handle(event)
        report = event.report if isinstance(event, WorkerSaid) else None
        if isinstance(report, Rendered) and (words := self._disk.look(report, self._machine.ledger.waiting())):
            self._voice.tell("warning", words)
        for command in commands:
            if isinstance(command, Record):
                self._write(command.what, **command.facts)
            elif isinstance(command, Tell):
                log = None if command.worker is None else self._staff.log_of(command.worker)
                self._voice.tell(command.level, command.text, log)
        return commands

    def _do(self, command: Command) -> tuple[Event, ...]:
        match command:
            case Spawn(worker, slot):
                return self._spawn(worker, slot)
            case Load(worker, slot, persistent):
                self._staff.configure(worker, slot, persistent)
            case Hand() | Compare():
                self._staff.hand(command, self._frames[command.task])
            case Send(worker, request):
                if isinstance(request, FolderNoted):
                    self._presence.join(request.folder)
                self._staff.send(worker, request)
            case Kill(worker):
                self._staff.kill(worker)
            case Recover(worker, attempts):
                in_place = recovery.recover(self._presence, attempts, self._staff.temp_of(worker))
                return (Recovered(time.monotonic(), worker, in_place),)
            case Record() | Tell() | End():
                pass
        return ()

    def _spawn(self, worker: int, slot: Slot) -> tuple[Event, ...]:
        at = time.monotonic()
        if words := self._changes.blend_changed():
            return (WorkerEnded(at, worker, Fault.SCENE, words),)
        self._changes.tell_others()
        try:
            child = self._staff.start(worker, slot)
        except OSError as error:
            return (not_started(worker, at, error),)
        self._write("process", worker=worker, pid=child.pid, start_time=child.start_time or 0.0)
        return (Spawned(at, worker, child.pid),)

    # --- the journal and the clock --------------------------------------------------------------------------------

    def _look(self) -> None:
        """Once a tick: say what was noted elsewhere, show the snapshot."""
        now = time.monotonic()
        if now >= self._next_look:
            self._late, self._next_look = now - self._next_look, now + TICK
            self._there.mind(now)
            self._voice.tell_notes()
            self._show()

    def _show(self) -> None:
        self._sync()
        self._kernels.keep(self._machine.kernels)
        self._voice.show(self._machine)

    def _write(self, what: str, **facts: object) -> None:
        self._journal.write(what, facts)

    def _sync(self) -> None:
        """Put the journal on disk; while that is impossible nothing else happens but a stop."""
        self._insistence.sync(lambda: self._voice.show(self._machine))
