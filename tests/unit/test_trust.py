# SPDX-License-Identifier: GPL-3.0-or-later
"""When finished frames are checked in a fresh worker, and what follows: the machine's own decisions, without processes."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from machine_world import PICTURES, World
from unit.test_machine_disorder import Disorder

from dispatch.allowance import Allowance
from dispatch.events import (
    Compare,
    GoOnAsked,
    Hand,
    Kill,
    Load,
    PauseAsked,
    Record,
    Recovered,
    Send,
    StopAsked,
    Tell,
    WorkerEnded,
)
from dispatch.ledger import TaskState
from dispatch.model import Fault, Outcome
from dispatch.protocol import Begun, Checked, Committed, Failed, Leave, Progressed, Rendered
from dispatch.roster import WorkerState
from dispatch.trust import Belief

ALWAYS = Belief(share=1.0, seed=7)


class Checking(World):
    """Workers render a frame in a second and answer checks by ``differs(task)``."""

    def __init__(self, belief=ALWAYS, differs=lambda task: False, **settings) -> None:
        self.differs = differs
        self.checks: list[tuple[int, int, int]] = []
        self.by: dict[int, tuple[int, bool]] = {}
        super().__init__(**{"tasks": 60, "slots": 2, "belief": belief, **settings})

    def feed(self, event):
        commands = super().feed(event)
        for command in commands:
            if isinstance(command, Compare):
                assert not self.machine.workers[command.worker].hand
                self.checks.append((command.worker, command.task, command.attempt))
        return commands

    def _play(self, worker) -> None:
        if worker.check:
            task = next(task for who, task, _ in self.checks if who == worker.id)
            self.say(worker.id, Progressed(worker.check, 1, 2))
            self.say(worker.id, Checked(worker.check, True, not self.differs(task)))
            return
        super()._play(worker)

    def do_one(self, worker, attempt):
        held = self.machine.workers[worker].hand[attempt]
        self.by[held.task] = (
            worker,
            self.machine.workers[worker].keeps_data and self.machine.workers[worker].begun > 0,
        )
        super().do_one(worker, attempt)

    def finish(self, worker) -> None:
        """One frame at a time: the others get their turn."""
        if hand := self.machine.workers[worker].hand:
            self.do_one(worker, next(iter(hand)))

    def recorded(self, what):
        return [c.facts for c in self.log if getattr(c, "what", "") == what]

    def told(self):
        return [c.text for c in self.log if isinstance(c, Tell)]


def test_a_check_is_the_first_work_of_a_fresh_worker_on_a_finished_warm_frame():
    world = Checking()
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert world.checks
    rendered = world.recorded("rendered")
    for worker, task, attempt in world.checks:
        made = next(r for r in rendered if r["task"] == task)
        assert made["warm"] > 0
        assert made["worker"] != worker
        assert all(r["attempt"] > attempt for r in rendered if r["worker"] == worker)
    assert sorted(world.committed) == list(range(60))


def test_nothing_is_checked_where_it_is_believed():
    world = Checking(Belief())
    world.run()
    assert not world.checks
    assert not any(r["warm"] for r in world.recorded("rendered"))


def test_the_same_job_checks_the_same_frames():
    one, two = Checking(), Checking()
    one.run()
    two.run()
    assert one.checks == two.checks
    other = Checking(Belief(share=1.0, seed=8))
    other.run()
    assert [c[1] for c in other.checks] != [c[1] for c in one.checks]


def test_two_differences_turn_it_off_and_every_warm_frame_is_rendered_again_by_others():
    world = Checking(differs=lambda task: True)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert len(world.checks) == 2
    assert world.checks[0][1] != world.checks[1][1]
    assert world.checks[0][0] != world.checks[1][0]
    again = [task for facts in world.recorded("again") for task in facts["tasks"]]
    assert again
    assert not any(warm for _, warm in world.by.values()), (
        "the last picture of a frame is by a worker that kept nothing"
    )
    count = len(world.recorded("again")[0]["tasks"])
    (said,) = [text for text in world.told() if "persistent data is off" in text]
    assert said == (
        f"Task {world.checks[0][1]} looks different when it is rendered in a fresh Blender: persistent data is off from "
        f"now on, {count} frames are rendered again."
    )
    loads = [c.persistent for c in world.log if isinstance(c, Load)]
    assert loads == sorted(loads, reverse=True)
    assert False in loads


def answering(*differ: bool) -> Checking:
    answers = iter(differ)
    world = Checking(differs=lambda task: next(answers, False))
    world.run()
    return world


def test_one_difference_that_neither_another_frame_nor_the_same_one_confirms_changes_nothing():
    world = answering(True, False, False)
    tasks = [task for _, task, _ in world.checks]
    assert tasks[2] == tasks[0] != tasks[1]
    assert not world.recorded("again")
    assert f"Task {tasks[0]} looks the same when it is checked again: the render goes on as it is." in world.told()


def test_a_frame_that_looks_different_twice_is_wrong_although_another_one_is_right():
    world = answering(True, False, True)
    assert len(world.checks) == 3
    assert world.recorded("again")
    assert world.machine.outcome is Outcome.COMPLETE


@pytest.mark.parametrize("seed", range(30))
def test_another_frame_confirms_the_first_one(seed):
    world = Checking(Belief(share=1.0, seed=seed), tasks=40, differs=lambda task: True)
    world.run()
    assert len({task for _, task, _ in world.checks}) == 2


def test_a_difference_found_while_the_last_frame_renders_is_cleared_up_before_the_job_ends():
    world, worker = check_in_progress(differs=lambda task: True)
    first = worker.check
    while not world.machine.ledger.settled():
        world.now += 0.5
        for other in [w for w in world.machine.workers.values() if w is not worker]:
            world._play(other)
        world.say(worker.id, Progressed(first, 1, 2))
    assert len(world.recorded("committed")) == 60
    assert not world.recorded("checked")
    assert world.machine.workers[worker.id].check == first
    world.run()
    assert len(world.recorded("checked")) == 2
    assert world.recorded("again")
    assert world.machine.outcome is Outcome.COMPLETE


@pytest.mark.parametrize("busy", [True, False], ids=["in the next frame", "between frames"])
def test_frames_in_the_hands_of_warm_workers_are_rendered_again_too(busy):
    world = Checking(differs=lambda task: True, slots=3)
    machine = world.machine
    while not world.recorded("again"):
        world.now += 0.5
        for worker in list(machine.workers.values()):
            attempts = list(worker.hand)
            if len(world.recorded("checked")) == 1 and attempts and worker.begun:
                # Its commit is on the way when the second check comes in.
                world.say(worker.id, Begun(attempts[0]))
                world.say(worker.id, Rendered(attempts[0], PICTURES, world.phases))
                for attempt in attempts[1:2] if busy else ():
                    world.say(worker.id, Begun(attempt))
            else:
                world._play(worker)
        world.tick(0.0)
    late = [(w, a) for w in list(machine.workers.values()) for a in w.hand.values() if a.pictures and a.warm]
    assert late
    for worker, attempt in late:
        assert worker.state is (WorkerState.KILLED if busy else WorkerState.LEAVING)
        if busy:
            world.feed(WorkerEnded(world.now, worker.id, Fault.KILLED))
            world.feed(Recovered(world.now, worker.id, (attempt.id,)))
        else:
            world.say(worker.id, Committed(attempt.id))
        assert attempt.task in machine.trust.again
        assert machine.ledger.state(attempt.task) is not TaskState.DONE
    world.run()
    assert machine.outcome is Outcome.COMPLETE
    assert not machine.trust.again


def test_what_an_earlier_run_found_stays():
    world = Checking(Belief(share=1.0, off=True, again=(3, 4)), tasks=6, done=(0, 1, 2, 5))
    world.run()
    hands = [(c.task, c.again) for c in world.log if type(c).__name__ == "Hand"]
    assert sorted(hands) == [(3, True), (4, True)]
    assert not world.checks
    assert not any(c.persistent for c in world.log if isinstance(c, Load))


def test_warm_frames_of_an_earlier_run_are_rendered_again_but_not_those_that_somebody_else_finished():
    world = Checking(Belief(share=1.0, warm=(0, 1, 40)), tasks=60, done=(0, 1, 2), differs=lambda task: True)
    world.run()
    again = {task for facts in world.recorded("again") for task in facts["tasks"]}
    assert {0, 1} <= again
    assert 2 not in again


def check_in_progress(world_of=None, **settings):
    world = (world_of or Checking)(**settings)
    while not world.checks:
        world.now += 0.5
        for worker in list(world.machine.workers.values()):
            world._play(worker)
        for worker in list(world.machine.recovering):
            world.feed(Recovered(world.now, worker, ()))
        world.tick(0.0)
    return world, world.machine.workers[world.checks[-1][0]]


@pytest.mark.parametrize("end", ["dies", "fails", "hangs"])
def test_a_check_that_goes_wrong_blames_nobody(end):
    world, worker = check_in_progress()
    task, attempt = world.checks[-1][1:]
    if end == "fails":
        world.say(worker.id, Failed(attempt, Fault.LOST_DEVICE, "gone"))
        assert Send(worker.id, Leave()) in world.log
    elif end == "hangs":
        world.tick(10_000.0)
        assert Kill(worker.id) in world.log
    if end != "fails":
        world.feed(WorkerEnded(world.now, worker.id, Fault.CRASHED))
        world.feed(Recovered(world.now, worker.id, ()))
    assert world.recorded("checked")[-1]["compared"] is False
    assert world.machine.ledger.state(task) is TaskState.DONE
    assert not world.recorded("blamed")
    assert worker.slot.deaths == 0.0
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE


def test_progress_of_a_long_check_is_a_sign_of_life():
    world, worker = check_in_progress()
    for _ in range(5):
        world.say(worker.id, Progressed(worker.check, 1, 2))
        world.tick(1000.0)
    assert world.machine.workers[worker.id].state is WorkerState.READY


@pytest.mark.parametrize("wish", [PauseAsked, StopAsked])
def test_a_worker_that_makes_a_check_has_nothing_to_finish(wish):
    world, worker = check_in_progress()
    world.feed(wish(world.now))
    assert Kill(worker.id) in world.log
    world.feed(WorkerEnded(world.now, worker.id, Fault.KILLED))
    assert world.machine.checks._failures == 0


def test_late_and_foreign_answers_change_nothing():
    world, worker = check_in_progress(differs=lambda task: True)
    attempt = worker.check
    for _ in range(3):
        world.say(worker.id, Checked(attempt + 100, True, False))
    assert not world.recorded("checked")
    for _ in range(3):
        world.say(worker.id, Checked(attempt, True, False))
    assert len(world.recorded("checked")) == 1


def test_a_hundredth_of_the_work_and_no_more_is_spent():
    for frames in (100, 1000, 10_000):
        spent = Allowance(0.01)
        spent.loaded(3.0)
        made = checks = 0
        for done in range(frames):
            spent.rendered(1.0, first=done == 0)
            if spent.covers(frames - done - 1, 2, load=True):
                spent.spend(4.0)
                checks += 1
                made = made or done
        assert checks * 4.0 <= 0.01 * frames
        assert checks == {100: 0, 1000: 2, 10_000: 24}[frames] or checks >= 0.9 * frames * 0.01 / 4.0
        assert made < frames * 0.5


def test_what_was_saved_up_is_spent_little_by_little():
    """On two H200 Auto compared for ten minutes; four checks followed each other then, a worker was missing for one."""
    spent = Allowance(0.01)
    spent.loaded(3.0)
    for done in range(2000):
        spent.rendered(1.0, first=done == 0)  # nothing may be checked meanwhile
    made = []
    for done in range(2000):
        if spent.covers(8000 - done, 8, load=True):
            spent.spend(4.0)
            made.append(done)
        spent.rendered(1.0, first=False)
    assert made[0] == 0
    between = [later - earlier for earlier, later in pairwise(made)]
    assert min(between) >= 4.0 / (2 * 0.01)
    assert between[0] < 4.0 / 0.01, "what was saved up is made up for"


def test_what_a_check_costs_begins_where_its_slot_has_nothing_else_to_do():
    """A Blender that lets go of a big scene takes seconds for that, and so does the next one that loads it."""
    world = Checking()
    checks = world.machine.checks
    while checks._awaited is None:
        world.round()
    began, slot = world.now, checks._awaited
    assert slot.worker.state is WorkerState.LEAVING
    world.now += 20.0  # it ends slowly
    while not world.checks:
        world.round()
    world.now += 3.0
    world.say(slot.worker.id, Checked(slot.worker.check, True, True))
    assert checks._allowance._spent == world.now - began > 23.0


def test_a_check_is_not_begun_where_it_would_outlast_the_job():
    spent = Allowance(1.0)
    spent.loaded(3.0)
    for _ in range(100):
        spent.rendered(1.0, first=False)
    assert spent.covers(100, 2, load=True)
    assert not spent.covers(8, 2, load=True)


def test_cards_that_draw_another_noise_do_not_check_each_other():
    world = Checking(slots=2)
    machine = world.machine
    kinds = [frozenset(d.name for d in record.slot.devices) for record in machine.slots.values()]
    assert len(set(kinds)) == 1
    world.run()
    chosen = machine.checks._choose(next(iter(machine.slots.values())).slot)
    assert chosen
    other = type("Other", (), {"devices": (type("D", (), {"backend": "OPTIX", "name": "another"})(),)})()
    assert machine.checks._choose(other) is None


def with_a_doubt(world_of=None, before=lambda world: None):
    """Every frame is done, one of them looked different, and nothing else was checked. ``before`` the answer comes."""
    world, worker = check_in_progress(world_of, differs=lambda task: len(world.checks) == 1)
    while not world.machine.ledger.settled():
        world.now += 0.5
        for other in [w for w in world.machine.workers.values() if w is not worker]:
            world._play(other)
        world.say(worker.id, Progressed(worker.check, 1, 2))
    before(world)
    world.say(worker.id, Checked(worker.check, True, False))
    assert world.machine.checks.pending()
    return world


class Unequal(Checking):
    """The third card is another one, and has no worker for now."""

    def __init__(self, **settings):
        super().__init__(slots=3, **settings)
        third = self.machine.slots["GPU 3"]
        self.feed(WorkerEnded(self.now, third.worker.id, Fault.KILLED))
        third.not_before = float("inf")

    def make_slots(self, count):
        *alike, last = super().make_slots(count)
        return (*alike, replace(last, devices=(replace(last.devices[0], name="another"),)))


def test_a_fresh_worker_on_another_card_keeps_nobody_from_checking():
    def third_comes(world):
        world.machine.slots["GPU 3"].not_before = 0.0

    world = with_a_doubt(Unequal, third_comes)
    assert world.machine.slots["GPU 3"].worker
    world.run()
    assert len(world.checks) == 3
    assert world.machine.outcome is Outcome.COMPLETE


def test_a_hold_that_no_frame_can_end_ends_with_the_check_that_is_wanted_still():
    world = with_a_doubt()
    for worker in list(world.machine.workers.values()):
        world.feed(WorkerEnded(world.now, worker.id, Fault.DISK_FULL, "no space"))
    assert world.machine.blame.hold.words
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE


def test_a_fresh_worker_that_was_needed_for_frames_does_not_end_all_checking():
    world = Checking(slots=1)
    while not world.machine.checks._awaited:
        world.now += 0.5
        for worker in list(world.machine.workers.values()):
            world._play(worker)
        world.tick(0.0)
    (leaving,) = world.machine.workers
    world.feed(WorkerEnded(world.now, leaving, None))
    world.feed(Recovered(world.now, leaving, ()))
    (fresh,) = world.machine.workers
    world.feed(WorkerEnded(world.now, fresh, Fault.DISK_FULL, "no space"))  # the next one loads while the job is held
    world.run()
    assert world.checks
    assert world.machine.outcome is Outcome.COMPLETE


class Doubtful(Disorder):
    """The world of `test_machine_disorder`, in which checks are made and answered in any way, or not at all."""

    def __init__(self, rng: random.Random, **settings) -> None:
        super().__init__(rng, belief=Belief(share=1.0, seed=rng.randrange(100)), **settings)

    def feed(self, event):
        commands = World.feed(self, event)
        state = self.machine.ledger.state
        self.settled -= self.machine.trust.again
        assert all(state(task) is TaskState.DONE for task in self.settled)
        handed = {c.task for c in commands if isinstance(c, Hand)}
        assert not handed & self.settled, "a task that is done was handed out again"
        for command in commands:
            if isinstance(command, Hand):
                assert command.again == (command.task in self.machine.trust.again)
            if isinstance(command, Compare):
                assert not self.machine.workers[command.worker].hand
                assert state(command.task) is TaskState.DONE
        self.settled = {t for t in range(self.machine.ledger.count) if state(t) is TaskState.DONE}
        assert not self.settled & self.machine.trust.again
        return commands

    def _speak(self, worker) -> None:
        if worker.check and self.rng.random() < 0.9:
            odd = Failed(worker.check, Fault.LOST_DEVICE, "no"), Checked(worker.check, False, False)
            good = Checked(worker.check, True, self.rng.random() < 0.5)
            self.say(worker.id, good if self.rng.random() < 0.8 else self.rng.choice(odd))
        else:
            super()._speak(worker)

    def _play(self, worker) -> None:
        if worker.check:
            self.say(worker.id, Checked(worker.check, True, True))
        else:
            super()._play(worker)


@pytest.mark.parametrize("seed", range(150))
def test_in_disorder_no_bad_picture_stays_and_no_good_one_is_lost(seed):
    rng = random.Random(seed)
    world = Doubtful(rng, tasks=rng.randrange(5, 60), slots=rng.randrange(1, 5))
    for _ in range(rng.randrange(50, 1500)):
        world.step()
        if rng.random() < 0.01:
            world.feed(rng.choice((PauseAsked, GoOnAsked))(world.now))
        if world.machine.outcome is not None:
            break
    world.rng = random.Random(0)
    world.say = lambda worker, report: World.say(world, worker, report)
    world.feed(GoOnAsked(world.now))
    world.run()
    machine = world.machine
    assert machine.outcome in (Outcome.COMPLETE, Outcome.INCOMPLETE, Outcome.IMPOSSIBLE)
    if machine.outcome is Outcome.COMPLETE:
        assert not machine.trust.again
    facts = [c.facts | {"what": c.what} for c in world.log if isinstance(c, Record)]
    warm = {f["attempt"]: f["warm"] for f in facts if f["what"] == "rendered"}
    last = {f["task"]: f["attempt"] for f in facts if f["what"] == "committed" and not f["lost_to_others"]}
    if machine.trust.off:
        done = [t for t, a in last.items() if machine.ledger.state(t) is TaskState.DONE and warm.get(a)]
        found = {f["task"] for f in facts if f["what"] == "found"}
        lost = {f["task"] for f in facts if f["what"] == "committed" and f["lost_to_others"]}
        assert not set(done) - found - lost
