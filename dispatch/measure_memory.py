# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether more workers on each card fit into memory, by what each of fewer has taken. Pure.

A measurement shall not drive the artist's machine into swapping to find out. Owns the reckoning and its words.
"""

from __future__ import annotations

from collections.abc import Sequence

from .capacity import MARGIN, RAM_KEPT, free_vram, kept_vram
from .gauges import CardSample, Sample
from .measurement import Memory, Way
from .model import Device
from .wording import size

UNTOLD = 4
"""Workers per card that are tried where nobody tells what they need there."""


def no_room(way: Way, known: Sequence[Memory], devices: Sequence[Device], sample: Sample) -> str:
    """Return what is short, in the words of half a sentence; empty: nothing, as far as anybody tells.

    Args:
        known: What was measured, fewest workers first.
        devices: All that are measured; a way is on the first of them.
        sample: The machine while nothing is measured.
    """
    ram = int(MARGIN * way.workers * max((each.ram_each or 0 for each in known), default=0))
    if sample.ram_available is not None:
        room = max(0, sample.ram_available - int(RAM_KEPT * (sample.ram_total or 0)))
        if ram > room:
            return _words(way.workers, ram, "RAM", room)
    for device in () if way.on_cpu else devices[: way.cards]:
        card = sample.cards.get(device.pci or "")
        each, free = _vram(known, card), free_vram(card)
        if card is None or free is None or not each:
            if way.per_device > UNTOLD:
                return f"nobody tells how much VRAM that takes on {device.name}"
        elif (need := int(MARGIN * way.per_device * each)) > (room := max(0, free - kept_vram(card))):
            return _words(way.per_device, need, f"VRAM on {device.name}", room)
    return ""


def _vram(known: Sequence[Memory], card: CardSample | None) -> int:
    """Return the most that one worker has had on a card: as told by process, else its part of what others did not have."""
    others = (card.vram_used or 0) if card else 0
    shares = [each.vram_each or ((each.vram_used or others) - others) // each.per_device for each in known]
    return max(shares, default=0)


def _words(workers: int, need: int, memory: str, room: int) -> str:
    return f"{workers} workers may need {size(need)} of {memory}, and {size(room)} are free beside what is kept"
