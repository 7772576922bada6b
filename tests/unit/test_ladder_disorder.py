# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory ladder in disorder: whatever does not fit, comes late or dies, no task is lost and every job ends."""

from __future__ import annotations

import random

import pytest
from disordered_world import Disorder
from unequal_cards import GB, card

from dispatch.events import Gauged
from dispatch.gauges import CardSample, ProcessSample, Sample
from dispatch.ledger import TaskState
from dispatch.machine import Machine
from dispatch.model import Fault, Outcome, Slot
from dispatch.own_slot import Resort
from dispatch.protocol import Failed
from dispatch.rungs import RESORTS


class Crowded(Disorder):
    """Cards of 24, 8 and 8 GB where every third failure is one of memory."""

    def __init__(self, rng: random.Random, **settings) -> None:
        self.sizes = [rng.choice((8, 24)) for _ in range(settings["slots"])]
        self.per_card = rng.randrange(1, 3)
        self.told = rng.random() < 0.8
        self.by_process = rng.random() < 0.5
        self.crowded = rng.random() < 0.5
        """Other programs take and leave memory on every card as they like."""
        super().__init__(rng, **settings)

    def make_machine(self, tasks, slots, **settings) -> Machine:
        allowed = tuple(self.rng.sample(RESORTS, self.rng.randrange(0, 3)))
        return Machine(tasks, slots, resort=Resort(allowed, 4), **settings)

    def make_slots(self, count):
        cards = [card(n, self.sizes[n % len(self.sizes)]) for n in range(count)]
        return tuple(
            Slot(f"{device.name} #{device.pci} {copy}", (device,), 4)
            for copy in range(1, self.per_card + 1)
            for device in cards
        )

    def step(self) -> None:
        if self.told and self.rng.random() < 0.1:
            held = (1, 4, 8, 16, 23) if self.crowded else (1,)
            cards = {
                str(n): CardSample(vram_used=min(self.rng.choice(held), size) * GB, vram_total=size * GB)
                for n, size in enumerate(self.sizes)
            }
            here = self.machine.workers if self.by_process else ()
            workers = {worker: ProcessSample(vram=GB) for worker in here}
            free = self.rng.choice((1, 20)) * GB
            self.feed(Gauged(self.now, Sample(workers, cards, ram_total=64 * GB, ram_available=free)))
        super().step()

    def _work(self, worker, attempt) -> None:
        if attempt.begun and attempt.pictures is None and self.rng.random() < 0.3:
            fault = self.rng.choice((Fault.OUT_OF_VRAM, Fault.OUT_OF_MEMORY, Fault.OUT_OF_VRAM, Fault.OUT_OF_RAM))
            self.say(worker.id, Failed(attempt.id, fault, "no room"))
            return
        super()._work(worker, attempt)


@pytest.mark.parametrize("seed", range(120))
def test_no_order_of_events_loses_a_task_that_does_not_fit(seed):
    rng = random.Random(seed)
    world = Crowded(rng, tasks=rng.randrange(1, 40), slots=rng.randrange(1, 4))
    for _ in range(rng.randrange(50, 500)):
        world.step()
        if world.machine.outcome is not None:
            break
    world.end_in_order()
    machine = world.machine
    if machine.open_slots() and machine.outcome is not Outcome.IMPOSSIBLE and not machine.blame.hold.hopeless:
        assert machine.ledger.settled()
    given_up = [t for t in range(machine.ledger.count) if machine.ledger.state(t) is TaskState.GIVEN_UP]
    assert sorted(f["task"] for f in (c.facts for c in world.log if getattr(c, "what", "") == "given up")) == given_up
