# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards that fail: left out, tried again after a pause, back with all their workers when they work again."""

from __future__ import annotations

from machine_world import World, limits

from dispatch.events import LayoutChosen, Recovered, Spawn, Tell, WorkerEnded
from dispatch.model import Backend, Device, Fault, Outcome, Slot
from dispatch.protocol import Begun, Failed
from dispatch.roster import WorkerState

PAUSE = limits(backoff=0.1, together=0.1, quarantine=100)


class Slow(World):
    """Every worker finishes one frame in half a second."""

    def finish(self, worker: int) -> None:
        if attempt := next(iter(self.machine.workers[worker].hand), None):
            self.do_one(worker, attempt)

    def said(self) -> list[str]:
        return [command.text for command in self.log if isinstance(command, Tell)]

    def starts(self, slot: str) -> int:
        return sum(isinstance(command, Spawn) and command.slot.name == slot for command in self.log)

    def until(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end and self.machine.outcome is None:
            self.round()


class Sick(Slow):
    """Frames on ``GPU 1`` end in a fault of the driver until it is well."""

    well = False

    def do_one(self, worker, attempt):
        held = self.machine.workers[worker].hand[attempt]
        if held.pictures is None and not self.well and self.machine.workers[worker].slot.slot.name == "GPU 1":
            self.say(worker, Begun(attempt))
            self.say(worker, Failed(attempt, Fault.LOST_DEVICE, "illegal address"))
            return
        super().do_one(worker, attempt)


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


def on(world: World, slot: str) -> int:
    """Return the worker that is ready in the slot."""
    return next(
        w.id
        for w in world.machine.workers.values()
        if w.slot.slot.name == slot and w.state is WorkerState.READY and w.hand
    )


def test_a_card_whose_last_fault_was_the_machines_is_not_left_out_for_it():
    world = Slow(tasks=10_000, slots=2, limits=PAUSE)
    world.until(20)
    for slot in ("GPU 1", "GPU 2"):  # an old fault of each
        worker = on(world, slot)
        world.say(worker, Failed(world.begin(worker), Fault.LOST_DEVICE, "illegal address"))
        world.until(5)
    both = [on(world, "GPU 1"), on(world, "GPU 2")]
    for worker in both:  # the driver is reset: that is nobody's fault
        world.begin(worker)
        world.feed(WorkerEnded(world.now, worker, Fault.LOST_DEVICE, "SIGSEGV"))
    world.until(10)
    assert any("blaming the machine" in text for text in world.said())
    assert {r.slot.name for r in world.machine.open_slots()} == {"GPU 1", "GPU 2"}
    worker = on(world, "GPU 1")
    world.say(worker, Failed(world.begin(worker), Fault.LOST_DEVICE, "illegal address"))
    assert any("GPU failed 2 times: illegal address" in text for text in world.said()[-2:]), "its own old fault counts"


def test_where_the_slot_on_trial_is_closed_for_another_reason_the_next_one_of_its_card_is_tried():
    world = Sick(tasks=10_000, slots=3, same_card=True, limits=PAUSE)
    world.until(20)
    assert not world.machine.open_slots()
    world.well = True
    while not world.machine.open_slots():
        world.tick(1)
    (trial,) = world.machine.open_slots()
    while not trial.closed:
        for worker in list(world.machine.workers):
            world.feed(WorkerEnded(world.now, worker, Fault.CANNOT_START, "Too many open files"))
        world.tick(1)
    assert "cannot be started there" in trial.closed
    world.until(50)
    there = {record.slot.name for record in world.machine.open_slots()}
    assert there == {"GPU 1", "GPU 2", "GPU 3"} - {trial.slot.name}


def test_a_trial_that_the_artist_ends_by_another_layout_brings_no_slot_back():
    world = Sick(tasks=10_000, slots=4, same_card=True, limits=PAUSE)
    world.until(20)
    world.well = True
    while not world.machine.open_slots():
        world.tick(1)
    chosen = Slot("other", (Device("CUDA_9", "Other", Backend.CUDA, pci="9"),), 4)
    world.feed(LayoutChosen(world.now, (chosen,)))
    world.until(400)
    assert {record.slot.name for record in world.machine.open_slots()} == {"other"}
