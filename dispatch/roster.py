# SPDX-License-Identifier: GPL-3.0-or-later
"""Who works where: the machine's records of slots, workers and attempts, and how long each may stay silent.

Owns the records' shape and the deadlines; changes nothing by itself: only the machine writes here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .ledger import Seat
from .model import Fault, Limits, Picture, Slot


class WorkerState(StrEnum):
    """The life of one background Blender, in order."""

    STARTING = "starting"
    """Spawned; has not said hello."""
    LOADING = "loading"
    """Told what to load."""
    READY = "idle"
    """Loaded; renders whenever it holds a begun attempt."""
    LEAVING = "leaving"
    """Asked to finish what it has begun and go."""
    KILLED = "killed"
    UNKILLABLE = "unkillable"
    """Did not die; its slot is lost until the job ends."""
    GONE = "gone"


NOT_WANTED = "not wanted any more"
"""Why a slot is closed that another layout does without."""

AT_WORK = (WorkerState.STARTING, WorkerState.LOADING, WorkerState.READY)


@dataclass(slots=True)
class Attempt:
    """One try of one task by one worker."""

    id: int
    task: int
    begun: bool = False
    pictures: tuple[Picture, ...] | None = None
    """What it was allowed to put in place; None: still renders."""
    sample: int = 0
    samples: int = 0
    begun_at: float = 0.0
    warm: int = 0
    """Frames that the same Blender had begun before it with persistent data kept; 0: as good as fresh."""


@dataclass(slots=True)
class Worker:
    id: int
    slot: SlotRecord
    since: float
    """When it last changed its state or moved on with its tasks."""
    state: WorkerState = WorkerState.STARTING
    pid: int = 0
    hand: dict[int, Attempt] = field(default_factory=dict)
    """Attempts that it holds, in the order they were handed out."""
    finished: int = 0
    sentence: tuple[Fault, str] | None = None
    """Why it was killed, or why it says that it cannot go on; None: not by us."""
    dismissed: bool = False
    """Killed because the job stops: its end is nobody's fault."""
    begun: int = 0
    """Frames that it has begun."""
    keeps_data: bool = False
    """Loaded to keep persistent data, which is being checked."""
    check: int = 0
    """Attempt number of the check that it makes (`checks`); 0: none."""
    born: float = field(init=False)
    """When it was started."""

    def __post_init__(self) -> None:
        self.born = self.since

    def in_frame(self) -> Attempt | None:
        """The attempt that renders now: the last one begun, since the files of earlier ones are carried beside it."""
        return next((a for a in reversed(self.hand.values()) if a.begun and a.pictures is None), None)

    def to_render(self) -> int:
        """How many of its tasks are still to be rendered, the one in hand among them."""
        waiting, rendering = 0, False
        for attempt in self.hand.values():  # asked of every worker at every event
            if not attempt.begun:
                waiting += 1
            elif attempt.pictures is None:
                rendering = True
        return waiting + rendering


@dataclass(slots=True)
class SlotRecord:
    slot: Slot
    worker: Worker | None = None
    deaths: float = 0.0
    """Blame for workers that ended without finishing a task, in a row (`faults.Rule.slot`)."""
    not_before: float = 0.0
    resting: bool = False
    """Its worker stays, but gets no more tasks for now: Auto compares layouts."""
    closed: str = ""
    """Why no worker is started here any more; empty: open."""
    place: str = ""
    """It is open only for tasks that wait at this place (`ladder`); empty: an ordinary slot."""

    @property
    def seat(self) -> Seat:
        return Seat(" + ".join(sorted(device.card for device in self.slot.devices)), self.slot.name)


def patience(worker: Worker, limits: Limits, gigabytes: float, usual: float) -> tuple[float, Fault, str]:
    """Return how many seconds of silence this worker may have in its state, and what it means when they are over.

    Args:
        gigabytes: size of the .blend file.
        usual: 95th percentile of the job's task times in seconds, 0 while unknown.
    """
    match worker.state:
        case WorkerState.STARTING:
            return limits.start, Fault.CANNOT_START, "Blender did not answer after its start"
        case WorkerState.LOADING:
            return limits.load + limits.load_per_gb * gigabytes, Fault.HANG, "Blender did not finish loading the scene"
        case WorkerState.KILLED:
            return limits.die, Fault.HANG, "the process does not die"
        case WorkerState.LEAVING if not worker.hand:
            return limits.leave, Fault.HANG, "Blender did not end when asked"
    if worker.finished == 0:
        return max(limits.first, limits.task), Fault.HANG, "Blender said nothing in its first frame"
    return max(limits.task, limits.task_factor * usual), Fault.HANG, "Blender said nothing in a frame"
