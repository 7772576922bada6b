# SPDX-License-Identifier: GPL-3.0-or-later
"""Finished frames that a check of persistent data may choose from: the latest of each kind of slot, and the choice.

Pure. Owns what makes two slots alike (another card may draw another noise); when a check is made is decided in `trust`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from .model import Picture, Slot

KEPT = 32
"""Frames of one kind of slot."""

Kind = tuple[str, ...]
"""Backends and names of a slot's devices."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A frame that a warm worker rendered."""

    task: int
    warm: int
    """Frames that the same Blender had begun before it."""
    pictures: tuple[Picture, ...]


class Candidates:
    def __init__(self, seed: int) -> None:
        """``seed``: the same job chooses the same frames where it is run in the same way."""
        self._turn = seed
        self._kept: dict[Kind, deque[Finished]] = {}

    def add(self, slot: Slot, frame: Finished) -> None:
        """Keep a frame that was rendered in this slot."""
        self._kept.setdefault(_kind(slot), deque(maxlen=KEPT)).append(frame)

    def choose(self, slot: Slot, fits: Callable[[int], bool]) -> Finished | None:
        """Return one of the frames of such a slot whose tasks fit: of the half with the oldest data, which shows most."""
        there = sorted(
            (frame for frame in self._kept.get(_kind(slot), ()) if fits(frame.task)), key=lambda f: (f.warm, f.task)
        )
        there = there[len(there) // 2 :]
        return there[self._turn % len(there)] if there else None

    def turn(self) -> None:
        """Choose another one next time."""
        self._turn += 1


def alike(one: Slot, other: Slot) -> bool:
    """Whether the same frame should come out the same in both slots."""
    return _kind(one) == _kind(other)


def _kind(slot: Slot) -> Kind:
    return tuple(sorted(f"{device.backend} {device.name}" for device in slot.devices))
