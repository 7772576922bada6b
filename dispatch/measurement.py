# SPDX-License-Identifier: GPL-3.0-or-later
"""The nouns of a measurement: what was tried on an artist's own scene and machine, what came of it, what is advised.

Owns the shape of ``measurement.json`` (schema 1) and nothing else: `measure` fills it, `scaling` and `recommendation`
reckon with it, report and panel read it. Times are seconds, sizes bytes, loads percent, rates frames per second.
Fields may be added, none is renamed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from .model import SCHEMA, Device, Strategy


class State(StrEnum):
    """How far a measurement is."""

    WAITING = "waiting"
    """Made, not begun; or in line behind a job that has the cards."""
    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED = "stopped"
    """Ended early on request: every point in it is good, some are missing."""
    FAILED = "failed"
    """Nothing could be measured; ``notes`` say why."""


class Series(StrEnum):
    """Which question a point answers."""

    CARDS = "cards"
    """Ways to use 1 … N cards, at the scene's own work per frame."""
    WORK = "work"
    """More and less work per frame, on all cards."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to use the cards."""

    strategy: Strategy
    """`PER_DEVICE` or `COMBINED`."""
    per_device: int
    """Workers per device; combined: 1."""
    cards: int
    """How many of the measured devices, the first ones."""
    on_cpu: bool = False
    """The devices are processors, no cards."""

    @property
    def workers(self) -> int:
        return 1 if self.strategy is Strategy.COMBINED else self.per_device * self.cards

    @property
    def words(self) -> str:
        """``2 per GPU on 4 GPUs``, ``combined on 2 GPUs``, ``2 on the CPU``."""
        if self.on_cpu:
            return f"{self.per_device} on the CPU"
        place = f"{self.cards} GPU{'s' if self.cards != 1 else ''}"
        if self.strategy is Strategy.COMBINED:
            return f"combined on {place}"
        return f"{self.per_device} per GPU on {place}"


@dataclass(frozen=True, slots=True)
class Run:
    """One point measured once."""

    repeat: int
    """0 for the first round."""
    rate: float
    """Frames per second in the steady state; 0: it came to none, ``trouble`` says why. Corrected by ``weight``."""
    frames: int = 0
    """Frames that were counted."""
    weight: float = 1.0
    """What its frames cost on average, 1 being the mean of all frames that were measured."""
    seconds: float = 0.0
    """Length of the steady state."""
    frame_seconds: float = 0.0
    """Median time of one frame in one worker, from its begin to the whole picture."""
    evaluate: float = 0.0
    """Mean seconds of the phases of a counted frame."""
    sync: float = 0.0
    render: float = 0.0
    write: float = 0.0
    ram_each: int | None = None
    """Most resident memory of one worker."""
    vram_each: int | None = None
    """Most memory of one worker on its cards; None: the driver does not tell it by process."""
    vram_used: int | None = None
    """Most memory in use on any of the cards, by whomever."""
    gpu_load: float | None = None
    """Mean over the cards while all workers rendered; None: not available."""
    wall: float = 0.0
    """From the start of the run to its end, loading included."""
    trouble: str = ""
    """One sentence: why it did not come to a rate (out of memory …)."""


@dataclass(frozen=True, slots=True)
class Point:
    """One way, at one work per frame, with its repeats."""

    way: Way
    series: Series = Series.CARDS
    factor: float = 1.0
    """Work per frame as a multiple of the scene's own (samples, or pixels)."""
    by: str = ""
    """What makes the work: ``samples`` | ``resolution``; empty: the scene as it is."""
    frames: int = 0
    """How many each run renders, those that do not count included."""
    runs: tuple[Run, ...] = ()

    @property
    def good(self) -> tuple[Run, ...]:
        """The runs that came to a rate."""
        return tuple(run for run in self.runs if run.rate > 0)

    @property
    def rate(self) -> float:
        """Mean frames per second; 0 while there is none."""
        good = self.good
        return sum(run.rate for run in good) / len(good) if good else 0.0

    @property
    def spread(self) -> float:
        """Standard deviation of the rate over the repeats; 0 with fewer than two."""
        good, mean = self.good, self.rate
        return (sum((run.rate - mean) ** 2 for run in good) / (len(good) - 1)) ** 0.5 if len(good) > 1 else 0.0

    @property
    def seconds_per_frame(self) -> float:
        """Mean of the runs' medians of one worker's frame; 0 while unknown."""
        good = self.good
        return sum(run.frame_seconds for run in good) / len(good) if good else 0.0

    @property
    def trouble(self) -> str:
        """Why there is no rate; empty: there is one, or nothing was tried yet."""
        return "" if self.good else next((run.trouble for run in self.runs if run.trouble), "")

    @property
    def words(self) -> str:
        """``2 per GPU on 4 GPUs, 1/4 of the samples``."""
        if not self.by:
            return self.way.words
        size = f"1/{round(1 / self.factor)} of" if self.factor < 1 else f"{self.factor:g} ×"
        noun = "pixels" if self.by == "resolution" else self.by
        return f"{self.way.words}, {size} the {noun}"

    def with_run(self, run: Run) -> Point:
        return replace(self, runs=(*self.runs, run))

    def weighted(self, repeat: int, weight: float) -> Point:
        """Return the point with the rate of one of its runs corrected by what its frames weigh."""
        return replace(self, runs=tuple(_weighted(r, weight) if r.repeat == repeat else r for r in self.runs))


def _weighted(run: Run, weight: float) -> Run:
    return replace(run, rate=run.rate / run.weight * weight, weight=weight)


@dataclass(frozen=True, slots=True)
class Speedup:
    """One line of a scaling table."""

    cards: int
    rate: float
    ideal: float
    """Cards × the rate of one card in the same way."""
    speedup: float
    efficiency: float
    """speedup / cards: 1.0 is ideal."""
    plus_minus: float = 0.0
    """Uncertainty of ``speedup`` (95 %); 0: it was measured once."""


@dataclass(frozen=True, slots=True)
class Serial:
    """A share of the work that more cards do not make faster."""

    law: str
    """``Amdahl`` (the same work on more cards) | ``Gustafson`` (the work grows with the cards)."""
    share: float
    """0 … 1."""
    low: float
    high: float
    """95 % confidence."""
    limit: float | None = None
    """Amdahl: the speed-up that no number of cards exceeds; None: none is seen."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """How one way scales over the cards."""

    strategy: Strategy
    per_device: int
    lines: tuple[Speedup, ...]
    serial: Serial | None = None
    words: str = ""
    """One sentence: what the figures say, or why they carry no fit."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What so many workers per card take."""

    per_device: int
    ram_each: int | None
    vram_each: int | None
    vram_used: int | None
    """Most on any card."""
    vram_extra: int | None = None
    """More on the card for each worker that the number before did not have; None: unknown, or it is the first."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where combined and instances take turns in being faster, over the work per frame."""

    by: str
    """``samples`` | ``resolution``."""
    seconds: float | None
    """Seconds of one frame on one card at which they cross; None: not within what was measured."""
    words: str
    """One sentence with the figures."""


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to render this scene with on this machine."""

    strategy: Strategy
    per_device: int
    threads: int
    """CPU threads per worker; 0: `layout.share` of the cores."""
    reason: str
    """One or two sentences with the figures."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """A whole measurement, or what there is of it so far."""

    id: str
    """Also the name of its folder."""
    created: str
    """ISO 8601 with the zone."""
    state: State
    blend: str
    """The artist's own file."""
    scene: str
    name: str
    """The file's name without its ending."""
    blender: str
    """``Blender 5.0.1``."""
    devices: tuple[Device, ...]
    """Those that were measured; points use the first 1, 2 … of them."""
    machine: str = ""
    """Operating system, processor cores, memory: for people."""
    threads: int = 0
    """CPU threads per worker in every run; 0: `layout.share` of the cores."""
    seed: int = 0
    """Of the shuffled order."""
    repeats: int = 3
    minutes: float = 10.0
    """The bound it was given; work per frame has the same again."""
    frames_per_point: int = 0
    """Frames of each run, all workers together; 0: as many as the time allows."""
    work_per_frame: bool = False
    """More and less work per frame is measured too."""
    current: str = ""
    """What is measured at this moment; empty: nothing."""
    done: int = 0
    """Runs that are over."""
    planned: int = 0
    """Runs in all; may become fewer (a worker more that does not pay ends its row)."""
    seconds_left: float | None = None
    points: tuple[Point, ...] = ()
    scaling: tuple[Scaling, ...] = ()
    memory: tuple[Memory, ...] = ()
    crossings: tuple[Crossing, ...] = ()
    recommendation: Recommendation | None = None
    notes: tuple[str, ...] = ()
    """Sentences about what limits the figures."""
    pid: int = 0
    """Of the process that measures, or measured."""
    updated: str = ""
    """ISO 8601."""
    schema: int = field(default=SCHEMA)

    def of(self, series: Series) -> tuple[Point, ...]:
        """Return the points of one question, in the order of the plan."""
        return tuple(point for point in self.points if point.series is series)
