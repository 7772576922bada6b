# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the tasks that do not fit into memory had climbed (`rungs`) when a job was interrupted, read from its journal.

Pure. Owns what a resumed job knows of its ladder: where each unsettled task waited last, and where it is known not to
fit. A place counts as tried only where a failure there is on record: a card that was away may be back. What was given
up begins anew, since whoever resumes may have made room; so do cards, of which nothing is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .ledger import ORDINARY
from .model import Fault
from .rungs import NOWHERE, OVER, Climb

NO_ROOM = (Fault.OUT_OF_VRAM, Fault.OUT_OF_RAM)


@dataclass(slots=True)
class Climbed:
    places: dict[int, str] = field(default_factory=dict)
    """Task → where it waited last."""
    climbs: dict[int, Climb] = field(default_factory=dict)
    """What the same tasks have been through."""

    def sent(self, task: int, place: str, fault: Fault) -> None:
        """The task did not fit and was sent to this place.

        Raises:
            ValueError: there is no such place.
        """
        if place in (ORDINARY, NOWHERE):
            self.forget(task)
            return
        over = int(place.removeprefix(OVER)) if place.startswith(OVER) else -1
        climb = self.climbs.setdefault(task, Climb())
        climb.fault, climb.over = fault, max(climb.over, over)
        self.places[task] = place

    def failed(self, task: int, fault: Fault) -> None:
        """A try of the task failed."""
        if task in self.places and fault in NO_ROOM:
            self.climbs[task].done.add(self.places[task])

    def forget(self, task: int) -> None:
        """The task is settled, or begins anew."""
        self.places.pop(task, None)
        self.climbs.pop(task, None)
