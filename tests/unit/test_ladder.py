# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that do not fit into memory: where they are tried next, what it costs the others, and how it ends."""

from __future__ import annotations

import pytest
from machine_world import limits
from unequal_cards import UnequalCards

from dispatch.events import Load, WorkerEnded
from dispatch.ledger import TaskState
from dispatch.machine import Machine
from dispatch.model import Fault, Outcome
from dispatch.own_slot import Resort
from dispatch.protocol import Begun, Failed

UNEQUAL = (24, 8, 8)


def test_a_frame_that_fits_on_the_big_card_only_is_rendered_there_and_no_slot_is_closed():
    world = UnequalCards(UNEQUAL, {1: 20})
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert world.where(1)[-1] == "Card 24 GB #0 1"
    assert len(world.where(1)) <= 2
    assert len(world.machine.open_slots()) == 3
    assert not world.spawned()[3:], "no worker was started anew for it"


@pytest.mark.parametrize("need", [6, 10, 20])
def test_every_frame_is_rendered_whatever_fits_where(need):
    world = UnequalCards(UNEQUAL, dict.fromkeys(range(0, 100, 3), need), tasks=100)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert sorted(world.committed) == list(range(100))


def test_a_frame_that_fits_nowhere_is_given_up_with_its_figures_and_the_rest_is_rendered():
    world = UnequalCards(UNEQUAL, {5: 30})
    world.run()
    assert world.machine.outcome is Outcome.INCOMPLETE
    assert sorted(world.committed) == [task for task in range(20) if task != 5]
    given_up = [text for text in world.said() if "is given up" in text]
    assert len(given_up) == 1
    assert "Card 24 GB, the biggest card, not even alone" in given_up[0]
    assert "needs more than the 23.5 GiB that were free of its 24.0 GiB" in given_up[0]
    assert "let the processor render it" in given_up[0]
    assert world.where(5)[-1] == "Card 24 GB alone"
    assert len([r for r in world.machine.open_slots() if not r.place]) == 3


def test_what_the_artist_allows_is_tried_last_and_only_when_nothing_else_waits():
    world = UnequalCards(UNEQUAL, {2: 30}, allowed=("combined", "cpu"))
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert world.where(2)[-3:] == ["Card 24 GB alone", "Card 24 GB + 2 × Card 8 GB", "CPU"]
    assert [task for task, _ in world.tries][-1] == 2
    assert world.spawned().count("CPU") == 1


def test_linked_cards_render_together_what_none_of_them_holds():
    world = UnequalCards((24, 24), {2: 40, 7: 40}, allowed=("combined",), linked=True)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert world.where(2)[-1] == world.where(7)[-1] == "2 × Card 24 GB"
    assert world.spawned().count("2 × Card 24 GB") == 1


def test_a_worker_on_the_processor_that_is_there_anyway_takes_them_without_being_asked():
    world = UnequalCards((8, 0), {2: 30})
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert world.where(2)[-1].startswith("Processor")


def test_alone_means_a_fresh_worker_that_keeps_no_data_and_nobody_beside_it():
    world = UnequalCards((24,), {3: 24}, per_card=3)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert world.where(3)[-1] == "Card 24 GB alone"
    loads = [c for c in world.log if isinstance(c, Load)]
    assert [load.persistent for load in loads if load.slot.name.endswith("alone")] == [False]
    assert all(load.persistent for load in loads if not load.slot.name.endswith("alone"))


def test_frames_that_share_a_card_badly_close_workers_until_they_fit():
    world = UnequalCards((24,), dict.fromkeys(range(100), 24), tasks=100, per_card=3)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert len([r for r in world.machine.open_slots() if not r.place]) == 1
    assert len(world.tries) < 120


def test_one_huge_frame_costs_the_others_no_worker_for_good():
    world = UnequalCards((24, 24), {3: 99}, tasks=200, per_card=2)
    world.run()
    assert world.machine.ledger.counts[TaskState.DONE] == 199
    assert len([r for r in world.machine.open_slots() if not r.place]) == 4


def test_frames_in_a_row_that_do_not_fit_are_not_tried_on_the_small_cards_again_and_again():
    heavy = range(12, 412)
    world = UnequalCards(UNEQUAL, dict.fromkeys(heavy, 12), tasks=600)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    wasted = sum(task in heavy and "Card 8 GB" in slot for task, slot in world.tries)
    assert wasted < 25
    assert any("Card 8 GB" in slot for task, slot in world.tries if task >= 500), "they come back when frames fit again"
    assert sum("do not fit on Card 8 GB (8.0 GiB)" in text for text in world.said()) == 1


def test_hundreds_of_frames_that_fit_nowhere_are_a_few_sentences():
    world = UnequalCards(UNEQUAL, dict.fromkeys(range(10, 310), 30), tasks=400)
    world.run()
    assert world.machine.ledger.counts[TaskState.GIVEN_UP] == 300
    assert len(world.said()) < 60
    assert any(text.startswith("300 were given up: frame 10, frame 11") for text in world.said())
    assert world.spawned().count("Card 24 GB alone") < 12


def test_where_no_driver_tells_the_memory_every_kind_of_card_is_tried_alone():
    world = UnequalCards((8, 24), {2: 20, 3: 30}, tells=False)
    world.run()
    assert world.machine.ledger.state(2) is TaskState.DONE
    assert world.machine.ledger.state(3) is TaskState.GIVEN_UP
    assert {"Card 8 GB alone", "Card 24 GB alone"} <= set(world.where(3))


def test_frames_that_fit_only_without_kept_data_make_all_workers_drop_it():
    class Keeping(UnequalCards):
        def fits(self, worker, slot, need):
            bare = any(isinstance(c, Load) and c.worker == worker and not c.persistent for c in self.log)
            return bare or need < 20

    world = Keeping((24, 24), dict.fromkeys(range(5, 100), 23), tasks=100)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert sum("alone" in slot for _, slot in world.tries) < 20
    assert any("no worker keeps the scene's data" in text for text in world.said())


def test_out_of_ram_means_fewer_workers_then_one_alone_then_given_up_with_figures():
    class Ram(UnequalCards):
        def do_one(self, worker, attempt):
            held = self.machine.workers[worker].hand[attempt]
            if held.task == 3 and held.pictures is None:
                self.tries.append((3, self.machine.workers[worker].slot.slot.name))
                self.say(worker, Failed(attempt, Fault.OUT_OF_RAM, "std::bad_alloc"))
                return
            super().do_one(worker, attempt)

    world = Ram((24, 24, 24), {})
    world.run()
    assert world.machine.ledger.counts[TaskState.DONE] == 19
    assert len(world.where(3)) == 3
    assert world.where(3)[-1].endswith("alone")
    assert any("given up: it does not fit into this machine's RAM (64.0 GiB, 32.0" in text for text in world.said())
    assert len([r for r in world.machine.open_slots() if not r.place]) == 3


def test_a_worker_that_dies_of_a_frame_too_big_is_no_fault_of_its_slot():
    class Dying(UnequalCards):
        def do_one(self, worker, attempt):
            held = self.machine.workers[worker].hand[attempt]
            if held.task % 2 and held.pictures is None:
                self.say(worker, Begun(attempt))
                self.feed(WorkerEnded(self.now, worker, Fault.OUT_OF_VRAM, "SIGSEGV"))
                return
            super().do_one(worker, attempt)

    world = Dying((24,), {}, limits=limits(backoff=0.1, together=0.1, deaths=2))
    world.run()
    assert world.machine.ledger.counts[TaskState.GIVEN_UP] == world.machine.ledger.counts[TaskState.DONE] == 10
    assert [record.slot.name for record in world.machine.open_slots()] == ["Card 24 GB #0 1"]


def test_while_a_layout_is_measured_nothing_but_fewer_workers_is_tried():
    class Measured(UnequalCards):
        def make_machine(self, tasks, slots, **settings):
            return Machine(tasks, slots, resort=Resort(("cpu",), climbs=False), **settings)

    world = Measured((24, 24), {3: 99}, per_card=2, retries=0)
    world.run()
    assert world.machine.ledger.state(3) is TaskState.GIVEN_UP
    assert set(world.spawned()) <= {slot.name for slot in world.make_slots(2)}
