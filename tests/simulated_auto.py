# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of Auto on simulated machines, and the best that a static layout does there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulated_machine import Card, Scene, SimulatedMachine

from dispatch.events import Record, Tell

LIGHT = Scene(noise=0.1)
"""Two workers a card are best: the card idles while one of them prepares and saves."""

HEAVY = Scene(gpu=10.0, gap=0.1, noise=0.1)
"""The card is all that counts."""

SYNC_BOUND = Scene(evaluate=0.2, sync=8.0, sync_threads=8, gpu=0.4, noise=0.1)
"""The processor is all that counts, once it is used by enough workers."""

RIGGED = Scene(evaluate=2.0, gpu=0.2, gap=0.05, noise=0.1)
"""One thread prepares each frame, as for rigs and geometry nodes: cards and processor idle most of the time."""

ON_CPU = Scene(gpu=1.5, gap=0.0, evaluate=0.3, sync=0.3, write=0.2, noise=0.1)
"""Rendered by the processor; the share of one thread keeps the others waiting."""

FOUR = tuple(Card() for _ in range(4))


def play_auto(scene: Scene, cards: tuple[Card, ...] = FOUR, **given: Any) -> SimulatedMachine:
    return SimulatedMachine(scene, cards, auto=True, **given).run()


def best_static(scene: Scene, cards: tuple[Card, ...], counts: Iterable[int], **given: Any) -> tuple[float, int]:
    """Return frames per second in the steady state of the best number of workers a device, and that number."""
    played = ((SimulatedMachine(scene, cards, per_card=count, **given).run(), count) for count in counts)
    return max((world.rate(0.2, 0.9), count) for world, count in played)


def decisions(world: SimulatedMachine) -> list[tuple[str, dict[str, Any]]]:
    """Return what Auto decided, as the journal has it."""
    records = [command for command in world.log if isinstance(command, Record) and command.what == "auto"]
    return [(record.facts["decision"], record.facts) for record in records]


def names(world: SimulatedMachine) -> list[str]:
    return [name for name, _ in decisions(world)]


def said(world: SimulatedMachine) -> list[str]:
    return [command.text for command in world.log if isinstance(command, Tell)]


def level(world: SimulatedMachine) -> int:
    """Return the number of workers per device that Auto ended with, on the first kind."""
    return world.machine.auto._kinds[0].level
