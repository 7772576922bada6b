# SPDX-License-Identifier: GPL-3.0-or-later
"""The cost of the frames to come: on hundreds of simulated films the range must hold the truth 8 times of 10."""

from __future__ import annotations

import math
import random

import pytest
from simulated_tail import film

from dispatch.costs import BLOCKS, Costs, History, Kind
from dispatch.forecast import forecast

ONE, TWO, OTHER = Kind("Card", 1), Kind("Card", 2), Kind("Other card", 1)

SHARES = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


def looks(kind, seeds=40, lengths=(80, 300, 1000), noise=0.04):
    """Yield forecast and truth at shares of many films."""
    for frames in lengths:
        for seed in range(seeds):
            rng = random.Random(f"{frames} {seed}")
            cost = film(kind, frames, seed)
            costs = [cost(n) * rng.lognormvariate(0.0, noise) for n in range(frames)]
            history, at = History(), {int(share * frames) for share in SHARES}
            for done, value in enumerate(costs):
                if done in at:
                    rest = costs[done:]
                    yield forecast(history, len(rest)), sum(rest) / len(rest)
                history.add(value)


@pytest.mark.parametrize("kind", ["noise", "drift", "wave", "cuts", "walk"])
def test_where_frames_differ_the_range_holds_the_truth_8_times_of_10(kind):
    ranges = [(told, truth) for told, truth in looks(kind) if told.low < told.high]
    held = sum(told.low <= truth <= told.high for told, truth in ranges)
    assert len(ranges) > 200
    assert held / len(ranges) >= 0.8


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.04])
def test_where_frames_cost_the_same_there_is_no_range_and_the_mean_is_right(noise):
    told = list(looks("same", noise=noise))
    same = [told.low == told.high for told, _ in told]
    assert sum(same) / len(same) > 0.97
    assert all(abs(told.mean / truth - 1) < 0.05 for told, truth in told)


def test_a_trend_is_followed_for_a_while_but_never_wildly():
    history = History()
    for n in range(100):
        history.add(1.0 + 0.01 * n)
    told = forecast(history, 100)
    assert told.low < 2.5 < told.high  # it goes on
    assert told.low < 2.0 < told.high  # it stops
    for left in (1, 100, 10_000, 1_000_000):
        told = forecast(history, left)
        assert 0.5 < told.low < told.mean < told.high < 2.5 * 2.5 * 2


def test_nothing_is_told_before_the_first_frame_and_a_wide_range_after_it():
    history = History()
    assert forecast(history, 10) is None
    history.add(1.0)
    told = forecast(history, 10)
    assert told.mean == 1.0
    assert told.high / told.low > 2
    assert forecast(history, 0) is None


def test_the_history_is_bounded_and_keeps_mean_and_spread():
    rng, history = random.Random(1), History()
    values = [rng.lognormvariate(0.0, 0.3) for _ in range(5000)]
    for value in values:
        history.add(value)
    assert len(history.means) <= BLOCKS
    mean = sum(values) / len(values)
    assert history.mean == pytest.approx(mean)
    assert history.spread == pytest.approx(math.sqrt(sum((v - mean) ** 2 for v in values) / len(values)))
    assert sum(history.means) / len(history.means) == pytest.approx(mean, rel=0.02)


# --- pace and cost told apart -------------------------------------------------------------------------------------


def test_a_dear_part_makes_no_worker_slow_and_a_slow_card_no_frame_dear():
    costs = Costs()
    for n in range(400):
        level = 1.0 if n < 200 else 3.0
        costs.finished(1, Kind("Fast", 1), 1.0 * level, 2)
        if n % 4 == 0:
            costs.finished(2, Kind("Slow", 1), 4.0 * level, 2)
    assert costs.seconds(1, Kind("Fast", 1)) == pytest.approx(3.0, rel=0.1)
    assert costs.seconds(2, Kind("Slow", 1)) == pytest.approx(12.0, rel=0.1)
    before, after = costs.history.means[10], costs.history.means[-1]
    assert after / before == pytest.approx(3.0, rel=0.1)


def test_a_second_worker_on_the_card_changes_the_pace_not_the_cost():
    costs = Costs()
    for _ in range(50):
        costs.finished(1, ONE, 1.0)
    for _ in range(50):
        costs.finished(1, TWO, 1.6, 2)
        costs.finished(2, TWO, 1.6, 2)
    assert costs.seconds(1, TWO) == pytest.approx(1.6, rel=0.05)
    assert costs.seconds(1, ONE) == pytest.approx(1.0, rel=0.05)
    assert costs.seconds(3, TWO) == pytest.approx(1.6, rel=0.05)
    assert costs.seconds(3, Kind("Card", 4)) == pytest.approx(3.2, rel=0.05)  # no gain where none was seen
    assert costs.history.spread < 0.05


def test_a_first_frame_counts_only_while_nothing_else_is_known():
    costs = Costs()
    costs.finished(1, ONE, 60.0)
    assert costs.seconds(1, ONE) == costs.seconds(2, ONE) == 60.0
    costs.finished(1, ONE, 2.0)
    assert costs.seconds(1, ONE) == pytest.approx(2.0)
    costs.finished(2, OTHER, 66.0)
    assert costs.first_extra == pytest.approx(58.0)
    assert costs.seconds(2, OTHER) == pytest.approx(16.5)  # a quarter at least: what came first is a guess


def test_what_is_gone_is_forgotten_but_for_its_kind():
    costs = Costs()
    for _ in range(3):
        costs.finished(1, ONE, 2.0)
    costs.forget(1)
    assert costs.seconds(1, ONE) == pytest.approx(2.0)
    assert costs.seconds(1, OTHER) == pytest.approx(2.0)
    assert costs.knows(1, ONE)
    assert not costs.knows(1, OTHER)


@pytest.mark.parametrize("fall", [3.0, 5.0, 7.0])
def test_frames_that_become_cheaper_in_a_curve_never_cost_less_than_nothing(fall):
    history = History()
    for done in range(600):
        history.add(math.exp(-fall * done / 600))
        if told := forecast(history, 620 - done):
            assert 0.0 < told.low <= told.mean <= told.high
