# SPDX-License-Identifier: GPL-3.0-or-later
"""The slots of a job as lanes, and which card each is on, as the journal names them.

Owns the numbering of both. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .devices import display_names
from .model import Device


@dataclass(slots=True)
class Lane:
    """One slot: the workers that came one after another in it."""

    name: str
    card: int
    """Place of its `Card`."""


@dataclass(frozen=True, slots=True)
class Card:
    """One device, or several that render together."""

    name: str
    pci: tuple[str, ...]


class JobLanes:
    def __init__(self, devices: Sequence[Device]) -> None:
        """``devices``: the job's."""
        self.lanes: list[Lane] = []
        self.cards: list[Card] = []
        self._names = display_names(devices)
        self._pci = {device.id: device.pci for device in devices}
        self._lane_of: dict[str, int] = {}
        self._card_of: dict[tuple[str, ...], int] = {}

    def lane(self, slot: str, devices: Sequence[str] | None) -> int:
        """Return the number of a slot's lane; ``devices``: ids of what it renders on, None: the journal is an older one.

        Raises:
            TypeError: the devices are no list.
        """
        if slot not in self._lane_of:
            ids = tuple(devices) if devices is not None else self._by_name(slot)
            self._lane_of[slot] = len(self.lanes)
            self.lanes.append(Lane(slot, self._card(slot, ids)))
        return self._lane_of[slot]

    def _by_name(self, slot: str) -> tuple[str, ...]:
        return tuple(id for id, name in self._names.items() if slot == name or slot.startswith(f"{name} "))

    def _card(self, slot: str, ids: tuple[str, ...]) -> int:
        if ids not in self._card_of:
            self._card_of[ids] = len(self.cards)
            name = self._names.get(ids[0], ids[0]) if len(ids) == 1 else slot
            self.cards.append(Card(name, tuple(pci for id in ids if (pci := self._pci.get(id)))))
        return self._card_of[ids]
