# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the disk has room for the frames still to come: known once the first picture is there.

Owns that one look, repeated while the job runs; the words are preflight's.
"""

from __future__ import annotations

from pathlib import Path

from . import host, preflight
from .protocol import Rendered
from .reach import Reach

EVERY = 100
"""Frames between two looks."""


class Disk:
    def __init__(self) -> None:
        self._seen = 0
        self._told = False
        self._reach = Reach("the output folder")

    def look(self, report: Rendered, frames_left: int) -> str:
        """Return a sentence where what is left would not fit, once."""
        self._seen += 1
        if self._told or not report.pictures or self._seen % EVERY != 1:
            return ""
        try:
            place = Path(report.pictures[-1].path).parent
            free = self._reach.do(lambda: host.free_space(place), 1 << 62)
        except (OSError, ValueError):  # a name that no file system knows
            return ""
        words = preflight.disk_words(sum(p.size for p in report.pictures), frames_left, free)
        self._told = bool(words)
        return words
