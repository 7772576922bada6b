# SPDX-License-Identifier: GPL-3.0-or-later
"""From moments at which pictures were finished to frames per second, start-up left out. Pure.

Moments are seconds of one clock, ascending, by *source*: the slot (its workers follow each other) or the plain Blender that rendered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from types import MappingProxyType

Moments = Mapping[str, Sequence[float]]

Gaps = Mapping[str, Sequence[tuple[float, float]]]
"""By source: stretches, each from one of its moments to the next, that are not looked at."""


@dataclass(frozen=True, slots=True)
class Steady:
    """The stretch in which every source was warm."""

    since: float
    until: float
    frames: int
    """Pictures whose whole time is counted."""
    rate: float
    """Frames per second of all sources together."""


def warm_since(moments: Moments, warm: int, sources: int) -> float | None:
    """Return when the last of so many sources had finished its first ``warm`` pictures; None: not yet."""
    ready = sorted(times[warm - 1] for times in moments.values() if len(times) >= warm)
    return ready[sources - 1] if len(ready) >= sources else None


def is_enough(moments: Moments, warm: int, sources: int, now: float, seconds: float) -> bool:
    """Whether the sources were warm for so long, and each has finished a picture since its warm-up."""
    since = warm_since(moments, warm, sources)
    if since is None or now - since < seconds:
        return False
    return sum(len(times) > warm for times in moments.values()) >= sources


def steady(moments: Moments, warm: int, sources: int, gaps: Gaps = MappingProxyType({})) -> Steady | None:
    """Return the rate from the moment on at which all sources were warm; None where nothing can be counted.

    Each source is counted from its own last picture before that moment to its own last one: with few long frames,
    whole frames only are compared. Where not all sources came to be warm, those that did are counted.
    """
    since = warm_since(moments, warm, sources) or warm_since(moments, warm, 1)
    if since is None:
        return None
    rate, frames, until = 0.0, 0, since
    for source, times in moments.items():
        first = max((n for n, at in enumerate(times) if at <= since), default=0)
        counted = times[first:]
        lengths = [end - start for start, end in gaps.get(source, ()) if counted[0] <= start and end <= counted[-1]]
        seconds, number = counted[-1] - counted[0] - sum(lengths), len(counted) - 1 - len(lengths)
        if number < 1 or seconds <= 0:
            continue
        rate += number / seconds
        frames += number
        until = max(until, counted[-1])
    return Steady(since, until, frames, rate) if frames else None


def between(times: Sequence[float], since: float, until: float) -> float:
    """Return pictures per second of a stretch, from the first to the last picture in it; 0 with less than three."""
    inside = [at for at in times if since <= at <= until]
    return (len(inside) - 1) / (inside[-1] - inside[0]) if len(inside) > 2 and inside[-1] > inside[0] else 0.0


def whole(times: Sequence[float], start: float, rate: float, frames: int) -> tuple[float, bool]:
    """Return the seconds of a job of so many frames from its start on, and whether they were measured.

    Not measured: the rest is reckoned with ``rate``.
    """
    ordered = sorted(times)
    if len(ordered) >= frames:
        return ordered[frames - 1] - start, True
    if not ordered or rate <= 0:
        return 0.0, False
    return ordered[-1] - start + (frames - len(ordered)) / rate, False


def mean_of(values: Sequence[float | None]) -> float | None:
    """Return the mean of those that were told."""
    told = [value for value in values if value is not None]
    return mean(told) if told else None
