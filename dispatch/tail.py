# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a job on unequal cards: who would still be in time, and who may hold a second task.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. Reckons ahead
with `lanes` once for one round of handing out, and only where the end is near enough to matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from . import lanes
from .roster import Worker, WorkerState

if TYPE_CHECKING:
    from .machine import Machine

FAR = 30
"""Waiting tasks for each worker from which on the end is too far away to reckon with."""

EVEN = 8
"""The same among equal cards, before anybody knows how long a task takes."""

LATE = 0.75
"""Share of the time left within which a task handed ahead must end: nobody may wait while another has two."""

NOISE = 1.03
"""How much later than the job's end a worker's task may end: its time is an estimate."""


class Plan:
    def __init__(self, machine: Machine, at: float, crew: list[Worker]) -> None:
        """``crew``: those who render, or load to render."""
        waiting = machine.ledger.waiting()
        self._far = len(crew) == 1 or waiting > FAR * len(crew)
        cards = {tuple(sorted(device.name for device in w.slot.slot.devices)) for w in crew}
        self._even = len(cards) == 1 and waiting > EVEN * len(crew)
        self._lanes: dict[int, lanes.Lane] = {}
        self._end = 0.0
        if self._far:
            return
        crowd = lanes.busy(machine.workers.values())
        ready = [w for w in crew if w.state is WorkerState.READY]
        self._lanes = lanes.lanes(machine.costs, at, ready, crowd)
        self._end = lanes.end(waiting, list(self._lanes.values()))

    def given(self, worker: Worker) -> None:
        """The worker has been handed one of the tasks."""
        if lane := self._lanes.get(worker.id):
            self._lanes[worker.id] = replace(lane, free=lane.free + lane.seconds)

    def outlasts(self, worker: Worker) -> bool:
        """Whether the others will have done all that waits before this one could do one task of it.

        Nobody who has not shown its pace does, nor is there an end where all that waits is claimed by others.
        """
        return self._knows(worker) and 0.0 < NOISE * self._end < self._in_time(worker)

    def far(self, worker: Worker) -> bool:
        """Whether the end is so far away that the worker may be given the task after its present one already."""
        if self._far or not self._knows(worker):
            return self._far or self._even
        return self._in_time(worker) <= LATE * self._end

    def fastest_first(self, workers: Iterable[Worker]) -> list[Worker]:
        """Return the workers in the order in which they would be done with one task; unknown ones first."""
        return sorted(workers, key=lambda w: self._in_time(w) if w.id in self._lanes else 0.0)

    def _knows(self, worker: Worker) -> bool:
        return worker.id in self._lanes and self._lanes[worker.id].known

    def _in_time(self, worker: Worker) -> float:
        lane = self._lanes[worker.id]
        return lane.free + lane.seconds
