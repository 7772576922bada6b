# SPDX-License-Identifier: GPL-3.0-or-later
"""The steady state of a job, from its journal: how fast it goes once all workers render and before the first one ends.

Pure. Owns what counts: neither loading nor each worker's first frames, nor the end where some have nothing left to do.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .model import Phases
from .timing import WARM_UP


@dataclass(frozen=True, slots=True)
class Steady:
    """What was seen while all workers rendered."""

    rate: float = 0.0
    """Frames per second of all workers together; 0: there was no steady state."""
    frames: int = 0
    begin: float = 0.0
    """Seconds since the epoch."""
    end: float = 0.0
    frame_seconds: float = 0.0
    """Median of one frame in one worker, from its begin to the whole picture."""
    phases: Phases = field(default_factory=Phases)
    """Their means."""
    costs: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    """Task → the part of it that was counted, and its seconds."""
    memory: int = 0
    """Most resident bytes of one worker; 0: unknown."""


def steady(records: Iterable[Mapping[str, Any]], workers: int) -> Steady:
    """Reckon the steady state of a job that ran with so many workers from start to end.

    Frames that begin before it or end after it count with the part that lies inside, so that the rate does not depend
    on where in a frame it begins.
    """
    done = _done(records)
    if len(done) < workers or any(len(frames) <= WARM_UP for frames in done.values()):
        return Steady()
    begin = max(frames[WARM_UP - 1][0] for frames in done.values())
    end = min(frames[-1][0] for frames in done.values())
    counted: list[tuple[float, Mapping[str, Any]]] = []
    for frames in done.values():
        for (before, _), (time, record) in itertools.pairwise(frames):
            if (inside := min(time, end) - max(before, begin)) > 0:
                counted.append((inside / (time - before), record))
    total = sum(share for share, _ in counted)
    if end <= begin or total < workers:
        return Steady()
    seen = [record for _, record in counted]
    return Steady(
        total / (end - begin),
        round(total),
        begin,
        end,
        statistics.median(float(record.get("seconds", 0.0)) for record in seen),
        _means([record["phases"] for record in seen if isinstance(record.get("phases"), dict)]),
        {int(record["task"]): (share, float(record.get("seconds", 0.0))) for share, record in counted},
        max(int(record.get("memory", 0)) for record in seen),
    )


def trouble(records: Iterable[Mapping[str, Any]]) -> str:
    """Return the first sentence on what went wrong; empty: every worker lived, every frame came at the first try."""
    for record in records:
        if record["what"] == "slot closed" and record.get("why"):
            return f"{record.get('slot')} was left out: {record['why']}"
        if record["what"] == "worker ended" and record.get("fault"):
            return f"a worker ended ({record['fault']}): {record.get('words', '')}"
        if record["what"] == "failed":
            return f"a frame failed ({record.get('fault')}): {record.get('words', '')}"
    return ""


def _done(records: Iterable[Mapping[str, Any]]) -> dict[int, list[tuple[float, Mapping[str, Any]]]]:
    """Return worker → when its pictures were put in place, in order of time, with the frames' records."""
    rendered: dict[int, Mapping[str, Any]] = {}
    done: dict[int, list[tuple[float, Mapping[str, Any]]]] = {}
    for record in records:
        if record["what"] == "rendered":
            rendered[int(record["attempt"])] = record
        elif record["what"] == "committed" and (source := rendered.pop(int(record["attempt"]), None)):
            time = datetime.fromisoformat(str(record["at"])).timestamp()
            done.setdefault(int(source["worker"]), []).append((time, source))
    for frames in done.values():
        frames.sort(key=lambda frame: frame[0])
    return done


def _means(phases: Sequence[Mapping[str, Any]]) -> Phases:
    if not phases:
        return Phases()
    names = ("evaluate", "sync", "render", "write", "carry")
    return Phases(*(statistics.fmean(float(each.get(name, 0.0)) for each in phases) for name in names))
