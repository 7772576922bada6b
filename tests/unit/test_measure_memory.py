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
        (12, machine(60, 78, 78), "24 workers may need 55.2 GiB of RAM, and 47.2 GiB are free beside what is kept"),
        (16, machine(100, 80, 78), "16 workers may need 73.6 GiB of VRAM on Fake H200, and 72.0 GiB are free beside what is kept"),
        (8, machine(100, 78, 30), "8 workers may need 36.8 GiB of VRAM on Fake H200, and 22.0 GiB are free beside what is kept"),
        (4, Sample({}, {}), ""),
        (6, Sample({}, {}), "nobody tells how much VRAM that takes on Fake H200"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(per_device, sample, words):
    assert no_room(way(per_device), [replace(FOUR, per_device=3), FOUR], CARDS, sample) == words


def test_cards_that_are_not_in_use_do_not_matter():
    assert no_room(way(6, cards=1), [FOUR], CARDS, machine(100, 78, 0)) == ""


@pytest.mark.parametrize("others", [0, 20])
def test_where_the_driver_does_not_tell_it_by_process_the_cards_memory_is_shared_out(others):
    """But not what a desktop and the artist's own Blender have there: that is not free anyway."""
    untold = replace(FOUR, vram_each=None, vram_used=(16 + others) * GB)
    assert no_room(way(8), [untold], CARDS, machine(100, 80 - others, 80 - others)) == ""
    assert "16 workers may need 73.6 GiB of VRAM" in no_room(way(16), [untold], CARDS, machine(100, 80 - others, 60))


def test_the_most_that_a_worker_ever_took_counts():
    blind = Memory(6, None, None, None)
    assert no_room(way(12), [FOUR, blind], CARDS, machine(60, 78, 78)).startswith("24 workers may need 55.2 GiB of RAM")


def test_what_is_not_known_is_no_reason_but_for_many_on_a_card():
    nothing = Memory(3, None, None, None)
    assert no_room(way(4), [], CARDS, machine(1, 1, 1)) == ""
    assert no_room(way(4), [nothing], CARDS, machine(20, 20, 20)) == ""
    assert "nobody tells" in no_room(way(6), [nothing], CARDS, machine(20, 20, 20))
    cpu = Way(Strategy.PER_DEVICE, 16, 1, on_cpu=True)
    assert no_room(cpu, [nothing], CARDS, Sample({}, {})) == ""
