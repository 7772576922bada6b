# SPDX-License-Identifier: GPL-3.0-or-later
"""Job folders are taken away: only ours, only at rest, and nothing outside them."""

from __future__ import annotations

import os
import threading
import time

import pytest
from engine import make_job
from fake_scene import write_blend

from dispatch import job, measure, removal
from dispatch.measurement import Measurement, State
from dispatch.model import DispatchError, Outcome
from dispatch.snapshot import Snapshot


def a_job(root, name="shot"):
    root.mkdir(exist_ok=True)
    blend = write_blend(root.parent / f"{name}.blend")
    return make_job(root, blend, str(root.parent / "out" / "####"), "1-6")


def an_ended_job(root, days_ago, outcome=Outcome.COMPLETE, name="shot"):
    folder = a_job(root, name)
    job.write_snapshot(folder, Snapshot(job=folder.name, name=name, state="ended", total=6, outcome=outcome))
    at = time.time() - days_ago * 86400
    os.utime(folder / "snapshot.json", (at, at))
    return folder


def test_a_removed_job_is_gone_and_what_its_links_point_to_stays(tmp_path):
    folder = an_ended_job(tmp_path / "jobs", 1)
    cache = tmp_path / "blendcache_shot"
    cache.mkdir()
    (cache / "smoke.vdb").touch()
    (folder / "scene").mkdir()
    (folder / "scene" / "blendcache_shot").symlink_to(cache, target_is_directory=True)
    (folder / "cache").symlink_to(cache, target_is_directory=True)
    removal.remove(folder)
    assert list((tmp_path / "jobs").iterdir()) == []
    assert (cache / "smoke.vdb").exists()


def test_what_is_no_job_or_runs_is_not_removed(tmp_path):
    folder = an_ended_job(tmp_path / "jobs", 1)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    for wrong in (tmp_path / "pictures", tmp_path / "link", tmp_path / "nothing"):
        with pytest.raises(DispatchError, match="is no job folder"):
            removal.remove(wrong)
    with job.lock(folder), pytest.raises(DispatchError, match="already runs"):
        removal.remove(folder)
    assert (folder / "job.json").is_file()


def test_jobs_that_ended_long_ago_are_cleaned_up_and_nothing_else(tmp_path):
    old, stopped, young = (
        an_ended_job(tmp_path, 31),
        an_ended_job(tmp_path, 31, Outcome.STOPPED),
        an_ended_job(tmp_path, 1),
    )
    runs, interrupted = an_ended_job(tmp_path, 31), an_ended_job(tmp_path, 31, None)
    never = a_job(tmp_path)
    (tmp_path / "notes").mkdir()
    with job.lock(runs):
        assert removal.clean_up(tmp_path, 0) == []
        assert sorted(removal.clean_up(tmp_path, 30)) == sorted([old.name, stopped.name])
    assert {p.name for p in tmp_path.iterdir()} == {young.name, runs.name, interrupted.name, never.name, "notes"}
    assert removal.clean_up(tmp_path / "none", 30) == []


def test_a_foreign_folder_or_a_way_around_is_no_job_folder(tmp_path):
    folder = an_ended_job(tmp_path / "jobs", 40)
    mine = tmp_path / "jobs" / "shots"
    mine.mkdir()
    for name in ("job.json", "snapshot.json"):
        (mine / name).write_bytes((folder / name).read_bytes())
    link = tmp_path / "jobs" / job.new_id("link")
    link.symlink_to(mine, target_is_directory=True)
    for wrong in (mine, link, folder / "control" / "..", folder / ".." / "shots"):
        with pytest.raises(DispatchError, match="is no job folder"):
            removal.remove(wrong)
    assert job.folders(tmp_path / "jobs") == [folder]
    assert removal.clean_up(tmp_path / "jobs", 30) == [folder.name]
    assert sorted(p.name for p in mine.iterdir()) == ["job.json", "snapshot.json"]


def test_a_folder_of_somebody_else_is_never_offered(tmp_path, monkeypatch):
    folder = an_ended_job(tmp_path, 40)
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    assert job.folders(tmp_path) == []
    with pytest.raises(DispatchError, match="is no job folder"):
        removal.remove(folder)


def test_jobs_are_removed_while_somebody_asks_whether_they_run(tmp_path):
    folders = [an_ended_job(tmp_path, 1) for _ in range(30)]
    over = threading.Event()

    def ask():
        while not over.is_set():
            for folder in folders:
                with_lock(folder)

    def with_lock(folder):
        try:
            job.host.lock_file(folder / "lock").release()
        except (OSError, job.host.Locked):
            return

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for folder in folders:
            removal.remove(folder)
    finally:
        over.set()
        asking.join()
    assert not any(folder.exists() for folder in folders)


def test_measurements_that_rested_long_are_cleaned_up_and_one_that_runs_is_not(tmp_path):
    made = []
    for name, days_ago in (("old", 31), ("young", 29), ("busy", 31)):
        folder = a_job(tmp_path / "measurements", name)
        values = {"blend": "/a.blend", "scene": "Scene", "name": name, "blender": "Blender", "devices": ()}
        measure.write(folder, Measurement(folder.name, "2026-01-01T00:00:00+00:00", State.COMPLETE, **values))
        at = time.time() - days_ago * 86400
        os.utime(folder / measure.NAME, (at, at))
        made.append(folder)
    old, young, busy = made
    with job.lock(busy):
        assert removal.clean_up_measurements(tmp_path / "measurements", 30) == [old.name]
    assert removal.clean_up_measurements(tmp_path / "measurements", 0) == []
    assert young.is_dir()
    assert busy.is_dir()
