# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine in disorder on unequal cards with cold kernels and workers that rest: every job ends, nobody waits for ever."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from disordered_world import Disorder

from dispatch.kernels import Kernels
from dispatch.model import Layout
from dispatch.time_left import time_left


class Unequal(Disorder):
    """Cards of two kinds whose kernels nobody has compiled."""

    cold = True

    def make_slots(self, count: int) -> Layout:
        named = (replace(slot.devices[0], name=f"Card {n % 2}") for n, slot in enumerate(super().make_slots(count)))
        return tuple(
            replace(slot, devices=(card,)) for slot, card in zip(super().make_slots(count), named, strict=True)
        )

    def feed(self, event):
        if self.cold:
            self.machine.kernels, self.cold = Kernels([]), False
        commands = super().feed(event)
        left, between = time_left(self.machine, self.now)
        assert left is None or left >= 0
        assert between is None or 0 <= between[0] <= left <= between[1]
        return commands


@pytest.mark.parametrize("seed", range(100))
def test_every_job_ends_whoever_goes_first_rests_or_is_slow(seed):
    rng = random.Random(seed)
    world = Unequal(rng, tasks=rng.randrange(1, 60), slots=rng.randrange(1, 6))
    for _ in range(rng.randrange(50, 800)):
        world.step()
        if rng.random() < 0.05:
            record = rng.choice([record for record in world.machine.slots.values() if not record.place])
            record.resting = not record.resting
        if world.machine.outcome is not None:
            break
    world.end_in_order()
