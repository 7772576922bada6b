# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of card on which frames do not fit at present: they are tried there only now and then.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. Neighbouring
frames need about the same memory: after two in a row that did not fit the next ones go to bigger cards at once. One is
tried there again when 2, then 4, 8 … 64 frames have been finished elsewhere; one that fits ends it. Counted in frames,
since what a try costs is about what a frame costs.
"""

from __future__ import annotations

from dataclasses import dataclass

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
    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def failed(self, kind: str, settled: int) -> bool:
        """A task did not fit on a card of this kind that it had to itself; return whether to say so.

        ``settled``: tasks of the job that are done or given up.
        """
        known = self._kinds.setdefault(kind, _Kind())
        known.row += 1
        if known.row < FEW:
            return False
        if known.row == FEW or known.probe:  # what was in other hands by then says nothing new
            known.pause, known.probe = min(2 * known.pause, MOST), False
        known.again = settled + known.pause
        first, known.said = not known.said, True
        return first

    def fitted(self, kind: str) -> None:
        if known := self._kinds.get(kind):
            known.row, known.pause = 0, 1

    def rests(self, kind: str, settled: int) -> bool:
        """Whether no task should be tried there now."""
        known = self._kinds.get(kind)
        return known is not None and known.row >= FEW and settled < known.again

    def handed(self, kind: str, settled: int) -> None:
        """A task is being tried there: no second one meanwhile."""
        known = self._kinds.get(kind)
        if known is not None and known.row >= FEW:
            known.again, known.probe = settled + known.pause, True
