# SPDX-License-Identifier: GPL-3.0-or-later
"""How many more copies of the scene fit into the memory of the machine and of its cards. Pure.

Owns what a worker has been seen to need (its most, so far) and what stays free for everything else. Nothing that was
read once is trusted later: each answer is about the sample it is given. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .gauges import CardSample, Sample
from .model import Device

MARGIN = 1.15
"""A frame to come may need this much more than all frames so far."""

RAM_KEPT = 0.10
"""Part of the machine's RAM that stays free."""

RAM_SHORT = 0.06
"""Below this part of it RAM is short: workers that are there stay until then."""

VRAM_KEPT = 0.10
"""Part of a card's memory that stays free, at least `VRAM_LEAST`, or `VRAM_DISPLAY` where a desktop runs on it."""

VRAM_LEAST = 1 << 30
VRAM_DISPLAY = 2 << 30

VRAM_SHORT = 0.4
"""Below this part of what should stay free, a card is nearly full: workers that are there stay until then."""

UNKNOWN = 1 << 20
"""More workers than any machine holds: nothing tells a limit."""


class Capacity:
    def __init__(self) -> None:
        self.ram = 0
        """Most bytes of RAM that one worker has had."""
        self._vram: dict[str, int] = {}
        self._empty: dict[str, int] = {}

    def learn(self, sample: Sample, loaded: Mapping[int, Device]) -> None:
        """Note what workers need. ``loaded``: the workers that have the scene, with the device of each."""
        on: dict[str, int] = {}
        for worker, device in loaded.items():
            on[device.card] = on.get(device.card, 0) + 1
            if seen := sample.workers.get(worker):
                self.ram = max(self.ram, seen.memory or 0)
                self._vram[device.name] = max(self._vram.get(device.name, 0), seen.vram or 0)
        told = {device.name for device in loaded.values() if self._vram.get(device.name)}
        for device in loaded.values():
            card = sample.cards.get(device.pci or "")
            if device.name not in told and card and card.vram_used is not None:
                step = (card.vram_used - self._empty.get(device.card, 0)) // on[device.card]
                self._vram[device.name] = max(self._vram.get(device.name, 0), step)

    def learn_empty(self, sample: Sample, devices: Iterable[Device]) -> None:
        """Note what the cards hold while none of our workers has loaded there."""
        for device in devices:
            card = sample.cards.get(device.pci or "")
            if card and card.vram_used is not None:
                self._empty[device.card] = card.vram_used

    def vram(self, device: Device) -> int:
        """Return the most bytes that one worker has had on such a card; 0: not known."""
        return self._vram.get(device.name, 0)

    def more_in_ram(self, sample: Sample) -> int:
        """Return how many more workers fit into RAM."""
        if not self.ram or sample.ram_available is None or not sample.ram_total:
            return UNKNOWN
        return max(0, int((sample.ram_available - RAM_KEPT * sample.ram_total) / (MARGIN * self.ram)))

    def more_in_vram(self, sample: Sample, device: Device) -> int:
        """Return how many more workers fit onto this card."""
        card = sample.cards.get(device.pci or "")
        free, need = free_vram(card), self.vram(device)
        if card is None or free is None or not need:
            return UNKNOWN
        return max(0, int((free - kept_vram(card)) / (MARGIN * need)))


def kept_vram(card: CardSample) -> int:
    """Return the bytes that should stay free on this card."""
    least = VRAM_DISPLAY if card.display else VRAM_LEAST
    return max(least, int(VRAM_KEPT * (card.vram_total or 0)))


def free_vram(card: CardSample | None) -> int | None:
    if card is None or card.vram_used is None or not card.vram_total:
        return None
    return card.vram_total - card.vram_used


def short_of_vram(sample: Sample, device: Device) -> bool:
    """Whether this card is nearly full: what comes next fails, or spills into the machine's memory and crawls."""
    card = sample.cards.get(device.pci or "")
    free = free_vram(card)
    return card is not None and free is not None and free < VRAM_SHORT * kept_vram(card)


def short_of_ram(sample: Sample) -> bool:
    """Whether the machine's RAM is nearly used up."""
    if sample.ram_available is None or not sample.ram_total:
        return False
    return sample.ram_available < RAM_SHORT * sample.ram_total
