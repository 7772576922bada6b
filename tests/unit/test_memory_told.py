# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made of the readings of memory: how much others hold of a card, and which memory a worker was out of."""

from __future__ import annotations

import pytest
from unequal_cards import GB, UnequalCards, card

from dispatch.events import Gauged, WorkerEnded
from dispatch.gauges import CardSample, ProcessSample, Sample
from dispatch.memory_told import LATELY, MemoryTold
from dispatch.model import Fault, Slot
from dispatch.own_slot import PROCESSOR
from dispatch.protocol import Broken, Failed
from dispatch.readings import Readings
from dispatch.roster import SlotRecord, Worker, WorkerState


class Told:
    """Readings of one card of 24 GB with one worker on it."""

    def __init__(self, state=WorkerState.READY) -> None:
        self.readings = Readings()
        self.memory = MemoryTold(self.readings)
        self.device = card(0, 24)
        self.worker = Worker(1, SlotRecord(Slot("a", (self.device,), 4)), 0.0, state)
        self.now = 0.0

    def look(self, used: float, ours: float | None = None, worker: int = 1) -> int:
        """Return the GB of room after one more sample."""
        self.now += 2.0
        cards = {"0": CardSample(vram_used=int(used * GB), vram_total=24 * GB)}
        workers = {worker: ProcessSample(vram=None if ours is None else int(ours * GB))}
        self.readings.add(self.now, Sample(workers, cards))
        self.memory.look(self.now, [self.worker])
        return self.memory.room(self.device) // GB


def test_what_our_worker_holds_is_not_others():
    told = Told()
    assert told.look(23, 22.5) == 24
    assert told.look(23, 3) == 4
    assert told.memory.others(told.device) == 20 * GB


@pytest.mark.parametrize(("others", "room"), [(0.0, 24), (2.3, 24), (2.5, 20), (16.0, 8), (23.9, 0)])
def test_others_count_where_they_hold_more_than_a_desktop(others, room):
    assert Told().look(others + 1, 1) == room


def test_a_room_that_goes_up_and_down_a_little_stays_the_same():
    told = Told()
    rooms = {told.look(14 + tenth / 10, 1) for tenth in range(-4, 5)}
    assert len(rooms) <= 2


def test_a_sample_with_a_worker_that_is_gone_tells_nothing():
    told = Told()
    assert told.look(23, 22.5, worker=7) == 24


def test_without_figures_by_process_others_hold_what_was_used_before_the_scene_was_there():
    told = Told(WorkerState.LOADING)
    assert told.look(20) == 4
    told.worker.state = WorkerState.READY
    assert told.look(23) == 4
    assert told.look(2) == 24
    assert told.look(23) == 24, "it may all be ours"


def test_room_that_was_there_lately_is_not_lost_yet():
    told = Told()
    told.look(1, 1)
    assert told.look(21, 1) == 4
    assert told.memory.lately(told.now, told.device) == 24 * GB
    assert told.memory.lately(told.now + LATELY - 1.0, told.device) == told.memory.room(told.device)


def test_a_card_of_which_nobody_tells_has_no_room_that_is_known():
    memory = MemoryTold(Readings())
    assert (memory.room(card(0, 24)), memory.lately(1.0, card(0, 24)), memory.others(card(0, 24))) == (0, 0, 0)


@pytest.mark.parametrize(
    ("fault", "device", "ram", "which"),
    [
        (Fault.OUT_OF_MEMORY, card(0, 24), 32, Fault.OUT_OF_VRAM),
        (Fault.OUT_OF_MEMORY, card(0, 24), 1, Fault.OUT_OF_RAM),
        (Fault.OUT_OF_MEMORY, card(0, 24), None, Fault.OUT_OF_VRAM),
        (Fault.OUT_OF_MEMORY, PROCESSOR, 32, Fault.OUT_OF_RAM),
        (Fault.OUT_OF_RAM, card(0, 24), 32, Fault.OUT_OF_RAM),
        (Fault.CRASHED, card(0, 24), 32, Fault.CRASHED),
    ],
)
def test_bare_words_of_a_worker_on_a_card_mean_its_memory_unless_ram_is_short(fault, device, ram, which):
    readings = Readings()
    if ram:
        readings.add(5.0, Sample({}, {}, ram_total=64 * GB, ram_available=ram * GB))
    worker = Worker(1, SlotRecord(Slot("a", (device,), 4)), 0.0)
    assert MemoryTold(readings).which(6.0, worker, fault) is which


class Bare(UnequalCards):
    """The first frame fails with bare words, as `report` or in an end without goodbye."""

    free = 32
    """GB of RAM."""

    def gauge(self):
        self.feed(Gauged(self.now, Sample({}, {}, ram_total=64 * GB, ram_available=self.free * GB)))

    def fail(self, how: str) -> Fault:
        """Return the fault that is on record."""
        self.start()
        self.gauge()
        match how:
            case "failed":
                self.say(1, Failed(self.begin(1), Fault.OUT_OF_MEMORY, "out of memory"))
            case "broken":
                self.say(1, Broken(Fault.OUT_OF_MEMORY, "out of memory"))
        if how != "failed":
            self.feed(WorkerEnded(self.now, 1, Fault.OUT_OF_MEMORY, "exit status 78"))
        return self.records("failed" if how == "failed" else "worker ended")[0]["fault"]


@pytest.mark.parametrize("how", ["failed", "broken", "ended"])
@pytest.mark.parametrize(
    ("size", "free", "fault"), [(24, 32, Fault.OUT_OF_VRAM), (24, 1, Fault.OUT_OF_RAM), (0, 32, Fault.OUT_OF_RAM)]
)
def test_the_journal_has_the_memory_that_it_was(how, size, free, fault):
    world = Bare((size,), {})
    world.free = free
    assert world.fail(how) is fault


def test_bare_words_on_one_card_close_no_worker_of_another_one():
    world = Bare((24, 24), {})
    world.fail("failed")
    assert not any(record.closed for record in world.machine.slots.values())
    assert "(out of VRAM: out of memory): it is tried alone" in world.said()[0]
