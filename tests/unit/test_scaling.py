# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed-up against ideal, the serial share that fits, and what counts as a difference."""

from __future__ import annotations

import pytest
from measured import COMBINED, ONE, by_law, measurement, point

from dispatch import scaling
from dispatch.measurement import Way
from dispatch.noise import FLOOR, Noise, quantile


def amdahl(serial: float):
    """Frames per second of a combined device: one frame takes a second on one card."""
    return lambda cards: 1 / (serial + (1 - serial) / cards)


def gustafson(serial: float):
    return lambda cards: serial + (1 - serial) * cards


def scaled(points, noise=None):
    found = measurement(points)
    return scaling.scalings(found, noise or Noise.of(found.points))


@pytest.mark.parametrize("serial", [0.02, 0.2, 0.6])
def test_an_exact_law_is_found_exactly(serial):
    fit = scaling.serial_share(COMBINED, by_law(COMBINED, amdahl(serial)))
    assert fit.law == "Amdahl"
    assert (fit.share, fit.low, fit.high) == pytest.approx((serial,) * 3, abs=1e-6)
    assert fit.limit == pytest.approx(1 / serial)
    fit = scaling.serial_share(ONE, by_law(ONE, gustafson(serial)))
    assert fit.law == "Gustafson"
    assert fit.share == pytest.approx(serial, abs=1e-6)
    assert fit.limit is None


@pytest.mark.parametrize("strategy", [COMBINED, ONE])
@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_the_confidence_holds_what_it_says(strategy, noise):
    serial = 0.2
    law = amdahl(serial) if strategy is COMBINED else gustafson(serial)
    fits = [scaling.serial_share(strategy, by_law(strategy, law, noise=noise, seed=seed)) for seed in range(200)]
    held = sum(fit.low <= serial <= fit.high for fit in fits)
    assert 180 <= held <= 200  # 95 % of 200 are 190
    assert all(fit.high - fit.low < 0.35 for fit in fits)


def test_two_counts_of_cards_carry_no_fit_and_that_is_said():
    (found,) = scaled(by_law(ONE, gustafson(0.1), counts=(1, 2)))
    assert found.serial is None
    assert "not enough points" in found.words
    assert "three" in found.words or "3 counts" in found.words


def test_lines_say_ideal_and_observed():
    (found,) = scaled([point(Way(ONE, 2, 1), 3.0), point(Way(ONE, 2, 2), 5.7), point(Way(ONE, 2, 4), 10.8)])
    last = found.lines[-1]
    assert (last.cards, last.rate, last.ideal) == (4, 10.8, 12.0)
    assert (last.speedup, last.efficiency) == pytest.approx((3.6, 0.9))
    assert found.lines[0].plus_minus == 0.0
    assert last.plus_minus > 0
    assert "4 GPUs give 3.60 × one (90 % of ideal)" in found.words


def test_combined_is_compared_with_one_worker_on_one_card():
    points = [point(Way(ONE, 1, 1), 1.0), point(Way(COMBINED, 1, 2), 1.5), point(Way(COMBINED, 1, 4), 2.0)]
    (found,) = scaled(points)
    assert [line.speedup for line in found.lines] == pytest.approx([1.0, 1.5, 2.0])
    assert found.serial.limit == pytest.approx(3.0, rel=0.01)


def test_a_way_without_a_point_on_one_card_has_no_speed_up():
    assert scaled([point(Way(ONE, 3, 4), 3.0)]) == ()
    assert scaled([point(Way(ONE, 3, 2), 3.0), point(Way(ONE, 3, 4), 6.0)]) == ()


def test_noise_is_pooled_over_all_points():
    noise = Noise.of([point(Way(ONE, 1, 1), 0.98, 1.02), point(Way(ONE, 1, 4), 98.0, 102.0)])
    assert noise.freedom == 2
    assert noise.relative == pytest.approx(0.0283, abs=1e-3)
    assert Noise.of([point(Way(ONE, 1, 1), 1.0)]).freedom == 0


def test_a_difference_within_the_noise_is_none():
    one, other = point(Way(ONE, 1, 4), 9.6, 10.4, 10.0), point(Way(ONE, 2, 4), 10.0, 10.9, 10.4)
    assert not Noise.of([one, other]).differ(one, other)
    better = point(Way(ONE, 2, 4), 12.0, 12.6, 12.2)
    assert Noise.of([one, better]).differ(one, better)


def test_a_difference_of_less_than_two_percent_is_none_however_quiet_the_machine_is():
    one, other = point(Way(ONE, 1, 4), 10.0, 10.0, 10.0), point(Way(ONE, 2, 4), 10.1, 10.1, 10.1)
    noise = Noise.of([one, other])
    assert noise.relative < FLOOR
    assert not noise.differ(one, other)


def test_equal_rates_are_rarely_called_different():
    wrong = 0
    for seed in range(200):
        one, other = by_law(ONE, lambda cards: 10.0, counts=(1, 2), noise=0.05, seed=seed)
        wrong += Noise.of([one, other]).differ(one, other)
    assert wrong <= 16  # 5 % of 200 are 10


def test_quantiles_fall_with_the_degrees_of_freedom():
    assert [quantile(n) for n in (1, 10, 11, 1000)] == sorted((quantile(n) for n in (1, 10, 11, 1000)), reverse=True)
    assert quantile(1000) == pytest.approx(1.96, abs=0.01)
