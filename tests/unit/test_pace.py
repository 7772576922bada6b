# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds per frame, frames per second, and the usual longest."""

from __future__ import annotations

import pytest

from dispatch.pace import KEPT, Pace


def test_nothing_is_said_before_anything_is_known():
    pace = Pace()
    assert pace.frames_per_second(5.0) == 0.0
    assert pace.seconds_per_frame(1) == 0.0
    assert pace.usual() == 0.0


def test_frames_per_second_sum_unequal_workers():
    pace = Pace()
    for n in range(1, 9):
        pace.finished(1, now=n * 1.0, begun_at=n - 1.0)  # one frame a second
    for n in range(1, 3):
        pace.finished(2, now=n * 4.0, begun_at=n * 4.0 - 4.0)  # one in four
    assert pace.frames_per_second(8.0) == pytest.approx(1.25)


def test_a_worker_that_is_gone_counts_no_more():
    pace = Pace()
    pace.finished(1, 1.0, 0.0)
    pace.finished(2, 1.0, 0.0)
    pace.forget(2)
    assert pace.frames_per_second(1.0) == pytest.approx(1.0)


def test_frames_that_take_minutes_do_not_make_the_rate_jump():
    pace = Pace()
    for n in range(1, 4):
        for worker in range(4):
            pace.finished(worker, now=n * 100.0 + worker, begun_at=n * 100.0 - 100.0 + worker)
    assert pace.frames_per_second(304.0) == pytest.approx(0.04)
    assert pace.frames_per_second(390.0) == pytest.approx(0.04)


def test_a_first_frame_counts_until_the_second_is_done():
    pace = Pace()
    pace.finished(1, now=300.0, begun_at=0.0)  # kernels were compiled
    assert pace.seconds_per_frame(1) == pytest.approx(300.0)
    pace.finished(1, now=301.0, begun_at=300.0)
    assert pace.seconds_per_frame(1) == pytest.approx(1.0)


def test_the_rate_of_the_last_minute_stays_when_everybody_has_left():
    pace = Pace()
    for n in range(100):
        pace.finished(1, now=n + 1.0, begun_at=float(n))
    pace.forget(1)
    assert pace.frames_per_second(200.0) == pytest.approx(1.0)


def test_a_pause_between_two_frames_is_not_the_frame_s_time():
    pace = Pace()
    pace.finished(1, 1.0, 0.0)
    pace.finished(1, 101.0, begun_at=100.0)
    assert pace.seconds_per_frame(1) == pytest.approx(1.0)


def test_a_worker_that_finishes_nothing_counts_less_and_less():
    pace = Pace()
    for n in range(200):
        pace.finished(1, now=n * 1.0 + 1, begun_at=n * 1.0)
    assert pace.frames_per_second(200.0) == pytest.approx(1.0, rel=0.05)
    assert pace.frames_per_second(1000.0) < 0.1


def test_the_usual_time_is_the_95th_percentile_of_the_last_frames_and_memory_is_bounded():
    pace = Pace()
    for _ in range(1000):
        pace.rendered(100.0)
    for n in range(KEPT):
        pace.rendered(float(n))
    assert pace.usual() == pytest.approx(0.95 * KEPT, rel=0.02)


def test_what_a_device_did_is_known_after_its_workers_are_gone():
    pace = Pace()
    pace.finished(1, now=2.0, begun_at=0.0, devices=["a"])
    pace.finished(2, now=4.0, begun_at=0.0, devices=["a"])
    pace.finished(3, now=10.0, begun_at=0.0, devices=["b", "c"])
    for worker in (1, 2, 3):
        pace.forget(worker)
    assert pace.of_device("a") == (2, pytest.approx(3.0))
    assert pace.of_device("b") == pace.of_device("c") == (1, pytest.approx(10.0))
    assert pace.of_device("d") == (0, 0.0)
