# SPDX-License-Identifier: GPL-3.0-or-later
"""The ladder of a task that does not fit into memory: where it is tried next. Pure, nothing but the rule.

Out of VRAM: with one worker fewer on the card → on a bigger card → alone on the biggest, in a fresh Blender that keeps
no data → on all cards together, on the processor (where the artist allows it) → nowhere. Out of RAM: with one worker
fewer → alone on the machine → nowhere. Each rung is tried once, so every task comes to an end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from .model import Backend, Device, Fault

OVER = "over "
"""Place of tasks that need a card with more memory than so many bytes; ordinary slots on such cards serve it."""

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
    """Bytes of the biggest card on which it did not fit; -1: none yet."""
    done: set[str] = field(default_factory=set)
    """Places where it did not fit."""
    fewer: str = ""
    """Name of the slot that was closed for it."""
    unshared: bool = False
    """It did not fit on a card that its worker had to itself."""
    free: int = 0
    """Most bytes that were free for it on the biggest card; 0: not told."""
    total: int = 0
    name: str = ""
    """The biggest card, as people call it."""


def gpus(devices: Iterable[Device]) -> list[Device]:
    return [device for device in devices if device.backend is not Backend.CPU]


def next_place(
    climb: Climb, devices: Sequence[Device], total: Callable[[Device], int], allowed: Collection[str]
) -> str:
    """Return the place where the task is tried next.

    Args:
        devices: those on which workers may be started now.
        total: bytes of a device's memory, 0 where nobody tells.
        allowed: of `RESORTS`.
    """
    if climb.fault is Fault.OUT_OF_RAM:
        return NOWHERE if ALONE_IN_RAM in climb.done else ALONE_IN_RAM
    cards = gpus(devices)
    most = max(map(total, cards), default=0)
    if most > climb.over and f"{OVER}{climb.over}" not in climb.done:
        return f"{OVER}{climb.over}"
    for card in sorted(cards, key=total, reverse=True):
        # Where the driver does not tell the memory, each kind of card may be the biggest.
        if total(card) in (0, most) and ALONE + card.name not in climb.done:
            return ALONE + card.name
    if TOGETHER in allowed and TOGETHER not in climb.done and len(together(cards, total)) > 1:
        return TOGETHER
    if CPU not in climb.done and (CPU in allowed or len(cards) < len(devices)):
        return CPU
    return NOWHERE


def together(devices: Sequence[Device], total: Callable[[Device], int]) -> tuple[Device, ...]:
    """Return the cards of the combined device with the most room for each: the biggest one's kind, else its backend."""
    cards = gpus(devices)
    if not cards:
        return ()
    biggest = max(cards, key=total)
    kind = tuple(card for card in cards if card.name == biggest.name and card.backend is biggest.backend)
    return kind if len(kind) > 1 else tuple(card for card in cards if card.backend is biggest.backend)


def serves(place: str, devices: Sequence[Device], total: Callable[[Device], int]) -> bool:
    """Whether an ordinary slot on these devices may take tasks that wait at this place."""
    if place.startswith(OVER):
        cards = gpus(devices)
        return bool(cards) and min(map(total, cards)) > int(place.removeprefix(OVER))
    return place == CPU and bool(devices) and not gpus(devices)
