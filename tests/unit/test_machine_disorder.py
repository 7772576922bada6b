# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine in disorder: seeded random worlds where messages are late, doubled, lost, foreign or come after the end.

After each event the rules of ``machine_world.check_rules`` hold; at the end every task is settled, none is ever
handed out again after it was done, and every job ends.
"""

from __future__ import annotations

import random

import pytest
from disordered_world import Disorder
from machine_world import World

from dispatch.events import GoOnAsked, LayoutChosen, PauseAsked, StopAsked
from dispatch.ledger import TaskState
from dispatch.model import Outcome


@pytest.mark.parametrize("seed", range(120))
def test_no_order_of_events_loses_or_doubles_a_task(seed):
    rng = random.Random(seed)
    world = Disorder(rng, tasks=rng.randrange(1, 40), slots=rng.randrange(1, 5), same_card=rng.random() < 0.2)
    for _ in range(rng.randrange(50, 600)):
        world.step()
        if world.machine.outcome is not None:
            break
    # From here on everybody behaves: the job must come to its end.
    world.rng = random.Random(0)
    world.say = lambda worker, report: World.say(world, worker, report)
    world.run()
    ledger = world.machine.ledger
    assert world.machine.outcome in (Outcome.COMPLETE, Outcome.INCOMPLETE, Outcome.IMPOSSIBLE)
    if world.machine.outcome is Outcome.COMPLETE:
        assert ledger.counts[TaskState.DONE] == ledger.count
    if world.machine.open_slots():
        assert not ledger.counts[TaskState.WAITING]


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
