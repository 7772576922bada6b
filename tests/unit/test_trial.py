# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparisons in turns: what they say of frames that drift, jump and scatter."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable

import pytest

from dispatch.blocks import Block
from dispatch.trial import MOST_PAIRS, PROMISING, Answer, Trial
from dispatch.tries import frames_each


def play(
    seconds: Callable[[int, int], float],
    *,
    base: int = 2,
    extra: int = 2,
    longer: float = 1.0,
    noise: float = 0.0,
    seed: int = 0,
    others: int = 0,
    interval: float = 1.0,
    alone: int = 0,
) -> Trial:
    """Let workers render until there is an answer.

    ``seconds``: of a frame, by the number of tried workers that render and the frame's place in the job. Workers
    below ``base`` and ``extra`` ones after them are tried; ``others`` are elsewhere. ``interval``: of frames that are
    known to be long, or not. ``alone``: frames that are rendered without the extra workers just before, and told.
    """
    rng = random.Random(seed)
    tried = list(range(base + extra))
    groups = dict.fromkeys(tried, "tried") | dict.fromkeys(range(100, 100 + others), "others")
    ends = {worker: rng.random() for worker in groups}
    before = Block(dict.fromkeys(tried[:base], alone), groups, {})
    for frame in range(alone):
        worker = min(tried[:base], key=lambda w: ends[w])
        before.finished(ends[worker], worker)
        ends[worker] += seconds(base, frame) * rng.lognormvariate(0.0, noise)
    for worker in tried[base:] if alone else ():
        ends[worker] += ends[0]
    known = before.rate({"tried"}) if alone else None
    trial = Trial(
        groups, frozenset(tried[base:]), "tried", each=frames_each(extra, interval), longer=longer, before=known
    )
    trial.settled()
    frame = alone
    while trial.answer() is None:
        active = {w: end for w, end in ends.items() if trial.with_extra or w not in trial.extra}
        worker = min(active, key=lambda w: active[w])
        now = ends[worker]
        trial.finished(now, worker)
        trial.settled()
        count = len([w for w in active if w in tried])
        frame += 1
        ends[worker] = now + seconds(count, frame) * rng.lognormvariate(0.0, noise)
        for resting in ends.keys() - active.keys():
            ends[resting] = max(ends[resting], now + rng.random() * seconds(count, frame))
        assert frame < 100_000
    return trial


def shared(count: int, frame: int) -> float:
    """A full card: twice as many workers take twice as long."""
    return count / 2


@pytest.mark.parametrize(("gain", "pairs"), [(1.0, 2), (0.3, 2), (0.2, 3)])
def test_what_gains_is_kept_after_three_pairs_and_what_gains_plainly_after_two(gain, pairs):
    trial = play(lambda count, frame: 1.0 if count == 2 else 2.0 / (1.0 + gain))
    found = trial.compared()
    assert trial.answer() is Answer.KEEP
    assert found is not None
    assert found.pairs == pairs
    assert found.gain == pytest.approx(gain)
    assert found.without == pytest.approx(2.0)
    assert found.with_extra == pytest.approx(2.0 * (1.0 + gain))


@pytest.mark.parametrize(("gain", "pairs"), [(2.0, 1), (0.45, 1), (0.35, 2)])
def test_what_gains_plainly_over_before_and_after_is_kept_after_one_pair(gain, pairs):
    trial = play(lambda count, frame: 1.0 if count == 2 else 2.0 / (1.0 + gain), alone=12)
    found = trial.compared()
    assert trial.answer() is Answer.KEEP
    assert found is not None
    assert found.pairs == pairs
    assert found.gain == pytest.approx(gain)


def test_what_harms_is_dropped_after_a_few_pairs():
    trial = play(lambda count, frame: count**1.3)
    found = trial.compared()
    assert trial.answer() is Answer.DROP
    assert found is not None
    assert found.pairs == 3


def test_what_changes_nothing_is_dropped():
    trial = play(shared, noise=0.1)
    found = trial.compared()
    assert trial.answer() is Answer.DROP
    assert found is not None
    assert found.pairs <= PROMISING
    assert abs(found.gain) < 0.1


@pytest.mark.parametrize("drift", [0.002, -0.0005])
def test_frames_that_become_slowly_dearer_or_cheaper_are_no_gain(drift):
    trial = play(lambda count, frame: shared(count, frame) * max(0.2, 1.0 + drift * frame), noise=0.02)
    assert trial.answer() is Answer.DROP


@pytest.mark.parametrize("cut", range(10, 200, 10))
@pytest.mark.parametrize("factor", [0.25, 4.0])
@pytest.mark.parametrize("cards", [2, 4])
def test_a_cut_is_neither_a_gain_nor_hides_one(cut, factor, cards):
    def cost(count, frame):
        return count / cards * (1.0 if frame < cut else factor)

    found = play(cost, base=cards, extra=cards, noise=0.05)
    assert found.answer() is Answer.DROP
    found = play(lambda count, frame: cost(cards, frame), base=cards, extra=cards, noise=0.05)
    assert found.answer() is Answer.KEEP


@pytest.mark.parametrize("cut", range(2, 100, 2))
@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_a_cut_before_or_within_the_first_pair_is_no_plain_gain(cut, factor):
    """The workers without the extra ones were measured on other frames then."""
    found = play(lambda count, frame: count / 2 * (1.0 if frame < cut else factor), alone=20, noise=0.05)
    assert found.answer() is Answer.DROP


@pytest.mark.parametrize(
    ("cards", "longer", "most"), [(2, 1.0, 22), (4, 1.0, 22), (8, 1.0, 22), (2, 6.0, 26), (4, 6.0, 32), (2, 16.0, 32)]
)
def test_noise_is_seldom_a_gain(cards, longer, most):
    """Of 400 comparisons of nothing: of 100 it would be chance whether five or eight are kept."""
    played = {"base": cards, "extra": cards, "noise": 0.4, "longer": longer}
    found = [play(shared, seed=seed, **played) for seed in range(400)]
    assert sum(trial.answer() is Answer.KEEP for trial in found) <= most


@pytest.mark.parametrize("noise", [0.4, 0.8])
@pytest.mark.parametrize("alone", [0, 3])
@pytest.mark.parametrize(("cards", "interval"), [(2, 1.0), (4, 1.0), (8, 1.0), (1, 8.0), (2, 8.0)])
def test_noise_is_never_a_plain_gain(noise, alone, cards, interval):
    played = {"base": cards, "extra": cards, "noise": noise, "interval": interval, "alone": alone * cards}
    found = [play(shared, seed=seed, **played).compared() for seed in range(100)]
    assert all(compared is not None and compared.pairs > 2 for compared in found)


def test_blocks_are_shorter_with_more_devices():
    assert [frames_each(devices, 1.0) for devices in (1, 2, 3, 4, 24)] == [4, 4, 3, 2, 2]
    assert [frames_each(devices, 8.0) for devices in (1, 2, 3, 4, 24)] == [4, 2, 2, 2, 2]


def test_a_block_has_a_frame_of_each_that_was_begun_before_then_those_that_count():
    trial = Trial({0: "tried", 1: "tried"}, frozenset({1}), "tried", each=2)
    trial.settled()
    finishes = 0
    while trial.with_extra:
        trial.finished(float(finishes), finishes % 2)
        finishes += 1
        assert finishes < 100
    assert finishes == 2 * (1 + 2)


def pairs_until_an_answer(gain, longer, seed=0):
    trial = play(lambda count, frame: 1.0 if count == 2 else 2.0 / (1.0 + gain), longer=longer, noise=0.1, seed=seed)
    compared = trial.compared()
    assert compared is not None
    return compared.pairs


@pytest.mark.parametrize(("gain", "few"), [(0.2, 3), (-0.2, 3), (0.1, 8)])
def test_a_comparison_that_may_be_long_is_short_where_the_answer_is_clear(gain, few):
    assert statistics.median(pairs_until_an_answer(gain, 8.0, seed) for seed in range(9)) <= few


def test_it_is_looked_at_seldom_the_longer_it_lasts():
    """Each look may take noise for a gain."""
    ends = {pairs_until_an_answer(0.02, 8.0, seed) for seed in range(60)}
    assert ends <= {3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128}
    assert max(ends) > PROMISING


def test_more_pairs_find_small_gains():
    def slightly(count, frame):
        return 1.0 if count == 2 else 2.0 / 1.08

    kept = [play(slightly, longer=6.0, noise=0.1, seed=seed).answer() is Answer.KEEP for seed in range(20)]
    assert sum(kept) >= 18


def test_a_gain_of_three_percent_is_found_and_one_of_one_percent_is_none():
    def kept(gain):
        found = [
            play(lambda count, frame: 1.0 if count == 2 else 2.0 / (1.0 + gain), longer=6.0, noise=0.05, seed=seed)
            for seed in range(40)
        ]
        return sum(trial.answer() is Answer.KEEP for trial in found)

    assert kept(0.03) >= 32
    assert kept(0.01) <= 8


def test_what_others_lose_counts():
    """The extra workers take the processor from devices that have none."""
    rng = random.Random(1)
    groups = {0: "tried", 1: "tried", 2: "others", 3: "others"}
    trial = Trial(groups, frozenset({1}), "tried")
    trial.settled()
    ends = {worker: rng.random() for worker in groups}
    while trial.answer() is None:
        worker = min((w for w in ends if trial.with_extra or w != 1), key=lambda w: ends[w])
        trial.finished(ends[worker], worker)
        trial.settled()
        seconds = (1.8 if worker < 2 else 2.0) if trial.with_extra else 1.0
        ends[worker] += seconds * rng.lognormvariate(0.0, 0.02)
        ends[1] = max(ends[1], ends[worker] - seconds)
    assert trial.answer() is Answer.DROP


def test_a_worker_that_does_not_take_part_changes_nothing():
    trial = Trial({1: "tried", 2: "tried"}, frozenset({2}), "tried")
    trial.settled()
    trial.finished(1.0, 99)
    assert trial.compared() is None
    assert trial.answer() is None
    assert MOST_PAIRS < PROMISING
