# SPDX-License-Identifier: GPL-3.0-or-later
"""Unequal cards and the end of a job: simulated machines against the best possible schedule."""

from __future__ import annotations

from dataclasses import replace

import pytest
from machine_world import PICTURES, World, limits
from simulated_machine import Card, SimulatedMachine
from simulated_tail import WatchedEnd, best_time, plain

from dispatch.lanes import Lane, end
from dispatch.model import Fault, Outcome
from dispatch.protocol import Begun, Committed, Failed, Rendered
from dispatch.roster import WorkerState

UNEQUAL = (4, 4, 2, 1)
"""Speeds: the seconds of a frame are 1 : 1 : 2 : 4."""


def run(speeds, each, *, noise=0.0, seed=0, **settings):
    world = WatchedEnd(plain(noise=noise), speeds, tasks=each * len(speeds), seed=seed, **settings)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    return world


@pytest.mark.parametrize("speeds", [(1,), (1,) * 4, UNEQUAL, (10, 10, 10, 1), (4, 4, 2, 1) * 3, (1,) * 24])
def test_with_fifty_tasks_a_card_the_job_takes_three_percent_more_than_the_best_schedule_at_most(speeds):
    world = run(speeds, 50)
    assert world.span <= 1.03 * best_time(50 * len(speeds), world.seconds)
    assert world.doubled == 0


@pytest.mark.parametrize("speeds", [UNEQUAL, UNEQUAL * 3])
def test_the_same_with_frames_that_differ_by_noise(speeds):
    took = []
    for seed in range(6):
        world = run(speeds, 50, noise=0.1, seed=seed)
        best = best_time(50 * len(speeds), world.seconds) * sum(world.costs) / len(world.costs)
        took.append(world.span / best)
        assert world.span <= best + max(world.seconds)
    assert sum(took) / len(took) <= 1.03


@pytest.mark.parametrize("each", [1, 2, 3, 5, 10, 20])
@pytest.mark.parametrize("speeds", [(1,) * 4, UNEQUAL, (10, 10, 10, 1), UNEQUAL * 6])
def test_with_few_tasks_it_takes_one_longest_task_more_at_most(speeds, each):
    world = run(speeds, each)
    assert world.span <= best_time(each * len(speeds), world.seconds) + max(world.seconds)
    assert world.doubled == 0


def test_two_workers_on_each_card_end_together_too():
    world = WatchedEnd(plain(sharing=0.1), UNEQUAL, tasks=200, per_card=2)
    world.run()
    rates = [2 / (0.02 + 2 * 1.1 * world.scene.gpu / card.speed) for card in world.cards]
    assert world.span <= 1.03 * 200 / sum(rates) + max(2 / rate for rate in rates)


def test_a_job_with_resting_workers_goes_on_without_them_until_nobody_else_is_left():
    world = World(tasks=6, slots=2, limits=limits(deaths=1))
    world.machine.slots["GPU 2"].resting = True
    world.start()
    assert [len(w.hand) for w in world.machine.workers.values()] == [2, 0]
    worker = world.machine.workers[1]
    world.machine.close(worker.slot, "the card is gone")
    world.machine.kill(world.now, worker, Fault.CRASHED, "gone")
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE


class TwoKinds(World):
    """A fast card and one that is 40 times slower."""

    def make_slots(self, count):
        return tuple(
            replace(slot, devices=(replace(slot.devices[0], name=slot.name),)) for slot in super().make_slots(count)
        )

    def frame(self, worker: int, fault: Fault | None = None) -> None:
        attempt = next(iter(self.machine.workers[worker].hand))
        self.say(worker, Begun(attempt))
        self.now += 1.0 if worker == 1 else 40.0
        if fault:
            self.say(worker, Failed(attempt, fault, "it failed"))
        else:
            self.say(worker, Rendered(attempt, PICTURES, self.phases))
            self.say(worker, Committed(attempt))


def test_a_slow_card_takes_no_frame_that_would_outlast_the_job_but_one_that_the_fast_card_must_avoid():
    world = TwoKinds(tasks=30, slots=2, limits=limits(backoff=0.1))
    world.start()
    for _ in range(2):
        for _ in range(3):
            world.frame(1)
        world.frame(2)
    while world.machine.ledger.waiting() > 2:
        world.frame(1)
    slow = world.machine.workers[2]
    assert not slow.hand
    world.frame(1, Fault.BAD_OUTPUT)
    (failed,) = world.machine.ledger.trouble
    while world.machine.workers[1].hand:
        world.frame(1)
    world.tick(1.0)
    assert [attempt.task for attempt in slow.hand.values()] == [failed]
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE


def test_a_job_goes_on_when_the_fast_card_hangs_at_its_end():
    world = SimulatedMachine(plain(), (Card(4.0, "Fast"), Card(1.0, "Slow")), tasks=60)
    stuck = []

    def hang():
        child = next(c for c in world.children.values() if c.slot.devices[0].name == "Fast")
        child.busy = True
        stuck.append(child)

    world.at(12.0, hang)
    world.machine.limits = limits(task=30.0, first=60.0)
    world.run()
    assert stuck
    assert world.machine.outcome is Outcome.COMPLETE


def test_a_rendered_frame_on_its_way_home_leaves_room_for_the_next():
    world = World(tasks=10, slots=1)
    world.start()
    first, second = world.machine.workers[1].hand
    world.say(1, Begun(first))
    world.say(1, Begun(second))  # the first one's file is being packed
    assert len(world.machine.workers[1].hand) == 3
    assert world.machine.workers[1].in_frame().id == second
    world.say(1, Rendered(first, PICTURES, world.phases))
    assert world.machine.workers[1].state is WorkerState.READY
    assert world.machine.workers[1].to_render() == 2


def test_the_end_of_a_plan_is_that_of_the_best_schedule():
    lanes = [Lane(0.0, 1.0), Lane(0.0, 2.0), Lane(0.5, 4.0)]
    assert end(0, lanes) == 0.0
    assert end(5, []) == 0.0
    assert end(3, lanes) == pytest.approx(2.0, rel=1e-3)
    assert end(175, lanes) == pytest.approx(100.0, rel=0.01)
