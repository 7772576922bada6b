# SPDX-License-Identifier: GPL-3.0-or-later
"""How far measured rates may be trusted: the spread over repeats, and whether two of them differ at all.

Pure. Owns the one rule by which a difference is called one: 95 % confidence, and never less than 2 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from .measurement import Point

FLOOR = 0.02
"""Relative differences below this are never called one."""

UNKNOWN = 0.05
"""Relative noise of one run where nothing was repeated."""

_QUANTILES = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Student's t for 95 %, both sides, by degrees of freedom from 1 on."""


@dataclass(frozen=True, slots=True)
class Noise:
    """What one run scatters about its point's mean, as a part of it: the same for all points of a measurement."""

    relative: float
    freedom: int
    """Degrees of freedom behind it; 0: nothing was repeated."""

    @classmethod
    def of(cls, points: Iterable[Point]) -> Noise:
        """Pool the spread of all points: with three repeats one point alone says little about its own."""
        squares, freedom = 0.0, 0
        for point in points:
            if len(point.good) > 1:
                squares += sum((run.rate / point.rate - 1) ** 2 for run in point.good)
                freedom += len(point.good) - 1
        return cls(math.sqrt(squares / freedom), freedom) if freedom else cls(UNKNOWN, 0)

    def margin(self, point: Point) -> float:
        """Return by how much the point's rate may be wrong (95 %), frames per second."""
        runs = max(1, len(point.good))
        return quantile(self.freedom) * self.relative * point.rate / math.sqrt(runs)

    def differ(self, one: Point, other: Point) -> bool:
        """Whether two rates differ beyond the noise."""
        # margins are 95 % each: their root of squares is that of the difference
        noise = math.hypot(self.margin(one), self.margin(other))
        return abs(one.rate - other.rate) > max(noise, FLOOR * max(one.rate, other.rate))


def quantile(freedom: int) -> float:
    """Return Student's t (95 %, both sides); 2 where the spread is not from repeats at all."""
    if freedom < 1:
        return 2.0
    return _QUANTILES[freedom - 1] if freedom <= len(_QUANTILES) else 1.96 + 2.6 / freedom
