# SPDX-License-Identifier: GPL-3.0-or-later
"""The short form of the campaigns under random kills; `make faults` runs the long one."""

from __future__ import annotations

from pathlib import Path

import engine
import kills
import mixed
import shared
from kills import Pace, Result
from prepared import fake_job


def assert_nothing_lost(result: Result) -> None:
    """Nothing is lost, doubled, corrupt or left over; else say which campaign it was."""
    assert result.problems == (), kills.row(result)


def test_fake_children_and_their_dispatcher_killed_at_random_lose_and_double_nothing(tmp_path: Path) -> None:
    # The frames' own time bounds the rate: on the fastest machine it lasts 600 x 0.03 s / 4.
    job = fake_job(tmp_path, 600, workers=4, script={"seconds": 0.03}, limits=engine.SHORT)
    result = kills.run("fake children", job, Pace(0.25, 1.5, most_children=40, most_dispatchers=4), seed=1)
    assert_nothing_lost(result)
    assert result.toll.children >= 8
    assert result.toll.dispatchers >= 1


def test_crashes_hangs_garbled_and_lost_messages_kills_and_a_full_disk_at_once_lose_and_double_nothing(
    tmp_path: Path,
) -> None:
    result = mixed.run(tmp_path, 200, seed=2, rules=20, pace=Pace(0.5, 2.0, 20, 4))
    assert_nothing_lost(result)


def test_two_dispatchers_on_one_folder_killed_and_stopped_put_no_frame_in_place_twice(tmp_path: Path) -> None:
    result = shared.run_fake(tmp_path, 100, seed=4, pace=0.6)
    assert_nothing_lost(result)
    assert result.toll.children + result.toll.dispatchers + result.toll.stops >= 2
