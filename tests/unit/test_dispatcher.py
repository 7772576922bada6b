# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell around the machine, with real processes: fake children that speak the real protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest
from jobs import FAKE_CHILD, ROOT, expected, make_job, names
from waiting import until

from dispatch import dispatcher, history, job
from dispatch.job import Wish
from dispatch.model import BlenderProgram, DispatchError, Outcome


@pytest.fixture(autouse=True)
def private_state(state_folder):
    """Leases of this test only."""


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_job_ends_complete_with_every_picture_once_and_nothing_left_over(tmp_path, overwrite):
    folder = make_job(tmp_path, overwrite=overwrite)
    seen = []
    assert dispatcher.run(folder, seen.append, FAKE_CHILD) is Outcome.COMPLETE
    assert names(tmp_path) == expected(1, 6)
    assert seen[-1].audit == "6 of 6 frames complete, 0 rendered twice, 0 retried"
    assert seen[-1].state == "ended"
    assert job.read_snapshot(folder).outcome is Outcome.COMPLETE


def test_a_second_run_of_a_complete_job_starts_no_child(tmp_path):
    folder = make_job(tmp_path, script={"renders": str(tmp_path / "renders")})
    dispatcher.run(folder, None, FAKE_CHILD)
    assert dispatcher.run(folder, None, FAKE_CHILD) is Outcome.COMPLETE
    assert len((tmp_path / "renders").read_text().splitlines()) == 6


def test_a_child_that_dies_in_a_frame_costs_a_retry_and_nothing_else(tmp_path):
    rule = {"at": "render", "do": "signal", "code": 9, "frames": [3], "times": 1}
    folder = make_job(tmp_path, script={"rules": [rule]})
    seen = []
    assert dispatcher.run(folder, seen.append, FAKE_CHILD) is Outcome.COMPLETE
    assert names(tmp_path) == expected(1, 6)
    assert seen[-1].retried == 1


def test_a_poison_frame_is_given_up_and_named_and_the_rest_is_finished(tmp_path):
    rule = {"at": "render", "do": "signal", "code": 11, "frames": [3]}
    folder = make_job(tmp_path, script={"rules": [rule]}, retries=1)
    seen = []
    assert dispatcher.run(folder, seen.append, FAKE_CHILD) is Outcome.INCOMPLETE
    assert names(tmp_path) == [n for n in expected(1, 6) if n != "shot_0003.png"]
    assert any("Frame 3 is given up" in m.text for m in seen[-1].messages)
    assert seen[-1].audit.startswith("5 of 6 frames complete")


def test_stop_and_resume_render_every_frame_once(tmp_path):
    folder = make_job(tmp_path, "1-20", script={"seconds": 0.1, "renders": str(tmp_path / "renders")})

    def stop_soon(snapshot):
        if snapshot.done >= 3 and snapshot.state == "rendering":
            job.ask(folder, Wish.STOP)

    assert dispatcher.run(folder, stop_soon, FAKE_CHILD) is Outcome.STOPPED
    assert dispatcher.run(folder, None, FAKE_CHILD) is Outcome.COMPLETE
    rendered = sorted(int(line.split()[0]) for line in (tmp_path / "renders").read_text().splitlines())
    assert rendered == list(range(1, 21))


def test_stop_now_leaves_no_claim_and_no_temporary_file(tmp_path):
    folder = make_job(tmp_path, "1-20", script={"seconds": 0.3}, overwrite=False)

    def stop_soon(snapshot):
        if snapshot.done >= 1 and snapshot.state == "rendering":
            job.ask(folder, Wish.STOP_NOW)

    assert dispatcher.run(folder, stop_soon, FAKE_CHILD) is Outcome.STOPPED
    assert all(p.stat().st_size for p in (tmp_path / "out").iterdir())
    assert not (tmp_path / "out" / ".mgd").exists()


def test_yesterdays_pictures_are_replaced_with_overwrite_on_and_kept_with_overwrite_off(tmp_path):
    dispatcher.run(make_job(tmp_path, "1-3"), None, FAKE_CHILD)
    old = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
    seen = []
    assert dispatcher.run(make_job(tmp_path, "1-3", overwrite=False), seen.append, FAKE_CHILD) is Outcome.COMPLETE
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()} == old
    assert seen[-1].found == 3
    assert dispatcher.run(make_job(tmp_path, "1-3"), None, FAKE_CHILD) is Outcome.COMPLETE
    assert not set(old.values()) & {p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}


def test_a_job_whose_file_changed_starts_no_child_and_says_so(tmp_path):
    folder = make_job(tmp_path, blend_size=1, blend_mtime_ns=1)
    seen = []
    assert dispatcher.run(folder, seen.append, FAKE_CHILD) is Outcome.IMPOSSIBLE
    assert any("changed since the job was made" in m.text for m in seen[-1].messages)


def test_a_blender_that_is_not_there_ends_the_job_as_impossible(tmp_path):
    folder = make_job(tmp_path, blender=BlenderProgram(str(tmp_path / "nothing"), True, (5, 0, 1)))
    assert dispatcher.run(folder, None, FAKE_CHILD) is Outcome.IMPOSSIBLE


def test_a_second_dispatcher_on_the_same_job_is_refused(tmp_path):
    folder = make_job(tmp_path)
    with job.lock(folder), pytest.raises(DispatchError, match="already runs"):
        dispatcher.run(folder, None, FAKE_CHILD)


def test_a_second_job_waits_in_line_for_the_device_and_says_behind_whom(tmp_path):
    first = make_job(tmp_path, "1-8", script={"seconds": 0.2}, output=str(tmp_path / "a" / "x_####"), name="first")
    second = make_job(tmp_path, "1-2", script={"seconds": 0.2}, output=str(tmp_path / "b" / "x_####"))
    states = []
    thread = threading.Thread(target=lambda: states.append(_run_in_child(first)))
    thread.start()
    until(lambda: job.read_snapshot(first) is not None and job.read_snapshot(first).state == "rendering", 20)
    seen = []
    assert dispatcher.run(second, seen.append, FAKE_CHILD) is Outcome.COMPLETE
    thread.join(20)
    assert any(s.state == "waiting" for s in seen)
    assert any("the job 'first' renders on it" in m.text for s in seen for m in s.messages)
    assert states == [0]


def _run_in_child(folder):
    """Run a job in a process of its own, as two dispatchers of one user do."""
    code = (
        "import sys; from pathlib import Path; from dispatch import dispatcher\n"
        "sys.exit(0 if dispatcher.run(Path(sys.argv[1]), None, Path(sys.argv[2])) == 'complete' else 1)"
    )
    return subprocess.run([sys.executable, "-c", code, str(folder), str(FAKE_CHILD)], cwd=ROOT, timeout=60).returncode


def test_the_journal_alone_tells_what_is_in_place_after_a_crash_between_replace_and_report(tmp_path):
    folder = make_job(tmp_path, "1-3", script={"renders": str(tmp_path / "renders")})
    dispatcher.run(folder, None, FAKE_CHILD)
    path = folder / "journal.jsonl"
    kept = [
        line for line in path.read_text().splitlines() if json.loads(line)["what"] not in ("committed", "job ended")
    ]
    path.write_text("\n".join(kept) + "\n" + '{"what":"comm')
    assert sorted(history.done(history.read(path))) == [0, 1, 2]
    assert dispatcher.run(folder, None, FAKE_CHILD) is Outcome.COMPLETE
    assert len((tmp_path / "renders").read_text().splitlines()) == 3


def leave_placeholder(place, name, age):
    """Put an empty file there as a plain Blender does, so many seconds old."""
    (place / "out").mkdir()
    path = place / "out" / name
    path.touch()
    at = path.stat().st_mtime - age
    os.utime(path, (at, at))


def test_a_foreign_placeholder_is_left_alone_and_reported_and_the_job_does_not_end_as_complete(tmp_path):
    leave_placeholder(tmp_path, "shot_0002.png", age=7200)
    seen = []
    assert dispatcher.run(make_job(tmp_path, "1-3", overwrite=False), seen.append, FAKE_CHILD) is Outcome.INCOMPLETE
    assert (tmp_path / "out" / "shot_0002.png").stat().st_size == 0
    assert seen[-1].audit == "2 of 3 frames complete, 0 rendered twice, 0 retried, 1 claimed elsewhere"
    assert any("1 frame is claimed elsewhere since" in m.text for m in seen[-1].messages)


def test_foreign_placeholders_beyond_the_age_that_was_named_are_released_and_rendered(tmp_path):
    leave_placeholder(tmp_path, "shot_0002.png", age=7200)
    folder = make_job(tmp_path, "1-3", overwrite=False, release_claims_after=3600.0)
    assert dispatcher.run(folder, None, FAKE_CHILD) is Outcome.COMPLETE
    assert names(tmp_path) == expected(1, 3)
    assert (tmp_path / "out" / "shot_0002.png").stat().st_size > 0
