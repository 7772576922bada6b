# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks of a job: which wait, which are out, which are settled, and what each try has cost.

Owns the states of tasks and the order in which they are handed out. Knows nothing of workers, processes or time's
passing beyond the numbers it is given. Every call is O(1) or O(log n) in tasks; only tasks that met trouble cost
memory beyond one byte.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

LOOKED_AT = 8
"""Waiting tasks looked at for one that need not avoid the asking slot."""


class TaskState(IntEnum):
    WAITING = 0
    OUT = 1
    """Handed to a worker, or being recovered from one that ended."""
    DONE = 2
    GIVEN_UP = 3


@dataclass(slots=True)
class Trouble:
    """What is known of a task that failed, or that somebody else has claimed."""

    blame: float = 0.0
    """Tries used up, see `faults.Rule.task`."""
    tries: int = 0
    words: str = ""
    elsewhere: str | None = None
    """Who claims it (empty: a plain Blender); None: nobody else."""
    since: float = 0.0
    """When that claim was made, seconds since the epoch by the file server's clock."""


class Ledger:
    """The tasks ``0 … count-1``, handed out in this order, those in trouble again after their pause."""

    def __init__(self, count: int, done: Iterable[int] = ()) -> None:
        self.count = count
        self._states = bytearray(count)
        self._fresh = 0
        self._again: list[tuple[float, int, str]] = []  # (not before, task, slot to avoid)
        self.trouble: dict[int, Trouble] = {}
        self.counts = Counter({TaskState.WAITING: count})
        self.elsewhere = 0
        self.retried = 0
        for task in done:
            self._move(task, TaskState.DONE)

    def state(self, task: int) -> TaskState:
        return TaskState(self._states[task])

    def settled(self) -> bool:
        """Whether every task is done or given up."""
        return self.counts[TaskState.DONE] + self.counts[TaskState.GIVEN_UP] == self.count

    def waiting(self) -> int:
        """Tasks that wait and that nobody else claims."""
        return self.counts[TaskState.WAITING] - self.elsewhere

    def take(self, now: float, slot: str, alone: bool) -> int | None:
        """Hand out the next task for a slot, or None. ``alone``: no other slot works that could take what avoids this one."""
        passed: list[tuple[float, int, str]] = []
        found: int | None = None
        while self._again and self._again[0][0] <= now and len(passed) < LOOKED_AT:
            entry = heapq.heappop(self._again)
            if self._states[entry[1]] != TaskState.WAITING:
                continue
            if entry[2] == slot and not alone:
                passed.append(entry)
                continue
            found = entry[1]
            break
        for entry in passed:
            heapq.heappush(self._again, entry)
        if found is None:
            found = self._take_fresh()
        if found is not None:
            self._claimed_elsewhere(found, None)
            self._move(found, TaskState.OUT)
        return found

    def _take_fresh(self) -> int | None:
        while self._fresh < self.count:
            task = self._fresh
            self._fresh += 1
            if self._states[task] == TaskState.WAITING:
                return task
        return None

    def done(self, task: int) -> None:
        self._move(task, TaskState.DONE)
        trouble = self.trouble.pop(task, None)
        if trouble and trouble.tries:
            self.retried += 1

    def give_back(self, task: int, not_before: float, avoid: str = "") -> None:
        """The task waits again, without blame."""
        self._move(task, TaskState.WAITING)
        heapq.heappush(self._again, (not_before, task, avoid))

    def undo(self, tasks: Iterable[int]) -> None:
        """Finished tasks wait again: their pictures are no good."""
        for task in tasks:
            self.give_back(task, 0.0)

    def blame(self, task: int, weight: float, words: str) -> float:
        """Note a failed try; return the blame in all."""
        trouble = self.trouble.setdefault(task, Trouble())
        trouble.blame += weight
        trouble.tries += 1
        trouble.words = words
        return trouble.blame

    def forgive(self, task: int, weight: float) -> None:
        """Take blame back: the failure was the machine's, not the task's."""
        if trouble := self.trouble.get(task):
            trouble.blame = max(0.0, trouble.blame - weight)

    def blamed(self, task: int) -> float:
        trouble = self.trouble.get(task)
        return trouble.blame if trouble else 0.0

    def give_up(self, task: int) -> None:
        self._claimed_elsewhere(task, None)
        self._move(task, TaskState.GIVEN_UP)

    def claimed_elsewhere(self, task: int, owner: str, since: float, look_again: float) -> None:
        """Somebody else has the task; it waits to be looked at again."""
        self.give_back(task, look_again)
        self._claimed_elsewhere(task, owner, since)

    def _claimed_elsewhere(self, task: int, owner: str | None, since: float = 0.0) -> None:
        trouble = self.trouble.get(task)
        if trouble is None and owner is None:
            return
        if trouble is None:
            trouble = self.trouble[task] = Trouble()
        self.elsewhere += (owner is not None) - (trouble.elsewhere is not None)
        trouble.elsewhere, trouble.since = owner, since

    def _move(self, task: int, state: TaskState) -> None:
        self.counts[TaskState(self._states[task])] -= 1
        self.counts[state] += 1
        self._states[task] = state
