# SPDX-License-Identifier: GPL-3.0-or-later
"""The session inside a real Blender: it finds jobs again, outlives files and undo, follows the preferences, ends."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import engine
import pytest
from attached import ATTACHED, attached, jobs_of, make_job
from fake_scene import write_blend
from installed import Installed

from dispatch import job
from dispatch.model import Outcome
from dispatch.snapshot import Snapshot


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return attached(tmp_path / "user")


@pytest.fixture
def jobs(installed: Installed) -> Path:
    return jobs_of(installed)


def end_job(folder: Path, days: float = 0.0) -> Path:
    """Make it look as if it had ended so many days ago."""
    job.write_snapshot(folder, Snapshot(folder.name, folder.name, "ended", 1, done=1, outcome=Outcome.COMPLETE))
    at = time.time() - days * 86400
    os.utime(folder / "snapshot.json", (at, at))
    return folder


@pytest.mark.leaves_claims
def test_a_job_that_runs_is_shown_to_a_new_session_and_after_its_dispatchers_death_as_interrupted(installed, jobs):
    folder = make_job(jobs, seconds=0.3, frames="1-4000")
    told = installed.run(
        ATTACHED
        + """
folder = sys.argv[1]
with dispatcher(folder) as process:
    seen_to(lambda: state() == "rendering" and session.shown().snapshot.done > 1)
    running = session.shown().running, tick.tick()
    disable(); enable()     # a new session, as another Blender would be
    session, tick = room("operators.session"), room("operators.tick")
    seen_to(lambda: state() == "rendering")
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    room("operators.notices").is_idle = lambda: False
    seen_to(lambda: state() == "interrupted")
    room("operators.notices").is_idle = lambda: True
done = session.shown().snapshot.done
said = []
room("operators.notices").popup = lambda lines, resume="": said.extend(lines)
seen_to(lambda: said)
tell({"running": running, "done": done, "then": state(), "told": said})
""",
        folder,
    )
    assert told["running"] == [True, 0.25]
    assert 1 < told["done"] < 4000
    assert told["then"] == "interrupted", "nothing is started unless the preferences say so"
    assert told["told"] == [["shot was interrupted: resume it in the Render properties.", "ERROR"]]


def test_an_interrupted_job_goes_on_by_itself_only_when_the_preferences_say_so_and_outlives_this_blender(
    installed, jobs
):
    folder = make_job(jobs)
    job.write_snapshot(folder, Snapshot("x", "shot", "rendering", 6, done=0))
    resume = """
preferences.resume_by_itself = True
seen_to(lambda: state() not in ("interrupted", "not started", None))
tell(session.trouble)
"""
    assert installed.run(ATTACHED + resume) == ""
    again = installed.run(ATTACHED + "seen_to(lambda: state() == 'ended'); tell(session.shown().snapshot.audit)")
    assert again == "6 of 6 frames complete, 0 rendered twice, 0 retried"


def test_file_load_and_undo_in_the_middle_of_a_job_change_nothing_for_it(installed, jobs, tmp_path):
    folder = make_job(jobs, seconds=0.2, frames="1-3000")
    told = installed.run(
        ATTACHED
        + """
folder, blend = sys.argv[1:]
bpy.ops.wm.save_as_mainfile(filepath=blend)
findings = []
with dispatcher(folder):
    seen_to(lambda: state() == "rendering")
    def still():
        before = session.seen().version
        seen_to(lambda: session.seen().version > before)
        findings.append([state(), session.findings, session.trouble, bpy.app.timers.is_registered(tick.tick)])
        session.findings, session.trouble = ("of the last file",), "of the last file"
    still()
    bpy.ops.wm.open_mainfile(filepath=blend); still()
    bpy.ops.wm.read_homefile(); still()
    bpy.ops.wm.open_mainfile(filepath=blend); still()
    bpy.ops.ed.undo_push(message="one"); scene().multi_gpu.retries = 7; bpy.ops.ed.undo_push(message="two")
    bpy.ops.ed.undo()
    session.findings, session.trouble = (), ""
    still()
    job.ask(Path(folder), job.Wish.STOP)
    seen_to(lambda: state() == "ended")
tell({"findings": findings, "handlers": len([f for f in bpy.app.handlers.load_post if f.__module__.startswith(MODULE)])})
""",
        folder,
        tmp_path / "a.blend",
    )
    assert told["findings"] == [["rendering", [], "", True]] * 5
    assert told["handlers"] == 1


def test_the_preset_that_a_file_names_as_its_default_is_applied_when_it_is_opened(installed, tmp_path):
    told = installed.run(
        ATTACHED
        + """
blend = sys.argv[1]
bpy.ops.wm.save_as_mainfile(filepath=blend)
bpy.ops.wm.open_mainfile(filepath=blend)
plain = bpy.data.is_dirty
settings = scene().multi_gpu
settings.retries = 9
bpy.ops.multi_gpu.preset_add(name="Mine")
settings.default_preset = "Mine"
settings.retries = 1
bpy.ops.wm.save_as_mainfile(filepath=blend)
bpy.ops.wm.read_homefile(use_factory_startup=False)
empty = scene().multi_gpu.retries
bpy.ops.wm.open_mainfile(filepath=blend)
tell([empty, scene().multi_gpu.retries, bpy.data.is_dirty == plain])
""",
        tmp_path / "a.blend",
    )
    assert told == [3, 9, True]


def test_damaged_job_folders_are_listed_and_hide_no_other_one(installed, jobs):
    good = make_job(jobs, "good")
    for name, text in (("20200101-000000-a-0000", "{"), ("20200101-000000-b-0000", '{"schema": 1, "job": {"id": 3}}')):
        (jobs / name).mkdir()
        (jobs / name / "job.json").write_text(text)
    end_job(good)
    (make_job(jobs, "cut") / "snapshot.json").write_bytes(b'{"job": "half')
    (jobs / "a file").write_text("")
    told = installed.run(
        ATTACHED
        + """
seen_to(lambda: len(session.seen().jobs) == 4)
tell(sorted([j.name, j.state, bool(j.error)] for j in session.seen().jobs))
"""
    )
    assert told == [
        ["20200101-000000-a-0000", "not started", True],
        ["20200101-000000-b-0000", "not started", True],
        ["cut", "not started", False],
        ["good", "ended", False],
    ]


def test_two_blenders_look_at_one_job_and_each_may_steer_it(installed, jobs):
    folder = make_job(jobs, seconds=0.2, frames="1-5000")
    other = """
seen_to(lambda: state() == "rendering")
bpy.ops.multi_gpu.pause()
seen_to(lambda: state() == "paused")
Path.home().joinpath("seen").touch()
seen_to(lambda: state() == "rendering")
bpy.ops.multi_gpu.stop()
seen_to(lambda: state() == "ended")
tell(session.shown().snapshot.outcome)
"""
    one = """
with dispatcher(sys.argv[1]):
    seen_to(lambda: state() == "paused" and Path.home().joinpath("seen").exists())
    bpy.ops.multi_gpu.go_on()
    seen_to(lambda: state() == "ended")
    tell(session.shown().snapshot.outcome)
"""
    told: list[str] = []
    beside = threading.Thread(target=lambda: told.append(installed.run(ATTACHED + other)))
    beside.start()
    told.append(installed.run(ATTACHED + one, folder))
    beside.join()
    assert told == ["stopped", "stopped"]


def test_another_jobs_folder_in_the_preferences_is_looked_at_at_once_and_the_old_thread_ends(installed, jobs, tmp_path):
    end_job(make_job(jobs, "here"))
    there = tmp_path / "elsewhere"
    end_job(
        engine.make_job(there, write_blend(tmp_path / "b.blend"), frames="1", output=str(tmp_path / "x"), name="there")
    )
    told = installed.run(
        ATTACHED
        + """
import threading
watches = lambda: [t for t in threading.enumerate() if t.name == "multi-gpu watch"]
session.wants_devices()
seen_to(lambda: [j.name for j in session.seen().jobs] == ["here"])
preferences.jobs_folder = sys.argv[1]
seen_to(lambda: [j.name for j in session.seen().jobs] == ["there"])
seen_to(lambda: len(watches()) == 1)
seen_to(lambda: session.seen().devices)
disable()
for thread in watches():
    thread.join(60)
tell([len(watches()), bpy.app.timers.is_registered(tick.tick), len(session.seen().jobs)])
""",
        there,
    )
    assert told == [0, False, 0]


def test_a_tick_never_raises_and_writes_nothing_into_the_file(installed):
    told = installed.run(
        ATTACHED
        + """
import logging
logging.getLogger(MODULE).setLevel(logging.CRITICAL)
for _ in range(5):
    tick.tick()
def broken():
    raise RuntimeError("as if a bug were here")
keep, session.follow = session.follow, broken
pause = tick.tick()
session.follow = keep
tell([pause, tick.tick(), list(scene().keys()), bpy.data.is_dirty])
"""
    )
    assert told[:3] == [0.5, 0.5, []]


def test_jobs_that_ended_long_ago_are_removed_beside_the_ticks_and_nothing_else(installed, jobs):
    end_job(make_job(jobs, "old"), days=31)
    end_job(make_job(jobs, "young"), days=29)
    make_job(jobs, "never")
    (jobs / "mine").mkdir()
    told = installed.run(
        ATTACHED
        + """
seen_to(lambda: len(session.seen().jobs) == 2)
tell(sorted(j.name for j in session.seen().jobs))
"""
    )
    assert told == ["never", "young"]
    assert (jobs / "mine").is_dir()


def test_devices_are_looked_for_once_and_the_interpreter_is_one_that_was_tried(installed):
    told = installed.run(
        ATTACHED
        + """
assert session.interpreter() is None
seen_to(lambda: session.seen().devices and not session.seen().looking)
session.wants_devices()
again = session.seen().looking
found = [d.name for d in session.seen().devices.devices]
session.wants_destination(sys.argv[1])
seen_to(lambda: session.seen().destination)
tell([found[-1], again, session.interpreter().program, session.seen().destination.folder])
""",
        "/tmp",
    )
    assert told[0] == "CPU"
    assert told[1] is False
    assert Path(told[2]).name.startswith("python")
    assert told[3] == "/tmp"


def test_the_snapshot_that_a_session_shows_is_the_dispatchers_own(installed, jobs):
    folder = end_job(make_job(jobs))
    told = installed.run(ATTACHED + "seen_to(lambda: state() == 'ended'); tell(session.shown().snapshot.done)")
    assert told == json.loads((folder / "snapshot.json").read_bytes())["done"]


def test_the_jobs_folder_is_measured_for_a_minute_after_the_preferences_were_drawn_last(installed, jobs):
    (make_job(jobs) / "large").write_bytes(bytes(100_000))
    told = installed.run(
        ATTACHED
        + """
seen_to(lambda: session.seen().jobs)
before = session.seen().bytes
session.wants_size()
seen_to(lambda: session.seen().bytes > 100_000)
wanted = session.measures(), session._watch._measure
session._measures_until = time.monotonic() - 1.0
tick.tick()
tell([before, wanted, session.measures(), session._watch._measure, session.seen().bytes > 100_000])
"""
    )
    assert told == [0, [True, True], False, False, True]


def test_what_another_jobs_folder_shows_is_drawn_although_its_watch_counts_from_the_beginning(
    installed, jobs, tmp_path
):
    told = installed.run(
        ATTACHED
        + """
drawn = []
tick.redraw = lambda: drawn.append(session.seen())
seen_to(lambda: session.seen().version == 1 or drawn)
first = session.seen()
again = type(first)(first.version, first.jobs, None, True)
session.seen = lambda: again
tick._redraw_if_changed(first); count = len(drawn)
tick._redraw_if_changed(again)
tick._redraw_if_changed(again)
tell([first.version == again.version, len(drawn) - count])
"""
    )
    assert told == [True, 1]


def test_a_path_in_the_preferences_is_not_relative_to_the_file_that_happened_to_be_open(installed, tmp_path):
    told = installed.run(
        ATTACHED
        + """
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1] + "/art/a.blend")
preferences.jobs_folder = "//../jobs here"
preferences.blender = "//blender"
chosen = preferences.jobs_folder, preferences.blender
bpy.ops.wm.read_homefile(use_factory_startup=False)
tell([os.path.normpath(chosen[0]), os.path.normpath(chosen[1]), str(room("operators.preferences").jobs_root()) == chosen[0]])
""",
        _folder(tmp_path / "art").parent,
    )
    assert told[:2] == [str(tmp_path / "jobs here"), str(tmp_path / "art" / "blender")]


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
