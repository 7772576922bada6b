# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards that fail: left out, tried again after a pause, back with all their workers when they work again."""

from __future__ import annotations

from machine_world import World, limits

from dispatch.events import Recovered, Spawn, Tell, WorkerEnded
from dispatch.model import Fault, Outcome
from dispatch.protocol import Begun, Failed

PAUSE = limits(backoff=0.1, together=0.1, quarantine=100)


class Sick(World):
    """Frames on ``GPU 1`` end in a fault of the driver until it is well."""

    well = False

    def finish(self, worker: int) -> None:
        if attempt := next(iter(self.machine.workers[worker].hand), None):
            self.do_one(worker, attempt)

    def do_one(self, worker, attempt):
        held = self.machine.workers[worker].hand[attempt]
        if held.pictures is None and not self.well and self.machine.workers[worker].slot.slot.name == "GPU 1":
            self.say(worker, Begun(attempt))
            self.say(worker, Failed(attempt, Fault.LOST_DEVICE, "illegal address"))
            return
        super().do_one(worker, attempt)

    def said(self) -> list[str]:
        return [command.text for command in self.log if isinstance(command, Tell)]

    def starts(self, slot: str) -> int:
        return sum(isinstance(command, Spawn) and command.slot.name == slot for command in self.log)

    def until(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end and self.machine.outcome is None:
            self.round()


def test_a_card_that_is_left_out_is_tried_again_later_and_later():
    world = Sick(tasks=10_000, slots=2, limits=PAUSE)
    world.until(50)
    assert world.starts("GPU 1") == 2
    assert any("GPU failed 2 times: illegal address; it is tried again in 1 min 40 s" in text for text in world.said())
    world.until(100)
    assert world.starts("GPU 1") == 3
    assert any("failed again: illegal address; it is tried again in 3 min 20 s" in text for text in world.said())
    world.until(100)
    assert world.starts("GPU 1") == 3
    world.until(150)
    assert world.starts("GPU 1") == 4


def test_a_card_that_works_again_renders_on_and_its_faults_are_forgotten():
    world = Sick(tasks=10_000, slots=2, limits=PAUSE)
    world.until(50)
    world.well = True
    world.until(150)
    assert any("works again" in text for text in world.said())
    assert len(world.machine.open_slots()) == 2
    starts = world.starts("GPU 1")
    world.well = False
    world.until(1)
    world.well = True
    world.until(20)
    assert world.starts("GPU 1") == starts + 1, "one fault after many good frames leaves no card out"


def test_both_workers_of_a_card_come_back():
    world = Sick(tasks=10_000, slots=2, same_card=True, limits=PAUSE)
    world.until(20)
    assert not world.machine.open_slots()
    world.well = True
    world.until(120)
    assert len(world.machine.open_slots()) == 2


def test_a_job_that_has_nobody_else_waits_for_its_card_and_goes_on():
    world = Sick(tasks=50, slots=1, limits=PAUSE)
    world.until(50)
    assert world.machine.outcome is None
    world.well = True
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE


def test_a_job_that_has_nobody_else_does_not_wait_for_ever():
    world = Sick(tasks=50, slots=1, retries=100, limits=PAUSE)
    world.run()
    assert world.machine.outcome is Outcome.INCOMPLETE
    assert world.now < 1000


def test_a_worker_that_dies_on_trial_ends_the_trial():
    world = Sick(tasks=1000, slots=2, limits=PAUSE)
    world.until(50)
    while not any(w.slot.slot.name == "GPU 1" for w in world.machine.workers.values()):
        world.until(1)
    worker = next(w.id for w in world.machine.workers.values() if w.slot.slot.name == "GPU 1")
    world.feed(WorkerEnded(world.now, worker, Fault.LOST_DEVICE, "SIGSEGV"))
    if worker in world.machine.recovering:
        world.feed(Recovered(world.now, worker, ()))
    assert [record.slot.name for record in world.machine.open_slots()] == ["GPU 2"]
