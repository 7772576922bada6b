# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine, fed by hand: one rule of DESIGN section 7 a test."""

from __future__ import annotations

import pytest
from machine_world import PICTURES, World, limits

from dispatch.events import (
    End,
    GoOnAsked,
    Hand,
    Kill,
    LayoutChosen,
    PauseAsked,
    Recover,
    Recovered,
    Send,
    Spawn,
    StopAsked,
    Tell,
    TimePassed,
    WorkerEnded,
)
from dispatch.ledger import TaskState
from dispatch.model import BlenderProgram, Fault, Outcome
from dispatch.protocol import (
    Begun,
    Broken,
    Commit,
    Committed,
    Discard,
    Failed,
    FolderUsed,
    Hello,
    Leave,
    Rendered,
    Skipped,
)


def test_a_job_without_trouble_hands_out_every_task_once_and_ends_complete():
    world = World(tasks=7, slots=2)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert sorted(world.handed) == list(range(7))
    assert sorted(world.committed) == list(range(7))


def test_pictures_are_put_in_place_only_after_the_journal_knows_them():
    world = World(tasks=1, slots=1)
    world.start()
    attempt = world.begin(1)
    commands = world.say(1, Rendered(attempt, PICTURES, world.phases))
    assert [type(c).__name__ for c in commands] == ["Record", "Send"]
    assert commands[0].what == "rendered"
    assert commands[1] == Send(1, Commit(attempt))


def test_a_worker_is_handed_the_next_task_while_it_renders():
    world = World(tasks=150, slots=2)
    world.start()
    assert [len(w.hand) for w in world.machine.workers.values()] == [2, 2]


def test_at_the_end_nobody_keeps_a_second_task():
    world = World(tasks=2, slots=2)
    world.start()
    assert [len(w.hand) for w in world.machine.workers.values()] == [1, 1]


def test_no_more_workers_are_started_than_there_are_tasks():
    world = World(tasks=1, slots=3)
    assert len([c for c in world.log if isinstance(c, Spawn)]) == 1


def test_a_silent_child_is_killed_at_its_deadline_and_its_task_goes_to_another_slot():
    world = World(tasks=2, slots=2, limits=limits(first=5, task=5))
    world.start()
    attempt = world.begin(1)
    task = world.machine.workers[1].hand[attempt].task
    assert Kill(1) not in world.tick(4)
    world.begin(2)
    assert world.tick(2) == [Kill(1)]
    world.feed(WorkerEnded(world.now, 1, Fault.KILLED))
    world.feed(Recovered(world.now, 1, ()))
    assert world.machine.ledger.blamed(task) == 1
    world.finish(2)
    later = [c for c in world.tick(2) if isinstance(c, Hand) and c.task == task]
    assert [c.worker for c in later] == [2]


def test_a_process_that_does_not_die_loses_its_slot_and_the_job_ends_without_it():
    world = World(tasks=2, slots=2, limits=limits(first=5, task=5, die=30))
    world.start()
    world.begin(1)
    world.tick(4)
    world.begin(2)
    world.tick(2)
    world.finish(2)
    commands = world.tick(31)
    assert any(isinstance(c, Recover) for c in commands)
    assert any(isinstance(c, Tell) and "cannot be ended" in c.text for c in commands)
    world.feed(Recovered(world.now, 1, ()))
    world.run(without={1})
    assert world.machine.outcome is Outcome.COMPLETE


def test_a_task_is_given_up_after_its_tries_and_the_rest_is_finished():
    world = World(tasks=5, slots=1, retries=2, limits=limits(backoff=0.1))
    world.poison = {3}
    world.run()
    assert world.machine.outcome is Outcome.INCOMPLETE
    assert world.machine.ledger.state(3) is TaskState.GIVEN_UP
    assert world.handed.count(3) == 3
    assert sorted(world.committed) == [0, 1, 2, 4]


def test_ends_of_several_workers_at_once_blame_no_task_and_no_slot():
    world = World(tasks=99, slots=3)
    world.start()
    world.do_one(1, next(iter(world.machine.workers[1].hand)))
    for worker in (1, 2, 3):
        world.begin(worker)
    for worker in (1, 2, 3):
        world.feed(WorkerEnded(world.now, worker, Fault.CRASHED, "driver reset"))
    assert all(world.machine.ledger.blamed(t) == 0 for t in range(9))
    assert all(r.deaths == 0 for r in world.machine.slots.values())
    assert any(isinstance(c, Tell) and "blaming the machine" in c.text for c in world.log)


def test_ends_before_anything_was_ever_finished_are_no_machine_event():
    world = World(tasks=9, slots=3)
    world.start()
    for worker in (1, 2, 3):
        world.begin(worker)
    for worker in (1, 2, 3):
        world.feed(WorkerEnded(world.now, worker, Fault.CRASHED, "SIGSEGV"))
    assert sum(world.machine.ledger.blamed(t) for t in range(9)) == 3


def test_a_task_that_ends_two_workers_within_seconds_is_no_machine_event():
    world = World(tasks=1, slots=2, retries=1, limits=limits(backoff=0.1))
    for _ in range(30):
        for worker in list(world.machine.workers):
            world.start()
            if world.machine.workers[worker].hand:
                world.begin(worker)
                world.feed(WorkerEnded(world.now, worker, Fault.CRASHED, "SIGSEGV"))
                world.feed(Recovered(world.now, worker, ()))
        world.tick(1)
    world.run()
    assert world.machine.outcome is Outcome.INCOMPLETE
    assert len(world.handed) == 2


def test_a_slot_whose_children_die_at_once_again_and_again_is_closed_and_nothing_renders():
    world = World(tasks=3, slots=1, limits=limits(deaths=3, backoff=0.1))
    for _ in range(20):
        for worker in list(world.machine.workers):
            world.feed(WorkerEnded(world.now, worker, Fault.CANNOT_START, "no such file"))
        world.tick(5)
    assert world.machine.outcome is Outcome.IMPOSSIBLE
    assert len([c for c in world.log if isinstance(c, Spawn)]) == 3


def test_out_of_vram_closes_one_of_two_slots_on_the_card_and_blames_no_task():
    world = World(tasks=9, slots=2, same_card=True)
    world.start()
    attempt = world.begin(1)
    task = world.machine.workers[1].hand[attempt].task
    world.say(1, Failed(attempt, Fault.OUT_OF_VRAM, "CUDA error: Out of memory"))
    assert Kill(1) in world.log
    assert world.machine.ledger.blamed(task) == 0
    assert len(world.machine.open_slots()) == 1


def test_a_disk_that_fills_again_soon_is_tried_less_and_less_often():
    world = World(tasks=99, slots=1, limits=limits(backoff=1))
    world.start()
    pauses = []
    for _ in range(4):
        attempt = world.begin(1)
        world.say(1, Failed(attempt, Fault.DISK_FULL, "full"))
        for prefetched in list(world.machine.workers[1].hand):
            world.say(1, Failed(prefetched, Fault.DISK_FULL, "full"))
        began = world.now
        while not world.machine.workers[1].hand:
            world.tick(0.5)
        pauses.append(world.now - began)
        world.do_one(1, next(iter(world.machine.workers[1].hand)))
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 8


def test_a_card_is_left_out_after_its_second_fault():
    world = World(tasks=9, slots=2, limits=limits(backoff=0.1))
    world.start()
    for _ in range(2):
        worker = next(w.id for w in world.machine.workers.values() if w.slot.slot.name == "GPU 1")
        attempt = world.begin(worker)
        commands = world.say(worker, Failed(attempt, Fault.LOST_DEVICE, "illegal address"))
        assert any(c in (Send(worker, Leave()), Kill(worker)) for c in commands), "its driver's error stays with it"
        world.feed(WorkerEnded(world.now, worker, None))
        world.feed(Recovered(world.now, worker, ()))
        world.tick(10)
        world.start()
    assert [r.slot.name for r in world.machine.open_slots()] == ["GPU 2"]


def test_a_full_disk_holds_the_job_and_one_task_at_a_time_finds_out_when_there_is_room_again():
    world = World(tasks=9, slots=2, limits=limits(backoff=1))
    world.start()
    for worker in (1, 2):
        attempt = world.begin(worker)
        world.say(worker, Failed(attempt, Fault.DISK_FULL, "the disk of /out is full"))
        for prefetched in list(world.machine.workers[worker].hand):
            world.say(worker, Begun(prefetched))
            world.say(worker, Failed(prefetched, Fault.DISK_FULL, "the disk of /out is full"))
    assert not any(w.hand for w in world.machine.workers.values())
    assert any(isinstance(c, Tell) and "goes on by itself" in c.text for c in world.log)
    world.tick(60)
    assert sum(len(w.hand) for w in world.machine.workers.values()) == 1
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert all(world.machine.ledger.blamed(t) == 0 for t in range(9))


def test_a_worker_on_another_device_is_ended_before_it_renders():
    world = World(tasks=3, slots=1)
    world.say(1, Hello(1, 11, (5, 0, 1), ""))
    world.say(1, world.loaded(1, devices=("CPU",)))
    assert Kill(1) in world.log
    assert not world.handed


def test_a_blender_that_was_updated_renders_nothing_and_its_slot_says_so():
    world = World(tasks=3, slots=1)
    world.machine.blender = BlenderProgram("/opt/blender", is_module=False, version=(5, 0, 1))
    world.say(1, Hello(1, 11, (5, 0, 2), ""))
    assert Kill(1) in world.log
    said = [command.text for command in world.log if isinstance(command, Tell)]
    assert any("/opt/blender is Blender 5.0.2 now, but the job was made with 5.0.1" in text for text in said)
    world.feed(WorkerEnded(world.now, 1, Fault.KILLED, "ended by SIGKILL"))
    assert world.machine.outcome is Outcome.IMPOSSIBLE
    assert not world.handed


@pytest.mark.parametrize(
    ("made_with", "now", "mixed"), [("abc", "def", True), ("abc", "abc", False), ("", "def", False)]
)
def test_another_build_of_the_same_version_is_another_blender(made_with, now, mixed):
    world = World(tasks=3, slots=1)
    world.machine.blender = BlenderProgram("/opt/blender", is_module=False, version=(5, 0, 1), build=made_with)
    world.say(1, Hello(1, 11, (5, 0, 1), now))
    said = "\n".join(command.text for command in world.log if isinstance(command, Tell))
    words = "/opt/blender is another build of Blender 5.0.1 now (def), but the job was made with build abc: put that one back"
    assert (Kill(1) in world.log) is mixed
    assert (words in said) is mixed


def test_a_scene_file_that_changed_closes_the_slot_at_once_since_no_blender_was_started():
    world = World(tasks=3, slots=1)
    world.feed(WorkerEnded(world.now, 1, Fault.SCENE, "a.blend changed"))
    said = [command.text for command in world.log if isinstance(command, Tell)]
    assert "GPU 1 is left out: a.blend changed" in said
    assert not any("another one is started" in text for text in said)


def test_pictures_of_a_worker_that_slipped_to_another_device_are_never_put_in_place():
    world = World(tasks=3, slots=1)
    world.start()
    attempt = world.begin(1)
    commands = world.say(1, Rendered(attempt, PICTURES, world.phases, devices=("CPU",)))
    assert Kill(1) in commands
    assert Send(1, Commit(attempt)) not in commands


def test_stop_lets_current_frames_finish_and_the_rest_waits_for_resume():
    world = World(tasks=9, slots=2)
    world.start()
    first, second = world.begin(1), world.begin(2)
    commands = world.feed(StopAsked(world.now))
    assert commands == [Send(1, Leave()), Send(2, Leave())]
    for worker, attempt in ((1, first), (2, second)):
        world.say(worker, Rendered(attempt, PICTURES, world.phases, devices=world.devices(worker)))
        world.say(worker, Committed(attempt))
        world.feed(WorkerEnded(world.now, worker, None))
        world.feed(Recovered(world.now, worker, ()))
    assert world.machine.outcome is Outcome.STOPPED
    assert world.machine.ledger.counts[TaskState.DONE] == 2
    assert world.machine.ledger.counts[TaskState.WAITING] == 7


def test_stop_now_kills_everything_and_blames_nobody():
    world = World(tasks=9, slots=2)
    world.start()
    world.begin(1)
    assert world.feed(StopAsked(world.now, now=True)) == [Kill(1), Kill(2)]
    for worker in (1, 2):
        world.feed(WorkerEnded(world.now, worker, Fault.KILLED))
        world.feed(Recovered(world.now, worker, ()))
    assert world.machine.outcome is Outcome.STOPPED
    assert not any(world.machine.ledger.blamed(t) for t in range(9))


def test_pause_ends_the_workers_and_going_on_starts_new_ones():
    world = World(tasks=9, slots=2)
    world.start()
    assert world.feed(PauseAsked(world.now)) == [Send(1, Leave()), Send(2, Leave())]
    for worker in (1, 2):
        world.feed(WorkerEnded(world.now, worker, None))
        world.feed(Recovered(world.now, worker, ()))
    assert world.machine.outcome is None
    commands = world.feed(GoOnAsked(world.now))
    assert len([c for c in commands if isinstance(c, Spawn)]) == 2


def test_a_worker_that_ends_between_replace_and_report_is_believed_by_its_pictures():
    world = World(tasks=1, slots=1)
    world.start()
    attempt = world.begin(1)
    world.say(1, Rendered(attempt, PICTURES, world.phases, devices=world.devices(1)))
    commands = world.feed(WorkerEnded(world.now, 1, Fault.KILLED))
    assert Recover(1, ((attempt, PICTURES),)) in commands
    world.feed(Recovered(world.now, 1, (attempt,)))
    assert world.machine.outcome is Outcome.COMPLETE
    assert world.handed == [0]


def test_late_pictures_of_an_attempt_that_is_not_its_own_any_more_are_thrown_away():
    world = World(tasks=3, slots=1)
    world.start()
    assert world.say(1, Rendered(99, PICTURES, world.phases)) == [Send(1, Discard(99))]


def test_what_is_found_under_many_frames_is_said_once():
    world = World(tasks=2, slots=1)
    world.start()
    said = []
    for _ in range(2):
        attempt = next(iter(world.machine.workers[1].hand))
        said += world.say(1, Skipped(attempt, pictures=PICTURES, warnings=("Of another size.",)))
    assert said.count(Tell("warning", "Of another size.", None)) == 1
    assert world.machine.found == 2


def test_a_frame_claimed_elsewhere_is_looked_at_again_until_it_is_there():
    world = World(tasks=1, slots=1, limits=limits(claims=15))
    world.start()
    attempt = next(iter(world.machine.workers[1].hand))
    world.say(1, Skipped(attempt, owner="render7", since=1.0))
    assert world.machine.ledger.elsewhere == 1
    assert not world.machine.workers[1].hand
    world.tick(16)
    attempt = next(iter(world.machine.workers[1].hand))
    world.say(1, Skipped(attempt, pictures=PICTURES))
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert world.machine.found == 1


def test_foreign_claims_that_do_not_move_end_the_wait_but_not_as_complete():
    world = World(tasks=1, slots=1, limits=limits(claims=15, foreign=60))
    world.start()
    for _ in range(6):
        for attempt in list(world.machine.workers[1].hand) if 1 in world.machine.workers else ():
            world.say(1, Skipped(attempt, owner="", since=1.0))
        world.tick(16)
    world.run()
    assert world.machine.outcome is Outcome.INCOMPLETE
    assert world.machine.ledger.elsewhere == 1


def test_a_scene_that_cannot_be_loaded_ends_the_job_soon():
    world = World(tasks=3, slots=1, limits=limits(backoff=0.1))
    for _ in range(10):
        for worker in list(world.machine.workers):
            world.say(worker, Hello(1, 11, (5, 0, 1), ""))
            world.say(worker, Broken(Fault.SCENE, "not a .blend file"))
            world.feed(WorkerEnded(world.now, worker, Fault.UNKNOWN))
        world.tick(10)
    assert world.machine.outcome is Outcome.IMPOSSIBLE
    assert len([c for c in world.log if isinstance(c, Spawn)]) == 2


def test_a_folder_is_journaled_before_the_child_may_use_it():
    world = World(tasks=3, slots=2)
    world.start()
    commands = world.say(1, FolderUsed("/out"))
    assert [type(c).__name__ for c in commands] == ["Record", "Send"]
    assert [type(c).__name__ for c in world.say(2, FolderUsed("/out"))] == ["Send"]


def test_a_new_layout_dismisses_what_is_not_wanted_and_starts_what_is_new():
    world = World(tasks=90, slots=2)
    world.start()
    slots = world.make_slots(3)[1:]
    commands = world.feed(LayoutChosen(world.now, slots))
    assert Send(1, Leave()) in commands
    assert [c.slot.name for c in commands if isinstance(c, Spawn)] == ["GPU 3"]


def test_a_million_tasks_cost_a_byte_each_until_they_meet_trouble():
    world = World(tasks=1_000_000, slots=2)
    world.start()
    assert len(world.machine.ledger._states) == 1_000_000
    assert not world.machine.ledger.trouble
    assert End not in map(type, world.log)


def test_time_that_passes_while_a_worker_has_nothing_to_do_is_no_silence():
    world = World(tasks=1, slots=1, limits=limits(task=5, first=5, claims=1000))
    world.start()
    attempt = next(iter(world.machine.workers[1].hand))
    world.say(1, Skipped(attempt, owner="render7", since=1.0))
    assert Kill(1) not in world.tick(500)
    assert world.feed(TimePassed(world.now)) == []


def test_workers_that_gather_wait_for_none_that_is_not_started():
    world = World(tasks=2, slots=3)
    world.machine.gather = True
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
