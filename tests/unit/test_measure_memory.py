# SPDX-License-Identifier: GPL-3.0-or-later
"""More workers are measured only where they fit into memory, by what fewer have taken."""

from __future__ import annotations

from dataclasses import replace

import pytest
from measured import device

from dispatch.gauges import CardSample, Sample
from dispatch.measure_memory import no_room
from dispatch.measurement import Memory, Way
from dispatch.model import Strategy

GB = 1 << 30
CARDS = (device(0), device(1))
FOUR = Memory(4, ram_each=2 * GB, vram_each=4 * GB, vram_used=16 * GB)


def machine(ram: int = 100, *free: int) -> Sample:
    """So many GB of 128 are free, and of 80 on each card."""
    cards = {
        card.pci or "": CardSample(vram_used=(80 - gigabytes) * GB, vram_total=80 * GB)
        for card, gigabytes in zip(CARDS, free, strict=False)
    }
    return Sample({}, cards, ram_total=128 * GB, ram_available=ram * GB)


def way(per_device: int, cards: int = 2) -> Way:
    return Way(Strategy.PER_DEVICE, per_device, cards)


@pytest.mark.parametrize(
    ("per_device", "sample", "words"),
    [
        (6, machine(100, 78, 78), ""),
        (12, machine(60, 78, 78), "each worker takes 2.0 GiB of RAM, and 60.0 GiB are free"),
        (16, machine(100, 80, 78), "each worker takes 4.0 GiB of VRAM, and 80.0 GiB are free on Fake H200"),
        (6, machine(100, 78, 30), "each worker takes 4.0 GiB of VRAM, and 30.0 GiB are free on Fake H200"),
        (16, Sample({}, {}), ""),
    ],
)
def test_what_does_not_fit_is_said(per_device, sample, words):
    assert no_room(way(per_device), [replace(FOUR, per_device=3), FOUR], CARDS, sample) == words


def test_cards_that_are_not_in_use_do_not_matter():
    assert no_room(way(6, cards=1), [FOUR], CARDS, machine(100, 78, 0)) == ""


def test_where_the_driver_does_not_tell_it_by_process_the_cards_memory_is_shared_out():
    untold = replace(FOUR, vram_each=None)
    assert no_room(way(8), [untold], CARDS, machine(100, 60, 60)) == ""
    assert "each worker takes 4.0 GiB of VRAM" in no_room(way(16), [untold], CARDS, machine(100, 60, 60))


def test_what_is_not_known_is_no_reason():
    assert no_room(way(16), [], CARDS, machine(1, 1, 1)) == ""
    assert no_room(way(16), [Memory(4, None, None, None)], CARDS, machine(20, 20, 20)) == ""
