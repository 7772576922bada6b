# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine must come to an end: no kind of failure is tried for ever, and nobody is blamed for what another did."""

from __future__ import annotations

from machine_world import PICTURES, World, limits

from dispatch.events import Kill, PauseAsked, Recovered, Spawn, StopAsked, TimePassed, WorkerEnded
from dispatch.ledger import TaskState
from dispatch.model import Fault, Outcome
from dispatch.protocol import Begun, Committed, Failed, Left, Progressed, Rendered, Skipped
from dispatch.roster import WorkerState


def fail_always(world: World, fault: Fault, rounds: int = 400) -> None:
    """Fail whatever is begun, until the job has ended."""
    for _ in range(rounds):
        for worker in list(world.machine.workers.values()):
            for attempt in list(worker.hand):
                world.say(worker.id, Begun(attempt))
                world.say(worker.id, Failed(attempt, fault, "the script says so"))
        world.tick(0.5)
        if world.machine.outcome is not None:
            return


def end_all(world: World, fault: Fault) -> None:
    for worker in list(world.machine.workers):
        world.feed(WorkerEnded(world.now, worker, fault, "driver"))
        if worker in world.machine.recovering:
            world.feed(Recovered(world.now, worker, ()))


def test_a_job_whose_only_worker_cannot_be_ended_ends_without_it():
    world = World(tasks=2, slots=1, limits=limits(first=5, task=5, die=30))
    world.start()
    world.begin(1)
    world.tick(6)
    world.tick(31)
    world.feed(Recovered(world.now, 1, ()))
    assert world.machine.outcome is Outcome.INCOMPLETE


def test_a_script_that_changes_the_device_in_every_frame_does_not_render_for_ever():
    world = World(tasks=1, slots=1, limits=limits(backoff=0.1))
    world.start()
    fail_always(world, Fault.WRONG_DEVICE)
    assert world.machine.ledger.state(0) is TaskState.GIVEN_UP


def test_one_name_that_cannot_be_written_is_given_up_and_does_not_hold_the_job():
    world = World(tasks=1, slots=1)
    world.start()
    fail_always(world, Fault.CANNOT_WRITE)
    assert world.machine.ledger.state(0) is TaskState.GIVEN_UP


def test_children_that_die_of_a_full_disk_are_started_less_and_less_often():
    world = World(tasks=9, slots=1)
    for _ in range(100):
        end_all(world, Fault.DISK_FULL)
        world.tick(0.25)
    assert len([c for c in world.log if isinstance(c, Spawn)]) < 10
    assert world.machine.blame.hold.words
    assert world.machine.open_slots()


def test_two_resets_of_the_driver_leave_no_card_out():
    world = World(tasks=99, slots=2, limits=limits(backoff=0.1))
    world.start()
    for _ in range(2):
        first = next(iter(world.machine.workers))
        world.do_one(first, next(iter(world.machine.workers[first].hand)))
        for worker in list(world.machine.workers):
            world.begin(worker)
        end_all(world, Fault.LOST_DEVICE)
        world.tick(20)
        world.start()
    assert len(world.machine.open_slots()) == 2


def test_one_fault_of_a_card_that_ends_both_of_its_workers_counts_once():
    world = World(tasks=99, slots=2, same_card=True)
    world.start()
    for worker in (1, 2):
        world.begin(worker)
    end_all(world, Fault.LOST_DEVICE)
    assert len(world.machine.open_slots()) == 2


def test_a_paused_job_ends_when_its_last_frame_is_in_place():
    world = World(tasks=1, slots=1)
    world.start()
    attempt = world.begin(1)
    world.feed(PauseAsked(world.now))
    world.say(1, Rendered(attempt, PICTURES, world.phases))
    world.say(1, Committed(attempt))
    world.feed(WorkerEnded(world.now, 1, None))
    assert world.machine.outcome is Outcome.COMPLETE


def test_thousands_of_foreign_claims_leave_time_for_frames_that_nobody_has():
    world = World(tasks=3001, slots=1)
    world.start()
    handed: set[int] = set()
    for _ in range(12_000):
        attempt = next(iter(world.machine.workers[1].hand.values()))
        handed.add(attempt.task)
        if 3000 in handed:
            break
        world.now += 0.004
        world.machine.handle(TimePassed(world.now))
        world.say(1, Skipped(attempt.id, owner="", since=1.0))
    assert 3000 in handed


def test_a_frame_of_hours_lives_as_long_as_its_samples_come():
    world = World(tasks=2, slots=1, limits=limits(first=100, task=100))
    world.start()
    attempt = world.begin(1)
    for sample in range(1, 8):
        assert world.tick(60) == []
        world.say(1, Progressed(attempt, sample, 8))
    world.say(1, Progressed(attempt, 7, 8))
    assert world.tick(101) == [Kill(1)]


def test_nobody_was_silent_while_the_dispatcher_itself_stood_still():
    world = World(tasks=2, slots=1, limits=limits(first=100, task=100))
    world.start()
    world.begin(1)
    world.now += 3600
    assert world.feed(TimePassed(world.now, stood_still=3599)) == []
    assert world.machine.workers[1].state is WorkerState.READY
    assert world.tick(101) == [Kill(1)]


def test_a_child_that_said_goodbye_and_stays_is_ended_soon():
    world = World(tasks=9, slots=1)
    world.start()
    attempt = world.begin(1)
    world.feed(StopAsked(world.now))
    world.say(1, Rendered(attempt, PICTURES, world.phases))
    world.say(1, Committed(attempt))
    dropped = tuple(world.machine.workers[1].hand)
    assert dropped
    world.say(1, Left(dropped))
    assert world.tick(11) == [Kill(1)]
