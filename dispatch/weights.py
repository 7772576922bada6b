# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames differ in cost, and runs differ in the frames that they got to: what a run's own frames weigh.

Pure. Owns the model: a frame's seconds are what its run is like × what the frame is like, fitted to all runs together.
So a run that happened to have cheap frames is not taken for a fast one.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

ALIKE = 0.05
"""Relative spread of the frames' costs below which they are taken for equal: it is no more than noise."""

_ROUNDS = 20

Costs = Mapping[int, tuple[float, float]]
"""Frame → the part of it that counts in a run, and its seconds there."""


def weights(runs: Sequence[Costs]) -> list[float]:
    """Return for each run the mean cost of its frames, where 1 is the mean of all frames that any run had."""
    costs = _costs([{frame: seconds for frame, (_, seconds) in run.items() if seconds > 0} for run in runs])
    if len(costs) < 2 or statistics.pstdev(costs.values()) < ALIKE:
        return [1.0] * len(runs)
    relative = {frame: math.exp(cost) for frame, cost in costs.items()}
    mean = statistics.fmean(relative.values())
    return [_weight(run, relative) / mean if run else 1.0 for run in runs]


def _weight(run: Costs, relative: Mapping[int, float]) -> float:
    counted = [(share, relative[frame]) for frame, (share, _) in run.items() if frame in relative]
    return sum(share * cost for share, cost in counted) / sum(share for share, _ in counted)


def _costs(runs: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Return frame → the logarithm of its relative cost, by fitting runs and frames in turn."""
    found = {frame: 0.0 for run in runs for frame in run}
    by_frame: dict[int, list[tuple[int, float]]] = {frame: [] for frame in found}
    for at, run in enumerate(runs):
        for frame, seconds in run.items():
            by_frame[frame].append((at, math.log(seconds)))
    for _ in range(_ROUNDS):
        own = [statistics.fmean(math.log(s) - found[f] for f, s in run.items()) if run else 0.0 for run in runs]
        found = {frame: statistics.fmean(log - own[at] for at, log in seen) for frame, seen in by_frame.items()}
    return found
