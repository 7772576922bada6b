# SPDX-License-Identifier: GPL-3.0-or-later
"""Which points a measurement has, on which frames, and that they fit into the time given."""

from __future__ import annotations

from dataclasses import replace

import pytest
from measured import device, measurement
from measured import point as measured_point

from dispatch import measure_plan
from dispatch.measure_plan import Cost
from dispatch.measurement import Point, Run, Series, Way
from dispatch.model import Strategy
from dispatch.timing import WARM_UP

USUAL = Cost(2.0, 0.5)


def planned(minutes=10.0, cost=USUAL, there=250, cards=4, **changes):
    found = measurement(devices=tuple(device(n) for n in range(cards)), minutes=minutes, **changes)
    return measure_plan.fit(found, Way(Strategy.PER_DEVICE, 1, cards), cost, there)


@pytest.mark.parametrize(
    ("devices", "expected"),
    [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (4, (1, 2, 4)), (6, (1, 2, 4, 6)), (8, (1, 2, 4, 8))],
)
def test_the_counts_of_cards_double_up_to_all_of_them(devices, expected):
    assert measure_plan.counts(devices) == expected


def test_four_cards_are_measured_combined_and_with_one_and_two_workers_each_on_one_two_and_four():
    words = {point.way.words for point in planned().points}
    assert words == {
        *("1 per GPU on 1 GPU", "1 per GPU on 2 GPUs", "1 per GPU on 4 GPUs"),
        *("2 per GPU on 1 GPU", "2 per GPU on 2 GPUs", "2 per GPU on 4 GPUs"),
        *("combined on 2 GPUs", "combined on 4 GPUs"),
    }
    assert planned().left_out == ()


def test_one_device_has_no_combined_way():
    assert [point.way.words for point in planned(cards=1).points] == ["1 per GPU on 1 GPU", "2 per GPU on 1 GPU"]


def test_every_worker_renders_three_frames_that_count_however_slow_they_are():
    for point in planned(cost=Cost(10.0, 300.0)).points:
        assert point.frames == point.way.workers * (WARM_UP + measure_plan.LEAST + measure_plan.TAIL)


@pytest.mark.parametrize("minutes", [2.0, 5.0, 10.0, 30.0])
@pytest.mark.parametrize("frame", [0.02, 0.5, 3.0])
def test_a_plan_fits_into_the_minutes_and_uses_what_it_can(minutes, frame):
    plan = planned(minutes, Cost(2.0, frame), there=5000)
    assert plan.seconds <= minutes * 60
    assert plan.points[0].way.cards == 4


def test_where_time_is_short_the_repeats_go_first_and_then_the_counts_between():
    long, short, shortest = (planned(minutes, Cost(5.0, 10.0)) for minutes in (120.0, 25.0, 1.0))
    assert (long.repeats, len(long.points)) == (3, 8)
    assert short.repeats <= 2
    assert {point.way.cards for point in shortest.points} == {4}
    assert shortest.repeats == 1
    assert "1 per GPU on 2 GPUs" in shortest.left_out


def test_more_frames_than_the_range_has_are_asked_for_only_where_the_least_needs_them():
    plan = planned(cost=Cost(2.0, 0.5), there=100)
    assert {
        point.way.workers: point.frames for point in plan.points if point.way.strategy is not Strategy.COMBINED
    } == {1: 27, 2: 54, 4: 72, 8: 100}
    quick = planned(cost=Cost(2.0, 0.05), there=10)  # watched for two seconds
    assert quick.points[0].way.words == "1 per GPU on 4 GPUs"
    assert quick.points[0].frames == 4 * (WARM_UP + 40 + measure_plan.TAIL)
    assert max(point.frames for point in planned(there=10).points) == 48


def test_a_number_of_frames_that_was_asked_for_is_kept_but_for_the_least():
    assert {p.way.workers: p.frames for p in planned(frames_per_point=30).points} == {1: 30, 2: 30, 4: 30, 8: 48}


def test_frames_lie_all_over_the_range_and_fewer_are_the_first_of_more():
    numbers = list(range(101, 351))
    many = measure_plan.spread(numbers, 64)
    assert measure_plan.spread(numbers, 16) == many[:16]
    assert len(set(many)) == 64
    for eight in (many[at : at + 8] for at in range(0, 64, 8)):
        assert {(number - 101) * 4 // 256 for number in eight} == {0, 1, 2, 3}


def test_a_short_scene_is_measured_beyond_its_end():
    assert measure_plan.spread([7], 3) == [7, 8, 9]
    assert sorted(measure_plan.spread([1, 2, 3], 5)) == [1, 2, 3, 4, 5]


def measured(*rates):
    """One, two, three, four, six … workers on one card, at these rates; 0: they did not work."""
    ways = [Way(Strategy.PER_DEVICE, step, 1) for step in measure_plan.STEPS]
    failed = (Run(0, 0.0, trouble="out of memory"),)
    return [
        measured_point(way, rate) if rate else Point(way, frames=48, runs=failed)
        for way, rate in zip(ways, rates, strict=False)
    ]


@pytest.mark.parametrize(
    ("rates", "step"),
    [
        ((1.0, 2.0), 3),
        ((1.0, 1.01), None),
        ((1.0, 2.0, 2.9), 4),
        ((1.0, 2.0, 2.9, 3.9), 6),
        ((1.0, 2.0, 2.9, 3.9, 5.8), 8),
        ((1.0, 2.0, 2.9, 3.9, 5.8, 5.9), None),
        ((1.0, 2.0, 0.0), None),
        ((1.0, 2.0, 2.9, 3.9, 5.8, 7.8, 11.0, 15.0), None),
        ((1.0,), None),
    ],
)
def test_more_workers_follow_as_long_as_that_paid_and_worked(rates, step):
    way = measure_plan.further(measured(*rates), Way(Strategy.PER_DEVICE, 1, 1))
    assert (way.per_device if way else None) == step


def test_points_with_other_work_say_nothing_about_more_workers():
    other = [replace(one, by="samples") for one in measured(1.0, 2.0)]
    assert measure_plan.further(other, Way(Strategy.PER_DEVICE, 1, 1)) is None


def test_what_more_workers_take_is_reckoned_from_the_most_that_were_measured():
    """A frame that one thread prepares takes twelve workers hardly longer than four; the first run cannot know that."""
    cost, points = Cost(2.0, 1.0), measured(1.0, 2.0, 3.0, 4.0)
    twelve, combined = Way(Strategy.PER_DEVICE, 12, 1), Way(Strategy.COMBINED, 1, 2)
    assert cost.of_frame(twelve) == pytest.approx(8.7)
    better = measure_plan.cost_of(twelve, points, cost)
    assert (better.frame, better.workers) == (1.0, 4)
    assert better.of_frame(twelve) == pytest.approx(2.4)
    assert measure_plan.cost_of(twelve, measured(1.0, 0.0), cost).of_frame(twelve) == pytest.approx(8.7)
    assert measure_plan.cost_of(combined, points, cost) is cost
    assert measure_plan.cost_of(Way(Strategy.PER_DEVICE, 2, 1, on_cpu=True), [], cost).of_frame(
        Way(Strategy.PER_DEVICE, 2, 1, on_cpu=True)
    ) == pytest.approx(2.0)
    on_four = [measured_point(replace(twelve, cards=4), 24.0), *measured(1.0, 2.0)]
    assert measure_plan.cost_of(twelve, on_four, cost).of_frame(twelve) == 2.0, "no slower on fewer cards"
    new = measure_plan.one_more(measurement(points), twelve, cost, 5000)
    assert measure_plan.seconds_of(new, better) < measure_plan.seconds_of(new, cost) / 3


@pytest.mark.parametrize("on_cpu", [True, False])
def test_each_further_step_is_watched_as_long_as_the_first_ones(on_cpu):
    """Not longer and longer, because the first run cannot know how quick the frames of more workers are."""
    cost, points = Cost(2.0, 1.0), []
    for step in measure_plan.STEPS:
        way = Way(Strategy.PER_DEVICE, step, 1, on_cpu=on_cpu)
        new = measure_plan.one_more(measurement(points), way, cost, 5000) if points else Point(way, frames=14)
        points.append(measured_point(way, float(step), series=new.series))
        points[-1] = replace(points[-1], frames=new.frames)
        assert new.frames / step <= 14
    assert points[-1].frames / 16 > WARM_UP + measure_plan.LEAST


def test_more_and_less_work_is_measured_in_both_ways_as_far_as_time_allows():
    ways = (Way(Strategy.PER_DEVICE, 2, 4), Way(Strategy.COMBINED, 1, 4))
    found = measurement(minutes=30.0)
    plan = measure_plan.more_work(found, ways, Cost(2.0, 0.5), 250)
    assert {(p.by, p.factor) for p in plan.points} == {
        *(("samples", factor) for factor in (0.125, 0.25, 0.5, 2.0, 4.0)),
        *(("resolution", factor) for factor in (0.25, 0.5, 2.0, 4.0)),
    }
    assert {p.series for p in plan.points} == {Series.WORK}
    short = measure_plan.more_work(measurement(minutes=1.0), ways, Cost(2.0, 0.5), 250)
    assert short.seconds <= 60
    assert "4 × the samples" in short.left_out[-1] or "4 × the pixels" in short.left_out[-1]
