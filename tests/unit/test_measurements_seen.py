# SPDX-License-Identifier: GPL-3.0-or-later
"""The measurements of a folder as an interface sees them: real folders, real locks."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from engine import make_job
from fake_scene import write_blend
from waiting import until

from dispatch import host, job, measure
from dispatch.launch import Interpreter
from dispatch.measurement import Measurement, State
from dispatch.measurements_seen import MeasurementsSeen
from dispatch.watch import Watch


def put(place: Path, number: int, state: State = State.COMPLETE, **changes: object) -> Path:
    folder = place / f"20261121-0600{number:02}-shot-7f3a"
    folder.mkdir(parents=True, exist_ok=True)
    values = {"blend": "/a.blend", "scene": "Scene", "name": "a", "blender": "Blender", "devices": (), **changes}
    measure.write(folder, Measurement(id=folder.name, created="2026-11-21T06:01:00+00:00", state=state, **values))
    return folder


def test_measurements_come_newest_first_and_damaged_or_foreign_ones_not_at_all(tmp_path: Path) -> None:
    seen = MeasurementsSeen(tmp_path / "place")
    assert seen.look() == ()
    first, second = put(tmp_path / "place", 1), put(tmp_path / "place", 2, done=3)
    put(tmp_path / "place", 3).joinpath(measure.NAME).write_text("{", encoding="utf-8")
    (tmp_path / "place" / "holiday").mkdir()
    (tmp_path / "place" / "20261121-060009-empty-7f3a").mkdir()
    assert [(each.folder, each.found.done) for each in seen.look()] == [(str(second), 3), (str(first), 0)]
    put(tmp_path / "place", 2, done=4)
    assert [each.found.done for each in seen.look()] == [4, 0]
    for path in sorted(first.iterdir()):
        path.unlink()
    assert len(seen.look()) == 1


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    seen = MeasurementsSeen(tmp_path)
    put(tmp_path, 1)
    assert seen.look()[0].found is seen.look()[0].found


def test_what_holds_the_lock_runs_and_what_died_on_the_way_does_not(tmp_path: Path) -> None:
    folder = put(tmp_path, 1, State.RUNNING)
    seen = MeasurementsSeen(tmp_path)
    (before,) = seen.look()
    assert (before.running, before.interrupted) == (False, True)
    with job.lock(folder):
        (now,) = seen.look()
        assert (now.running, now.interrupted) == (True, False)
    (folder / "dispatcher.log").write_text("hello\nerror: The disk is full.\n", encoding="utf-8")
    (after,) = seen.look()
    assert (after.running, after.why) == (False, "The disk is full.")


def test_one_that_was_made_a_moment_ago_begins_and_one_of_an_hour_ago_never_did(tmp_path: Path) -> None:
    folder = put(tmp_path, 1, State.WAITING)
    seen = MeasurementsSeen(tmp_path)
    assert seen.look()[0].running
    file = folder / measure.NAME
    os.utime(file, (file.stat().st_mtime - 3600,) * 2)
    assert not seen.look()[0].running


@pytest.mark.parametrize("wanted", [True, False])
def test_a_watch_sees_measurements_only_where_it_was_told_of_their_place(tmp_path: Path, wanted: bool) -> None:
    put(tmp_path / "measurements", 1)
    make_job(tmp_path / "jobs", write_blend(tmp_path / "shot.blend"), str(tmp_path / "o" / "####"), "1-2")
    watch = Watch(
        tmp_path / "jobs",
        package=Path(host.__file__).parents[1],
        interpreters=[Interpreter(sys.executable, is_blender=False)],
        sites=[],
        blender=sys.executable,
        measurements=tmp_path / "measurements" if wanted else None,
    )
    watch.start()
    try:
        until(lambda: watch.seen.jobs, 60, "the first look")
        assert len(watch.seen.measurements) == wanted
    finally:
        watch.stop()
