# SPDX-License-Identifier: GPL-3.0-or-later
"""The ladder of a task that does not fit into memory: where it is tried next. Pure, nothing but the rule.

Out of VRAM: with one worker fewer on the card → on a card with more room → alone where most is, in a fresh Blender that keeps
no data → on all cards together, on the processor (where the artist allows it) → nowhere. Out of RAM: with one worker
fewer → alone on the machine → nowhere. Each rung is tried once, so every task comes to an end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from .devices import gpus
from .model import Device, Fault

OVER = "over "
"""Place of tasks that need a card with more room (`MemoryTold.room`) than so many bytes; ordinary slots there serve it."""

ALONE = "alone on "
"""Place of tasks that get one card of this name to themselves."""

ALONE_IN_RAM = "alone"
"""Place of tasks that get the whole machine to themselves."""

TOGETHER = "combined"
CPU = "cpu"
RESORTS = (TOGETHER, CPU)
"""What the artist may allow for tasks that fit on no card."""

NOWHERE = "nowhere"
"""Place of tasks that are to be given up."""


@dataclass(slots=True)
class Climb:
    """What a task that did not fit has been through."""

    fault: Fault = Fault.OUT_OF_VRAM
    """What it ran out of last."""
    words: str = ""
    over: int = -1
    """Bytes of room of the card with the most on which it did not fit; -1: none yet."""
    done: set[str] = field(default_factory=set)
    """Places where it did not fit."""
    fewer: str = ""
    """Name of the slot that was closed for it."""
    unshared: Device | None = None
    """Card, the last one, on which it did not fit though its worker had it to itself."""
    free: int = 0
    """Most bytes that were free for it on that card; 0: not told."""
    total: int = 0
    """Bytes of that card's memory."""
    name: str = ""
    """That card, as people call it."""
    biggest: bool = True
    """No other card has more memory."""


def next_place(climb: Climb, devices: Sequence[Device], room: Callable[[Device], int], allowed: Collection[str]) -> str:
    """Return the place where the task is tried next.

    Args:
        devices: those on which workers may be started now.
        room: bytes of a device's memory without what others hold of it, 0 where nobody tells.
        allowed: of `RESORTS`.
    """
    if climb.fault is Fault.OUT_OF_RAM:
        return NOWHERE if ALONE_IN_RAM in climb.done else ALONE_IN_RAM
    cards = gpus(devices)
    most = max(map(room, cards), default=0)
    if most > climb.over and f"{OVER}{climb.over}" not in climb.done:
        return f"{OVER}{climb.over}"
    for card in sorted(cards, key=room, reverse=True):
        # Where the driver does not tell the memory, each kind of card may be the biggest.
        if room(card) in (0, most) and ALONE + card.name not in climb.done:
            return ALONE + card.name
    if TOGETHER in allowed and TOGETHER not in climb.done and len(together(cards, room)) > 1:
        return TOGETHER
    if CPU not in climb.done and (CPU in allowed or len(cards) < len(devices)):
        return CPU
    return NOWHERE


def together(devices: Sequence[Device], room: Callable[[Device], int]) -> tuple[Device, ...]:
    """Return the cards of the combined device with the most room for each: those like the best one, else its backend."""
    cards = gpus(devices)
    if not cards:
        return ()
    best = max(cards, key=room)
    same = tuple(card for card in cards if card.backend is best.backend)
    kind = tuple(card for card in same if card.name == best.name and room(card) == room(best))
    return kind if len(kind) > 1 else same


def serves(place: str, devices: Sequence[Device], room: Callable[[Device], int]) -> bool:
    """Whether an ordinary slot on these devices may take tasks that wait at this place."""
    if place.startswith(OVER):
        cards = gpus(devices)
        return bool(cards) and min(map(room, cards)) > int(place.removeprefix(OVER))
    return place == CPU and bool(devices) and not gpus(devices)
