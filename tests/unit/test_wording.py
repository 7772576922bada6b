# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import datetime

import pytest

from dispatch import wording


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 s"),
        (0, "0.00 s"),
        (0.42, "0.42 s"),
        (0.999, "1.0 s"),
        (8.31, "8.3 s"),
        (9.97, "10 s"),
        (45, "45 s"),
        (59.7, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.8, "1 h 00 min"),
        (7500, "2 h 05 min"),
        (86399, "1 d 0 h"),
        (273600, "3 d 4 h"),
    ],
)
def test_durations_are_said_in_the_units_that_matter(seconds: float, said: str) -> None:
    assert wording.duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (1 << 20, "1.0 MiB"),
        (150 << 30, "150 GiB"),
        (3 << 50, "3072 TiB"),
    ],
)
def test_sizes_are_said_as_blender_says_them(count: int, said: str) -> None:
    assert wording.size(count) == said


def test_counts_agree_with_their_noun() -> None:
    assert wording.count(1, "frame") == "1 frame"
    assert wording.count(0, "frame") == "0 frames"
    assert wording.count(100000, "frame") == "100,000 frames"
    assert wording.count(2, "library", "libraries") == "2 libraries"


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([], "none"),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcde"), "a, b, c, d and e"),
        ([*"abcde", *"x" * 12], "a, b, c, d, e and 12 more"),
    ],
)
def test_names_are_joined_and_cut_after_five(items: list[str], said: str) -> None:
    assert wording.names(items) == said


def test_a_moment_names_the_day_only_when_it_is_another_one() -> None:
    now = datetime(2026, 11, 21, 15, 0).timestamp()
    assert wording.moment(datetime(2026, 11, 21, 14, 2).timestamp(), now) == "14:02"
    assert wording.moment(datetime(2026, 11, 9, 14, 2).timestamp(), now) == "9 Nov 14:02"
    assert wording.moment(datetime(2025, 11, 9, 14, 2).timestamp(), now) == "9 Nov 2025 14:02"


@pytest.mark.parametrize(
    ("per_second", "said"),
    [(12.7, "13 frames/s"), (4.25, "4.2 frames/s"), (0.5, "30 frames/min"), (0.02, "1.2 frames/min"),
     (1 / 3600, "1.0 frames/h"), (0.00001, "0.0 frames/h")],
)  # fmt: skip
def test_rates_choose_a_readable_unit(per_second: float, said: str) -> None:
    assert wording.rate(per_second) == said


def test_the_closing_sentence_is_the_promised_one() -> None:
    assert (
        wording.audit(complete=250, total=250, retried=2) == "250 of 250 frames complete, 0 rendered twice, 2 retried"
    )


def test_the_closing_sentence_adds_what_is_not_good() -> None:
    said = wording.audit(complete=9, total=9, again=4)
    assert said == "9 of 9 frames complete, 0 rendered twice, 0 retried, 4 rendered again"
    said = wording.audit(complete=1, total=9, given_up=3, claimed_elsewhere=4, missing=1)
    assert said == (
        "1 of 9 frames complete, 0 rendered twice, 0 retried, 3 given up, 4 claimed elsewhere, 1 missing or broken"
    )


def test_claimed_elsewhere_says_since_when() -> None:
    assert wording.elsewhere(12, "14:02") == "12 frames are claimed elsewhere since 14:02"
    assert wording.elsewhere(1) == "1 frame is claimed elsewhere"


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [
        (720, 1080, "12 to 18 min"),
        (12.4, 17.6, "12 to 18 s"),
        (50, 130, "50 s to 2 min"),
        (700, 730, "about 12 min"),
        (5000, 9000, "83 min to 2.5 h"),
        (7200, 10800, "2 to 3 h"),
        (100_000, 300_000, "28 h to 3.5 d"),
        (0, 3, "0 to 3 s"),
    ],
)
def test_a_time_that_is_not_known_exactly_is_said_as_a_range(least: float, most: float, said: str) -> None:
    assert wording.span(least, most) == said
