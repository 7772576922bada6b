# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurement folders: made, written, read, found again; what of a measured job never reaches its own output."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from engine import CPU, FAKE
from measured import ONE, device, point

from dispatch import arguments, job, measure, measure_command, measure_run, recommendation
from dispatch.codec import to_json
from dispatch.measurement import Point, Series, State, Way
from dispatch.model import DispatchError, Job, Order, Strategy, Then


def a_job(tmp_path: Path, **changes) -> Job:
    values = {
        **{"id": job.new_id("shot"), "name": "shot", "created": "2026-01-01T00:00:00+00:00"},
        **{"blend": str(tmp_path / "copy.blend"), "home": str(tmp_path / "shot.blend"), "scene": "Scene"},
        **{"frames": "1-100", "output": str(tmp_path / "final" / "####"), "blender": FAKE},
        **{"devices": (device(1), device(2), CPU), "order": Order.BACKWARD, "then": Then.SLEEP, "movie": "/m.mp4"},
        **changes,
    }
    return Job(**values)


def made(tmp_path: Path, **changes) -> Path:
    return measure.create(a_job(tmp_path, **changes), tmp_path / "measurements", seed=3, minutes=2.0)


def test_a_folder_is_a_measurement_that_waits(tmp_path):
    folder = made(tmp_path)
    found = measure.read(folder)
    assert (found.state, found.seed, found.minutes, found.blend) == (
        State.WAITING,
        3,
        2.0,
        str(tmp_path / "shot.blend"),
    )
    assert [d.pci for d in found.devices] == ["0000:01:00", "0000:02:00"]
    assert job.load(folder).id == folder.name == found.id
    assert measure.folders(folder.parent) == [folder]
    assert json.loads((folder / measure.NAME).read_text())["schema"] == 1


def test_without_a_gpu_the_cpu_is_measured(tmp_path):
    assert measure.measured_devices(a_job(tmp_path, devices=(CPU,))) == (CPU,)


def test_frames_that_depend_on_each_other_are_not_measured(tmp_path):
    with pytest.raises(DispatchError, match="bake them first"):
        made(tmp_path, in_order=True)
    assert not (tmp_path / "measurements").exists()


def test_what_was_written_is_read_with_all_that_follows_from_it(tmp_path):
    folder = made(tmp_path)
    points = (point(Way(ONE, 1, 2), 4.0, 4.1), point(Way(ONE, 2, 2), 6.0, 6.1), point(Way(ONE, 1, 1), 2.0, 2.1))
    written = measure.write(folder, recommendation.concluded(replace(measure.read(folder), points=points)))
    assert measure.read(folder) == measure.read(folder / measure.NAME) == written
    assert written.pid == os.getpid()
    assert written.recommendation.per_device == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"schema": 99}', "newer version"),
        ('{"id": 3}', "cannot be read"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, content, words):
    (tmp_path / measure.NAME).write_text(content)
    with pytest.raises(DispatchError, match=words):
        measure.read(tmp_path)
    with pytest.raises(DispatchError, match="holds no measurement"):
        measure.read(tmp_path / "nowhere")


def test_the_last_measurement_of_a_file_that_advises_something_is_found(tmp_path):
    place = tmp_path / "measurements"
    blend = tmp_path / "shot.blend"
    assert measure.latest(blend, place) is None
    points = (point(Way(ONE, 1, 2), 4.0), point(Way(ONE, 2, 2), 6.0))
    for number, several in enumerate((points, (replace(points[0], runs=points[1].runs), points[0]), ())):
        folder = made(tmp_path, id=f"20260101-00000{number}-shot-0000")
        measure.write(folder, recommendation.concluded(replace(measure.read(folder), points=several)))
    (place / "20260101-000009-shot-0000").mkdir()
    assert measure.latest(str(blend), place).id == "20260101-000001-shot-0000"
    assert measure.latest(tmp_path / "other.blend", place) is None


def test_a_run_is_a_job_that_touches_nothing_of_the_measured_one(tmp_path):
    folder, measured = tmp_path / "m", a_job(tmp_path, samples=50.0)
    task = measure_run.job_of(folder, measured, Point(Way(ONE, 2, 1)), [5, 1, 9])
    inside = str(folder / measure.PICTURES)
    assert task.output.startswith(inside)
    assert task.side_folder.startswith(inside)
    assert (task.movie, task.then, task.frames, task.order) == ("", Then.NOTHING, "5,1,9", Order.FORWARD)
    assert (task.strategy, task.per_device, task.devices) == (Strategy.PER_DEVICE, 2, measured.devices[:1])
    assert (task.samples, task.pixels) == (50.0, 1.0)
    assert task.id != measured.id


@pytest.mark.parametrize(("by", "samples", "pixels"), [("samples", 12.5, 1.0), ("resolution", 50.0, 0.25)])
def test_work_per_frame_is_a_part_of_what_the_job_has(tmp_path, by, samples, pixels):
    of = Point(Way(Strategy.COMBINED, 1, 2), Series.WORK, 0.25, by)
    task = measure_run.job_of(tmp_path, a_job(tmp_path, samples=50.0), of, [1])
    assert (task.samples, task.pixels) == (samples, pixels)
    assert (task.strategy, len(task.devices)) == (Strategy.COMBINED, 2)


def test_what_a_killed_measurement_left_is_tidied_by_the_next_one(tmp_path):
    killed, waits = made(tmp_path, id="20260101-000000-shot-0000"), made(tmp_path, id="20260101-000001-shot-0000")
    for folder in (killed, waits):
        (folder / measure.PICTURES).mkdir()
    dead = replace(measure.read(killed), state=State.RUNNING, pid=2**22 + 1, points=(point(Way(ONE, 1, 2), 4.0),))
    (killed / measure.NAME).write_text(to_json(dead))
    made(tmp_path, id="20260101-000002-shot-0000")
    assert not (killed / measure.PICTURES).exists()
    assert measure.read(killed).state is State.STOPPED
    assert measure.read(killed).points == dead.points
    assert (waits / measure.PICTURES).exists()
    assert measure.read(waits).state is State.WAITING


def test_tidying_leaves_the_figures_and_the_logs_of_what_failed(tmp_path):
    folder = made(tmp_path)
    for name in ("pictures/sides", "engine", "scene", "jobs/20260101-000000-shot-0000/workers"):
        (folder / name).mkdir(parents=True)
    measure.tidy(folder)
    left = {path.name for path in folder.iterdir()}
    assert measure.NAME in left
    assert "jobs" in left
    assert not left & {"pictures", "engine", "scene"}


def test_a_report_that_cannot_be_written_does_not_keep_the_render_from_starting(tmp_path, monkeypatch, capsys):
    folder = made(tmp_path)
    ended = replace(measure.read(folder), state=State.COMPLETE)
    monkeypatch.setattr(measure_command.measuring, "run", lambda folder, say: ended)
    (tmp_path / "taken").mkdir()
    words = ["measure", str(folder), "--report", str(tmp_path / "taken"), "-q"]
    shown: list[str] = []
    assert measure_command.run(arguments.parse([*words, "--render"]), shown.append) == 0
    assert len(shown) == 1
    assert "warning: The report" in capsys.readouterr().err
    with pytest.raises(DispatchError, match="The report"):
        measure_command.run(arguments.parse(words), shown.append)
