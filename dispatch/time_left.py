# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the job still takes: what is left, handed out ahead to the workers there are.

Owns the composition of `lanes` (who is free when) and `forecast` (what frames will cost). Reads the machine, changes
nothing. Pure, time is an argument.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from . import lanes
from .forecast import ODDS, Forecast, forecast
from .ledger import TaskState
from .roster import AT_WORK, WorkerState

if TYPE_CHECKING:
    from .machine import Machine

FIRST = Forecast(0.8, 0.4, 1.4)
"""What is said of the frames to come when only first ones are done: they hold more than later ones."""


def time_left(machine: Machine, at: float) -> tuple[float | None, tuple[float, float] | None]:
    """Return the seconds left, and the least and most of them where frames differ in cost.

    None: nothing is known yet, nobody is there who could render, or all that is left is claimed by others.
    """
    history = machine.costs.history
    waiting = machine.ledger.waiting()
    left = waiting + machine.ledger.counts[TaskState.OUT]
    if left == 0:
        return (None if machine.ledger.elsewhere else 0.0), None
    known, level = forecast(history, left), machine.costs.level()
    costs = Forecast(known.mean / level, known.low / level, known.high / level) if known else FIRST
    seconds, frame = _seconds(machine, at, waiting, costs.mean)
    if seconds is None or costs.low == costs.high:
        return seconds, None
    least, most = (_seconds(machine, at, waiting, cost)[0] or 0.0 for cost in (costs.low, costs.high))
    # The last frames end the job: however many there were, each may still be a cheap or a dear one.
    single = ODDS * frame * history.spread / history.mean if history.count else 0.0
    return seconds, (
        max(0.0, seconds - math.hypot(seconds - least, single)),
        seconds + math.hypot(most - seconds, single),
    )


def _seconds(machine: Machine, at: float, waiting: int, cost: float) -> tuple[float | None, float]:
    """Return the seconds left if each frame costs so much, and what one takes the slowest worker that has one."""
    workers = [w for w in machine.workers.values() if w.state in (*AT_WORK, WorkerState.LEAVING)]
    found = lanes.lanes(machine.costs, at, workers, lanes.busy(workers), cost)
    takers = [w for w in workers if w.id in found and w.state is not WorkerState.LEAVING and not w.slot.resting]
    able = [found[w.id] for w in takers if w.state is WorkerState.READY or found[w.id].known]
    busy = [found[w.id] for w in workers if w.id in found and w.hand]
    if not able and (waiting or not busy):
        return None, 0.0
    end = max(lanes.end(waiting, able), *(lane.free for lane in busy), 0.0)
    return end, max((lane.seconds for lane in busy), default=0.0)
