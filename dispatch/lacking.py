# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures for which there was too little RAM: Blender says so and renders on without the image or script concerned.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. Owns which of
them are put in place. As long as another place may have more RAM (`ladder`), none is; what lacks it alone on the
machine too is taken, as a plain Blender would, and named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import fit_words
from .model import Fault
from .roster import Attempt, Worker

if TYPE_CHECKING:
    from .machine import Machine


class Lacking:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._helpless: set[str] = set()
        """What got no RAM alone on the machine either."""
        self._workers: set[int] = set()
        """Workers that have gone without something: what they render after that may lack it too, and nothing says so."""

    def refuses(self, at: float, worker: Worker, attempt: Attempt, lacks: str) -> bool:
        """A picture was rendered: return whether it must not be put in place; then its task waits again.

        Args:
            lacks: see `Rendered.lacks`.
        """
        machine = self._machine
        lacks = "" if lacks in self._helpless else lacks
        if not lacks and worker.id not in self._workers:
            return False
        self._workers.add(worker.id)
        machine.dismiss(at, worker)
        if lacks and not machine.ladder.helps(worker.slot):
            self._helpless.add(lacks)
            machine.tell("warning", fit_words.taken(machine.label(attempt.task), lacks), worker=worker.id)
            return False
        del worker.hand[attempt.id]
        if lacks:
            machine.blame.attempt_failed(at, worker, attempt, Fault.OUT_OF_RAM, lacks)
        else:
            machine.ledger.give_back(attempt.task, at)
        return True
