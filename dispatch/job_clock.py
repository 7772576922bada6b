# SPDX-License-Identifier: GPL-3.0-or-later
"""The wall clock of a job's records, and the job's own: seconds in which it ran.

Owns the mapping of one to the other: a night between two runs takes no time, and a clock that is set back does not
turn the job's own. Pure; nothing here looks at a clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

SET_BACK = 5.0
"""Seconds by which a record may be older than the one before it until the machine's clock counts as set back."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the wall clock in which the job ran."""

    begin: float
    """Seconds since the epoch."""
    end: float
    at: float
    """Where it begins in the job's own time."""
    resumed: bool
    """An earlier run came before."""


class JobClock:
    def __init__(self) -> None:
        self.now = 0.0
        """The job's own seconds."""
        self.running = False
        self.stretches: list[Stretch] = []

    def stop(self) -> None:
        """A run is over: the time until the next `tell` does not count."""
        self.running = False

    def tell(self, wall: str) -> float:
        """Go on to a record's moment (ISO 8601 with zone), and begin a run where none goes on; return our own seconds.

        Raises:
            ValueError: the text is no moment.
        """
        at = datetime.fromisoformat(wall).timestamp()
        last = self.stretches[-1] if self.stretches else None
        if last is None or not self.running or at < last.end - SET_BACK:
            resumed = last is not None and not self.running
            self.stretches.append(Stretch(at, at, self.now, resumed))
            self.running = True
        elif at > last.end:
            self.now = last.at + at - last.begin
            self.stretches[-1] = Stretch(last.begin, at, last.at, last.resumed)
        return self.now

    def when(self, wall: str) -> float | None:
        """Return a moment in the job's own seconds; None: the job did not run then.

        Raises:
            ValueError: the text is no moment.
        """
        at = datetime.fromisoformat(wall).timestamp()
        for stretch in reversed(self.stretches):
            if stretch.begin <= at <= stretch.end:
                return stretch.at + at - stretch.begin
        return None
