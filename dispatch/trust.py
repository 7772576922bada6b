# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a job's persistent data is believed, and what is done about it when it made pictures wrong.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. Warm workers keep
their scene's data between frames, and some scenes look wrong then. It knows which frames in place are a warm worker's;
where `checks` has found them out, persistent data is off for good and those frames are rendered again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .ledger import TaskState
from .roster import Attempt, Worker, WorkerState
from .wording import count

if TYPE_CHECKING:
    from .machine import Machine


@dataclass(frozen=True, slots=True)
class Belief:
    """What is known of a job's persistent data when a run begins. Without a share it is believed."""

    share: float = 0.0
    """Share of the work that may go into checks."""
    seed: int = 0
    off: bool = False
    """An earlier run found it wrong."""
    warm: Collection[int] = ()
    """Tasks that warm workers rendered in earlier runs."""
    again: Collection[int] = ()
    """Tasks whose pictures in place are no good."""


class Trust:
    def __init__(self, machine: Machine, belief: Belief) -> None:
        self._machine = machine
        self.checked = belief.share > 0 and not belief.off
        """Whether checks are made: it is neither believed nor off."""
        self.off = belief.off
        self.again = set(belief.again)
        """Tasks that wait to be rendered over their own pictures."""
        self._warm = bytearray(machine.ledger.count if self.checked else 0)
        for task in belief.warm if self.checked else ():
            self._warm[task] = machine.ledger.state(task) is TaskState.DONE

    def configured(self, worker: Worker) -> bool:
        """A worker is told to load: return whether with persistent data as the job wants it."""
        worker.keeps_data = self.checked
        return not self.off

    def begun(self, worker: Worker, attempt: Attempt) -> None:
        attempt.warm = worker.begun if worker.keeps_data else 0
        worker.begun += 1

    def in_place(self, attempt: Attempt, *, ours: bool) -> None:
        """A task is done. Where its data was found wrong meanwhile, it waits again."""
        self.again.discard(attempt.task)
        if not self._warm:
            return
        self._warm[attempt.task] = bool(attempt.warm) and ours
        if self.off and self._warm[attempt.task]:
            self._render_again([attempt.task])

    def is_warm(self, task: int) -> bool:
        """Whether what the task left in place is a warm worker's."""
        return bool(self._warm[task]) and self._machine.ledger.state(task) is TaskState.DONE

    def turn_off(self, at: float, task: int) -> None:
        """Believe no warm worker any more: this task has looked different."""
        machine = self._machine
        self.off, self.checked = True, False
        tasks = [t for t, warm in enumerate(self._warm) if warm and self.is_warm(t)]
        self._render_again(tasks)
        verb = "is" if len(tasks) == 1 else "are"
        machine.tell(
            "warning",
            f"{_capital(machine.label(task))} looks different when it is rendered in a fresh Blender: persistent data "
            f"is off from now on, {count(len(tasks), 'frame')} {verb} rendered again.",
        )
        for worker in list(machine.workers.values()):
            frame = worker.in_frame()
            if worker.state is WorkerState.READY and frame and frame.warm:
                machine.dismiss_now(at, worker)  # its frame is no good
            elif worker.state is not WorkerState.STARTING:
                machine.dismiss(at, worker)

    def _render_again(self, tasks: Sequence[int]) -> None:
        for task in tasks:
            self._warm[task] = 0
        self.again.update(tasks)
        ledger = self._machine.ledger
        ledger.undo(tasks)
        self._machine.found = min(self._machine.found, ledger.counts[TaskState.DONE])
        self._machine.record("again", tasks=tasks)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
