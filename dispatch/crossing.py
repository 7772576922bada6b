# SPDX-License-Identifier: GPL-3.0-or-later
"""Where combined and instances take turns in being faster, over more and less work per frame.

Pure. Owns the comparison at equal work and the words for it. Never claims more than was measured: a crossing lies
between two points that were, else it is said up to where none was found.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from . import wording
from .measurement import Crossing, Measurement, Point, Series
from .model import Strategy
from .noise import Noise

Pair = tuple[float, Point, Point]
"""Seconds of one frame on one card, combined, instances: at the same work per frame."""


def crossings(measurement: Measurement, noise: Noise) -> tuple[Crossing, ...]:
    """Return one for samples and one for resolution, where there is more than the scene's own work to compare."""
    found = []
    for by in ("samples", "resolution"):
        pairs = _pairs(measurement, by)
        if len(pairs) > 1:
            found.append(_crossing(by, pairs, noise))
    return tuple(found)


def _pairs(measurement: Measurement, by: str) -> list[Pair]:
    points = [p for p in measurement.of(Series.WORK) if p.by == by and p.rate > 0]
    ways = {p.way for p in points}
    points += [p for p in measurement.of(Series.CARDS) if p.way in ways and p.rate > 0]
    combined = {p.factor: p for p in points if p.way.strategy is Strategy.COMBINED}
    instances = {p.factor: p for p in points if p.way.strategy is Strategy.PER_DEVICE}
    both = sorted(combined.keys() & instances.keys())
    return [(instances[f].way.cards / instances[f].rate, combined[f], instances[f]) for f in both]


def _crossing(by: str, pairs: Sequence[Pair], noise: Noise) -> Crossing:
    pairs = sorted(pairs, key=lambda pair: pair[0])
    low, high = (wording.duration(pairs[at][0]) for at in (0, -1))
    span = f"{low} to {high} a frame on one GPU, by {by}"
    for one, other in itertools.pairwise(pairs):
        before, after = _advantage(one), _advantage(other)
        if before < 0 <= after and noise.differ(pairs[-1][1], pairs[-1][2]):
            seconds = math.exp(math.log(one[0]) + (math.log(other[0]) - math.log(one[0])) * before / (before - after))
            words = f"Combined wins above about {wording.duration(seconds)} a frame on one GPU (by {by})."
            return Crossing(by, seconds, words)
    if all(_advantage(pair) < 0 for pair in pairs):
        seconds, combined, instances = max(pairs, key=_advantage)
        nearest = f"{combined.rate / instances.rate:.2f} × as fast at {wording.duration(seconds)}"
        return Crossing(
            by, None, f"Instances win at every work per frame measured ({span}); combined comes to {nearest}."
        )
    if all(_advantage(pair) > 0 for pair in pairs):
        return Crossing(by, None, f"Combined wins at every work per frame measured ({span}).")
    return Crossing(by, None, f"Combined and instances are equally fast within the noise somewhere in {span}.")


def _advantage(pair: Pair) -> float:
    """Above 0: combined is faster."""
    return math.log(pair[1].rate / pair[2].rate)
