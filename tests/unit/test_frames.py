# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.frames import LAST_FRAME, arrange, parse, span, words
from dispatch.model import DispatchError, Order

NUMBERS = st.integers(-LAST_FRAME, LAST_FRAME)


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("7", [7]),
        ("1-5", [1, 2, 3, 4, 5]),
        ("1-10x3", [1, 4, 7, 10]),
        ("1,5,10-12", [1, 5, 10, 11, 12]),
        ("1-10 ^4-7", [1, 2, 3, 8, 9, 10]),
        ("^5 1-6", [1, 2, 3, 4, 6]),
        ("1-10^2-10x2", [1, 3, 5, 7, 9]),
        ("-5--1", [-5, -4, -3, -2, -1]),
        ("-5-3", [-5, -4, -3, -2, -1, 0, 1, 2, 3]),
        ("3--2", [3, 2, 1, 0, -1, -2]),
        ("10-1", [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        ("10-1x4", [10, 6, 2]),
        (" 1 - 3 ,  8 ", [1, 2, 3, 8]),
        ("5 -3", [5, -3]),
        ("1-3,2-4", [1, 2, 3, 4]),
        ("1..4", [1, 2, 3, 4]),
        ("-2..1", [-2, -1, 0, 1]),
        ("1–3", [1, 2, 3]),
        ("1;2\n3", [1, 2, 3]),
        ("0012", [12]),
        ("3-3", [3]),
        ("1 - 9 x 4", [1, 5, 9]),
    ],
)
def test_the_text_means_these_frames(text: str, frames: list[int]) -> None:
    assert parse(text) == frames


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("1-2-3", "1-2-3"),
        ("1-5,abc,9", "abc"),
        ("1-", "1-"),
        ("1-10x", "1-10x"),
        ("1-10x0", "1-10x0"),
        ("1-10x-2", "1-10x-2"),
        ("1.5", "1.5"),
        ("5x2", "5x2"),
        ("", "''"),
        ("  , ", "names no frame"),
        ("^3", "^3"),
        ("1-3 ^1-5", "1-3 ^1-5"),
        ("1-5 ^^3", "^^3"),
        ("1-9999999", "1-9999999"),
        ("-1048575", "-1048575"),
        ("9" * 9000, "999…"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_with_the_bad_part_quoted(text: str, quoted: str) -> None:
    with pytest.raises(DispatchError) as refused:
        parse(text)
    said = str(refused.value)
    assert quoted in said
    assert len(said) < 200
    assert "\n" not in said


def test_a_text_that_spells_more_than_ten_million_frames_is_refused_at_once() -> None:
    with pytest.raises(DispatchError, match="10,000,000"):
        parse(",".join(["0-1000000"] * 12))


@given(st.lists(NUMBERS, min_size=1, unique=True))
def test_words_give_back_any_list_of_different_frames(frames: list[int]) -> None:
    assert parse(words(frames)) == frames


@given(st.lists(st.integers(-20, 40), min_size=1, unique=True).map(sorted))
def test_words_give_back_a_crowded_sorted_list(frames: list[int]) -> None:
    assert parse(words(frames)) == frames


@settings(max_examples=300)
@given(st.text(alphabet="0123456789-^x,. ;\n", max_size=12))
def test_any_text_is_either_frames_or_one_sentence(text: str) -> None:
    try:
        found = parse(text)
    except DispatchError as error:
        found, said = [1], str(error)
    else:
        said = "."
    assert said.endswith(".")
    assert found
    assert len(set(found)) == len(found)
    assert parse(words(found)) == found


@pytest.mark.parametrize(
    ("frames", "text"),
    [
        ([], ""),
        (list(range(1, 251)), "1-250"),
        ([1, 3, 5, 7, 9, 12], "1-9x2,12"),
        ([1, 2], "1-2"),
        ([1, 3], "1,3"),
        ([3, 2, 1], "3-1"),
        ([-3, -2, -1], "-3--1"),
        ([1, 3, 4, 5], "1,3-5"),
    ],
)
def test_the_canonical_text_is_short(frames: list[int], text: str) -> None:
    assert words(frames) == text


def test_a_scenes_own_range_may_be_empty() -> None:
    assert span(1, 10, 4) == [1, 5, 9]
    assert span(10, 1, 1) == []


@given(st.lists(NUMBERS, unique=True), st.sampled_from(Order))
def test_arranging_hands_out_each_frame_exactly_once(frames: list[int], order: Order) -> None:
    assert sorted(arrange(frames, order)) == sorted(frames)


def test_orders_are_what_their_names_say() -> None:
    frames = list(range(1, 10))
    assert arrange(frames, Order.FORWARD) == frames
    assert arrange(frames, Order.BACKWARD) == frames[::-1]
    assert arrange(frames, Order.COARSE_TO_FINE) == [1, 9, 5, 3, 7, 2, 4, 6, 8]


def test_coarse_to_fine_leaves_no_long_gap_early() -> None:
    seen = sorted(arrange(range(1, 1001), Order.COARSE_TO_FINE)[:65])
    assert max(b - a for a, b in itertools.pairwise(seen)) <= 1000 / 60


def test_a_million_frames_take_no_noticeable_time() -> None:
    start = time.perf_counter()
    frames = parse("1-1000000")
    assert words(frames) == "1-1000000"
    assert len(arrange(frames, Order.COARSE_TO_FINE)) == 1_000_000
    assert time.perf_counter() - start < 10
