# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from each kind of failure: a table, read by the machine and by whoever wants to know.

Owns the rules as data; the machine applies them. `failure_text` finds the kind, `wording` and the messages say it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .model import Fault


@dataclass(frozen=True, slots=True)
class Rule:
    """What one failure of a kind means."""

    task: float
    """Blame on the task, in tries: 1 counts as one of its tries, 0 as none."""
    slot: float
    """Blame on the slot, in deaths in a row."""
    elsewhere: bool = False
    """The task's next try goes to another slot where there is one."""
    card: bool = False
    """Counts against the card; the second one quarantines it (`quarantine`)."""
    ladder: bool = False
    """A want of memory: fewer workers, then a place of its own for the task, instead of blaming it (`ladder`)."""
    together: bool = False
    """Several such ends within seconds are the machine's doing, nobody else's."""
    streak: bool = False
    """Many tasks in a row that fail in this way, and none that succeeds, are the scene's or the machine's fault."""
    hold: bool = False
    """Nothing can succeed until somebody mends it: the job is held and tries again by itself."""


RULES: dict[Fault, Rule] = {
    Fault.OUT_OF_VRAM: Rule(task=1, slot=1, elsewhere=True, ladder=True),
    Fault.OUT_OF_RAM: Rule(task=1, slot=1, ladder=True, together=True),
    Fault.OUT_OF_MEMORY: Rule(task=1, slot=1, ladder=True),  # judged as one of the two above
    Fault.LOST_DEVICE: Rule(task=1, slot=1, elsewhere=True, card=True, together=True),
    Fault.WRONG_DEVICE: Rule(task=0, slot=2, elsewhere=True, streak=True),
    Fault.HANG: Rule(task=1, slot=1, elsewhere=True, streak=True),
    Fault.BAD_OUTPUT: Rule(task=1, slot=0, elsewhere=True, streak=True),
    Fault.CANNOT_WRITE: Rule(task=1, slot=0),
    Fault.DISK_FULL: Rule(task=0, slot=0, hold=True),
    # A scene that cannot be loaded loads no better the third time.
    Fault.SCENE: Rule(task=1, slot=2.5, streak=True),
    Fault.CANNOT_START: Rule(task=0, slot=1),
    # Somebody's kill says little about the frame; the out-of-memory killer looks the same, so it is not free.
    Fault.KILLED: Rule(task=0.25, slot=0.25, together=True),
    Fault.CRASHED: Rule(task=1, slot=1, elsewhere=True, together=True, streak=True),
    Fault.UNKNOWN: Rule(task=1, slot=1, elsewhere=True, together=True, streak=True),
}

CARD_STRIKES = 2
"""Faults of a card until it is left out of the job."""

WRITE_STRIKES = 3
"""Tasks in a row that could not be written until the job is held: it is the folder, not the task."""
