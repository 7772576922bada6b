# SPDX-License-Identifier: GPL-3.0-or-later
"""Time left as the snapshot tells it, on simulated machines."""

from __future__ import annotations

import pytest
from machine_world import PICTURES, World
from simulated_tail import WatchedEnd, film, plain

from dispatch.events import LayoutChosen
from dispatch.protocol import Begun, Committed, Hello, Rendered
from dispatch.time_left import time_left

UNEQUAL = (4, 4, 2, 1)


def told(speeds, tasks, kind="same", seed=0, at=(0.1, 0.2, 0.5, 0.7), noise=0.02, **settings):
    """Run a job; return (seconds left, range, truth) at these shares of its frames."""
    scene = plain(cost=film(kind, tasks, seed), noise=noise, first=0.5, load=1.0, **settings)
    world = WatchedEnd(scene, speeds, tasks=tasks, seed=seed)
    world.look_at = list(at)
    world.run()
    return [(seconds, between, world.finishes[-1] - now) for now, seconds, between in world.marks.values()]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("speeds", "tasks"), [((1,), 60), ((1,) * 4, 120), (UNEQUAL, 200), ((1,) * 24, 480)])
def test_it_is_right_to_ten_percent_after_a_tenth_when_frames_cost_the_same(speeds, tasks, seed):
    for seconds, between, truth in told(speeds, tasks, seed=seed):
        assert seconds == pytest.approx(truth, rel=0.1)
        assert between is None


@pytest.mark.parametrize("kind", ["noise", "drift", "wave", "cuts", "walk"])
def test_where_frames_differ_a_range_holds_the_truth_8_times_of_10(kind):
    looks = []
    for speeds, tasks in (((1,), 100), (UNEQUAL, 200)):
        for seed in range(10):
            looks += told(speeds, tasks, kind, seed, at=(0.1, 0.2, 0.3, 0.5, 0.7))
    ranges = [(between, truth) for _, between, truth in looks if between]
    held = sum(between[0] <= truth <= between[1] for between, truth in ranges)
    assert len(ranges) > 25
    assert held / len(ranges) >= 0.8


def test_workers_that_share_a_card_count_as_what_they_are():
    world = WatchedEnd(plain(sharing=0.2), (2, 1), tasks=200, per_card=2)
    world.look_at = [0.1, 0.5]
    world.run()
    for now, seconds, _ in world.marks.values():
        assert seconds == pytest.approx(world.finishes[-1] - now, rel=0.1)


def frame(world, worker, seconds):
    attempt = next(iter(world.machine.workers[worker].hand))
    world.say(worker, Begun(attempt))
    world.now += seconds
    world.say(worker, Rendered(attempt, PICTURES, world.phases))
    world.say(worker, Committed(attempt))


def test_an_estimate_is_there_after_the_first_frame_with_a_wide_range():
    world = World(tasks=101, slots=1)
    world.start()
    assert time_left(world.machine, world.now) == (None, None)
    frame(world, 1, 2.0)
    seconds, (least, most) = time_left(world.machine, world.now)
    assert least < 200.0 < most
    assert least < seconds < most
    assert most / least > 2


def test_resting_workers_do_not_count_and_without_any_nobody_knows():
    world = World(tasks=200, slots=2)
    world.start()
    for _ in range(10):
        frame(world, 1, 1.0)
        frame(world, 2, 1.0)
    both, _ = time_left(world.machine, world.now)
    world.machine.slots["GPU 2"].resting = True
    alone, _ = time_left(world.machine, world.now)
    assert alone == pytest.approx(2 * both, rel=0.1)
    world.machine.slots["GPU 1"].resting = True
    assert time_left(world.machine, world.now) == (None, None)


def test_nothing_is_left_at_the_end():
    world = World(tasks=4, slots=2)
    world.run()
    assert time_left(world.machine, world.now) == (0.0, None)


def test_a_worker_that_loads_counts_from_when_it_should_be_ready():
    world = World(tasks=200, slots=2)
    for report in (Hello(1, 11, (5, 0, 1), ""), world.loaded(1)):
        world.now += 5.0
        world.say(1, report)
    for _ in range(20):
        frame(world, 1, 1.0)
    world.machine.workers[2].born = world.now
    seconds, _ = time_left(world.machine, world.now)
    assert seconds == pytest.approx((180 + 10) / 2, rel=0.05)


def test_more_workers_on_each_card_change_time_left_and_frames_per_second_soon():
    world = WatchedEnd(plain(gpu=0.2, gap=0.2, sharing=0.0, load=5.0), (1, 1), tasks=1000)
    world.look_at = [0.3, 0.6, 0.8]
    world.at(50.0, lambda: world.feed(LayoutChosen(world.now, world.make_slots(2))))
    rates = []
    world.at(100.0, lambda: rates.append(world.machine.pace.frames_per_second(world.now)))
    world.run()
    assert rates[0] == pytest.approx(world.rate(0.7, 0.9), rel=0.1)
    for now, seconds, _ in list(world.marks.values())[1:]:
        assert seconds == pytest.approx(world.finishes[-1] - now, rel=0.1)
