# SPDX-License-Identifier: GPL-3.0-or-later
"""Job folders: private, whole, found by a part of their name, and steered through wishes."""

from __future__ import annotations

import json
import os
import stat
import sys
import threading

import pytest

from dispatch import job
from dispatch.job import Wish
from dispatch.model import Backend, BlenderProgram, Device, DispatchError, Job
from dispatch.snapshot import Message, Snapshot, WorkerView


def a_job(name="shot"):
    return Job(
        id=job.new_id(name),
        name=name,
        created="2026-11-21T00:00:00+00:00",
        blend="/scenes/shot é.blend",
        scene="Scene",
        frames="1-6",
        output="/out/shot_####",
        blender=BlenderProgram(sys.executable, True, (5, 0, 1)),
        devices=(Device("CPU", "CPU", Backend.CPU),),
        environment={"OCIO": "/c.ocio"},
        external=(("/scenes/a.png", 5, 7),),
    )


def test_a_job_comes_back_as_it_was_made(tmp_path):
    task = a_job()
    assert job.load(job.create(task, tmp_path)) == task


def test_a_job_folder_is_private(tmp_path):
    folder = job.create(a_job(), tmp_path / "jobs")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', '{"schema": 1, "job": {"id": 3}}', '{"job": null}'])
def test_a_damaged_job_is_refused_with_a_sentence(tmp_path, text):
    folder = job.create(a_job(), tmp_path)
    (folder / "job.json").write_text(text)
    with pytest.raises(DispatchError, match="cannot be read"):
        job.load(folder)


def test_a_job_of_a_newer_version_is_refused_by_name(tmp_path):
    folder = job.create(a_job(), tmp_path)
    data = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps({**data, "schema": 99}))
    with pytest.raises(DispatchError, match="newer version"):
        job.load(folder)


def test_what_a_newer_writer_added_does_no_harm(tmp_path):
    folder = job.create(a_job(), tmp_path)
    data = json.loads((folder / "job.json").read_text())
    data["job"]["added_later"] = {"x": 1}
    (folder / "job.json").write_text(json.dumps(data))
    assert job.load(folder).name == "shot"


def test_jobs_are_found_by_path_id_part_or_last(tmp_path):
    first, second = job.create(a_job("first"), tmp_path), job.create(a_job("second"), tmp_path)
    assert job.find(str(first), tmp_path) == first
    assert job.find(first.name, tmp_path) == first
    assert job.find(f"{first.name}:", tmp_path) == first, "as `status` prints it"
    assert job.find("second", tmp_path) == second
    assert job.find("last", tmp_path) == sorted((first, second))[-1]
    with pytest.raises(DispatchError, match="no job 'third'"):
        job.find("third", tmp_path)
    with pytest.raises(DispatchError, match="fits 2 jobs"):
        job.find("-", tmp_path)


def test_wishes_are_taken_once_and_in_order_and_garbage_is_passed_over(tmp_path):
    folder = job.create(a_job(), tmp_path)
    job.ask(folder, Wish.PAUSE)
    (folder / "control" / "0.json").write_text("garbage")
    (folder / "control" / "1.json").write_text('{"wish": "explode"}')
    os.mkfifo(folder / "control" / "2.json")  # reading it would never end
    job.ask(folder, Wish.STOP_NOW)
    assert [asked.wish for asked in job.take_wishes(folder)] == [Wish.PAUSE, Wish.STOP_NOW]
    assert [asked.wish for asked in job.take_wishes(folder)] == []


def test_a_snapshot_comes_back_as_it_was_written_and_a_torn_one_is_none(tmp_path):
    folder = job.create(a_job(), tmp_path)
    assert job.read_snapshot(folder) is None
    workers = (WorkerView(1, "CPU 1", ("CPU",), "rendering", frame=7),)
    snapshot = Snapshot("id", "shot", "rendering", 9, workers=workers, messages=(Message("now", "note", "é"),))
    job.write_snapshot(folder, snapshot)
    assert job.read_snapshot(folder) == snapshot
    (folder / "snapshot.json").write_text('{"job": "i')
    assert job.read_snapshot(folder) is None


def test_whether_a_dispatcher_runs_is_told_by_its_lock(tmp_path):
    folder = job.create(a_job(), tmp_path)
    assert not job.is_running(folder)
    with job.lock(folder):
        assert job.is_running(folder)


def test_a_job_can_be_dismissed_and_shown_again(tmp_path):
    folder = job.create(a_job(), tmp_path)
    assert not job.is_dismissed(folder)
    job.dismiss(folder)
    assert job.is_dismissed(folder)
    job.dismiss(folder, False)
    job.dismiss(folder, False)
    assert not job.is_dismissed(folder)
    with pytest.raises(DispatchError, match="cannot be written"):
        job.dismiss(tmp_path / "gone")


def test_somebody_who_only_looks_does_not_keep_a_dispatcher_from_its_job(tmp_path):
    folder = job.create(a_job(), tmp_path)
    looking = job.lock(folder)
    timer = threading.Timer(0.2, looking.release)
    timer.start()
    job.lock(folder).release()
    timer.join()
