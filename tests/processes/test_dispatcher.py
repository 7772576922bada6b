# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell around the machine, with real processes: fake children that speak the real protocol."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import psutil
import pytest
from engine import FAKE_ENTRY, running
from engine import make_job as job_over
from fake_scene import png, write_blend
from waiting import until

from dispatch import dispatcher, folder_there, history, job
from dispatch.model import BlenderProgram, DispatchError, Outcome


@pytest.fixture(autouse=True)
def private_state(state_folder):
    """Leases of this test only."""


def make_job(place, frames="1-6", script=None, **changes):
    """Make a job whose pictures go to ``place/out``."""
    blend = write_blend(place / f"{changes.get('name', 'shot')}.blend", **(script or {}))
    values = {"output": str(place / "out" / "shot_####"), "overwrite": True, **changes}
    return job_over(place / "jobs", blend, frames=frames, **values)


def names(place):
    """The pictures that are there, and anything else that lies beside them."""
    return sorted(p.name for p in (place / "out").iterdir())


def expected(first, last):
    return [f"shot_{n:04}.png" for n in range(first, last + 1)]


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_job_ends_complete_with_every_picture_once_and_nothing_left_over(tmp_path, overwrite):
    folder = make_job(tmp_path, overwrite=overwrite)
    seen = []
    assert dispatcher.run(folder, seen.append, FAKE_ENTRY) is Outcome.COMPLETE
    assert names(tmp_path) == expected(1, 6)
    assert seen[-1].audit == "6 of 6 frames complete, 0 rendered twice, 0 retried"
    assert seen[-1].state == "ended"
    assert job.read_snapshot(folder).outcome is Outcome.COMPLETE


def test_yesterdays_pictures_are_replaced_with_overwrite_on_and_kept_with_overwrite_off(tmp_path):
    dispatcher.run(make_job(tmp_path, "1-3"), None, FAKE_ENTRY)
    old = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
    seen = []
    assert dispatcher.run(make_job(tmp_path, "1-3", overwrite=False), seen.append, FAKE_ENTRY) is Outcome.COMPLETE
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()} == old
    assert seen[-1].found == 3
    assert dispatcher.run(make_job(tmp_path, "1-3"), None, FAKE_ENTRY) is Outcome.COMPLETE
    assert not set(old.values()) & {p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}


def test_a_job_whose_file_changed_starts_no_child_and_says_so(tmp_path):
    folder = make_job(tmp_path, blend_size=1, blend_mtime_ns=1)
    seen = []
    assert dispatcher.run(folder, seen.append, FAKE_ENTRY) is Outcome.IMPOSSIBLE
    assert any("changed since the job was made" in m.text for m in seen[-1].messages)


def test_a_blender_that_is_not_there_ends_the_job_as_impossible(tmp_path):
    folder = make_job(tmp_path, blender=BlenderProgram(str(tmp_path / "nothing"), True, (5, 0, 1)))
    assert dispatcher.run(folder, None, FAKE_ENTRY) is Outcome.IMPOSSIBLE


def test_a_second_dispatcher_on_the_same_job_is_refused(tmp_path):
    folder = make_job(tmp_path)
    with job.lock(folder), pytest.raises(DispatchError, match="already runs"):
        dispatcher.run(folder, None, FAKE_ENTRY)


def test_a_second_job_waits_in_line_for_the_device_and_says_behind_whom(tmp_path):
    one, two = str(tmp_path / "a" / "x_####"), str(tmp_path / "b" / "x_####")
    gate = tmp_path / "go"
    held = {"at": "render", "do": "await", "path": str(gate), "frames": list(range(5, 21))}
    first = make_job(tmp_path, "1-20", {"rules": [held]}, output=one, name="first", share_devices=False)
    second = make_job(tmp_path, "1-2", {"seconds": 0.2}, output=two, share_devices=False)
    seen = []

    def listen(snapshot):
        seen.append(snapshot)
        if any("the job 'first' renders on it" in message.text for message in snapshot.messages):
            gate.touch()

    with running(first) as process:
        until(lambda: (shown := job.read_snapshot(first)) is not None and shown.done)
        assert dispatcher.run(second, listen, FAKE_ENTRY) is Outcome.COMPLETE
        assert process.wait(60) == 0
    assert any(s.state == "waiting" for s in seen)
    assert any("the job 'first' renders on it" in m.text for s in seen for m in s.messages)


def test_the_journal_alone_tells_what_is_in_place_after_a_crash_between_replace_and_report(tmp_path):
    folder = make_job(tmp_path, "1-3", script={"renders": str(tmp_path / "renders")})
    dispatcher.run(folder, None, FAKE_ENTRY)
    path = folder / "journal.jsonl"
    kept = [
        line for line in path.read_text().splitlines() if json.loads(line)["what"] not in ("committed", "job ended")
    ]
    path.write_text("\n".join(kept) + "\n" + '{"what":"comm')
    assert sorted(history.done(history.read(path))) == [0, 1, 2]
    assert dispatcher.run(folder, None, FAKE_ENTRY) is Outcome.COMPLETE
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
    assert dispatcher.run(make_job(tmp_path, "1-3", overwrite=False), seen.append, FAKE_ENTRY) is Outcome.INCOMPLETE
    assert (tmp_path / "out" / "shot_0002.png").stat().st_size == 0
    assert seen[-1].audit == "2 of 3 frames complete, 0 rendered twice, 0 retried, 1 claimed elsewhere"
    assert any("1 frame is claimed elsewhere since" in m.text for m in seen[-1].messages)


def test_foreign_placeholders_beyond_the_age_that_was_named_are_released_and_rendered(tmp_path):
    leave_placeholder(tmp_path, "shot_0002.png", age=7200)
    folder = make_job(tmp_path, "1-3", overwrite=False, release_claims_after=3600.0)
    assert dispatcher.run(folder, None, FAKE_ENTRY) is Outcome.COMPLETE
    assert names(tmp_path) == expected(1, 3)
    assert (tmp_path / "out" / "shot_0002.png").stat().st_size > 0


def test_a_picture_that_somebody_removes_while_the_job_runs_is_missing_at_its_end(tmp_path):
    folder = make_job(tmp_path, "1-16", {"seconds": 0.2})

    def remove_the_first(snapshot):
        if snapshot.outcome is None and snapshot.done >= 4:
            (tmp_path / "out" / "shot_0001.png").unlink(missing_ok=True)

    assert dispatcher.run(folder, remove_the_first, FAKE_ENTRY) is Outcome.INCOMPLETE
    shown = job.read_snapshot(folder)
    assert (shown.outcome, shown.audit) == (
        Outcome.INCOMPLETE,
        "15 of 16 frames complete, 0 rendered twice, 0 retried, 1 missing or broken",
    )
    assert dispatcher.run(folder, None, FAKE_ENTRY) is Outcome.COMPLETE
    assert names(tmp_path) == expected(1, 16)


def test_a_plain_blenders_picture_over_ours_in_a_shared_folder_is_whole_and_counted_as_doubled(tmp_path):
    folder = make_job(tmp_path, "1-16", {"seconds": 0.2}, overwrite=False)

    def write_over_the_first(snapshot):
        if snapshot.outcome is None and snapshot.done >= 4:
            (tmp_path / "out" / "shot_0001.png").write_bytes(png(9, 9, "a plain Blender's"))

    seen = []
    assert dispatcher.run(folder, lambda s: (seen.append(s), write_over_the_first(s)), FAKE_ENTRY) is Outcome.COMPLETE
    assert seen[-1].audit == "16 of 16 frames complete, 1 rendered twice, 0 retried"


def test_the_last_snapshot_tells_what_each_device_did_and_which_picture_came_last(tmp_path):
    folder = make_job(tmp_path, "1-4", {"seconds": 0.2}, name="sums")
    seen = []
    dispatcher.run(folder, seen.append, FAKE_ENTRY)
    (device,) = seen[-1].devices
    assert device.done == 4
    assert 0.2 <= device.seconds_per_frame < 60.0
    assert seen[-1].last_picture in {str(tmp_path / "out" / name) for name in expected(1, 4)}
    again = make_job(tmp_path, "1-4", name="again", overwrite=False)
    dispatcher.run(again, seen.append, FAKE_ENTRY)
    assert (seen[-1].found, seen[-1].devices[0].done) == (4, 0)
    assert seen[-1].last_picture


def test_a_sentence_about_a_worker_or_a_failed_frame_names_the_log_that_tells_more(tmp_path):
    rules = [
        {"at": "render", "do": "exit", "code": 9, "frames": [2], "times": 1},
        {"at": "render", "do": "fail", "fault": "scene or script error", "frames": [3]},
    ]
    seen = []
    dispatcher.run(make_job(tmp_path, "1-4", {"rules": rules}, retries=1), seen.append, FAKE_ENTRY)
    said = {message.text: message.log for message in seen[-1].messages}
    (ended,) = (log for text, log in said.items() if "ended in frame 2" in text)
    (given_up,) = (log for text, log in said.items() if text.startswith("Frame 3 is given up"))
    for log in (ended, given_up):
        assert "fake_child" in Path(log).read_text(encoding="utf-8")
    about = ("orker", "given up", "failed on")
    assert all(not log for text, log in said.items() if not any(word in text for word in about))


def test_a_job_goes_on_when_the_disk_of_the_jobs_folder_was_away_for_a_moment(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_there, "FOLDER_GONE", 0.3)
    folder = make_job(tmp_path, "1-40", {"seconds": 0.2})
    away, seen_away = folder.parent.with_name("away"), []

    def unmount(seen):
        if seen.done and not seen_away:
            folder.parent.rename(away)
            seen_away.append(time.monotonic())
        elif seen_away and away.exists() and time.monotonic() - seen_away[0] > 1.0:
            away.rename(folder.parent)

    assert dispatcher.run(folder, unmount, FAKE_ENTRY) is Outcome.COMPLETE
    assert seen_away
    assert not away.exists()


def test_a_job_whose_folder_is_removed_by_hand_ends_with_its_children(tmp_path):
    folder = make_job(tmp_path, "1-400", {"seconds": 0.2})
    began, pids = [], []

    def remove(seen):
        pids.extend(worker.pid for worker in seen.workers if worker.pid)
        if seen.done and not began:
            began.append(time.monotonic())
            shutil.rmtree(folder)

    with pytest.raises(DispatchError, match="was removed"):
        dispatcher.run(folder, remove, FAKE_ENTRY)
    assert time.monotonic() - began[0] < 60
    assert len(names(tmp_path)) < 400
    assert not any(psutil.pid_exists(pid) for pid in pids)
