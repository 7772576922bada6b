# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether more workers on each card fit into memory, by what each of fewer has taken. Pure.

A measurement shall not drive the artist's machine into swapping to find out. Owns the reckoning and its words.
"""

from __future__ import annotations

from collections.abc import Sequence

from .capacity import MARGIN, RAM_KEPT, free_vram, kept_vram
from .gauges import Sample
from .measurement import Memory, Way
from .model import Device
from .wording import size


def no_room(way: Way, known: Sequence[Memory], devices: Sequence[Device], sample: Sample) -> str:
    """Return what is short, in the words of half a sentence; empty: nothing, as far as anybody tells.

    Args:
        known: What was measured, fewest workers first.
        devices: All that are measured; a way is on the first of them.
        sample: The machine while nothing is measured.
    """
    if not known:
        return ""
    fewer = known[-1]
    ram, free = fewer.ram_each or 0, sample.ram_available
    if free is not None and MARGIN * ram * way.workers > free - RAM_KEPT * (sample.ram_total or 0):
        return f"each worker takes {size(ram)} of RAM, and {size(free)} are free"
    vram = fewer.vram_each or (fewer.vram_used or 0) // fewer.per_device
    for device in devices[: way.cards]:
        card = sample.cards.get(device.pci or "")
        free = free_vram(card)
        if card and free is not None and MARGIN * vram * way.per_device > free - kept_vram(card):
            return f"each worker takes {size(vram)} of VRAM, and {size(free)} are free on {device.name}"
    return ""
