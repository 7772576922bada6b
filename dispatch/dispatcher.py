# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell around the machine: it runs one job folder from its lock to its audit.

Owns the loop: events in (reports, ends, wishes, time), the machine's answer, the journal on disk, commands out. Every
effect lives in another room (`staff`, `presence`, `journal`, `job`, `leases`, `telemetry`); every decision in `machine`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from . import audit, frames, history, host, job, layout, leases, recovery, view
from .changes import Changes
from .events import (
    Command,
    End,
    Event,
    GoOnAsked,
    Hand,
    Kill,
    Load,
    PauseAsked,
    Record,
    Recover,
    Recovered,
    Send,
    Spawn,
    Spawned,
    Started,
    StopAsked,
    Tell,
    TimePassed,
    WorkerEnded,
    WorkerSaid,
)
from .job import Wish
from .journal import Journal, JournalFull
from .machine import Machine
from .model import Device, Fault, Job, Layout, Outcome, Slot
from .owners import Owner
from .presence import Presence
from .process import Ended, Said, new_inbox
from .protocol import FolderNoted
from .snapshot import Message, Snapshot
from .staff import Staff, not_started
from .telemetry import Sample, Telemetry

TICK = 0.25
"""Seconds between looks at the clock, the wishes and the snapshot."""

BATCH = 256
"""Reports taken at once: they share one sync of the journal."""

KEPT_MESSAGES = 20

Listener = Callable[[Snapshot], None]


def run(folder: Path, listener: Listener | None = None, entry: Path | None = None) -> Outcome:
    """Run the job in this folder until it has ended; start it or go on where it was.

    Args:
        listener: Called with each new snapshot, at most four times a second, and with the last one.
        entry: Replaces the program that runs inside Blender (tests).

    Raises:
        DispatchError: the folder is no job, another dispatcher runs it, or it cannot be written.
    """
    task = job.load(folder)
    with job.lock(folder), contextlib.closing(Journal(folder / "journal.jsonl")) as record:
        dispatcher = Dispatcher(task, folder, record, listener, entry)
        try:
            return dispatcher.run()
        finally:
            dispatcher.close()


class Dispatcher:
    def __init__(self, task: Job, folder: Path, record: Journal, listener: Listener | None, entry: Path | None) -> None:
        self._job = task
        self._folder = folder
        self._journal = record
        self._listener = listener
        self._owner = Owner.new(task.id)
        self._began = time.monotonic()
        self._messages: deque[Message] = deque(maxlen=KEPT_MESSAGES)
        self._notes: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._inbox = new_inbox()
        self._waiting: tuple[Device, ...] = ()
        self._audit = ""
        self._next_look = 0.0
        self._sample: Sample | None = None
        self._over = threading.Event()
        self._staff = Staff(task, folder, self._owner.id, self._inbox, entry)
        self._changes = Changes(task)
        self._awake = host.KeepAwake(f"rendering {task.name}")
        self._leases: list[leases.Lease] = []
        past = history.read(folder / "journal.jsonl")
        recovery.end_leftovers(past)
        self._presence = Presence(self._owner, task.limits.heartbeat, past.owners, self._note)
        self._frames = frames.arrange(frames.parse(task.frames), task.order)
        self._write(
            "opened", owner=self._owner.id, boot=self._owner.boot, pid=os.getpid(), start=self._owner.start_time
        )
        for known in past.folders:
            self._presence.join(known)
        done = list(history.done(past))
        self._machine = Machine(
            len(self._frames),
            self._layout(len(self._frames) - len(done)),
            task.limits,
            retries=task.retries,
            gigabytes=task.blend_size / 1e9,
            done=done,
            label=lambda number: f"frame {self._frames[number]}",
        )
        for known in past.folders:
            self._machine.know_folder(known)

    def _layout(self, tasks: int) -> Layout:
        task = self._job
        cores = task.cores or max(1, host.cores() - host.has_display())
        return layout.plan(
            task.devices,
            strategy=task.strategy,
            per_device=task.per_device,
            threads=task.threads,
            cores=cores,
            tasks=tasks,
            engine=task.engine,
            in_order=task.in_order,
        )

    # --- the loop -----------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Render until the machine says that the job has ended, then audit."""
        threading.Thread(target=self._watch, name="telemetry", daemon=True).start()
        if self._lease():
            self._awake.hold()
            self._handle(Started(time.monotonic()))
        while self._machine.outcome is None:
            for event in self._events():
                self._handle(event)
            self._look()
        outcome = self._machine.outcome
        self._presence.leave()
        found = audit.audit(self._folder, self._job, look_into=False)
        self._audit = found.sentence
        self._write("job ended", outcome=outcome, audit=found.sentence)
        self._sync()
        self._show()
        if outcome is Outcome.COMPLETE:
            recovery.tidy(self._folder)
        return outcome

    def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        self._over.set()
        self._staff.close(self._job.limits.die)
        self._presence.leave()
        for lease in self._leases:
            lease.release()
        self._awake.release()

    def _events(self) -> Iterator[Event]:
        """Wait for the next reports, at most until the next tick; then the time and the wishes."""
        with contextlib.suppress(queue.Empty):
            item = self._inbox.get(timeout=max(0.0, self._next_look - time.monotonic()))
            for _ in range(BATCH):
                at = time.monotonic()
                match item:
                    case Said(worker, report):
                        yield WorkerSaid(at, worker, report)
                    case Ended():
                        yield self._staff.ended(item, at)
                item = self._inbox.get_nowait()
        now = time.monotonic()
        if now >= self._next_look:
            yield from self._wishes(now)
            yield TimePassed(now)

    def _wishes(self, now: float) -> Iterator[Event]:
        for wish in job.take_wishes(self._folder):
            self._write("wish", wish=wish)
            match wish:
                case Wish.STOP | Wish.STOP_NOW:
                    yield StopAsked(now, now=wish is Wish.STOP_NOW)
                case Wish.PAUSE:
                    yield PauseAsked(now)
                case Wish.GO_ON:
                    yield GoOnAsked(now)

    def _handle(self, event: Event) -> None:
        """Let the machine decide; put its records on disk; then do what it says."""
        commands = self._machine.handle(event)
        for command in commands:
            if isinstance(command, Record):
                self._write(command.what, **command.facts)
            elif isinstance(command, Tell):
                self._tell(command.level, command.text)
        if commands:
            self._sync()
        for command in commands:
            self._do(command)

    def _do(self, command: Command) -> None:
        match command:
            case Spawn(worker, slot):
                self._spawn(worker, slot)
            case Load(worker, slot):
                self._staff.configure(worker, slot)
            case Hand(worker, task, attempt):
                self._staff.hand(worker, attempt, self._frames[task])
            case Send(worker, FolderNoted(path) as request):
                self._presence.join(path)
                self._staff.send(worker, request)
            case Send(worker, request):
                self._staff.send(worker, request)
            case Kill(worker):
                self._staff.kill(worker)
            case Recover(worker, attempts):
                in_place = recovery.recover(self._presence, attempts)
                self._handle(Recovered(time.monotonic(), worker, in_place))
            case Record() | Tell() | End():
                pass

    def _spawn(self, worker: int, slot: Slot) -> None:
        at = time.monotonic()
        if words := self._changes.blend_changed():
            self._handle(WorkerEnded(at, worker, Fault.SCENE, words))
            return
        for words in self._changes.others_changed():
            self._tell("warning", words)
        try:
            child = self._staff.start(worker, slot)
        except OSError as error:
            self._handle(not_started(worker, at, error))
            return
        self._write("process", worker=worker, pid=child.pid, start_time=child.start_time or 0.0)
        self._handle(Spawned(at, worker, child.pid))

    # --- leases ---------------------------------------------------------------------------------------------------

    def _lease(self) -> bool:
        """Wait in line until every card is ours; False where the job was stopped meanwhile.

        Always in the same order of cards, so that two jobs never wait for each other.
        """
        if self._job.share_devices:
            return True
        cards = {d.card: d for d in self._job.devices}
        for card in sorted(cards):
            with contextlib.closing(_Place(card, self._job)) as place:
                told = ""
                while isinstance(held := place.line.take(), leases.HeldBy):
                    self._waiting = (cards[card],)
                    if held.name != told:
                        told = held.name
                        self._tell("note", f"Waiting for {cards[card].name}: the job '{held.name}' renders on it.")
                    if not self._wait_in_line():
                        return False
                self._leases.append(held)
        self._waiting = ()
        return True

    def _wait_in_line(self) -> bool:
        until = time.monotonic() + leases.RETRY
        while time.monotonic() < until:
            for event in self._events():
                if isinstance(event, StopAsked):
                    self._handle(Started(event.at))
                    self._handle(event)
                    return False
            self._look()
        return True

    # --- what others see --------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Once a tick: say what was noted elsewhere, show the snapshot."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + TICK
        with contextlib.suppress(queue.Empty):
            while True:
                self._tell(*self._notes.get_nowait())
        self._sync()
        self._show()

    def _show(self) -> None:
        now = time.monotonic()
        snapshot = view.snapshot(
            self._job,
            self._machine,
            self._frames,
            now=now,
            elapsed=now - self._began,
            pid=os.getpid(),
            messages=self._messages,
            sample=self._sample,
            waiting=self._waiting,
            audit=self._audit,
        )
        with contextlib.suppress(OSError):  # a full disk stops no frame; the next one may work
            job.write_snapshot(self._folder, snapshot)
        if self._listener:
            self._listener(snapshot)

    def _watch(self) -> None:
        """Telemetry on a thread of its own: a driver in trouble takes seconds to answer."""
        telemetry = Telemetry()
        while not self._over.wait(1.0):
            self._sample = telemetry.sample(self._staff.pids())
        telemetry.close()

    def _note(self, level: str, text: str) -> None:
        self._notes.put((level, text))

    def _tell(self, level: str, text: str) -> None:
        at = datetime.now().astimezone().isoformat(timespec="seconds")
        self._messages.append(Message(at, level, text))
        self._write("told", level=level, text=text)

    def _write(self, what: str, **facts: object) -> None:
        self._journal.write(what, facts)

    def _sync(self) -> None:
        """Put the journal on disk; while that is impossible nothing else may happen."""
        told = False
        while True:
            try:
                self._journal.sync()
                return
            except JournalFull as error:
                if not told:
                    at = datetime.now().astimezone().isoformat(timespec="seconds")
                    self._messages.append(Message(at, "error", str(error)))
                    told = True
                self._show()
                time.sleep(1.0)


class _Place:
    """A place in a card's line that can be closed."""

    def __init__(self, card: str, task: Job) -> None:
        self.line = leases.Line(card, task.id, task.name)

    def close(self) -> None:
        self.line.leave()
