# SPDX-License-Identifier: GPL-3.0-or-later
"""A world in disorder: workers do what they like, and messages are late, doubled, lost, foreign or come after the end."""

from __future__ import annotations

import random

from machine_world import PICTURES, World, limits

from dispatch.events import Hand, Recovered, Spawned, WorkerEnded
from dispatch.ledger import TaskState
from dispatch.model import Fault, Outcome
from dispatch.protocol import (
    Begun,
    Broken,
    Committed,
    Failed,
    FolderUsed,
    Hello,
    Left,
    Progressed,
    Rendered,
    Skipped,
)
from dispatch.roster import WorkerState

QUIET = limits(
    **{"start": 5, "load": 5, "load_per_gb": 0, "first": 8, "task": 8, "leave": 3, "die": 4, "claims": 1},
    **{"backoff": 0.2, "backoff_most": 2, "quarantine": 10, "systemic": 20},
)


class Disorder(World):
    """Workers that do what they like, and a machine below them that sometimes loses or doubles what they say."""

    def __init__(self, rng: random.Random, **settings) -> None:
        self.rng = rng
        self.settled: set[int] = set()
        self.late: list = []
        super().__init__(limits=QUIET, retries=100, **settings)

    def feed(self, event):
        commands = super().feed(event)
        done = {task for task, state in enumerate(self.machine.ledger._states) if state == TaskState.DONE}
        assert self.settled <= done, "a task was done and is it no longer"
        handed = {c.task for c in commands if isinstance(c, Hand)}
        assert not handed & self.settled, "a task that is done was handed out again"
        self.settled = done
        return commands

    def say(self, worker, report):
        fate = self.rng.random()
        if fate < 0.03:
            return []
        if fate < 0.06:
            self.late.append((worker, report))
        commands = super().say(worker, report)
        if fate > 0.95:
            super().say(worker, report)
        return commands

    def end_in_order(self) -> None:
        """From here on everybody behaves: the job comes to its end, and no task is left that somebody could render."""
        self.rng = random.Random(0)
        self.say = super().say
        self.run()
        ledger = self.machine.ledger
        assert self.machine.outcome in (Outcome.COMPLETE, Outcome.INCOMPLETE, Outcome.IMPOSSIBLE)
        if self.machine.outcome is Outcome.COMPLETE:
            assert ledger.counts[TaskState.DONE] == ledger.count
        if self.machine.open_slots():
            assert not ledger.counts[TaskState.WAITING]

    def step(self) -> None:
        rng, machine = self.rng, self.machine
        self.now += rng.choice((0.0, 0.1, 0.5, 1.0))
        workers = list(machine.workers.values())
        if rng.random() < 0.2 or not workers:
            self.tick(0.0)
        for worker in list(machine.recovering):
            if rng.random() < 0.5:
                recovering = machine.recovering[worker].values()
                landed = tuple(a.id for a in recovering if a.pictures is not None and rng.random() < 0.5)
                self.feed(Recovered(self.now, worker, landed))
        if self.late and rng.random() < 0.1:
            super().say(*self.late.pop())
        if workers:
            self._anything(rng.choice(workers))

    def _anything(self, worker) -> None:
        rng = self.rng
        if worker.state is WorkerState.KILLED:
            if rng.random() < 0.7:
                self.feed(WorkerEnded(self.now, worker.id, Fault.KILLED))
            return
        if worker.state is WorkerState.UNKILLABLE:
            return
        if rng.random() < 0.04:
            fault = rng.choice(list(Fault))
            self.feed(WorkerEnded(self.now, worker.id, fault, "ended"))
            return
        if worker.state is WorkerState.LEAVING and not worker.hand:
            self.say(worker.id, Left(()))
            self.feed(WorkerEnded(self.now, worker.id, None))
            return
        self._speak(worker)

    def _speak(self, worker) -> None:
        rng = self.rng
        if worker.state is WorkerState.STARTING:
            self.feed(Spawned(self.now, worker.id, 5))
            self.say(worker.id, Hello(1 if rng.random() < 0.98 else 9, 5, (5, 0, 1), ""))
        elif worker.state is WorkerState.LOADING:
            odd = Broken(rng.choice((Fault.LOST_DEVICE, Fault.UNKNOWN)), "no")
            self.say(worker.id, self.loaded(worker.id) if rng.random() < 0.97 else odd)
        elif worker.hand:
            self._work(worker, rng.choice(list(worker.hand.values())))
        if rng.random() < 0.05:
            self.say(worker.id, rng.choice((Committed(999), Rendered(998, PICTURES, self.phases), FolderUsed("/o"))))

    def _work(self, worker, attempt) -> None:
        rng = self.rng
        if attempt.pictures is not None:
            self.say(worker.id, Committed(attempt.id, ("/out/x",) if rng.random() < 0.1 else ()))
        elif not attempt.begun:
            skipped = Skipped(attempt.id, owner=rng.choice(("", "other"))), Skipped(attempt.id, pictures=PICTURES)
            self.say(worker.id, Begun(attempt.id) if rng.random() < 0.9 else rng.choice(skipped))
        else:
            odd = Failed(attempt.id, rng.choice(list(Fault)), "it failed"), Progressed(attempt.id, 1, 2)
            lacks = f"could not get {rng.randrange(4)} GiB" if rng.random() < 0.05 else ""
            good = Rendered(attempt.id, PICTURES, self.phases, lacks=lacks)
            self.say(worker.id, good if rng.random() < 0.8 else rng.choice(odd))
