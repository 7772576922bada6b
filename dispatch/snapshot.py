# SPDX-License-Identifier: GPL-3.0-or-later
"""A small frozen view of a job for panel, command line and report (``snapshot.json``).

Owns the shape and its words' raw material; decides nothing. The dispatcher replaces the file at most four times a
second; readers take it as it is. Field names are an interface: add, never rename (README, "Files and events").
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .model import SCHEMA, Outcome


@dataclass(frozen=True, slots=True)
class WorkerView:
    """One background Blender."""

    worker: int
    slot: str
    """Name of its slot, e.g. ``NVIDIA H200 (3b:00)`` or ``CPU 2``."""
    devices: tuple[str, ...]
    state: str
    """``starting`` | ``loading`` | ``idle`` | ``rendering`` | ``checking`` | ``leaving`` | ``killed`` | ``gone`` | ``unkillable``."""
    pid: int = 0
    frame: int | None = None
    sample: int = 0
    samples: int = 0
    done: int = 0
    """Frames this worker has put in place."""
    seconds_per_frame: float = 0.0
    """Recent mean, 0 while unknown."""
    seconds_in_frame: float = 0.0
    memory: int = 0
    """Resident bytes."""
    vram: int = 0
    """Bytes on its cards, where the driver tells; 0: unknown."""


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device of the job."""

    id: str
    name: str
    state: str = "in use"
    """``in use`` | ``waiting`` (leased to another job) | ``left out`` (quarantined or unkillable)."""
    load: float | None = None
    """Percent; None: not available."""
    vram_used: int | None = None
    vram_total: int | None = None
    temperature: float | None = None
    """°C."""
    power: float | None = None
    """Watts."""
    done: int = 0
    """Frames put in place by workers on this device (on a combined one each of its devices counts them all)."""
    seconds_per_frame: float = 0.0
    """Mean of one worker on it over the whole run, 0 while unknown."""


@dataclass(frozen=True, slots=True)
class Message:
    """One sentence the artist should know."""

    at: str
    """ISO 8601, local time with zone."""
    level: str
    """``note`` | ``warning`` | ``error``."""
    text: str
    log: str = ""
    """Absolute path of the worker's log that tells more; empty: none."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The job at one moment."""

    job: str
    name: str
    state: str
    """``waiting`` | ``starting`` | ``rendering`` | ``paused`` | ``stopping`` | ``writing movie`` | ``ended``."""
    total: int
    done: int = 0
    """Tasks whose pictures are in place, those found there included."""
    found: int = 0
    """Part of ``done``: whole pictures that were there already (Overwrite off, or an earlier run)."""
    failed: int = 0
    """Tasks given up."""
    elsewhere: int = 0
    """Tasks claimed by somebody else at present."""
    retried: int = 0
    """Tasks that needed more than one try."""
    doubled: int = 0
    """Pictures rendered here although somebody else put one in place meanwhile."""
    frames_per_second: float = 0.0
    """Over the last minute or so; 0 while unknown."""
    seconds_left: float | None = None
    seconds_left_range: tuple[float, float] | None = None
    """Least and most, right 8 times of 10, where frames differ in cost; None: ``seconds_left`` says it all."""
    bottleneck: str = ""
    """One sentence: what keeps the job from being faster; empty while unknown."""
    auto: str = ""
    """One sentence: what Auto decided last, with its figures; empty: it has not, or the strategy is another."""
    elapsed: float = 0.0
    """Seconds since this run of the dispatcher started."""
    output: str = ""
    workers: tuple[WorkerView, ...] = ()
    devices: tuple[DeviceView, ...] = ()
    messages: tuple[Message, ...] = ()
    """The last ones, oldest first."""
    outcome: Outcome | None = None
    audit: str = ""
    """The closing sentence: ``250 of 250 frames complete, 0 rendered twice, 2 retried``."""
    behind: str = ""
    """Name of the job that has the cards while this one waits; empty: it does not wait."""
    behind_job: str = ""
    """Its id, where known."""
    ahead: int = 0
    """Jobs that stand in line before this one, the holder of the cards not counted."""
    last_picture: str = ""
    """Absolute path of the main picture that was put in place last."""
    movie: str = ""
    """The movie, once it is in place."""
    then: str = "nothing"
    """What the machine does at the end: ``nothing`` | ``notify`` | ``sleep`` | ``shut-down``."""
    then_at: float = 0.0
    """Seconds since the epoch at which it will sleep or shut down unless that is cancelled; 0: not counting down."""
    ram_available: int = 0
    pid: int = 0
    """The dispatcher's process id."""
    updated: str = ""
    """ISO 8601."""
    schema: int = field(default=SCHEMA)
