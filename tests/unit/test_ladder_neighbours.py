# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards of which other programs hold a part: the others render what does not fit there, and it comes back by itself."""

from __future__ import annotations

import pytest
from unequal_cards import ALWAYS, UnequalCards, card

from dispatch.climbed import Climbed
from dispatch.ledger import TaskState
from dispatch.model import Outcome
from dispatch.rungs import ALONE, NOWHERE, OVER, together

EQUAL = (24, 24, 24, 24)
FULL = "Card 24 GB #0 1"
ROUNDS = 3000


def wasted(world: UnequalCards) -> int:
    """Renders that came to nothing."""
    return len(world.tries) - len(world.committed)


def play(sizes, needs, **settings) -> UnequalCards:
    world = UnequalCards(sizes, needs, **settings)
    world.run(most=ROUNDS)
    return world


@pytest.mark.parametrize("every", [0, 4])
@pytest.mark.parametrize("by_process", [True, False])
def test_a_full_card_beside_equal_free_ones_costs_no_frame_and_no_other_cards_worker(by_process, every):
    world = play(EQUAL, {}, tasks=600, neighbours={0: (23.4, ALWAYS)}, by_process=by_process, every=every)
    assert world.machine.outcome is Outcome.COMPLETE
    assert len(world.spawned()) == 4
    assert 0 < wasted(world) < 25
    assert not any(record["place"].startswith(ALONE) for record in world.records("rung"))
    said = [text for text in world.said() if "do not fit" in text]
    assert said == [
        "Frames do not fit on Card 24 GB (0), of whose 24.0 GiB other programs hold 23.9 GiB: other cards take them, "
        "and only now and then one is tried there."
    ]


@pytest.mark.parametrize("every", [0, 4])
def test_a_card_that_is_filled_while_the_job_runs_takes_part_again_when_it_is_free(every):
    world = play(EQUAL, {}, tasks=900, neighbours={0: (23.4, range(100, 400))}, every=every)
    assert world.machine.outcome is Outcome.COMPLETE
    assert wasted(world) < 25
    assert not any("fresh Blender: from now on" in text for text in world.said())
    late = [slot for _, slot in world.tries[-400:]]
    assert late.count(FULL) > 80, "a quarter of them"
    if not every:
        assert len(world.spawned()) == 4


def test_without_figures_by_process_too_it_takes_part_again():
    world = play(EQUAL, {}, tasks=900, neighbours={0: (23.4, range(300))}, by_process=False)
    assert world.machine.outcome is Outcome.COMPLETE
    assert wasted(world) < 25
    assert len(world.spawned()) == 4
    assert [slot for _, slot in world.tries[-400:]].count(FULL) > 80


def test_a_card_that_is_filled_while_nobody_tells_whose_memory_it_is_costs_no_frame():
    world = play(EQUAL, {}, tasks=900, neighbours={0: (23.4, range(100, 400))}, by_process=False)
    assert world.machine.outcome is Outcome.COMPLETE
    assert wasted(world) < 25
    assert not any("fresh Blender: from now on" in text for text in world.said()), "it was not for kept data"
    assert [slot for _, slot in world.tries[-400:]].count(FULL) > 80


@pytest.mark.parametrize("begin", [0, 100])
def test_where_no_driver_tells_the_memory_another_card_of_the_name_is_tried_alone(begin):
    world = play(EQUAL, {}, tasks=900, neighbours={0: (23.4, range(begin, 400))}, tells=False)
    assert world.machine.outcome is Outcome.COMPLETE
    assert wasted(world) < 25
    assert not any("fresh Blender: from now on" in text for text in world.said())
    assert [slot for _, slot in world.tries[-400:]].count(FULL) > 80


def test_frames_for_the_room_that_others_leave_are_still_rendered_there():
    world = play(EQUAL, dict.fromkeys(range(0, 200, 2), 10), tasks=200, neighbours={0: (12, ALWAYS)})
    assert world.machine.outcome is Outcome.COMPLETE
    assert FULL in {slot for task, slot in world.tries if task % 2 == 0}
    assert not wasted(world)


def test_a_frame_for_a_whole_card_goes_where_a_whole_card_is():
    world = play((24, 24), {3: 24}, tasks=40, per_card=2, neighbours={0: (12, ALWAYS)})
    assert world.machine.outcome is Outcome.COMPLETE
    assert world.where(3)[-1] in ("Card 24 GB (1) alone", "Card 24 GB #1 1", "Card 24 GB #1 2")


def test_a_full_card_has_one_worker_fewer_first():
    world = play((24, 24), {}, tasks=400, per_card=2, neighbours={0: (23.4, ALWAYS)})
    assert world.machine.outcome is Outcome.COMPLETE
    assert [record.slot.name for record in world.machine.slots.values() if record.closed] == [FULL]
    assert wasted(world) < 30


def test_one_card_that_is_full_is_tried_alone_and_the_frame_is_given_up_with_figures():
    world = play((24,), {}, tasks=3, neighbours={0: (23.4, ALWAYS)})
    assert world.machine.ledger.counts[TaskState.GIVEN_UP] == 3
    assert [record["place"] for record in world.records("rung") if not record["task"]] == [
        f"{ALONE}Card 24 GB",
        NOWHERE,
    ]
    said = next(text for text in world.said() if "is given up" in text)
    assert "on Card 24 GB, the biggest card, not even alone" in said
    assert "needs more than the 102 MiB that were free of its 24.0 GiB" in said
    climbed = Climbed()
    for record in world.records("rung"):
        climbed.sent(record["task"], record["place"], record["fault"])
    after = UnequalCards((24,), {}, tasks=3)
    after.machine.ladder.recall(climbed)
    after.run()
    assert after.machine.outcome is Outcome.COMPLETE


def test_all_cards_that_are_equally_full_are_as_before():
    world = play((24, 24), {}, tasks=6, neighbours=dict.fromkeys((0, 1), (23.4, ALWAYS)))
    assert world.machine.ledger.counts[TaskState.GIVEN_UP] == 6
    assert {record["place"] for record in world.records("rung")} == {f"{ALONE}Card 24 GB", NOWHERE}


def test_the_biggest_card_is_full_and_the_sentence_says_so():
    world = play((48, 24), {3: 30}, tasks=40, neighbours={0: (40, ALWAYS)})
    said = [text for text in world.said() if "is given up" in text]
    assert len(said) == 1
    assert "on Card 24 GB, the card with the most room, not even alone" in said[0]


def test_a_resumed_frame_for_a_card_with_more_room_goes_to_any_that_has_it():
    world = UnequalCards(EQUAL, {}, tasks=60, neighbours={0: (23.4, ALWAYS)})
    while not world.records("rung"):
        world.round()
    rung = world.records("rung")[0]
    assert rung["place"].startswith(OVER)
    climbed = Climbed()
    climbed.sent(rung["task"], rung["place"], rung["fault"])
    after = UnequalCards(EQUAL, {}, tasks=60, done=world.committed, neighbours={2: (23.4, ALWAYS)})
    after.machine.ladder.recall(climbed)
    after.run()
    assert after.machine.outcome is Outcome.COMPLETE
    assert after.where(rung["task"])[-1] != "Card 24 GB #2 1"


def test_frames_do_not_wait_for_ever_for_a_card_that_is_filled_meanwhile():
    heavy = range(1, 40, 4)
    world = play((24, 8), dict.fromkeys(heavy, 20), tasks=60, neighbours={0: (22, range(5, 1 << 30))})
    assert world.machine.ledger.settled()
    assert set(range(60)) - set(heavy) <= set(world.committed)
    assert any(place["place"] == f"{ALONE}Card 8 GB" for place in world.records("rung"))


@pytest.mark.parametrize("per_card", [1, 2])
def test_neighbours_that_take_turns_send_no_frame_around_for_ever(per_card):
    class Turns(UnequalCards):
        def held(self, number):
            return 20 if self.rounds % 3 == number else 3 * number

    world = Turns(
        (24, 24, 24), {3: 23}, tasks=60, per_card=per_card, neighbours={0: (0, ALWAYS), 1: (0, ALWAYS), 2: (0, ALWAYS)}
    )
    world.run(most=ROUNDS)
    assert world.machine.ledger.counts[TaskState.DONE] >= 59
    assert len(world.where(3)) < 30


def test_a_neighbour_that_follows_a_frame_from_card_to_card_does_not_make_it_go_round():
    class Chased(UnequalCards):
        full = -1

        def held(self, number):
            return 23.4 if number == self.full else 0

        def do_one(self, worker, attempt):
            at_work = self.machine.workers[worker]
            if at_work.hand[attempt].task == 3 and at_work.hand[attempt].pictures is None:
                self.full = int(at_work.slot.slot.devices[0].pci)
                self.gauge()
            super().do_one(worker, attempt)

    world = Chased((24, 24), {}, tasks=60, neighbours={0: (0, ALWAYS), 1: (0, ALWAYS)})
    world.run(most=ROUNDS)
    assert world.machine.ledger.settled()
    assert len(world.where(3)) < 6
    assert all("the 102 MiB that were free" in text for text in world.said() if "is given up" in text)


def test_a_frame_does_not_leave_a_card_for_one_strange_sample():
    """The memory of a worker that just died looks like another program's for a moment."""
    world = UnequalCards((24, 8), {0: 20, 1: 20}, tasks=60)
    place = f"{OVER}{8 << 30}"
    big = {worker for worker, at_work in world.machine.workers.items() if "24" in at_work.slot.slot.name}
    while not world.machine.ledger.waiting_at(place):
        world.round(without=big)
    world.neighbours = {0: (23, ALWAYS)}
    world.gauge()
    world.neighbours = {}
    assert world.machine.ledger.waiting_at(place) == 1
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert not any(slot.endswith("alone") for _, slot in world.tries)


def test_cards_render_together_without_the_full_one():
    cards = [card(number, 24) for number in range(3)]
    room = {cards[0]: 1, cards[1]: 24, cards[2]: 24}
    assert together(cards, room.__getitem__) == tuple(cards[1:])
