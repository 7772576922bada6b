# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine is told (events, past tense) and what it answers (commands, imperative). All frozen.

``at`` is monotonic seconds. Workers, attempts and tasks are known by number: a task by its place in the job's list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .gauges import Sample
from .model import Fault, Layout, Outcome, Picture, Slot
from .protocol import Report, Request

# --- events -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Started:
    """The dispatcher is ready: leases are held, the journal is open."""

    at: float


@dataclass(frozen=True, slots=True)
class Spawned:
    at: float
    worker: int
    pid: int


@dataclass(frozen=True, slots=True)
class WorkerSaid:
    at: float
    worker: int
    report: Report


@dataclass(frozen=True, slots=True)
class WorkerEnded:
    """The process is gone (or never came to be), with or without a goodbye."""

    at: float
    worker: int
    fault: Fault | None
    """None: a clean exit."""
    words: str = ""
    oom_kills: int | None = None
    """See `Sample`, at this moment."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """Answer to `Recover`: claims, placeholders and temporary files of these attempts are gone."""

    at: float
    worker: int
    in_place: tuple[int, ...]
    """Attempts whose pictures are in place after all: the worker ended between replace and report."""


@dataclass(frozen=True, slots=True)
class TimePassed:
    at: float
    stood_still: float = 0.0
    """Seconds for which the dispatcher itself did nothing (sleep, a full disk): no worker was silent meanwhile."""


@dataclass(frozen=True, slots=True)
class Gauged:
    """Telemetry has looked at the machine."""

    at: float
    sample: Sample


@dataclass(frozen=True, slots=True)
class StopAsked:
    at: float
    now: bool = False


@dataclass(frozen=True, slots=True)
class PauseAsked:
    at: float


@dataclass(frozen=True, slots=True)
class GoOnAsked:
    at: float


@dataclass(frozen=True, slots=True)
class LayoutChosen:
    """The artist, or Auto, wants these slots from now on; slots are the same when their names are."""

    at: float
    slots: Layout


Event = (
    Started
    | Spawned
    | WorkerSaid
    | WorkerEnded
    | Recovered
    | TimePassed
    | StopAsked
    | PauseAsked
    | GoOnAsked
    | LayoutChosen
    | Gauged
)


# --- commands ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spawn:
    worker: int
    slot: Slot


@dataclass(frozen=True, slots=True)
class Load:
    """Send the worker its `protocol.Configure`."""

    worker: int
    slot: Slot
    persistent: bool = True
    """False: persistent data is off, whatever the job says."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Send the worker the task's request."""

    worker: int
    task: int
    attempt: int
    again: bool = False
    """Its picture in place is to be replaced."""


@dataclass(frozen=True, slots=True)
class Compare:
    """Have the worker render a finished task again and compare: send it its `protocol.Check`."""

    worker: int
    task: int
    attempt: int
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Send:
    worker: int
    request: Request


@dataclass(frozen=True, slots=True)
class Kill:
    """End the worker's whole process tree at once."""

    worker: int


@dataclass(frozen=True, slots=True)
class Recover:
    """The worker is gone: clear what these attempts left, look whether their pictures are in place; answer `Recovered`."""

    worker: int
    attempts: tuple[tuple[int, tuple[Picture, ...]], ...]
    """(attempt, pictures that it was allowed to put in place)."""


@dataclass(frozen=True, slots=True)
class Record:
    """Write this into the journal before the commands of the same answer are carried out."""

    what: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tell:
    """Say one sentence to the artist; the journal keeps it too."""

    level: str
    """``note`` | ``warning`` | ``error``."""
    text: str
    worker: int | None = None
    """Whose log tells more."""


@dataclass(frozen=True, slots=True)
class End:
    """Every worker is gone: the job has ended."""

    outcome: Outcome


Command = Spawn | Load | Hand | Compare | Send | Kill | Recover | Record | Tell | End
