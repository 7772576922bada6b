# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's journal as what happened when: who rendered which frame from when to when, what failed, what was said.

Owns the reading of the journal for the report; times are the job's own seconds (`job_clock`). Pure; damaged records
are passed over. Frames are columns, some 50 bytes each: a journal of a million frames fits. `history` reads the same
file for what still holds.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import wording
from .job_clock import JobClock
from .job_lanes import Card, JobLanes, Lane
from .model import Job

WARM_UP = 2
"""First frames of a worker, in which kernels are compiled and textures loaded."""

KEPT = 1000
"""Failures, decisions and sentences that are kept of each; the rest is counted."""

ABSURD = 1e9
"""Seconds that no frame takes: the record is damaged."""

PHASES = ("evaluate", "sync", "render", "write", "carry")

_NOT_WANTED = "not wanted any more"


@dataclass(frozen=True, slots=True)
class Span:
    """A time in which a worker rendered nothing that came to a picture."""

    lane: int
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Failure:
    at: float
    what: str
    """What it was: a fault's words, ``given up``, ``left out``."""
    where: str
    """Name of the slot; empty: nowhere in particular."""
    frame: int | None
    words: str
    lane: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """One of Auto's decisions, or one sentence for the artist."""

    at: float
    kind: str
    """The decision, or the sentence's level."""
    words: str
    figures: str = ""
    """What a decision was made on."""


@dataclass(slots=True)
class Seat:
    """A worker, while the journal is read."""

    lane: int
    spawned: float
    ready: float | None = None
    busy: float = 0.0
    """Until when it is known to have rendered."""
    frames: int = 0


@dataclass(slots=True)
class Frames:
    """The frames that were rendered, in the order in which their pictures were whole: one column a fact."""

    number: array[int] = field(default_factory=lambda: array("q"))
    lane: array[int] = field(default_factory=lambda: array("l"))
    begin: array[float] = field(default_factory=lambda: array("d"))
    warming: bytearray = field(default_factory=bytearray)
    """1: one of its worker's first `WARM_UP`."""
    alone: bytearray = field(default_factory=bytearray)
    """1: no other worker was on the card."""
    phases: tuple[array[float], ...] = field(default_factory=lambda: tuple(array("f") for _ in PHASES))
    """Seconds, as in `PHASES`."""

    def __len__(self) -> int:
        return len(self.number)

    def seconds(self, index: int) -> float:
        """How long the worker was at it; what is done with the file meanwhile does not count."""
        return sum(column[index] for column in self.phases[:4])


class Timeline:
    def __init__(self, job: Job, numbers: Sequence[int], records: Iterable[Mapping[str, Any]]) -> None:
        """``numbers``: frame numbers by task."""
        self.frames = Frames()
        self.in_place: array[float] = array("d")
        """When each picture was put in place."""
        self.loading: list[Span] = []
        self.lost: list[Span] = []
        self.checking: list[Span] = []
        """Frames that were rendered once more, to see whether a fresh Blender makes the same picture."""
        self.alive: list[Span] = []
        """From a worker's first frame to its end."""
        self.failures: list[Failure] = []
        self.decisions: list[Said] = []
        self.messages: list[Said] = []
        self.left_out = 0
        """Failures, decisions and sentences past `KEPT`."""
        self.clock = JobClock()
        self.workers = 0
        self.found = 0
        self.audit = ""
        self.bottleneck = ""
        self.outcome = ""
        self._numbers = numbers
        self._lanes = JobLanes(job.devices)
        self._seats: dict[int, Seat] = {}
        for record in records:
            try:
                self._take(record)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError):
                continue
        self._all_gone()

    @property
    def lanes(self) -> list[Lane]:
        return self._lanes.lanes

    @property
    def cards(self) -> list[Card]:
        return self._lanes.cards

    @property
    def duration(self) -> float:
        """Seconds in which the job ran."""
        return self.clock.now

    # --- records ------------------------------------------------------------------------------------------------

    def _take(self, record: Mapping[str, Any]) -> None:
        what = record["what"]
        if what == "opened":
            self._all_gone()
            self.clock.stop()
            self.outcome = self.audit = self.bottleneck = ""  # of an earlier run
        # Waiting in line for the cards is no time of the job: it begins with the first worker.
        running = self.clock.running or what == "spawn"
        at = self.clock.tell(record["at"]) if running else self.clock.now
        match what:
            case "spawn":
                lane = self._lanes.lane(str(record["slot"]), record.get("devices"))
                self._seats[int(record["worker"])] = Seat(lane, at, busy=at)
                self.workers += 1
            case "rendered":
                self._rendered(at, record)
            case "committed":
                self.in_place.append(at)
            case "found":
                self.found += 1
            case "failed":
                self._failed(at, record)
            case "worker ended":
                self._worker_ended(at, record)
            case "given up":
                frame = self._numbers[int(record["task"])]
                self._keep(self.failures, Failure(at, "given up", "", frame, str(record["words"])))
            case "slot closed" if record["why"] != _NOT_WANTED:
                self._keep(self.failures, Failure(at, "left out", str(record["slot"]), None, str(record["why"])))
            case "auto":
                self._keep(self.decisions, Said(at, str(record["decision"]), str(record["words"]), _figures(record)))
            case "told":
                self._keep(self.messages, Said(at, str(record["level"]), str(record["text"])))
            case "wish":
                self._keep(self.messages, Said(at, "asked", f"{record['wish']} {record.get('value', '')}".strip()))
            case "checked":
                self._checked(at, record)
            case "again":
                words = f"{wording.count(len(record['tasks']), 'frame')} to be rendered again"
                self._keep(self.messages, Said(at, "check", words))
            case "renew":
                self._keep(self.messages, Said(at, "renewed", str(record["words"])))
            case "bottleneck":
                self.bottleneck = str(record["words"])
            case "job ended":
                self.outcome, self.audit = str(record["outcome"]), str(record["audit"])

    def _rendered(self, at: float, record: Mapping[str, Any]) -> None:
        seat = self._seats[int(record["worker"])]
        phases = [float(record["phases"].get(name, 0.0)) for name in PHASES]
        took = float(record.get("seconds", sum(phases)))
        if not all(0.0 <= seconds < ABSURD for seconds in (took, *phases)):
            raise ValueError("no time that a frame can take")
        begin = max(seat.spawned, at - took)
        number = self._numbers[int(record["task"])]
        self._is_ready(seat, begin)
        card = self.lanes[seat.lane].card
        others = sum(1 for s in self._seats.values() if s.ready is not None and self.lanes[s.lane].card == card)
        frames = self.frames
        frames.number.append(number)
        frames.lane.append(seat.lane)
        frames.begin.append(begin)
        frames.warming.append(seat.frames < WARM_UP)
        frames.alone.append(others == 1)
        for column, seconds in zip(frames.phases, phases, strict=True):
            column.append(seconds)
        seat.frames += 1
        seat.busy = max(seat.busy, begin + sum(phases[:4]))

    def _is_ready(self, seat: Seat, begin: float) -> None:
        if seat.ready is None:
            seat.ready = begin
            self.loading.append(Span(seat.lane, seat.spawned, begin))

    def _checked(self, at: float, record: Mapping[str, Any]) -> None:
        seat = self._seats[int(record["worker"])]
        begin = max(seat.spawned, at - max(0.0, float(record["seconds"])))
        self._is_ready(seat, begin)
        self.checking.append(Span(seat.lane, begin, at))
        seat.busy = at
        if record["compared"] and not record["same"]:
            frame, where = self._numbers[int(record["task"])], self.lanes[seat.lane].name
            words = f"{float(record['difference']):.2%} of its pixels differ from what a fresh Blender renders"
            self._keep(self.failures, Failure(at, "other picture", where, frame, words, seat.lane))

    def _failed(self, at: float, record: Mapping[str, Any]) -> None:
        seat = self._seats[int(record["worker"])]
        where = self.lanes[seat.lane].name
        frame = self._numbers[int(record["task"])]
        self._keep(self.failures, Failure(at, str(record["fault"]), where, frame, str(record["words"]), seat.lane))
        self.lost.append(Span(seat.lane, seat.busy, at))
        seat.busy = at

    def _worker_ended(self, at: float, record: Mapping[str, Any]) -> None:
        seat = self._seats.pop(int(record["worker"]))
        if fault := record.get("fault"):
            where = self.lanes[seat.lane].name
            self._keep(self.failures, Failure(at, str(fault), where, None, str(record["words"]), seat.lane))
            self.lost.append(Span(seat.lane, seat.busy, at))
        self._gone(seat, at)

    def _gone(self, seat: Seat, at: float) -> None:
        if seat.ready is None:
            self.loading.append(Span(seat.lane, seat.spawned, at))
        else:
            self.alive.append(Span(seat.lane, seat.ready, at))

    def _all_gone(self) -> None:
        for seat in self._seats.values():
            self._gone(seat, self.clock.now)
        self._seats.clear()

    def _keep(self, kept: list[Any], one: object) -> None:
        if len(kept) < KEPT:
            kept.append(one)
        else:
            self.left_out += 1


def _figures(record: Mapping[str, Any]) -> str:
    """Return the plain figures of a decision: ``rate 8.1, load 62``."""
    told = {name: value for name, value in record.items() if name not in ("what", "at", "decision", "words")}
    return ", ".join(f"{n.replace('_', ' ')} {v:g}" for n, v in told.items() if isinstance(v, (int, float)))
