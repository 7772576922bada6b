# SPDX-License-Identifier: GPL-3.0-or-later
"""A world around the machine for its tests: it keeps time, plays the workers, and checks the rules after each event."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from dispatch.assignment import AHEAD, HELD
from dispatch.berths import Given
from dispatch.events import (
    Command,
    Event,
    Hand,
    Record,
    Recovered,
    Send,
    Spawned,
    Started,
    TimePassed,
    WorkerEnded,
    WorkerSaid,
)
from dispatch.ledger import TaskState
from dispatch.machine import Machine
from dispatch.model import Backend, Device, Fault, Layout, Limits, Phases, Picture, Slot
from dispatch.protocol import Begun, Commit, Committed, Failed, Hello, Loaded, Rendered, Report
from dispatch.roster import AT_WORK, WorkerState
from dispatch.trust import Belief

PICTURES = (Picture("/out/0001.png", 3, "aa"),)


def limits(**changes: float) -> Limits:
    return replace(Limits(), **changes)


class World:
    """Commands are collected in ``log``; `say` and `feed` give one event, `run` plays obedient workers to the end."""

    phases = Phases(0.1, 0.1, 0.2, 0.1)
    given: Given | None = None
    """Lets Auto work."""

    def __init__(self, tasks=3, slots=2, *, retries=3, limits=None, same_card=False, done=(), belief=None):
        self.now = 0.0
        self.same_card = same_card
        self.machine = self.make_machine(
            tasks,
            self.make_slots(slots),
            limits=limits or Limits(),
            retries=retries,
            done=done,
            belief=belief or Belief(),
            given=self.given,
        )
        self.log: list[Command] = []
        self.todo: deque[Command] = deque()
        self.handed: list[int] = []
        self.committed: list[int] = []
        self.poison: set[int] = set()
        self.feed(Started(self.now))

    def make_machine(self, tasks: int, slots: Layout, **settings) -> Machine:
        return Machine(tasks, slots, **settings)

    def make_slots(self, count: int) -> Layout:
        return tuple(
            Slot(f"GPU {n}", (Device(f"CUDA_{n}", "GPU", Backend.CUDA, pci="0" if self.same_card else str(n)),), 4)
            for n in range(1, count + 1)
        )

    def devices(self, worker: int) -> tuple[str, ...]:
        return tuple(d.id for d in self.machine.workers[worker].slot.slot.devices)

    def loaded(self, worker: int, devices: tuple[str, ...] | None = None) -> Loaded:
        return Loaded(0.1, self.devices(worker) if devices is None else devices)

    def feed(self, event: Event) -> list[Command]:
        committed_before = self.machine.ledger.counts[TaskState.DONE]
        commands = self.machine.handle(event)
        check_rules(self.machine)
        if not any(isinstance(command, Record) and command.what == "again" for command in commands):
            assert self.machine.ledger.counts[TaskState.DONE] >= committed_before
        for command in commands:
            if isinstance(command, Hand):
                assert self.machine.ledger.state(command.task) is TaskState.OUT
                self.handed.append(command.task)
        self.log += commands
        self.todo += commands
        return commands

    def say(self, worker: int, report: Report) -> list[Command]:
        if isinstance(report, Rendered) and not report.devices and worker in self.machine.workers:
            report = replace(report, devices=self.devices(worker))
        return self.feed(WorkerSaid(self.now, worker, report))

    def tick(self, seconds: float) -> list[Command]:
        self.now += seconds
        return self.feed(TimePassed(self.now))

    def start(self) -> None:
        """Bring every spawned worker to its first tasks."""
        for worker in list(self.machine.workers):
            self.say(worker, Hello(1, 10 + worker, (5, 0, 1), ""))
            self.say(worker, self.loaded(worker))
        self.todo.clear()

    def begin(self, worker: int) -> int:
        attempt = next(iter(self.machine.workers[worker].hand))
        self.say(worker, Begun(attempt))
        return attempt

    def finish(self, worker: int) -> None:
        """Let a worker do everything that it holds."""
        while (w := self.machine.workers.get(worker)) and w.state is WorkerState.READY and w.hand:
            self.do_one(worker, next(iter(self.machine.workers[worker].hand)))

    def do_one(self, worker: int, attempt: int) -> None:
        held = self.machine.workers[worker].hand[attempt]
        task = held.task
        if held.pictures is not None:
            self.say(worker, Committed(attempt))
            return
        self.say(worker, Begun(attempt))
        if task in self.poison:
            self.say(worker, Failed(attempt, Fault.BAD_OUTPUT, "no picture"))
            return
        commands = self.say(worker, Rendered(attempt, PICTURES, self.phases))
        if Send(worker, Commit(attempt)) in commands:
            self.committed.append(task)
            self.say(worker, Committed(attempt))

    def run(self, without=frozenset(), most=10_000) -> None:
        """Play obedient workers until the job has ended."""
        for _ in range(most):
            if self.machine.outcome is not None:
                return
            self.round(without)
        raise AssertionError("the job does not end")

    def round(self, without=frozenset()) -> None:
        """Let half a second pass, and everybody do what it has to do."""
        self.now += 0.5
        for worker in [w for w in self.machine.workers.values() if w.id not in without]:
            self._play(worker)
        for worker in list(self.machine.recovering):
            self.feed(Recovered(self.now, worker, ()))
        self.feed(TimePassed(self.now))

    def _play(self, worker) -> None:
        match worker.state:
            case WorkerState.STARTING:
                self.feed(Spawned(self.now, worker.id, 100 + worker.id))
                self.say(worker.id, Hello(1, 100 + worker.id, (5, 0, 1), ""))
            case WorkerState.LOADING:
                self.say(worker.id, self.loaded(worker.id))
            case WorkerState.READY:
                self.finish(worker.id)
            case WorkerState.LEAVING:
                self.feed(WorkerEnded(self.now, worker.id, None))
            case WorkerState.KILLED:
                self.feed(WorkerEnded(self.now, worker.id, Fault.KILLED))


def check_rules(machine: Machine) -> None:
    """Everything that holds after any event whatsoever."""
    ledger = machine.ledger
    out = [a.task for w in machine.workers.values() for a in w.hand.values()]
    out += [a.task for hand in machine.recovering.values() for a in hand.values()]
    assert len(out) == len(set(out)), "a task is with two workers"
    assert all(ledger.state(t) is TaskState.OUT for t in out)
    assert ledger.counts[TaskState.OUT] == len(out)
    assert all(ledger.counts[state] == ledger._states.count(state) for state in TaskState)
    waiting_elsewhere = [t for t, x in ledger.trouble.items() if x.elsewhere is not None]
    assert ledger.elsewhere == len(waiting_elsewhere)
    assert all(ledger.state(t) is TaskState.WAITING for t in waiting_elsewhere)
    for worker in machine.workers.values():
        assert worker.to_render() <= AHEAD
        assert len(worker.hand) <= HELD
        assert worker.state is not WorkerState.GONE
        if worker.state in AT_WORK:
            assert worker.slot.worker is worker
    for record in machine.slots.values():
        assert record.worker is None or record.worker.id in machine.workers
    if machine.outcome is not None:
        assert all(w.state is WorkerState.UNKILLABLE for w in machine.workers.values())
        assert not machine.recovering
