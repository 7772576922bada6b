# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recommended and why, where combined and instances cross, and the table that says it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from measured import COMBINED, ONE, measurement, point, work

from dispatch import measure_table, recommendation
from dispatch.measurement import Run, State, Way

GIB = 1 << 30


def concluded(*points, **changes):
    return recommendation.concluded(measurement(points, **changes))


def with_memory(made, ram, vram):
    return replace(made, runs=tuple(replace(run, ram_each=ram, vram_used=vram) for run in made.runs))


def test_the_fastest_is_recommended_with_how_much_faster_it_is():
    found = concluded(
        point(Way(COMBINED, 1, 4), 0.47, 0.47), point(Way(ONE, 1, 4), 8.0, 8.1), point(Way(ONE, 2, 4), 12.7, 12.6)
    )
    advised = found.recommendation
    assert (advised.strategy, advised.per_device, advised.threads) == (ONE, 2, 0)
    assert "1.57 × 1 worker per GPU" in advised.reason
    assert "26.91 × combined" in advised.reason


def test_of_ways_that_are_equal_within_the_noise_the_simplest_is_recommended():
    found = concluded(
        point(Way(COMBINED, 1, 4), 5.0, 5.1), point(Way(ONE, 1, 4), 9.8, 10.1), point(Way(ONE, 2, 4), 10.2, 9.9)
    )
    assert found.recommendation.per_device == 1
    assert "2 workers per GPU the same within the noise" in found.recommendation.reason


def test_combined_is_recommended_only_where_it_wins():
    wins = concluded(point(Way(COMBINED, 1, 4), 10.0, 10.1), point(Way(ONE, 1, 4), 8.0, 8.1))
    assert wins.recommendation.strategy is COMBINED
    assert wins.recommendation.reason.startswith("All 4 GPUs as one combined device")
    equal = concluded(point(Way(COMBINED, 1, 4), 10.0, 10.1), point(Way(ONE, 1, 4), 10.0, 10.1))
    assert equal.recommendation.strategy is ONE


def test_only_ways_on_all_cards_are_compared():
    found = concluded(point(Way(ONE, 1, 4), 8.0), point(Way(ONE, 2, 4), 12.0), point(Way(ONE, 3, 1), 99.0))
    assert found.recommendation.per_device == 2


def test_one_way_alone_is_no_recommendation():
    assert concluded().recommendation is None
    assert concluded(point(Way(ONE, 1, 4), 8.0)).recommendation is None


def test_what_did_not_work_is_said():
    broken = replace(point(Way(ONE, 3, 4)), runs=(Run(0, 0.0, trouble="a worker ended (out of VRAM): full"),))
    found = concluded(point(Way(ONE, 1, 4), 8.0), point(Way(ONE, 2, 4), 12.0), broken)
    assert found.recommendation.per_device == 2
    assert "3 workers per GPU did not work: a worker ended (out of VRAM): full." in found.recommendation.reason


def test_threads_that_were_given_stay():
    found = concluded(point(Way(ONE, 1, 4), 8.0), point(Way(ONE, 2, 4), 12.0), threads=6)
    assert found.recommendation.threads == 6


def test_each_worker_more_says_what_it_takes_on_the_card():
    one = with_memory(point(Way(ONE, 1, 4), 8.0), 2 * GIB, 5 * GIB)
    two = with_memory(point(Way(ONE, 2, 4), 12.0), 3 * GIB, 9 * GIB)
    found = concluded(one, two, with_memory(point(Way(ONE, 2, 1), 3.0), 2 * GIB, 50 * GIB))
    assert [(m.per_device, m.vram_used, m.vram_extra) for m in found.memory] == [
        (1, 5 * GIB, None),
        (2, 9 * GIB, 4 * GIB),
    ]
    assert "Each worker takes 3.0 GiB of RAM and 4.0 GiB of VRAM." in found.recommendation.reason


def crossing(pairs):
    """Pairs of rates (combined, two per card) at a quarter, half, once … of the samples."""
    points = []
    for factor, (combined, instances) in pairs.items():
        for way, rate in ((Way(COMBINED, 1, 4), combined), (Way(ONE, 2, 4), instances)):
            points.append(point(way, rate, rate) if factor == 1.0 else work(way, rate, factor))
    return concluded(*points).crossings


def test_a_crossing_lies_between_the_points_where_the_faster_one_changes():
    (found,) = crossing({0.5: (2.0, 8.0), 1.0: (2.0, 4.0), 2.0: (2.0, 2.0 / 2), 4.0: (1.0, 0.5)})
    assert found.seconds == pytest.approx(2.0, rel=0.01)  # half-way between 1 s and 4 s a frame, on a log scale
    assert "Combined wins above about 2.0 s a frame on one GPU" in found.words


def test_no_crossing_is_claimed_where_none_was_measured():
    (found,) = crossing({0.5: (1.0, 8.0), 1.0: (1.0, 4.0), 4.0: (0.9, 1.0)})
    assert found.seconds is None
    assert "Instances win at every work per frame measured" in found.words
    assert "0.90 × as fast at 4.0 s" in found.words
    (found,) = crossing({0.5: (9.0, 8.0), 1.0: (9.0, 4.0)})
    assert "Combined wins at every work per frame measured" in found.words


def test_a_lead_within_the_noise_is_no_crossing():
    (found,) = crossing({0.5: (2.0, 8.0), 1.0: (2.0, 4.0), 2.0: (2.02, 2.0)})
    assert found.seconds is None
    assert "within the noise" in found.words


def test_the_scenes_own_work_alone_is_nothing_to_cross():
    assert crossing({1.0: (2.0, 4.0)}) == ()


def test_the_table_is_aligned_and_says_what_failed():
    broken = replace(point(Way(ONE, 3, 4)), runs=(Run(0, 0.0, trouble="full"),))
    found = concluded(
        *(point(Way(ONE, 1, cards), 2.0 * cards, 2.02 * cards) for cards in (1, 2, 4)),
        *(point(Way(COMBINED, 1, cards), 2.0, 2.1) for cards in (2, 4)),
        broken,
        state=State.COMPLETE,
        done=11,
    )
    lines = measure_table.lines(found)
    assert lines[0] == "shot: 4 × Fake H200, Blender 5.0.1, 11 runs"
    head, *rows = lines[2:9]
    assert all(len(row) <= len(head) + 2 for row in rows)
    assert rows[0].split() == ["combined", "2", "2.05", "4", "%", "0.488", "1.02", "2.00", "51", "%"]
    assert rows[-1].split()[:5] == ["3", "per", "GPU", "4", "failed"]
    assert "GPU load" not in head
    assert "Recommended: 1 instance per GPU" in lines
    assert max(map(len, rows)) < 110


def test_a_stopped_measurement_says_so():
    lines = measure_table.lines(concluded(point(Way(ONE, 1, 4), 8.0), state=State.STOPPED))
    assert "(stopped)" in lines[0]
    assert lines[-1].startswith("No recommendation")
