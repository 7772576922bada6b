# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that differ in cost do not make one run look faster than another."""

from __future__ import annotations

import random

import pytest

from dispatch.weights import weights

COSTS = {frame: 1.0 + 0.5 * (frame % 4) for frame in range(40)}


def run(frames, seconds=1.0, noise=0.0, seed=0):
    chance = random.Random(seed)
    return {frame: (1.0, seconds * COSTS[frame] * (1 + chance.gauss(0, noise))) for frame in frames}


def test_each_run_weighs_what_its_frames_cost_however_fast_it_is():
    cheap, dear = range(0, 40, 4), range(3, 40, 4)
    found = weights([run(range(40)), run(cheap, 0.2), run(dear, 7.0), {}])
    assert found == pytest.approx([1.0, 1.0 / 1.75, 2.5 / 1.75, 1.0], rel=1e-6)


def test_noise_hurts_little():
    found = weights([run(range(40), 1.0, 0.05, 1), run(range(40), 0.5, 0.05, 2), run([0, 4, 8], 3.0, 0.05, 3)])
    assert found[2] == pytest.approx(1.0 / 1.75, rel=0.08)


def test_frames_that_cost_the_same_within_the_noise_weigh_the_same():
    chance = random.Random(0)
    runs = [{frame: (1.0, 1 + chance.gauss(0, 0.02)) for frame in range(length)} for length in (40, 10, 3)]
    assert weights(runs) == [1.0, 1.0, 1.0]
    assert weights([]) == []
    assert weights([{1: (1.0, 0.0)}, {}]) == [1.0, 1.0]


def test_a_frame_counts_with_the_part_of_it_that_was_seen():
    whole, part = run(range(40)), {0: (1.0, 1.0), 3: (0.25, 2.5)}
    assert weights([whole, part])[1] == pytest.approx((1.0 + 0.25 * 2.5) / 1.25 / 1.75)
