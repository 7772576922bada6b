# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards that fail: left out at the second fault, and tried again after a pause, since a driver that was reset works again.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. Owns the strikes
of cards. A card on trial has one worker; its first frame brings the others back, its first fault ends the trial and
doubles the pause. Faults are forgotten after some good frames: two in a weekend are no sick card.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .faults import CARD_STRIKES
from .model import Device, Slot
from .roster import AT_WORK, NOT_WANTED
from .wording import duration

if TYPE_CHECKING:
    from .machine import Machine

GOOD = 20
"""Frames in place from a card after which its faults are forgotten."""

LONGEST = 32
"""Times the first pause: the longest one."""

WAITS = 3
"""Trials of a card for which a job waits that has nobody else to render on."""


@dataclass(slots=True)
class _Card:
    strikes: int = 0
    struck: float = float("-inf")
    good: int = 0
    trials: int = 0
    """Trials in a row that came to nothing, the one that runs among them."""
    until: float | None = None
    """When it is tried again; None: it is not left out."""
    on_trial: str = ""
    """The slot in which it is tried again; empty: in none."""
    device: Device | None = None
    """The one that failed last."""
    slots: list[str] = field(default_factory=list)
    """Slots that were closed for it and wait."""


class Quarantine:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._cards: dict[str, _Card] = {}

    def strike(self, at: float, slot: Slot, tail: str) -> None:
        """A card failed. A combined slot does not tell which of its cards it was. ``tail`` explains."""
        for device in slot.devices if len(slot.devices) == 1 else ():
            card = self._cards.setdefault(device.card, _Card())
            if at - card.struck <= self._machine.limits.together:
                continue  # one fault ends every worker on the card
            card.struck, card.good = at, 0
            card.strikes += 1
            if card.strikes >= CARD_STRIKES:
                self._leave_out(at, device, card, tail)

    def forgive(self, at: float, slot: Slot) -> None:
        """Take the strikes of a machine event back."""
        for device in slot.devices if len(slot.devices) == 1 else ():
            card = self._cards.get(device.card)
            if card and card.strikes and at - card.struck <= self._machine.limits.together:
                card.struck = float("-inf")
                if card.until is None:
                    card.strikes -= 1
                else:  # left out for it, with the strikes before it kept: tried again at once
                    card.until, card.trials = at, card.trials - 1

    def good_frame(self, slot: Slot) -> None:
        """A frame from this slot was put in place."""
        for device in slot.devices if len(slot.devices) == 1 else ():
            card = self._cards.get(device.card)
            if card is None:
                continue
            card.good += 1
            if card.on_trial:
                card.on_trial = ""
                for name in card.slots:
                    self._machine.reopen(self._machine.slots[name])
                card.slots = []
                self._machine.tell("note", f"{device.name} works again: it renders on.")
            if card.good >= GOOD:
                del self._cards[device.card]

    def go_on(self, at: float) -> None:
        """Try cards again whose pause is over, and in their next slot where the one on trial was closed meanwhile."""
        for card in self._cards.values():
            over = card.until is not None and at >= card.until
            closed = self._machine.slots[card.on_trial].closed if card.on_trial else ""
            if not over and closed in ("", NOT_WANTED):
                continue
            card.until, card.on_trial = None, ""
            if card.slots:
                first = card.on_trial = card.slots.pop(0)
                self._machine.reopen(self._machine.slots[first])
                self._machine.tell("note", f"{first} is tried again after its pause.")

    def coming(self) -> list[Device]:
        """Return the devices that are left out and will soon be tried again."""
        return [c.device for c in self._cards.values() if c.device and c.until is not None and c.trials < WAITS]

    def left_out(self, slot: Slot) -> bool:
        """Whether one of the slot's cards is left out at present."""
        known = (self._cards.get(device.card) for device in slot.devices)
        return any(card is not None and card.until is not None for card in known)

    def well(self, device: Device) -> bool:
        """Whether the device is neither left out at present nor on trial."""
        card = self._cards.get(device.card)
        return card is None or (card.until is None and not card.on_trial)

    def waits(self) -> bool:
        """Whether a card that is left out may yet come back soon enough to wait for it."""
        return any(card.until is not None and card.trials < WAITS for card in self._cards.values())

    def _leave_out(self, at: float, device: Device, card: _Card, tail: str) -> None:
        machine = self._machine
        pause = machine.limits.quarantine * min(2.0**card.trials, LONGEST)
        times = "again" if card.trials else f"{CARD_STRIKES} times"
        card.trials += 1
        card.on_trial, card.device = "", device
        # The next fault after the pause is one too many again.
        card.strikes, card.until = CARD_STRIKES - 1, at + pause
        why = f"{device.name} failed {times}{tail}; it is tried again in {duration(pause)}"
        for record in machine.open_slots():
            if device.card not in {d.card for d in record.slot.devices}:
                continue
            machine.close(record, why)
            if not record.place:
                card.slots.append(record.slot.name)
            if record.worker and record.worker.state in AT_WORK:
                machine.dismiss_now(at, record.worker)
