# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of one point: a job with a fixed layout, rendered by the engine like any other, and what came of it.

Owns the job that is made of the measured one, its pictures' place, and what its snapshots and journal tell. Leaves
nothing but the folder of a run that failed.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from . import dispatcher, frames, history, host, job, journal, measure, recovery, steady
from .job import Wish
from .measurement import Point, Run
from .model import DispatchError, Job, Order, Outcome, Then
from .snapshot import Snapshot
from .weights import Costs


@dataclass(frozen=True, slots=True)
class Ran:
    """A run that was not stopped."""

    run: Run
    size: int = 0
    """Bytes of one frame's pictures; 0: unknown."""
    costs: Costs = field(default_factory=dict)
    """Of the frames that were counted."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """One look at a running job."""

    at: float
    """Seconds since the epoch."""
    load: float | None
    vram_used: int | None
    ram_each: int | None
    vram_each: int | None


def one(
    folder: Path,
    measured: Job,
    point: Point,
    numbers: Sequence[int],
    *,
    repeat: int,
    on_snapshot: Callable[[Snapshot], bool],
    entry: Path | None = None,
) -> Ran | None:
    """Render one point once; None where it was stopped.

    Args:
        numbers: The frames, in the order in which they are handed out.
        on_snapshot: Called with each snapshot; False stops the run at once.
        entry: Replaces the program that runs inside Blender (tests).

    Raises:
        DispatchError: the folder cannot be written.
    """
    config = folder / "config"
    task = job_of(folder, measured, point, numbers)
    place = job.create(task, folder / measure.RUNS, str(config) if config.is_dir() else "")
    watch = _Watch(place, on_snapshot)
    try:
        outcome = dispatcher.run(place, watch.listen, entry)
        ran = None if watch.stopped else _came_of(place, point, numbers, repeat, outcome, watch)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(folder / measure.PICTURES, ignore_errors=True)
    if ran is None or ran.run.rate:
        shutil.rmtree(place, ignore_errors=True)
    else:
        recovery.tidy(place)
    return ran


def job_of(folder: Path, measured: Job, point: Point, numbers: Sequence[int]) -> Job:
    """Return the job that measures a point; nothing of it goes where the measured job's pictures go."""
    pictures = folder / measure.PICTURES
    way = point.way
    return replace(
        measured,
        id=job.new_id(measured.name),
        name=f"{measured.name} (measurement)",
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        frames=frames.words(numbers),
        order=Order.FORWARD,
        output=str(pictures / "####"),
        side_folder=str(pictures / "sides"),
        overwrite=True,
        movie="",
        devices=measure.measured_devices(measured)[: way.cards],
        strategy=way.strategy,
        per_device=way.per_device,
        retries=0,
        gather=True,
        limits=replace(measured.limits, check=0.0),
        then=Then.NOTHING,
        samples=(measured.samples or 100.0) * point.factor if point.by == "samples" else measured.samples,
        pixels=point.factor if point.by == "resolution" else 1.0,
    )


class _Watch:
    """Collects what a run's snapshots tell, and ends a run that cannot come to a rate any more."""

    def __init__(self, place: Path, on_snapshot: Callable[[Snapshot], bool]) -> None:
        self.stopped = False
        """On request: it says nothing about the point."""
        self.gauges: list[Gauge] = []
        self.began = 0.0
        """Monotonic: when the run had its cards."""
        self._place = place
        self._on_snapshot = on_snapshot
        self._asked = False

    def listen(self, snapshot: Snapshot) -> None:
        if snapshot.state != "waiting" and not self.began:
            self.began = time.monotonic()
        if not self._on_snapshot(snapshot):
            self.stopped = True
        hopeless = any(message.level == "error" for message in snapshot.messages)
        if (self.stopped or hopeless) and not self._asked and snapshot.outcome is None:
            self._asked = True
            with contextlib.suppress(DispatchError):  # a full disk: the job ends by itself, later
                job.ask(self._place, Wish.STOP_NOW)
        if snapshot.state == "rendering":
            self.gauges.append(_gauge(snapshot))


def _gauge(snapshot: Snapshot) -> Gauge:
    loads = [device.load for device in snapshot.devices if device.load is not None]
    return Gauge(
        time.time(),
        sum(loads) / len(loads) if loads else None,
        max((device.vram_used for device in snapshot.devices if device.vram_used is not None), default=None),
        max((worker.memory for worker in snapshot.workers), default=0) or None,
        max((worker.vram for worker in snapshot.workers), default=0) or None,
    )


def _came_of(place: Path, point: Point, numbers: Sequence[int], repeat: int, outcome: Outcome, watch: _Watch) -> Ran:
    records = list(journal.read(place / "journal.jsonl"))
    wall = time.monotonic() - (watch.began or time.monotonic())
    came = steady.steady(records, point.way.workers)
    trouble = steady.trouble(records)
    if trouble or outcome is not Outcome.COMPLETE or not came.rate:
        words = trouble or next(
            (r["text"] for r in records if r["what"] == "told" and r.get("level") == "error"),
            "its workers never rendered all at the same time",
        )
        return Ran(Run(repeat, 0.0, wall=wall, trouble=str(words).rstrip(".")))
    gauges = watch.gauges
    loads = [g.load for g in gauges if g.load is not None and came.begin <= g.at <= came.end]
    run = Run(
        repeat,
        came.rate,
        came.frames,
        1.0,
        came.end - came.begin,
        came.frame_seconds,
        came.phases.evaluate,
        came.phases.sync,
        came.phases.render,
        came.phases.write,
        ram_each=max((g.ram_each for g in gauges if g.ram_each is not None), default=came.memory or None),
        vram_each=max((g.vram_each for g in gauges if g.vram_each is not None), default=None),
        vram_used=max((g.vram_used for g in gauges if g.vram_used is not None), default=None),
        gpu_load=sum(loads) / len(loads) if loads else None,
        wall=wall,
    )
    return Ran(run, _size(place), {numbers[task]: cost for task, cost in came.costs.items()})


def _size(place: Path) -> int:
    made = list(history.read(place / "journal.jsonl").in_place.values())
    return max((sum(picture.size for picture in pictures) for pictures in made), default=0)


def room(folder: Path, size: int) -> int:
    """Return how many frames' pictures half of the free space holds."""
    try:
        return host.free_space(folder) // 2 // size if size else frames.MOST_FRAMES
    except OSError:
        return frames.MOST_FRAMES
