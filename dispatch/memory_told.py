# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readings tell of memory: how much a card has, how much of it was free, whether want of RAM killed. Pure.

Owns only the questions; a card's memory is remembered, because readings may stop. What nobody told is 0.
"""

from __future__ import annotations

from .capacity import short_of_ram
from .model import Device
from .readings import Readings

JUST_NOW = 10.0
"""Seconds back for which a shortage of RAM explains a killed worker: its memory is free again at once."""


class MemoryTold:
    def __init__(self, readings: Readings) -> None:
        self._readings = readings
        self._totals: dict[str, int] = {}

    def total(self, device: Device) -> int:
        """Bytes of the device's memory."""
        last = self._readings.last
        card = last.cards.get(device.pci or "") if last else None
        if card and card.vram_total:
            self._totals[device.card] = card.vram_total
        return self._totals.get(device.card, 0)

    def was_free(self, device: Device, since: float) -> int:
        """Most bytes that were free on the device since then."""
        seen = (sample.cards.get(device.pci or "") for sample in self._readings.since(since))
        used = [card.vram_used for card in seen if card and card.vram_used is not None]
        return max(0, self.total(device) - min(used)) if used else 0

    def ram(self) -> tuple[int, int]:
        """Return the bytes of RAM that are free, and all of them."""
        last = self._readings.last
        return (last.ram_available or 0, last.ram_total or 0) if last else (0, 0)

    def why_killed(self, at: float, kills: int | None) -> str:
        """Return what RAM has to do with a worker that was killed just now; empty: nothing that is known.

        Args:
            kills: `Sample.oom_kills` right after that.
        """
        samples = [*self._readings.since(at - JUST_NOW)]
        if kills is not None and any(s.oom_kills is not None and s.oom_kills < kills for s in samples):
            return "the system killed it for want of RAM"
        return "RAM was nearly used up when it was killed" if any(map(short_of_ram, samples)) else ""
