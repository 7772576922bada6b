# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine in disorder: seeded random worlds where messages are late, doubled, lost, foreign or come after the end.

After each event the rules of ``machine_world.check_rules`` hold; at the end every task is settled, none is ever
handed out again after it was done, and every job ends.
"""

from __future__ import annotations

import random

import pytest
from disordered_world import Disorder

from dispatch.events import GoOnAsked, LayoutChosen, PauseAsked, StopAsked


@pytest.mark.parametrize("seed", range(120))
def test_no_order_of_events_loses_or_doubles_a_task(seed):
    rng = random.Random(seed)
    world = Disorder(rng, tasks=rng.randrange(1, 40), slots=rng.randrange(1, 5), same_card=rng.random() < 0.2)
    for _ in range(rng.randrange(50, 600)):
        world.step()
        if world.machine.outcome is not None:
            break
    world.end_in_order()


@pytest.mark.parametrize("seed", range(60))
def test_wishes_of_the_artist_at_any_moment_end_in_order(seed):
    rng = random.Random(1000 + seed)
    world = Disorder(rng, tasks=30, slots=3)
    for _ in range(200):
        world.step()
        if rng.random() < 0.05:
            wish = rng.choice(
                (
                    PauseAsked(world.now),
                    GoOnAsked(world.now),
                    LayoutChosen(world.now, world.make_slots(rng.randrange(1, 5))),
                )
            )
            world.feed(wish)
    world.feed(StopAsked(world.now, now=rng.random() < 0.5))
    for _ in range(3000):
        if world.machine.outcome is not None:
            break
        world.step()
        world.tick(0.2)
    assert world.machine.outcome is not None
