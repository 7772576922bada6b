# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks of a job: which wait, which are out, which are settled, and what each try has cost.

Owns the states of tasks and the order in which they are handed out. Knows nothing of workers, processes or time's
passing beyond the numbers it is given. Every call is O(1) or O(log n) in tasks; only tasks that met trouble cost
memory beyond one byte.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

ORDINARY = ""
"""The place where a task waits that any slot may take."""

LOOKED_AT = 8
"""Waiting tasks looked at for one that need not avoid the asking slot."""


class Seat(NamedTuple):
    """Where a worker works: what a task that failed there should avoid as long as there are others."""

    cards: str
    slot: str


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
    place: str = ORDINARY
    """Where it waits: only who serves this place may take it (`ladder`)."""
    tried: set[str] = field(default_factory=set)
    """Cards and slots on which it failed in a way that another one might not."""
    elsewhere: str | None = None
    """Who claims it (empty: a plain Blender); None: nobody else."""
    since: float = 0.0
    """When that claim was made, seconds since the epoch by the file server's clock."""


class Ledger:
    """The tasks ``0 … count-1``, handed out in this order, those in trouble again after their pause."""

    def __init__(self, count: int, done: Iterable[int] = ()) -> None:
        self.count = count
        self._states = bytearray(count)
        self._fresh, self._last = 0, count
        self._again: dict[str, list[tuple[float, int]]] = {}
        """Place → heap of (not before, task)."""
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

    def waiting_at(self, place: str) -> int:
        """Tasks that wait at a place other than the ordinary one, those that somebody else claims among them."""
        return len(self._again.get(place, ()))

    def places(self) -> list[str]:
        """Return the places where tasks wait, without the ordinary one."""
        return [place for place, heap in self._again.items() if heap and place != ORDINARY]

    def take(self, now: float, seat: Seat, others: Collection[Seat] = (), place: str = ORDINARY) -> int | None:
        """Hand out the next task that waits at this place, or None.

        ``others``: who else works and could take what failed on this seat; without others nothing avoids it.
        """
        found = self._take_again(now, place, seat, others)
        if found is None and place == ORDINARY:
            found = self._take_fresh()
        return None if found is None else self._hand_out(found)

    def take_far(self) -> int | None:
        """Hand out the last of the tasks that nobody has tried, or None."""
        while self._last > self._fresh:
            self._last -= 1
            if self._is_fresh(self._last):
                return self._hand_out(self._last)
        return None

    def _take_again(self, now: float, place: str, seat: Seat, others: Collection[Seat]) -> int | None:
        heap = self._again.get(place, [])
        passed: list[tuple[float, int]] = []
        found: int | None = None
        while heap and heap[0][0] <= now and len(passed) < LOOKED_AT:
            entry = heapq.heappop(heap)
            if self._states[entry[1]] != TaskState.WAITING or self.place(entry[1]) != place:
                continue
            if self._avoids(entry[1], seat, others):
                passed.append(entry)
                continue
            found = entry[1]
            break
        for entry in passed:
            heapq.heappush(heap, entry)
        return found

    def _avoids(self, task: int, seat: Seat, others: Collection[Seat]) -> bool:
        """Whether the task failed on this seat's cards, or in its slot, and others have not tried it yet."""
        trouble = self.trouble.get(task)
        if trouble is None or not trouble.tried:
            return False
        tried = trouble.tried
        return (seat.cards in tried and any(other.cards not in tried for other in others)) or (
            seat.slot in tried and any(other.slot not in tried for other in others)
        )

    def _take_fresh(self) -> int | None:
        while self._fresh < self._last:
            task = self._fresh
            self._fresh += 1
            if self._is_fresh(task):
                return task
        return None

    def _is_fresh(self, task: int) -> bool:
        return self._states[task] == TaskState.WAITING and self.place(task) == ORDINARY

    def _hand_out(self, task: int) -> int:
        self._claimed_elsewhere(task, None)
        self._move(task, TaskState.OUT)
        return task

    def done(self, task: int) -> None:
        self._move(task, TaskState.DONE)
        trouble = self.trouble.pop(task, None)
        if trouble and trouble.tries:
            self.retried += 1

    def give_back(self, task: int, not_before: float) -> None:
        """The task waits again at its place, without blame."""
        self._move(task, TaskState.WAITING)
        trouble = self.trouble.get(task)
        heap = self._again.setdefault(trouble.place if trouble else ORDINARY, [])
        heapq.heappush(heap, (not_before, task))

    def assign(self, task: int, place: str) -> None:
        """From its next return on the task waits at this place."""
        self.trouble.setdefault(task, Trouble()).place = place

    def send(self, task: int, place: str) -> None:
        """A task that waits at the ordinary place waits at this one from now on."""
        self.assign(task, place)
        heapq.heappush(self._again.setdefault(place, []), (0.0, task))

    def place(self, task: int) -> str:
        """Return where the task waits when it waits."""
        trouble = self.trouble.get(task)
        return trouble.place if trouble else ORDINARY

    def drain(self, place: str) -> list[int]:
        """Take out all tasks that wait at a place, those that somebody else claims among them."""
        heap, self._again[place] = self._again.get(place, []), []
        return [self._hand_out(task) for _, task in sorted(heap) if self._states[task] == TaskState.WAITING]

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

    def avoid(self, task: int, seat: Seat) -> None:
        """The task failed here in a way that it might not elsewhere."""
        self.trouble.setdefault(task, Trouble()).tried.update(seat)

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
