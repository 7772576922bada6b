# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards on which frames do not fit at present: they are tried there only now and then.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. Neighbouring
frames need about the same memory: after two in a row that did not fit the next ones go to other cards at once. One is
tried there again when 2, then 4, 8 … 64 frames have been finished elsewhere; one that fits ends it. Counted in frames,
since what a try costs is about what a frame costs. Cards of one name are of one kind; one that other programs have
filled (`MemoryTold.room`) is a kind of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from .memory_told import MemoryTold
from .model import Device

FEW = 2
"""Frames in a row that did not fit, until the next ones go elsewhere."""

MOST = 64
"""Frames finished elsewhere after which one is tried again, at most."""


@dataclass(slots=True)
class _Kind:
    row: int = 0
    pause: int = 1
    again: int = 0
    """Settled tasks at which the next one is tried."""
    probe: bool = False
    """One has been handed out since they rest."""
    said: bool = False


class SmallCards:
    def __init__(self, memory: MemoryTold) -> None:
        self._memory = memory
        self._kinds: dict[str, _Kind] = {}
        self._misfits: set[str] = set()
        """Cards on which a task did not fit in an ordinary slot since one did."""

    @property
    def known(self) -> bool:
        """Whether a frame ever was too big for a card that it had to itself."""
        return bool(self._kinds)

    def misfit(self, card: Device) -> bool:
        """Whether the last task was too big for it: another card like it is the better place."""
        return card.card in self._misfits

    def too_big(self, card: Device) -> None:
        """A task did not fit there in an ordinary slot."""
        self._misfits.add(card.card)

    def explains(self, card: Device, better: Device) -> bool:
        """Whether it is for others' memory that a task did not fit on one card and then did, alone, on another.

        Where nobody tells whose memory it is, experience does.
        """
        if self._memory.room(card) < self._memory.room(better):
            return True
        if self._memory.tells_others(card) or self.misfit(better) or not self.misfit(card):
            return False
        if card.name == better.name:
            self._memory.suspect(card)
        return True

    def failed(self, card: Device, settled: int) -> bool:
        """A task did not fit on a small card that it had to itself; return whether to say so.

        ``settled``: tasks of the job that are done or given up.
        """
        known = self._kinds.setdefault(self._kind(card), _Kind())
        known.row += 1
        if known.row < FEW:
            return False
        if known.row == FEW or known.probe:  # what was in other hands by then says nothing new
            known.pause, known.probe = min(2 * known.pause, MOST), False
        known.again = settled + known.pause
        first, known.said = not known.said, True
        return first

    def fitted(self, card: Device) -> None:
        """A task fitted there in an ordinary slot."""
        if known := self._kinds.get(self._kind(card)):
            known.row, known.pause = 0, 1
        self._misfits.discard(card.card)
        self._memory.trust(card)

    def rests(self, card: Device, settled: int) -> bool:
        """Whether no task should be tried there now."""
        known = self._kinds.get(self._kind(card))
        return known is not None and known.row >= FEW and settled < known.again

    def handed(self, card: Device, settled: int) -> None:
        """A task is being tried there: no second one meanwhile."""
        known = self._kinds.get(self._kind(card))
        if known is not None and known.row >= FEW:
            known.again, known.probe = settled + known.pause, True

    def _kind(self, card: Device) -> str:
        return card.name if self._memory.room(card) == self._memory.total(card) else card.card
