# SPDX-License-Identifier: GPL-3.0-or-later
"""When each worker is free again, how long a frame takes it, and when so many frames would be done.

Owns the reckoning ahead that the end of a job and the time left stand on: each task goes where it ends first, which
for tasks of one cost is the best there is. Pure, time is an argument. Decides nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .costs import Costs, Kind
from .roster import Worker, WorkerState

OVERDUE = 0.1
"""Share of its usual time that a frame which should be done by now is expected to need still."""


LONGER = 1.2
"""How much longer than until now a worker's first frame is expected to take, once it takes longer than the others'."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One worker: it could begin another task in ``free`` seconds, and then takes ``seconds`` for each."""

    free: float
    seconds: float
    known: bool = True
    """The worker, or one of its kind, has shown its pace."""


def busy(workers: Iterable[Worker]) -> Counter[str]:
    """Return how many workers render on each device, by its id."""
    return Counter(device.id for worker in workers if worker.hand for device in worker.slot.slot.devices)


def kind(worker: Worker, crowd: Counter[str]) -> Kind:
    """Return what the worker is; ``crowd``: the answer of `busy`."""
    devices = worker.slot.slot.devices
    most = max((crowd[device.id] for device in devices), default=0)
    beside = most + (0 if worker.hand else 1) if devices else 1  # without a device they cannot be told apart
    return Kind(" + ".join(sorted(device.name for device in devices)), beside)


def lanes(
    costs: Costs, at: float, workers: Iterable[Worker], crowd: Counter[str], cost: float = 1.0
) -> dict[int, Lane]:
    """Return the lanes of these workers; those of which nothing can be said yet are left out.

    ``crowd``: the answer of `busy`. ``cost``: of each frame, the last ones having cost 1.
    """
    found: dict[int, Lane] = {}
    for worker in workers:
        name = kind(worker, crowd)
        seconds, known = costs.seconds(worker.id, name), costs.knows(worker.id, name)
        if seconds is None:
            continue
        seconds *= cost
        current = worker.in_frame()
        if current and not known:
            seconds = max(seconds, LONGER * (at - current.begun_at - costs.first_extra))
        free = _free(at, worker, seconds)
        if worker.state in (WorkerState.STARTING, WorkerState.LOADING):
            free = max(0.0, costs.load - (at - worker.born))
        found[worker.id] = Lane(free, seconds, known)
    return found


def _free(at: float, worker: Worker, seconds: float) -> float:
    waiting = sum(1 for attempt in worker.hand.values() if not attempt.begun)
    current = worker.in_frame()
    if current is None:
        return waiting * seconds
    passed = at - current.begun_at
    # What is late stays late for the longer, the later it is: nobody waits for it for ever.
    left = max(seconds - passed, OVERDUE * seconds, (passed - seconds) / 2)
    return left + waiting * seconds


def end(tasks: int, lanes: Sequence[Lane]) -> float:
    """Return the seconds until so many more tasks are done; 0 without lanes. O(lanes)."""
    if tasks <= 0 or not lanes:
        return 0.0
    low, high = 0.0, min(lane.free + tasks * lane.seconds for lane in lanes)
    while high - low > 1e-4 * high:
        middle = (low + high) / 2
        if sum(max(0, math.floor((middle - lane.free) / lane.seconds)) for lane in lanes) >= tasks:
            high = middle
        else:
            low = middle
    return high
