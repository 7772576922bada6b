# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report reckons from a timeline: bars, rates against the ideal, outliers, where the time went."""

from __future__ import annotations

import pytest
from journal_lines import committed, rendered, spawn, timeline

from dispatch import report_data
from dispatch.job_clock import JobClock
from dispatch.recorded import Gauge, gauges
from dispatch.timeline import Timeline

ONE, TWO = "NVIDIA H200 (10:00)", "NVIDIA H200 (11:00)"


def steady(frames: int = 40, slow: dict[int, float] | None = None) -> Timeline:
    """Two cards, one worker each, a frame a second each, the second card twice as slow in the frames it shares."""
    records = [spawn(0, 1, ONE), spawn(0, 2, TWO)]
    moment = {1: 2.0, 2: 2.0}
    for task in range(frames):
        worker = 1 + task % 2
        took = (slow or {}).get(task, 1.0)
        moment[worker] += took
        records += [rendered(moment[worker], worker, task, took), committed(moment[worker], task)]
    return timeline(*sorted(records, key=lambda record: record["at"]))


def test_each_frame_has_its_bar_until_there_are_too_many() -> None:
    seen = steady(40)
    each, size = report_data.bars(seen)
    assert (len(each), size) == (40, 1)
    assert {bar.count for bar in each} == {1}
    merged, size = report_data.bars(seen, most=12)
    assert size == 4
    assert len(merged) == 10
    assert sum(bar.count for bar in merged) == 40
    assert {bar.lane for bar in merged} == {0, 1}
    for bar in merged:
        assert bar.end - bar.begin == pytest.approx(sum(bar.phases[:4]), abs=1e-4)


def test_two_cards_that_never_wait_are_at_the_ideal() -> None:
    seen = steady(60)
    rates = report_data.rates(seen)
    assert rates is not None
    assert rates.alone
    middle = len(rates.at) // 2
    assert rates.ideal[middle] == pytest.approx(2.0, rel=0.01)
    assert rates.per_card[middle] == pytest.approx(2.0, rel=0.01)
    assert rates.observed[middle] == pytest.approx(2.0, rel=0.35)
    assert sum(rates.observed) * seen.duration / len(rates.at) == pytest.approx(60)
    assert report_data.speed_up(seen) == pytest.approx(60 / 32, rel=0.05)


def test_workers_that_share_a_card_are_measured_against_one_alone() -> None:
    records = [spawn(0, 1, ONE)]
    for task in range(10):
        records += [rendered(2.0 + task, 1, task), committed(2.0 + task, task)]
    records.append(spawn(12, 2, f"{ONE} 2"))
    for task in range(10, 30):
        worker, end = 1 + task % 2, 16.0 + task - 10
        records += [rendered(end, worker, task, 2.0), committed(end, task)]
    rates = report_data.rates(timeline(*records))
    assert rates is not None
    assert rates.alone
    assert rates.ideal[-1] == pytest.approx(2.0, rel=0.01)
    assert rates.per_card[-1] == pytest.approx(1.0, rel=0.01)


def test_nothing_or_little_rendered_has_no_rate() -> None:
    assert report_data.rates(timeline()) is None
    assert report_data.rates(steady(15, {})) is None
    assert report_data.rates(steady(16, {})) is not None
    assert report_data.speed_up(timeline(spawn(0, 1))) is None
    assert report_data.outliers(timeline()) == []


def test_an_outlier_is_one_against_its_neighbours_not_against_the_whole_scene() -> None:
    slow = {task: 1.0 + task / 10 for task in range(100)} | {50: 20.0}
    seen = steady(100, slow)
    (found,) = report_data.outliers(seen)
    assert seen.frames.number[found.index] == 51
    assert found.seconds == pytest.approx(20.0)
    assert found.times == pytest.approx(20 / 6, rel=0.1)
    assert found.phase == "render"
    assert not found.warming


def test_a_workers_first_frames_are_told_apart() -> None:
    (found,) = report_data.outliers(steady(40, {0: 9.0}))
    assert found.warming


def test_the_time_of_a_cards_workers_adds_up() -> None:
    seen = steady(40)
    for share in report_data.shares(seen):
        assert share.frames == 20
        assert share.median == pytest.approx(1.0, abs=1e-4)
        assert share.loading == pytest.approx(2.0)
        assert share.phases == pytest.approx((2.0, 4.0, 12.0, 2.0), abs=1e-3)
        assert share.idle == pytest.approx(0.0, abs=0.01)


def test_frame_times_are_thinned_evenly() -> None:
    seen = steady(90)
    assert sum(map(len, report_data.dots(seen).values())) == 90
    assert 20 <= sum(map(len, report_data.dots(seen, most=30).values())) <= 30


def test_telemetry_is_read_as_far_as_it_is_whole() -> None:
    clock = JobClock()
    clock.tell("2026-01-01T12:00:00+00:00")
    clock.tell("2026-01-01T12:01:00+00:00")
    whole = {
        "at": "2026-01-01T12:00:10+00:00",
        "cards": {"0000:10:00": {"load": 41, "vram": 5, "vram_total": 9}},
        "workers": {"1": {"memory": 3}, "2": {"memory": 4, "cpu": 1.0}, "3": {}},
        "ram": 60,
        "ram_total": 100,
        "cpu": 7.5,
    }
    damaged = [None, 5, {}, {"at": "now"}, {**whole, "cards": 5}, {**whole, "at": "2026-01-01T14:00:00+00:00"}]
    found = gauges(clock, [*damaged, whole, {**whole, "cards": {"0000:10:00": {"load": None}}}])
    assert found.load["0000:10:00"] == Gauge([10.0], [41.0])
    assert found.vram_total == {"0000:10:00": 9}
    assert found.ram.value == [40.0, 40.0]
    assert found.workers.value == [7.0, 7.0]


def test_a_gauge_keeps_its_peaks_where_they_count() -> None:
    gauge = Gauge(list(map(float, range(100))), [0.0] * 99 + [50.0])
    assert max(gauge.thinned(max, most=10).value) == 50.0
    assert max(gauge.thinned(most=10).value) == 5.0
    assert len(gauge.thinned(most=10).at) == 10
