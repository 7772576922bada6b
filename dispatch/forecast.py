# SPDX-License-Identifier: GPL-3.0-or-later
"""What the frames to come will cost, judged by those that are done: a mean, and a range that holds it 8 times of 10.

Pure; decides nothing. Nobody can know the rest of a film from its first tenth, so three guesses bound the range: the
frames go on as the last ones, a clear trend goes on for a while, or the level changes as it has changed before, and
at first by a share that films have. The shares were fitted on simulated films: noise, drifts, waves, walks and cuts
(``tests/unit/test_forecast.py`` counts how often the range is right).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from .costs import History

SAME = 0.05
"""Parts of a job whose means differ by less than this share cost the same."""

CHANCE = 4.0
"""How many times more than by noise the parts differ where it is no chance: then `SLIGHT` counts."""

JITTER = 0.15
"""The same for single frames: computers have noise."""

FEWEST = 8
"""Frames from which on more can be told than their mean."""

GUESS = 1.6
"""Factor either side before that."""

GROUPS = 8
"""Parts that what is done is cut into, at least, to see levels and trends."""

ODDS = 1.28
"""Standard deviations either side that hold 8 of 10."""

UNKNOWN = 0.25
"""Share by which the rest of a film differs from its beginning while little of it is done."""

LEVELS = 0.35
"""The same where the level has been seen to change."""

SCATTER = 0.5
"""Part of the frames' own spread that counts as a change of level still to come."""

CLEAR = 4.0
"""Standard errors from which on a slope is a trend."""

SLIGHT = 0.02
"""Share of the cost by which it must have changed for a trend or a level to count."""

REACH = 2.0
"""How much longer than it was seen a trend is followed."""

MOST = 2.5
"""Factor by which a trend may change the cost."""

TO_LAST = 0.7
"""How far the mean moves to the last level where levels change."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Costs of one frame to come. ``low`` equals ``high`` where all frames cost the same."""

    mean: float
    low: float
    high: float


def forecast(history: History, left: int) -> Forecast | None:
    """Return the forecast for so many frames more; None while too few are done."""
    if history.count == 0 or left <= 0:
        return None
    mean, spread = history.mean, history.spread
    if history.count < FEWEST or len(history.means) < 2:
        same = history.count > 2 and spread < SAME * mean
        return Forecast(mean, mean, mean) if same else Forecast(mean, mean / GUESS, mean * GUESS)
    groups, size = _groups(history, left)
    middle = sum(groups) / len(groups)
    between = sum((group - middle) ** 2 for group in groups) / max(1, len(groups) - 1)
    slope = _slope(groups, middle)
    steps = [(a - b) ** 2 / 2 for a, b in pairwise(history.means)]
    noise = min(sum(steps) / len(steps) * history.length, spread**2)
    times = between * size / max(noise, 1e-12)  # 1: the groups differ as noise lets them
    differ = math.sqrt(between) / mean
    if not slope and differ < (SAME if times < CHANCE else SLIGHT) and spread < JITTER * mean:
        return Forecast(mean, mean, mean)
    levels = max(0.0, (times - 1.5) / (times + 3.0))
    if slope:
        now, then = _trend(groups, middle, slope, left / size)
    else:
        now = then = middle + TO_LAST * levels * (_last(history, left) - middle)
    to_do = left / (history.count + left)
    share = math.sqrt(
        (noise / history.count + noise / left + max(0.0, between - noise / size)) / mean**2
        + (SCATTER * spread / mean * to_do) ** 2
        + (UNKNOWN * to_do) ** 2
        + (LEVELS * levels) ** 2 * to_do
    )
    factor = math.exp(ODDS * share)
    return Forecast((now + then) / 2, min(now, then) / factor, max(now, then) * factor)


def _groups(history: History, left: int) -> tuple[list[float], int]:
    """Return the means of equal parts, none longer than what is left, and the frames in one.

    The oldest frames are left out where they make no part.
    """
    blocks = max(1, min(math.ceil(len(history.means) / GROUPS), left // history.length))
    means = history.means[len(history.means) % blocks :]
    parts = [sum(means[n : n + blocks]) / blocks for n in range(0, len(means), blocks)]
    return parts, blocks * history.length


def _last(history: History, left: int) -> float:
    """Return the mean of the last frames: a quarter of all, but fewer where not many are left."""
    frames = min(history.count / 4, max(left / 2, FEWEST / 2))
    blocks = max(1, round(frames / history.length))
    last = history.means[-blocks:]
    return sum(last) / len(last)


def _slope(groups: list[float], middle: float) -> float:
    """Return by how much the cost grows from group to group; 0 where that is not clear."""
    count = len(groups)
    if count < 3:
        return 0.0
    centre = (count - 1) / 2
    square = sum((n - centre) ** 2 for n in range(count))
    slope = sum((n - centre) * (group - middle) for n, group in enumerate(groups)) / square
    rest = sum((group - middle - slope * (n - centre)) ** 2 for n, group in enumerate(groups)) / (count - 2)
    clear = abs(slope) > CLEAR * math.sqrt(rest / square) and abs(slope) * count > SLIGHT * middle
    return slope if clear else 0.0


def _trend(groups: list[float], middle: float, slope: float, ahead: float) -> tuple[float, float]:
    """Return the cost from which the rest begins, and the mean of the rest if the trend goes on for a while.

    ``ahead``: what is left, in groups.
    """
    line = max(0.0, middle + slope * (len(groups) - 1) / 2)  # what falls in a curve would be below nothing
    now = (groups[-1] + line) / 2
    reach = min(ahead, REACH * len(groups))
    then = now + slope * reach * (1 - reach / (2 * ahead))
    return now, min(max(then, now / MOST), now * MOST)
