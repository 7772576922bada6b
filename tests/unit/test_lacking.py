# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures for which there was too little RAM: not put in place as long as another place may have more."""

from __future__ import annotations

from collections.abc import Callable

from machine_world import PICTURES, World, limits

from dispatch.events import Tell
from dispatch.machine import Machine
from dispatch.model import Layout, Outcome
from dispatch.own_slot import Resort
from dispatch.protocol import Begun, Commit, Committed, Discard, Leave, Rendered
from dispatch.roster import Worker

WORDS = "Blender could not get 13.4 GiB at once"


class Scarce(World):
    """Blenders that render on without what got no RAM, where ``lacks(task, worker)`` says so."""

    def __init__(self, lacks: Callable[[int, Worker], bool], *, climbs: bool = True, **settings) -> None:
        self.lacks = lacks
        self.climbs = climbs
        self.lacking: list[int] = []
        """Tasks that were put in place without something."""
        super().__init__(limits=limits(together=0.1, backoff=0.1), **settings)

    def make_machine(self, tasks: int, slots: Layout, **settings) -> Machine:
        return Machine(tasks, slots, resort=Resort(climbs=self.climbs), label="frame {}".format, **settings)

    def do_one(self, worker: int, attempt: int) -> None:
        held = self.machine.workers[worker].hand[attempt]
        lacks = self.lacks(held.task, self.machine.workers[worker])
        if held.pictures is not None or not lacks:
            super().do_one(worker, attempt)
            return
        self.say(worker, Begun(attempt))
        commands = self.say(worker, Rendered(attempt, PICTURES, self.phases, lacks=WORDS))
        answers = [c.request for c in commands if type(c).__name__ == "Send" and c.worker == worker]
        assert (Commit(attempt) in answers) != (Discard(attempt) in answers)
        if Commit(attempt) in answers:
            self.lacking.append(held.task)
            self.committed.append(held.task)
            self.say(worker, Committed(attempt))

    def said(self) -> list[str]:
        return [command.text for command in self.log if isinstance(command, Tell)]


def test_what_has_enough_ram_with_fewer_workers_or_alone_is_put_in_place_whole():
    world = Scarce(lambda task, worker: task == 4 and len(worker.slot.place) == 0, tasks=12, slots=3)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert (sorted(world.committed), world.lacking) == ([*range(12)], [])
    assert any("fewer workers go on" in text for text in world.said())
    assert not any("look at it" in text for text in world.said())


def test_what_lacks_ram_alone_on_the_machine_too_is_taken_and_named_and_others_like_it_cost_nothing():
    world = Scarce(lambda task, worker: task >= 4, tasks=40, slots=2)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert sorted(world.committed) == [*range(40)]
    assert sorted(world.lacking) == [*range(4, 40)]
    named = [text for text in world.said() if "look at it" in text]
    assert len(named) == 1
    assert named[0].endswith(
        f" was rendered alone, and still there was too little RAM for all of it ({WORDS}): look at it, and at others for "
        "which that is so. They are put in place as they are."
    )
    assert len({c.worker for c in world.log if type(c).__name__ == "Spawn"}) <= 8


def test_nothing_more_is_taken_from_a_blender_that_went_without_something():
    world = Scarce(lambda task, worker: False, tasks=12, slots=1)
    world.start()
    first = world.begin(1)
    second = next(attempt for attempt in world.machine.workers[1].hand if attempt != first)
    world.say(1, Begun(second))
    answers = world.say(1, Rendered(first, PICTURES, world.phases, lacks=WORDS))
    assert {type(c.request) for c in answers if type(c).__name__ == "Send"} == {Discard, Leave}
    answers = world.say(1, Rendered(second, PICTURES, world.phases))
    assert Discard(second) in [c.request for c in answers if type(c).__name__ == "Send"]
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE


def test_a_job_whose_frames_have_no_other_place_takes_them_and_says_so():
    world = Scarce(lambda task, worker: task == 2, climbs=False, tasks=6, slots=1)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert world.lacking == [2]
    assert any("look at it" in text for text in world.said())
