# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurements of a folder as they are now, read again only where a file has changed.

Owns `MeasurementSeen` and what is remembered of each folder. A folder that vanishes or is damaged is none, never an
error. Changes nothing.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from . import job, measure
from .jobs_seen import STARTS, last_words
from .measurement import Measurement, State
from .model import DispatchError

OVER = (State.COMPLETE, State.STOPPED, State.FAILED)
MOST = 20
"""The newest ones that are looked at."""

_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class MeasurementSeen:
    """One measurement as its folder shows it."""

    folder: str
    running: bool
    """A process measures now, or was started a moment ago."""
    found: Measurement
    why: str = ""
    """Why its process ended without a result, where it said so; empty: it did not, or is not over."""

    @property
    def interrupted(self) -> bool:
        """Its process died before the end; what was measured is good."""
        return not self.running and self.found.state not in OVER


class MeasurementsSeen:
    def __init__(self, place: Path) -> None:
        self._place = place
        self._known: dict[str, tuple[_Stamp, Measurement | None]] = {}

    def look(self) -> tuple[MeasurementSeen, ...]:
        """Return the newest measurements, newest first."""
        names = job.names(self._place)[::-1][:MOST]
        self._known = {name: kept for name in names if (kept := self._read(name)) is not None}
        known = self._known.items()
        return tuple(
            self._seen(self._place / name, stamp, found) for name, (stamp, found) in known if found is not None
        )

    def _read(self, name: str) -> tuple[_Stamp, Measurement | None] | None:
        file = self._place / name / measure.NAME
        try:
            told = os.stat(file)  # noqa: PTH116
        except OSError:
            return None
        stamp = told.st_mtime_ns, told.st_size, told.st_ino
        kept = self._known.get(name)
        if kept is not None and kept[0] == stamp:
            return kept
        try:
            return stamp, measure.read(file)
        except DispatchError:
            return stamp, None

    def _seen(self, folder: Path, stamp: _Stamp, found: Measurement) -> MeasurementSeen:
        over = found.state in OVER
        running = not over and job.is_running(folder)
        why = "" if over or running else last_words(folder / "dispatcher.log")
        # Between its start and its first word there is nothing but the folder.
        begins = found.state is State.WAITING and not why and abs(time.time() - stamp[0] / 1e9) < STARTS
        return MeasurementSeen(str(folder), running or begins, found, why)
