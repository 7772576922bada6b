# SPDX-License-Identifier: GPL-3.0-or-later
"""What a log says of the pictures that were made meanwhile: Blender's own words, from real runs of 4.2.0 to 5.2.2."""

from __future__ import annotations

import pytest

from dispatch.overheard import Overheard, end_of, refused

IMAGE = b"Calloc returns null: len=14400000000 in imb_alloc_buffer, total 11146004\n"
MESH = (
    "Malloc returns null: len=10800000000 in CDPropFloat3, total 12644804\n"
    "Malloc returns null: len=14399520000 in CDPoint, total 12644204\n"
    "Malloc returns null: len=3599760008 in BKE_mesh_face_offsets_ensure_alloc, total 12643604\n"
)


def end(attempt: int) -> bytes:
    return f"{end_of(attempt)}\n".encode()


def test_the_largest_piece_is_told() -> None:
    assert refused(MESH) == 14_399_520_000
    assert refused("Fra:4 Mem:8.34M (Peak 10.49M)\nnothing returns null here\n") == 0


def test_a_picture_is_said_to_lack_what_was_refused_while_it_was_made_and_no_other() -> None:
    log = Overheard()
    log.hear(end(1) + IMAGE + end(2) + end(3) + IMAGE)
    assert [log.missed(attempt) for attempt in (1, 2, 3)] == [0, 14_400_000_000, 0]
    log.hear(end(4))
    assert log.missed(4) == 14_400_000_000
    assert log.missed(5) == 0


@pytest.mark.parametrize("cut", range(1, len(IMAGE) + 10))
def test_wherever_the_log_is_cut_into_pieces_it_means_the_same(cut: int) -> None:
    log, text = Overheard(), IMAGE + end(7) + b"rest"
    log.hear(text[:cut])
    log.hear(text[cut:])
    assert log.missed(7) == 14_400_000_000


def test_where_the_log_is_behind_what_it_has_said_counts() -> None:
    log = Overheard()
    log.hear(IMAGE)
    assert log.missed(7) == 14_400_000_000
    log.hear(end(7))
    assert log.missed(8) == 0


def test_a_line_without_end_takes_no_room() -> None:
    log = Overheard()
    for _ in range(100):
        log.hear(b"x" * 65536)
    log.hear(b"\n" + IMAGE + end(1))
    assert len(log._cut) == 0
    assert log.missed(1) == 14_400_000_000
