# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that once waited for nobody: the memory ladder beside resting cards, checks, Auto, holds and driver faults."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from disordered_world import Disorder
from unequal_cards import GB, UnequalCards, card

from dispatch.berths import Given
from dispatch.checks import Doubt
from dispatch.climbed import Climbed
from dispatch.events import Gauged, GoOnAsked, PauseAsked, Recovered, WorkerEnded
from dispatch.gauges import CardSample, Sample
from dispatch.kernels import Kernels
from dispatch.ledger import TaskState
from dispatch.machine import Machine
from dispatch.model import Fault, Outcome, Phases, Slot
from dispatch.own_slot import Resort
from dispatch.protocol import Begun, Checked, Failed
from dispatch.roster import WorkerState
from dispatch.rungs import ALONE, ALONE_IN_RAM, OVER, RESORTS
from dispatch.trust import Belief

ROUNDS = 3000
"""A job that has not ended by then never does."""


class Answering(UnequalCards):
    """Tasks of 20 GB and more fit only alone, and every check finds the same picture."""

    fault = Fault.OUT_OF_VRAM
    """What a task without room reports."""

    def fits(self, worker, slot, need):
        return super().fits(worker, slot, need) and (need < 20 or "alone" in slot.name)

    def say(self, worker, report):
        short = isinstance(report, Failed) and report.fault is Fault.OUT_OF_VRAM
        return super().say(worker, replace(report, fault=self.fault) if short else report)

    def _play(self, worker) -> None:
        if worker.check:
            self.say(worker.id, Checked(worker.check, True, True))
        else:
            super()._play(worker)


class WithAuto(Answering):
    """Auto chooses the number of workers."""

    blend_size = 0

    def make_machine(self, tasks, slots, **settings):
        given = Given(tuple(slot.devices[0] for slot in slots), 16, blend_size=self.blend_size)
        return super().make_machine(tasks, slots, **{**settings, "given": given})


class BigScene(WithAuto):
    """One worker starts first, to see how much RAM a copy of the scene needs."""

    blend_size = 4 * GB


class Resets(Answering):
    """The driver fails twice in the slots whose name begins with ``there``, once ``after`` frames are done."""

    there = ""
    after = 0
    at = (float("-inf"),)

    def do_one(self, worker, attempt):
        ours = self.machine.workers[worker].slot.slot.name.startswith(self.there)
        due = self.machine.ledger.counts[TaskState.DONE] >= self.after
        if ours and due and len(self.at) < 3 and self.now - self.at[-1] > 1:
            self.at += (self.now,)
            self.say(worker, Begun(attempt))
            self.say(worker, Failed(attempt, Fault.LOST_DEVICE, "driver reset"))
            return
        super().do_one(worker, attempt)


def complete(world: UnequalCards) -> bool:
    world.run(most=ROUNDS)
    return world.machine.outcome is Outcome.COMPLETE


def until(world: UnequalCards, holds: Callable[[], bool]) -> None:
    for _ in range(ROUNDS):
        if holds():
            return
        world.round()
    raise AssertionError("it does not come to that")


@pytest.mark.parametrize("first", [60, 94])
def test_the_last_frames_do_not_wait_for_a_small_card_that_is_faster_but_rests(first):
    class Fast(Answering):
        def say(self, worker, report):
            held = isinstance(report, Begun) and self.machine.workers[worker].hand[report.attempt]
            return [] if held and held.begun else super().say(worker, report)  # its time would begin anew

        def finish(self, worker):
            at_work = self.machine.workers[worker]
            for held in list(at_work.hand.values())[:1]:
                if not held.begun:
                    self.say(worker, Begun(held.id))
                elif self.now - held.begun_at >= (5 if "24" in at_work.slot.slot.name else 1):
                    self.do_one(worker, held.id)

    assert complete(Fast((24, 8), dict.fromkeys(range(first, 100), 12), tasks=100))


def test_a_frame_of_a_resting_card_that_looked_different_is_looked_at_once_more():
    world = Answering((24, 8), dict.fromkeys(range(30, 150), 12), tasks=150, belief=Belief(share=1e-6))
    machine = world.machine
    small = next(record for record in machine.slots.values() if "8 GB" in record.slot.name)
    until(world, lambda: machine.ledger.counts[TaskState.DONE] >= 140 and not machine.ladder.is_ordinary(small))
    finished = machine.checks._choose(small.slot)
    machine.checks._doubt = Doubt(finished, small.slot, once_more=True)  # as two checks before it came to rest leave it
    assert complete(world)
    assert [facts["task"] for facts in world.records("checked")] == [finished.task]


@pytest.mark.parametrize(("fault", "heavy"), [(Fault.OUT_OF_RAM, range(40, 200)), (Fault.OUT_OF_VRAM, range(30, 40))])
def test_no_check_sends_the_worker_away_that_renders_a_frame_alone(fault, heavy):
    class Checking(Answering):
        phases = Phases(0.1, 0.1, 20.0, 0.1)

    Checking.fault = fault
    world = Checking((24,), dict.fromkeys(heavy, 23), tasks=200, belief=Belief(share=0.05))
    world.run(most=ROUNDS)
    assert world.machine.ledger.settled()
    assert world.records("check")


def test_frames_for_a_card_that_is_left_out_wait_until_it_comes_back():
    class Big(Resets):
        there = "Card 24 GB"
        after = 10

    world = Big((24, 8), dict.fromkeys(range(8, 60), 12), tasks=60)
    assert complete(world)
    assert any("is left out" in text for text in world.said())


def test_a_driver_that_fails_beside_a_frame_alone_takes_its_place_for_a_while_only():
    class Alone(Resets):
        there = "Card 24 GB alone"

    world = Alone((24,), {3: 23})
    assert complete(world)
    assert any("is left out" in text for text in world.said())
    assert world.where(3)[-1] == "Card 24 GB alone"


def test_where_frames_do_not_fit_on_the_first_card_of_a_big_scene_the_other_one_starts():
    assert complete(BigScene((8, 24), dict.fromkeys(range(100), 12), tasks=100))


def test_a_held_job_with_a_big_scene_starts_the_second_worker_where_the_first_one_dies():
    class Full(BigScene):
        faults = (Fault.DISK_FULL, *[Fault.CRASHED] * 5)

        def do_one(self, worker, attempt):
            if not self.faults:
                super().do_one(worker, attempt)
                return
            fault, *self.faults = self.faults
            self.say(worker, Begun(attempt))
            if fault is Fault.CRASHED:
                self.feed(WorkerEnded(self.now, worker, fault, "SIGSEGV"))
            else:
                self.say(worker, Failed(attempt, fault, "disk full"))

    assert complete(Full((24, 24), {}, tasks=100))


def test_auto_gets_back_the_worker_that_was_closed_for_a_frame_that_fits_nowhere():
    class Ram(WithAuto):
        fault = Fault.OUT_OF_RAM

    world = Ram((24, 24), {3: 99}, tasks=400)
    world.run(most=ROUNDS)
    assert world.machine.ledger.state(3) is TaskState.GIVEN_UP
    assert {record.slot.devices for record in world.machine.open_slots()} == {(card(0, 24),), (card(1, 24),)}


def test_the_last_sentence_names_why_the_cards_ended_not_a_slot_for_big_frames():
    world = Answering((24,), {3: 23}, tasks=400)
    until(world, lambda: "Card 24 GB alone" in world.spawned() and not world.machine.ladder.own.record)
    while world.machine.outcome is None:
        for worker in list(world.machine.workers):
            world.feed(WorkerEnded(world.now, worker, Fault.CRASHED, "SIGSEGV"))
        for worker in list(world.machine.recovering):
            world.feed(Recovered(world.now, worker, ()))
        world.tick(70)
    assert "No worker is left to render the rest (Blender ended there again and again" in world.said()[-1]


class Everything(Disorder):
    """Unequal cards in disorder, with Auto, checks, kernels, recycling and pauses by the way."""

    def __init__(self, rng: random.Random, **settings) -> None:
        self.sizes = [rng.choice((8, 24)) for _ in range(settings["slots"])]
        self.per_card = rng.randrange(1, 3)
        self.auto = rng.random() < 0.4
        self.recycle = rng.choice((0, 0, 3, None))
        self.asks = rng.random() < 0.3
        super().__init__(rng, **settings)

    def make_machine(self, tasks, slots, **settings) -> Machine:
        allowed = tuple(self.rng.sample(RESORTS, self.rng.randrange(0, 3)))
        if self.auto:
            devices = tuple(dict.fromkeys(slot.devices[0] for slot in slots))
            settings["given"] = Given(devices, 8, blend_size=self.rng.choice((0, 4 * GB)))
        settings["belief"] = Belief(share=self.rng.choice((0, 0.05, 0.5)))
        kernels = Kernels(()) if self.asks else None
        return Machine(tasks, slots, resort=Resort(allowed, 4), recycle=self.recycle, kernels=kernels, **settings)

    def make_slots(self, count):
        cards = [card(n, self.sizes[n]) for n in range(count)]
        return tuple(
            Slot(f"{device.name} #{device.pci} {copy}", (device,), 4)
            for copy in range(1, self.per_card + 1)
            for device in cards
        )

    def feed(self, event):
        return super(Disorder, self).feed(event)  # a check may have tasks that are done rendered again

    def gauge(self) -> None:
        cards = {str(n): CardSample(vram_used=GB, vram_total=size * GB) for n, size in enumerate(self.sizes)}
        free = self.rng.choice((1, 20, 40)) * GB
        self.feed(Gauged(self.now, Sample({}, cards, ram_total=64 * GB, ram_available=free)))

    def step(self) -> None:
        if self.rng.random() < 0.1:
            self.gauge()
        chance = self.rng.random()
        if chance < 0.01:
            self.feed(PauseAsked(self.now))
        elif chance < 0.03:
            self.feed(GoOnAsked(self.now))
        super().step()

    def round(self, without=frozenset()) -> None:
        for worker in list(self.machine.workers.values()):
            if worker.check and worker.state is WorkerState.READY:
                self.say(worker.id, Checked(worker.check, True, self.rng.random() < 0.8))
        self.gauge()
        super().round(without)

    def _work(self, worker, attempt) -> None:
        if attempt.begun and attempt.pictures is None and self.rng.random() < 0.3:
            fault = self.rng.choice((Fault.OUT_OF_VRAM, Fault.OUT_OF_VRAM, Fault.OUT_OF_RAM, Fault.LOST_DEVICE))
            self.say(worker.id, Failed(attempt.id, fault, "no room"))
            return
        super()._work(worker, attempt)


def play(world: Everything) -> None:
    """Disorder first, then obedient workers to the end."""
    for _ in range(world.rng.randrange(50, 600)):
        world.step()
        if world.machine.outcome is not None:
            break
    world.feed(GoOnAsked(world.now))
    world.end_in_order()


@pytest.mark.parametrize("seed", [*range(34), 161, 225, 416, 484, 678, 855])
def test_whatever_comes_together_every_job_ends(seed):
    rng = random.Random(seed)
    play(Everything(rng, tasks=rng.randrange(1, 80), slots=rng.randrange(1, 4)))


@pytest.mark.parametrize("seed", range(34))
def test_a_job_ends_wherever_its_frames_waited_before_it_was_resumed(seed):
    rng = random.Random(seed)
    world, climbed = Everything(rng, tasks=rng.randrange(1, 80), slots=rng.randrange(1, 4)), Climbed()
    places = [f"{OVER}{8 * GB}", f"{OVER}{24 * GB}", f"{ALONE}Card 8 GB", f"{ALONE}Card 24 GB", ALONE_IN_RAM, *RESORTS]
    for task in range(0, world.machine.ledger.count, rng.randrange(1, 5)):
        for place in rng.sample(places, rng.randrange(1, 4)):
            climbed.failed(task, Fault.OUT_OF_VRAM)
            climbed.sent(task, place, rng.choice((Fault.OUT_OF_VRAM, Fault.OUT_OF_RAM)))
    world.machine.ladder.recall(climbed)
    play(world)
