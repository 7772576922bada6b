# SPDX-License-Identifier: GPL-3.0-or-later
"""When everything fails in the same way: one sentence, no storm of tries, and on it goes when it is mended."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from machine_world import World, limits

from dispatch.events import Gauged, Record, Recovered, Tell, WorkerEnded
from dispatch.gauges import Sample
from dispatch.ledger import TaskState
from dispatch.model import Fault, Outcome
from dispatch.protocol import Begun, Failed


class Failing(World):
    """Tasks for which ``fails`` says so end in a scene error."""

    fails: Callable[[int], bool] = staticmethod(lambda task: False)
    tries = 0

    def do_one(self, worker, attempt):
        held = self.machine.workers[worker].hand[attempt]
        if held.pictures is None:
            self.tries += 1
            if self.fails(held.task):
                self.say(worker, Begun(attempt))
                self.say(worker, Failed(attempt, Fault.SCENE, "the licence has expired"))
                return
        super().do_one(worker, attempt)

    def said(self) -> list[str]:
        return [command.text for command in self.log if isinstance(command, Tell)]


def test_thousands_of_tasks_that_all_fail_end_the_job_with_one_sentence_and_few_tries():
    world = Failing(tasks=5000, slots=3)
    world.fails = lambda task: True
    world.run()
    assert world.machine.outcome is Outcome.INCOMPLETE
    assert world.tries < 60
    assert world.machine.ledger.counts[TaskState.GIVEN_UP] == 0
    assert len(world.said()) < 12
    last = world.said()[-1]
    assert last.startswith("Ended with 5,000 frames left: every frame fails in the same way")
    assert "the licence has expired" in last


def test_what_worked_before_is_waited_for_and_goes_on_by_itself():
    world = Failing(tasks=5000, slots=3, limits=limits(systemic=3600))
    world.fails = lambda task: world.tries > 1000 and world.now < 900
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert sorted(world.committed) == list(range(5000))
    assert sum(text.startswith("Paused: every frame fails in the same way") for text in world.said()) == 1
    assert any(text.startswith("Going on") for text in world.said())
    assert world.tries < 5000 + 80


def test_what_worked_before_and_stays_broken_ends_the_job_after_its_time():
    world = Failing(tasks=5000, slots=3, limits=limits(systemic=600))
    world.fails = lambda task: world.tries > 1000
    world.run()
    assert world.machine.outcome is Outcome.INCOMPLETE
    assert 500 < world.now < 900
    assert len(world.said()) < 15


def test_a_range_of_poison_frames_is_given_up_and_the_frames_behind_it_are_rendered():
    world = Failing(tasks=300, slots=2, limits=limits(together=0.1))
    world.fails = lambda task: 40 <= task < 80
    world.run()
    assert world.machine.outcome is Outcome.INCOMPLETE
    assert sorted(world.committed) == [task for task in range(300) if not 40 <= task < 80]
    assert world.machine.ledger.counts[TaskState.GIVEN_UP] == 40
    assert len(world.said()) < 30
    assert any(text.startswith("40 were given up: task 40, task 41") for text in world.said())


def test_a_poison_frame_is_tried_on_different_cards_before_it_is_given_up():
    class Poisoned(Failing):
        def do_one(self, worker, attempt):
            held = self.machine.workers[worker].hand[attempt]
            if held.task == 5 and held.pictures is None:
                where.append(self.machine.workers[worker].slot.slot.name)
            super().do_one(worker, attempt)

    where: list[str] = []
    world = Poisoned(tasks=200, slots=4, retries=3)
    world.poison = {5}
    world.run()
    assert sorted(where) == ["GPU 1", "GPU 2", "GPU 3", "GPU 4"]


def test_the_last_try_on_the_only_card_is_made_by_a_fresh_worker():
    world = World(tasks=20, slots=1, retries=2)
    world.poison = {5}
    world.run()
    assert world.machine.ledger.state(5) is TaskState.GIVEN_UP
    assert len({c.worker for c in world.log if type(c).__name__ == "Hand" and c.task == 5}) == 2


def test_workers_that_are_killed_while_ram_is_short_become_fewer():
    world = World(tasks=400, slots=4)
    world.start()
    for _ in range(2):
        world.do_one(min(world.machine.workers), next(iter(world.machine.workers[min(world.machine.workers)].hand)))
        world.feed(Gauged(world.now, Sample({}, {}, ram_total=1000, ram_available=10)))
        for worker in list(world.machine.workers):
            world.feed(WorkerEnded(world.now, worker, Fault.KILLED, "SIGKILL"))
            if worker in world.machine.recovering:
                world.feed(Recovered(world.now, worker, ()))
        world.tick(20)
        world.start()
    assert len(world.machine.open_slots()) == 2
    assert not any(isinstance(c, Tell) and "blaming the machine" in c.text for c in world.log)


@pytest.mark.parametrize(
    ("seen", "now", "after", "known"), [(3, 4, 1.0, True), (4, 4, 1.0, False), (3, 4, 60.0, False)]
)
def test_a_worker_that_the_system_killed_for_memory_is_told_from_one_that_somebody_killed(seen, now, after, known):
    world = World(tasks=40, slots=2)
    world.start()
    world.begin(1)
    world.feed(Gauged(world.now, Sample({}, {}, 64 << 30, 32 << 30, oom_kills=seen)))
    world.now += after
    world.feed(Gauged(world.now, Sample({}, {}, 64 << 30, 32 << 30, oom_kills=now)))
    world.feed(WorkerEnded(world.now, 1, Fault.KILLED, "SIGKILL", now))
    said = [c.text for c in world.log if isinstance(c, Tell)]
    assert any("(out of RAM: the system killed it for want of RAM)" in text for text in said) == known
    assert any("(killed from outside: SIGKILL)" in text for text in said) != known
    (ended,) = [c.facts["fault"] for c in world.log if isinstance(c, Record) and c.what == "worker ended"]
    assert (ended is Fault.OUT_OF_RAM) == known  # the report counts what the journal says


def test_kills_again_and_again_make_one_fewer_where_nobody_tells_the_ram():
    world = World(tasks=400, slots=3)
    world.start()
    for _ in range(3):
        first = min(world.machine.workers)
        world.do_one(first, next(iter(world.machine.workers[first].hand)))
        for worker in list(world.machine.workers):
            world.begin(worker)
            world.feed(WorkerEnded(world.now, worker, Fault.KILLED, "SIGKILL"))
            world.feed(Recovered(world.now, worker, ()))
        world.tick(20)
        world.start()
    assert len(world.machine.open_slots()) == 2
