# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure one cell: start it, wait until enough is seen or its time is over, end it, reckon.

Owns the waiting and the temporary folder of a cell.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from . import rate, search
from .gauge import Busy, Gauge
from .plan import WHOLE, Cell, longest
from .runs import EngineRun, Place, PlainRun, checks, moments, phases

PAUSE = 0.25


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a cell. Seconds, percent, bytes."""

    key: str
    scene: str
    way: str
    workers: int
    """That finished pictures."""
    rate: float = 0.0
    """Frames per second in the steady state; 0: nothing could be counted."""
    frames: int = 0
    """Counted."""
    first: float = 0.0
    """From the start to the first picture."""
    whole: float = 0.0
    """Of a job of 250 frames, start-up included."""
    whole_measured: bool = False
    """False: its last part is reckoned with the rate."""
    busy: Busy = field(default_factory=Busy)
    phases: dict[str, float] = field(default_factory=dict)
    search: dict[str, Any] | None = None
    """Auto's (`search.Search`), and ``layout``: workers by device at the end."""
    took: float = 0.0
    error: str = ""


Keep = Callable[[Cell, EngineRun, Gauge], None]


def measure(cell: Cell, place: Place, limit: float, keep: Keep) -> Measured:
    """Return what was measured in ``limit`` seconds at most.

    Args:
        keep: Called with each run of our engine before its folder goes.
    """
    place.folder.mkdir(parents=True, exist_ok=cell.resumes)
    began = time.monotonic()
    run: PlainRun | EngineRun
    try:
        used = place.cards[:1] if cell.way.one_card else place.cards
        with Gauge([card.uuid for card in used if card.uuid]) as gauge:
            run = PlainRun(cell, place) if cell.way.is_plain else EngineRun(cell, place)
            try:
                _wait(cell, place, run, began + min(limit, longest(cell)))
                seen = run.moments()  # what comes while it ends does not count
            finally:
                run.end()
        measured = _reckon(cell, place, run, seen, gauge)
        if isinstance(run, EngineRun) and not cell.resumes:
            keep(cell, run, gauge)
    finally:
        if not cell.same_job:
            shutil.rmtree(place.folder, ignore_errors=True)
    return replace(measured, took=round(time.monotonic() - began, 1))


def sources(cell: Cell, place: Place) -> int:
    """How many Blenders render at first."""
    if cell.way.name == "plain":
        return len(place.cards) or place.lanes
    if cell.way.name == "auto" and not place.cards:
        return 1  # lanes of the CPU are Auto's own affair
    return cell.way.workers(len(place.cards) or 1)


def _wait(cell: Cell, place: Place, run: PlainRun | EngineRun, deadline: float) -> None:
    """Until enough is seen, all have ended, or the time is over."""
    auto = cell.way.name == "auto"
    seconds = cell.scene.search if auto else cell.scene.steady
    while time.monotonic() < deadline and run.alive():
        time.sleep(PAUSE)
        warm = rate.is_enough(run.moments(), cell.scene.warm, sources(cell, place), time.time(), seconds)
        if warm and (not auto or not isinstance(run, EngineRun) or _is_found(cell, run.records())):
            return


def _is_found(cell: Cell, records: list[dict[str, Any]]) -> bool:
    """Whether Auto has decided, and the layout was seen long enough since; not where a frame takes a minute."""
    decisions = search.decided(records)
    if cell.scene.taster:
        return not decisions or search.is_over(decisions)
    if not search.is_over(decisions):
        return cell.resumes and not decisions  # it began with what was found
    slots = search.slots_at_end(records)
    later = search.since_last(moments(records), decisions, slots)
    return rate.is_enough(later, 1, len(slots), time.time(), cell.scene.steady)


def _reckon(
    cell: Cell, place: Place, run: PlainRun | EngineRun, seen: dict[str, list[float]], gauge: Gauge
) -> Measured:
    empty = Measured(cell.key, cell.scene.name, cell.way.name, len(seen))
    records = run.records() if isinstance(run, EngineRun) else []
    gaps = checks(records)
    steady = rate.steady(seen, cell.scene.warm, sources(cell, place), gaps)
    if steady is None:
        return replace(empty, error=run.trouble() or "no picture came in time")
    warm_ups = isinstance(run, PlainRun) and cell.scene.taster
    times = sorted(at for moments in seen.values() for at in moments[warm_ups:])
    found: dict[str, Any] | None = None
    if cell.way.name == "auto":
        decisions, slots = search.decided(records), search.slots_at_end(records)
        later = search.since_last(seen, decisions, slots)
        first, steady = steady, rate.steady(later, 1, len(slots), gaps) or steady
        found = asdict(search.search(decisions, times, first.since, steady.rate))
        found["layout"] = search.by_device(slots)
    start = run.start + run.spare
    whole, measured = rate.whole(times, start, steady.rate, WHOLE)
    return replace(
        empty,
        rate=steady.rate,
        frames=steady.frames,
        first=round(times[0] - start, 2),
        whole=round(whole, 1),
        whole_measured=measured,
        busy=gauge.busy(steady.since, steady.until),
        phases=dict(phases(records, steady.since, steady.until)),
        search=found,
        error=_doubt(cell, place, seen, steady, found),
    )


def _doubt(cell: Cell, place: Place, seen: rate.Moments, steady: rate.Steady, found: Mapping[str, Any] | None) -> str:
    """Say why the figure means little; empty: it does not."""
    if len(seen) < sources(cell, place):
        return f"only {len(seen)} workers finished a picture"
    watched = steady.until - steady.since
    if found and found["over"] and watched < cell.scene.steady / 2:
        return f"what Auto found was seen for {watched:.0f} s only, until the time of the cell was over"
    return ""


def from_plain(data: dict[str, Any]) -> Measured:
    """Return a cell that was written to a file."""
    busy = data["busy"]
    return Measured(**{**data, "busy": Busy(tuple(busy["load"]), tuple(busy["vram"]), busy["cpu"], busy["ram"])})


def place_of(cell: Cell, scenes: Path, work: Path, place: Place) -> Place:
    """Return where a cell works."""
    folder = work / (replace(cell, repeat=1) if cell.same_job else cell).key.replace("/", "-")
    return replace(place, blend=scenes / f"{cell.scene.name}.blend", folder=folder)
