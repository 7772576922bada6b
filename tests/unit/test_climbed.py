# SPDX-License-Identifier: GPL-3.0-or-later
"""A resumed job goes on with frames that do not fit where it was: no failure comes again that the journal tells of."""

from __future__ import annotations

import json

import pytest
from unequal_cards import GB, UnequalCards

from dispatch import history
from dispatch.climbed import Climbed
from dispatch.events import Gauged, PauseAsked, Record
from dispatch.gauges import Sample
from dispatch.ledger import Ledger, Seat, TaskState
from dispatch.model import Fault, Outcome
from dispatch.rungs import ALONE, ALONE_IN_RAM, CPU, NOWHERE, OVER, TOGETHER

UNEQUAL = (24, 8, 8)
VRAM, RAM = Fault.OUT_OF_VRAM, Fault.OUT_OF_RAM
ALONE_BIG = f"{ALONE}Card 24 GB"
SEEN = ("failed", "rung", "given up")


def interrupted(world: UnequalCards, place: str, count: int) -> None:
    """Play until so many tasks wait at this place."""
    for _ in range(1000):
        if world.machine.ledger.waiting_at(place) == count:
            return
        world.round()
    raise AssertionError(f"{count} tasks never wait at {place}")


def read(world: UnequalCards, path) -> history.History:
    """What the journal of this world's job tells."""
    records = [c for c in world.log if isinstance(c, Record) and c.what in SEEN]
    told = [{"what": record.what, **record.facts} for record in records]
    told += [{"what": "committed", "task": task, "attempt": 0} for task in world.committed]
    path.write_text("".join(json.dumps({"at": "", **each}) + "\n" for each in told), encoding="utf-8")
    return history.read(path)


def resumed(world: UnequalCards, path, sizes=UNEQUAL, **settings) -> UnequalCards:
    """Render the rest of another world's job."""
    tasks = world.machine.ledger.count
    after = type(world)(sizes, world.needs, tasks=tasks, done=world.committed, **settings)
    after.machine.ladder.recall(read(world, path).climbed)
    after.run()
    return after


def test_frames_that_wait_for_the_last_resort_are_not_tried_on_every_card_again(tmp_path):
    world = UnequalCards(UNEQUAL, dict.fromkeys(range(10), 30), tasks=400, allowed=(CPU,))
    interrupted(world, CPU, 10)
    after = resumed(world, tmp_path / "journal", allowed=(CPU,))
    assert after.machine.outcome is Outcome.COMPLETE
    assert [after.where(task) for task in range(10)] == [["CPU"]] * 10
    assert after.said()[0].startswith("10 frames did not fit before the job was interrupted")


def test_frames_that_need_a_bigger_card_go_there_at_once(tmp_path):
    world = UnequalCards(UNEQUAL, dict.fromkeys(range(3, 6), 20), tasks=60)
    interrupted(world, f"{OVER}{8 * GB}", 1)
    late = [task for task in range(3, 6) if world.machine.ledger.place(task)]
    after = resumed(world, tmp_path / "journal")
    assert after.machine.outcome is Outcome.COMPLETE
    assert [after.where(task) for task in late] == [["Card 24 GB #0 1"]] * len(late)


def test_a_place_that_failed_is_not_tried_again_after_the_next_one_fails_too(tmp_path):
    world = UnequalCards((24, 24, 8), {3: 60}, tasks=200, allowed=(TOGETHER, CPU))
    interrupted(world, TOGETHER, 1)
    after = resumed(world, tmp_path / "journal", (24, 24, 8), allowed=(TOGETHER, CPU))
    assert after.where(3) == ["2 × Card 24 GB", "CPU"]


def test_frames_for_a_card_that_is_gone_begin_at_the_place_that_is_left(tmp_path):
    world = UnequalCards(UNEQUAL, dict.fromkeys(range(3, 6), 20), tasks=60)
    interrupted(world, f"{OVER}{8 * GB}", 1)
    left = set(range(3, 6)) - set(world.committed)
    after = resumed(world, tmp_path / "journal", (8, 8))
    given_up = {task for task in range(60) if after.machine.ledger.state(task) is TaskState.GIVEN_UP}
    assert given_up == left
    assert after.machine.ledger.settled()


def test_what_was_given_up_is_tried_again_from_the_beginning(tmp_path):
    world = UnequalCards((24, 8), {3: 30})
    world.run()
    assert world.machine.ledger.state(3) is TaskState.GIVEN_UP
    past = read(world, tmp_path / "journal")
    assert past.given_up
    assert past.climbed == Climbed()
    world.needs = {}
    assert resumed(world, tmp_path / "journal", (24, 8)).machine.outcome is Outcome.COMPLETE


def test_where_no_sample_comes_they_are_frames_like_others(tmp_path):
    world = UnequalCards(UNEQUAL, dict.fromkeys(range(3, 6), 20), tasks=60)
    interrupted(world, f"{OVER}{8 * GB}", 1)
    after = resumed(world, tmp_path / "journal", tells=False)
    assert after.machine.outcome is Outcome.COMPLETE


def test_a_task_that_is_on_its_way_when_the_sample_comes_is_left_there(tmp_path):
    world = UnequalCards(UNEQUAL, dict.fromkeys(range(3), 20), tasks=60)
    interrupted(world, f"{OVER}{8 * GB}", 2)
    after = UnequalCards(UNEQUAL, world.needs, tasks=60, done=world.committed, tells=False)
    after.machine.ladder.recall(read(world, tmp_path / "journal").climbed)
    after.start()
    out = {attempt.task for worker in after.machine.workers.values() for attempt in worker.hand.values()}
    assert out & set(range(3)), "they are handed out first"
    after.feed(Gauged(after.now, Sample({}, {})))
    assert not any(after.machine.ledger.place(task) for task in out)
    after.tells = True
    after.run()
    assert after.machine.outcome is Outcome.COMPLETE


def test_a_paused_job_remembers_too(tmp_path):
    world = UnequalCards(UNEQUAL, dict.fromkeys(range(10), 30), tasks=400, allowed=(CPU,))
    interrupted(world, CPU, 10)
    world.feed(PauseAsked(world.now))
    assert set(read(world, tmp_path / "journal").climbed.places.values()) == {CPU}


# --- the journal's words --------------------------------------------------------------------------------------------


def test_only_a_failure_on_record_tells_that_a_place_was_tried():
    climbed = Climbed()
    climbed.sent(1, f"{OVER}8", VRAM)
    climbed.failed(1, VRAM)
    climbed.sent(1, f"{OVER}16", VRAM)
    climbed.sent(1, ALONE_BIG, VRAM)  # the card was away: nobody tried the place before
    climbed.failed(1, Fault.LOST_DEVICE)
    assert climbed.places == {1: ALONE_BIG}
    assert climbed.climbs[1].over == 16
    assert climbed.climbs[1].done == {f"{OVER}8"}


@pytest.mark.parametrize("place", ["", NOWHERE])
def test_who_begins_anew_or_is_given_up_has_no_past(place):
    climbed = Climbed()
    climbed.sent(1, ALONE_IN_RAM, RAM)
    climbed.sent(1, place, RAM)
    climbed.failed(1, RAM)
    assert climbed == Climbed()


@pytest.mark.parametrize(
    "settled",
    [
        {"what": "committed", "attempt": 1},
        {"what": "found", "pictures": []},
        {"what": "given up", "words": "the scene's own fault"},
    ],
)
def test_nothing_is_remembered_of_a_task_that_is_settled(tmp_path, settled):
    records = [{"what": "rung", "place": CPU, "fault": "out of VRAM"}, settled]
    path = tmp_path / "journal"
    path.write_text("".join(json.dumps({"at": "", "task": 0, **each}) + "\n" for each in records), encoding="utf-8")
    assert history.read(path).climbed == Climbed()


@pytest.mark.parametrize(
    "record",
    [
        {"what": "rung", "task": 1, "place": f"{OVER}much", "fault": "out of VRAM"},
        {"what": "rung", "task": 99, "place": CPU, "fault": "out of VRAM"},
        {"what": "rung", "task": 1, "place": CPU, "fault": "of nobody's"},
        {"what": "rung", "task": 1},
        {"what": "failed", "task": 1, "fault": ["out of VRAM"]},
    ],
)
def test_damaged_records_are_passed_over(tmp_path, record):
    path = tmp_path / "journal"
    good = {"what": "rung", "task": 0, "place": CPU, "fault": "out of VRAM"}
    path.write_text("".join(json.dumps({"at": "", **each}) + "\n" for each in (record, good)), encoding="utf-8")
    assert history.read(path, tasks=50).climbed.places == {0: CPU}


def test_a_task_that_was_sent_somewhere_is_nobody_elses():
    ledger, seat = Ledger(4), Seat("card", "slot")
    ledger.send(1, CPU)
    ledger.give_back(ledger.take(0.0, seat), 0.0)
    ledger.send(0, CPU)  # it lies in the ordinary heap, too
    assert [ledger.take(0.0, seat), ledger.take_far(), ledger.take(0.0, seat), ledger.take_far()] == [2, 3, None, None]
    assert ledger.waiting_at(CPU) == 2
    assert {ledger.take(0.0, seat, place=CPU), ledger.take(0.0, seat, place=CPU)} == {0, 1}
    assert ledger.counts[TaskState.OUT] == 4
