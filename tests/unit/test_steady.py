# SPDX-License-Identifier: GPL-3.0-or-later
"""The steady state of a job, from journals with known speeds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dispatch.steady import steady, trouble


def journal(*workers):
    """Records of workers that each put pictures in place at these times (seconds)."""
    made = sorted((time, number, task) for number, times in enumerate(workers, 1) for task, time in enumerate(times))
    records = []
    for attempt, (time, worker, task) in enumerate(made, 1):
        at = datetime.fromtimestamp(1_000_000 + time, UTC).isoformat(timespec="milliseconds")
        phases = {"evaluate": 0.1, "sync": 0.2, "render": 0.3, "write": 0.1}
        facts = {"attempt": attempt, "task": task, "worker": worker, "memory": 100 * worker, "seconds": 0.7}
        records.append({"what": "rendered", "at": at, "phases": phases, **facts})
        records.append({"what": "committed", "at": at, "attempt": attempt, "task": task})
    return records


def every(seconds, first=0.0, count=10):
    return [first + seconds * (number + 1) for number in range(count)]


def test_a_steady_worker_has_the_rate_of_its_frames():
    found = steady(journal(every(0.5)), 1)
    assert found.rate == pytest.approx(2.0)
    assert (found.frames, found.end - found.begin) == (8, 4.0)
    assert found.costs[5] == (1.0, 0.7)
    assert found.phases.render == pytest.approx(0.3)
    assert found.frame_seconds == 0.7
    assert found.memory == 100


def test_slow_first_frames_do_not_count():
    times = [60.0, 61.0, *every(0.5, 61.0, 8)]
    assert steady(journal(times), 1).rate == pytest.approx(2.0)


def test_a_worker_that_loads_late_makes_the_others_wait_for_the_count():
    found = steady(journal(every(0.5, count=40), every(0.5, 10.0, 20)), 2)
    assert found.rate == pytest.approx(4.0)
    assert found.begin == 1_000_011.0


def test_the_end_where_some_have_nothing_left_to_do_does_not_count():
    found = steady(journal(every(1.0, count=8), every(1.0, count=30)), 2)
    assert found.end == 1_000_008.0
    assert found.rate == pytest.approx(2.0)


def test_unequal_workers_add_up_wherever_in_a_frame_the_time_begins():
    found = steady(journal(every(0.3, count=60), every(0.7, count=27)), 2)
    assert found.rate == pytest.approx(1 / 0.3 + 1 / 0.7, rel=1e-3)


def test_workers_that_get_frames_of_unequal_cost_have_a_steady_state_too():
    slow, quick = [1.3, 2.6, 3.9, 5.2, 6.0], [0.3, 0.6, 1.9, 2.2, 3.5, 4.8, 5.1]
    found = steady(journal(slow, quick), 2)
    assert (found.begin, found.end) == (1_000_002.6, 1_000_005.1)
    assert found.rate == pytest.approx((2 - 0.1 / 1.3 + 2 + 0.9 / 1.3) / 2.5)
    assert found.frames == 5


def test_too_few_frames_or_workers_are_no_steady_state():
    assert steady(journal(every(1.0, count=2)), 1).rate == 0.0
    assert steady(journal(every(1.0)), 2).rate == 0.0
    assert steady([], 1).rate == 0.0


def test_a_commit_without_its_render_is_passed_over():
    records = journal(every(0.5))
    records.append({"what": "committed", "at": records[-1]["at"], "attempt": 999, "task": 0})
    assert steady(records, 1).rate == pytest.approx(2.0)


def test_a_worker_that_ended_with_a_fault_is_trouble_and_one_that_left_is_none():
    assert trouble([{"what": "worker ended", "worker": 1, "fault": None, "words": ""}]) == ""
    words = trouble([{"what": "worker ended", "worker": 1, "fault": "out of VRAM", "words": "no memory"}])
    assert words == "a worker ended (out of VRAM): no memory"
    assert "left out" in trouble([{"what": "slot closed", "slot": "GPU 2", "why": "too many ends"}])
