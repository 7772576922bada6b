# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine in disorder with Auto at work: the rules of the machine hold, every job ends, nobody rests for ever."""

from __future__ import annotations

import random

import pytest
from disordered_world import Disorder

from dispatch.berths import Given
from dispatch.events import Gauged, GoOnAsked, PauseAsked, StopAsked
from dispatch.gauges import CardSample, ProcessSample, Sample
from dispatch.kinds import Searched
from dispatch.layout import plan
from dispatch.model import Backend, Device, Layout

GB = 1 << 30


class DisorderUnderAuto(Disorder):
    """Gauges that say anything, between all the rest."""

    def __init__(self, rng: random.Random, *, tasks: int, cards: int) -> None:
        self.cards = tuple(
            Device(f"CUDA_{n}", rng.choice(("Card", "Other")), Backend.CUDA, pci=f"0000:0{n}:00") for n in range(cards)
        )
        earlier = rng.choice(({}, {"Card": Searched(rng.randrange(-1, 12), rng.randrange(3))}))
        self.given = Given(self.cards, 16, rng.choice((0, 0, 3)), rng.choice((0, 4 * GB)), earlier)
        super().__init__(rng, tasks=tasks, slots=cards)

    def make_slots(self, count: int) -> Layout:
        return plan(self.cards, cores=16, tasks=10_000, per_device=self.rng.choice((1, 1, 2)))

    def step(self) -> None:
        super().step()
        if self.rng.random() < 0.3:
            self.feed(Gauged(self.now, self.sample()))

    def sample(self) -> Sample:
        rng = self.rng
        cards = {
            device.pci: CardSample(rng.choice((None, 10.0, 60.0, 99.0)), rng.randrange(24 * GB), 24 * GB)
            for device in self.cards
            if device.pci and rng.random() < 0.9
        }
        workers = {w: ProcessSample(rng.randrange(8 * GB), rng.random() * 200) for w in self.machine.workers}
        return Sample(workers, cards, 64 * GB, rng.choice((None, 1 * GB, 30 * GB, 60 * GB)), rng.random() * 100)


@pytest.mark.parametrize("seed", range(50))
def test_no_order_of_events_loses_or_doubles_a_task(seed):
    rng = random.Random(seed)
    world = DisorderUnderAuto(rng, tasks=rng.randrange(1, 400), cards=rng.randrange(1, 5))
    for _ in range(rng.randrange(50, 1500)):
        world.step()
        if rng.random() < 0.01:
            world.feed(rng.choice((PauseAsked(world.now), GoOnAsked(world.now))))
        if world.machine.outcome is not None:
            break
    world.feed(GoOnAsked(world.now))
    world.end_in_order()


@pytest.mark.parametrize("seed", range(20))
def test_a_stop_at_any_moment_ends_the_job(seed):
    rng = random.Random(2000 + seed)
    world = DisorderUnderAuto(rng, tasks=300, cards=3)
    for _ in range(rng.randrange(600)):
        world.step()
    world.feed(StopAsked(world.now, now=rng.random() < 0.5))
    for _ in range(3000):
        if world.machine.outcome is not None:
            break
        world.step()
        world.tick(0.2)
    assert world.machine.outcome is not None
