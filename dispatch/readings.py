# SPDX-License-Identifier: GPL-3.0-or-later
"""The last half hour of gauges, and means over a part of it.

Owns the window, bounded in memory; pure, time is an argument. Decides nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from .gauges import Sample

KEPT = 900
"""Samples: half an hour at one every two seconds."""


class Readings:
    def __init__(self) -> None:
        self._kept: deque[tuple[float, Sample]] = deque(maxlen=KEPT)

    @property
    def last(self) -> Sample | None:
        return self._kept[-1][1] if self._kept else None

    def add(self, at: float, sample: Sample) -> None:
        self._kept.append((at, sample))

    def load(self, card: str, since: float = 0.0) -> float | None:
        """Mean percent of the time in which a kernel ran on the card (its PCI address) since then; None: not told."""
        return _mean(s.cards[card].load for s in self.since(since) if card in s.cards)

    def vram_most(self, card: str, since: float = 0.0) -> int | None:
        """Most bytes in use on the card, by whomever, since then; None: not told."""
        told = (s.cards[card].vram_used for s in self.since(since) if card in s.cards)
        return max((used for used in told if used is not None), default=None)

    def cpu(self, since: float = 0.0) -> float | None:
        """Mean percent of all cores since then; None: not told."""
        return _mean(s.cpu for s in self.since(since))

    def since(self, at: float) -> Iterator[Sample]:
        """Yield the samples from then on, latest first."""
        for taken, sample in reversed(self._kept):
            if taken < at:
                return
            yield sample


def _mean(values: Iterator[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return sum(told) / len(told) if told else None
