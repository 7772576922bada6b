# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the tasks fail, or everything does: many failures of one kind in a row with no frame in between. Pure.

A range of poison frames looks the same at first. So before anything is said, a task far away is tried: where it fails
in the same way too, it is the scene, the driver or the licence, not the frames.
"""

from __future__ import annotations

from .model import Fault

FAILURES = 20
"""Failures in a row …"""

TASKS = 10
"""… of so many different tasks are a streak."""

FAR = 3
"""Tasks far away that are tried before it is proven."""


class Streak:
    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._failures = 0
        self._tasks: set[int] = set()
        self._far: set[int] = set()
        self.proven = False
        """A task far away failed in the same way."""

    def broken(self) -> None:
        """A task was put in place."""
        if self._fault is not None:
            self._fault, self._failures, self.proven = None, 0, False
            self._tasks.clear()
            self._far.clear()

    def failed(self, task: int, fault: Fault) -> None:
        """A task failed in a way that may be everybody's (`faults.Rule.streak`)."""
        if fault is not self._fault:
            self.broken()
            self._fault = fault
        self._failures += 1
        if len(self._tasks) < TASKS:
            self._tasks.add(task)
        self.proven = self.proven or task in self._far

    def wants_far(self) -> bool:
        """Whether a task far away should be tried."""
        many = self._failures >= FAILURES and len(self._tasks) >= TASKS
        return self.proven or (many and len(self._far) < FAR)

    def tried_far(self, task: int) -> None:
        self._far.add(task)
