# SPDX-License-Identifier: GPL-3.0-or-later
"""The hold: nothing can succeed until somebody mends something, so one task at a time finds out when that has happened.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. A full disk holds
the job for as long as it takes. Where every frame fails in the same way (`streak`) the job waits too, if it worked
before; one in which nothing ever worked ends at once, with one sentence instead of one for each frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .ledger import TaskState
from .model import Fault
from .roster import Worker
from .streak import Streak
from .wording import count

if TYPE_CHECKING:
    from .machine import Machine

FORGOTTEN = 120.0
"""Seconds after which a new hold begins with a short pause again: a disk that is nearly full must not flap."""


class Hold:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.streak = Streak()
        self.words = ""
        """Why the job is held; empty: it is not."""
        self.until = 0.0
        """Nothing at all is handed out before."""
        self._pause = 0.0
        self._since: float | None = None
        """Since when every task fails in the same way."""
        self._ever_succeeded = False
        self.hopeless = False
        """Nothing will succeed: the job ends with what it has."""

    def held(self, at: float) -> bool:
        """Whether nothing at all is handed out."""
        return bool(self.words) and at < self.until

    def succeeded(self) -> None:
        """A task was put in place."""
        self.streak.broken()
        self._ever_succeeded, self._since = True, None
        if self.words:
            self.words = ""
            self._machine.tell("note", "Going on: a frame was rendered and written.")

    def on(self, at: float, worker: Worker, words: str) -> None:
        """Hold the job, or hold it longer."""
        limits = self._machine.limits
        if at - self.until > FORGOTTEN:
            self._pause = 0.0
        self._pause = min(max(2 * self._pause, limits.backoff), limits.backoff_most)
        self.until = at + self._pause
        if not self.words:
            said = f"Paused: {words.rstrip('.')}. The job goes on by itself when that is mended."
            self._machine.tell("error", said, worker=worker.id)
        self.words = words

    def everything_fails(self, at: float, worker: Worker, task: int, fault: Fault, words: str) -> bool:
        """A task failed: return whether that is not its own fault, because every task does."""
        self.streak.failed(task, fault)
        if not self.streak.proven:
            return False
        why = f"every frame fails in the same way ({fault}{f': {words}' if words else ''})"
        self._since = at if self._since is None else self._since
        if self._ever_succeeded and at - self._since < self._machine.limits.systemic:
            self.on(at, worker, why)
        elif not self.hopeless:
            self.hopeless = True
            counts = self._machine.ledger.counts
            left = count(counts[TaskState.WAITING] + counts[TaskState.OUT], "frame")
            said = f"Ended with {left} left: {why}. See what the worker's log says, mend it, and resume the job."
            self._machine.tell("error", said, worker=worker.id)
        return True
