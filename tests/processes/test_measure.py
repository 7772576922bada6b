# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurements with fake children whose speeds are known: what is found, said, and left behind."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path

import command_line
import pytest
from engine import FAKE_ENTRY, SHORT, make_job, records, run
from fake_scene import write_blend
from waiting import until

from dispatch import job, measure, measure_table, measuring
from dispatch.gauges import Sample
from dispatch.job import Wish
from dispatch.measurement import Measurement, Memory, Series, State, Way
from dispatch.model import Backend, Device, DispatchError, Job, Outcome, Strategy

CARDS = [[f"CUDA_Fake_0000:{n:02x}:00_OptiX", "Fake H200", "OPTIX"] for n in (0x1B, 0x2C)]


@pytest.fixture(autouse=True)
def private_state(state_folder: Path) -> None:
    """Leases of this test only."""


def a_scene(place: Path, **script: object) -> Path:
    values = {"frames": [1, 400, 1], "seconds": 0.15, "card_seconds": 0.05, "devices": CARDS, **script}
    return write_blend(place / "shot.blend", **values)


def prepared(place: Path, blend: Path, cards: int = 2, **options: object) -> Path:
    stat = blend.stat()
    task = Job(
        id=job.new_id("shot"),
        name="shot",
        created="2026-01-01T00:00:00+00:00",
        blend=str(blend),
        scene="Scene",
        frames="1-400",
        output=str(place / "final" / "####"),
        blender=command_line.FAKE,
        devices=tuple(Device(name, "Fake H200", Backend.OPTIX, name[10:20]) for name, _, _ in CARDS[:cards]),
        blend_size=stat.st_size,
        blend_mtime_ns=stat.st_mtime_ns,
        limits=SHORT,
    )
    return measure.create(task, place / "measurements", **options)  # type: ignore[arg-type]


def rates(found: Measurement) -> dict[str, float]:
    return {point.words: point.rate for point in found.of(Series.CARDS)}


def test_known_speeds_are_found_and_the_second_worker_is_recommended(tmp_path: Path) -> None:
    folder = prepared(tmp_path, a_scene(tmp_path), minutes=1.0, repeats=1, frames_per_point=16)
    said: list[str] = []
    found = measuring.run(folder, said.append, FAKE_ENTRY)
    assert found.state is State.COMPLETE
    assert found == measure.read(folder)
    known = rates(found)
    # 0.2 s a frame, 0.05 s of it on the card; 0.175 s where two cards share it
    assert known["2 per GPU on 2 GPUs"] > 1.3 * known["1 per GPU on 2 GPUs"]
    assert known["1 per GPU on 2 GPUs"] > 1.3 * known["1 per GPU on 1 GPU"]
    assert known["combined on 2 GPUs"] < 0.8 * known["1 per GPU on 2 GPUs"]
    assert found.recommendation is not None
    assert found.recommendation.strategy is Strategy.PER_DEVICE
    assert found.recommendation.per_device >= 2
    assert (found.done, found.planned, found.current) == (found.planned, found.planned, "")
    assert said[0].startswith("First a short run")
    assert "about" in said[1]
    assert said[-1].startswith(f"{found.done} of {found.done}: ")
    assert not (tmp_path / "final").exists()
    assert {path.name for path in folder.iterdir()} == {"job.json", "measurement.json", "control", "lock", "workers"}


def test_no_frame_is_handed_out_until_every_worker_has_loaded(tmp_path: Path) -> None:
    late = {"at": "load", "do": "sleep", "seconds": 1.0, "workers": [2]}
    blend = write_blend(tmp_path / "shot.blend", rules=[late])
    folder = make_job(tmp_path / "jobs", blend, str(tmp_path / "out" / "####"), "1-8", gather=True)
    assert run(folder) is Outcome.COMPLETE
    assert {record["worker"] for record in records(folder) if record["what"] == "rendered"} == {1, 2}


def test_the_command_prints_the_table_and_leaves_only_the_figures(tmp_path: Path) -> None:
    blend = a_scene(tmp_path)
    place = tmp_path / "jobs"
    words = ["measure", blend, "--minutes", "0.2", "--repeats", "1", "--devices", "1b:00", "--jobs-dir", place]
    status, out, errors = command_line.run(*words)
    assert (status, errors) == (0, "")
    assert "frames/s" in out
    assert "Recommended: " in out
    assert not (tmp_path / "render").exists()
    (folder,) = measure.folders(place / "measurements")
    assert not (folder / measure.PICTURES).exists()
    assert measure.latest(blend, place / "measurements") is not None


def test_json_is_one_object_and_render_goes_on_with_what_was_found(tmp_path: Path) -> None:
    blend = a_scene(tmp_path, frames=[1, 30, 1], seconds=0.0, card_seconds=0.1)
    words = [
        "measure",
        blend,
        "--minutes",
        "0.1",
        "--repeats",
        "1",
        "--devices",
        "1b:00",
        "--jobs-dir",
        tmp_path / "jobs",
    ]
    status, out, errors = command_line.run(*words, "--json")
    assert status == 0
    found = json.loads(out)
    assert (found["schema"], found["state"]) == (1, "complete")
    assert "1 of" in errors
    status, out, errors = command_line.run(*words, "--render", "-o", tmp_path / "final" / "####")
    assert (status, errors) == (0, "")
    assert len(list((tmp_path / "final").glob("*.png"))) == 30
    (made,) = job.folders(tmp_path / "jobs")
    assert job.load(made).strategy is Strategy.PER_DEVICE
    assert "30 of 30 frames complete" in out


def test_ctrl_c_leaves_a_table_of_what_was_measured(tmp_path: Path) -> None:
    place = tmp_path / "jobs"
    words = ["measure", a_scene(tmp_path), "--minutes", "5", "--frames-per-point", 12, "--jobs-dir", place]
    with command_line.start(*words) as process:
        try:
            until(lambda: any(measure.read(f).done >= 3 for f in measure.folders(place / "measurements")), 240)
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=240)
        finally:
            process.kill()
    assert (process.returncode, errors) == (3, "")
    assert "Stopping: what was measured so far stays." in out
    assert "(stopped)" in out
    (folder,) = measure.folders(place / "measurements")
    found = measure.read(folder)
    assert found.state is State.STOPPED
    assert found.done >= 3
    assert not (folder / measure.PICTURES).exists()
    assert not (folder / "jobs").exists()


def test_a_wish_in_the_folder_stops_it_too(tmp_path: Path) -> None:
    folder = prepared(tmp_path, a_scene(tmp_path), minutes=5.0, frames_per_point=12)

    def stop_after_one(line: str) -> None:
        if line.startswith("1 of"):
            job.ask(folder, Wish.STOP)

    found = measuring.run(folder, stop_after_one, FAKE_ENTRY)
    assert (found.state, len(found.of(Series.CARDS)) > 1) == (State.STOPPED, True)
    assert found.done == 1 or found.done == 2  # the pilot counts where its frames are those of the plan


def test_a_worker_that_does_not_fit_ends_its_row_and_is_named(tmp_path: Path) -> None:
    third = {"at": "load", "do": "broken", "fault": "out of VRAM", "words": "the card is full", "workers": [5, 6]}
    folder = prepared(tmp_path, a_scene(tmp_path, rules=[third]), minutes=0.5, repeats=1, frames_per_point=24)
    found = measuring.run(folder, lambda line: None, FAKE_ENTRY)
    assert found.state is State.COMPLETE
    broken = [point for point in found.points if point.trouble]
    assert [point.way.per_device for point in broken] == [3]
    assert "out of VRAM" in broken[0].trouble
    assert found.recommendation is not None
    assert found.recommendation.per_device == 2
    assert "did not work" in found.recommendation.reason


def test_workers_are_added_in_larger_steps_as_long_as_that_pays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One thread prepares each frame: the card would do for ten of them."""
    monkeypatch.setattr(measuring, "no_room", lambda *_: "")
    scene = a_scene(tmp_path, seconds=0.45, card_seconds=0.05, devices=CARDS[:1])
    folder = prepared(tmp_path, scene, minutes=4.0, repeats=1, frames_per_point=6, cards=1)
    found = measuring.run(folder, lambda line: None, FAKE_ENTRY)
    assert found.state is State.COMPLETE
    steps = [point.way.per_device for point in found.of(Series.CARDS)]
    assert steps[:6] == [1, 2, 3, 4, 6, 8]
    assert found.recommendation is not None
    assert found.recommendation.per_device >= 6


def test_what_would_not_fit_into_memory_is_not_tried_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def no_room(way: Way, known: Sequence[Memory], devices: Sequence[Device], sample: Sample) -> str:
        asked.append((way.words, [each.per_device for each in known], len(devices), bool(sample.ram_total)))
        return "6 workers may need 9.0 GiB"

    monkeypatch.setattr(measuring, "no_room", no_room)
    folder = prepared(tmp_path, a_scene(tmp_path), minutes=0.5, repeats=1, frames_per_point=16)
    found = measuring.run(folder, lambda line: None, FAKE_ENTRY)
    assert found.state is State.COMPLETE
    assert asked == [("3 per GPU on 2 GPUs", [1, 2], 2, True)]
    assert max(point.way.per_device for point in found.points) == 2
    assert "3 per GPU on 2 GPUs: not tried, 6 workers may need 9.0 GiB." in found.notes


def test_a_scene_that_does_not_render_is_one_sentence(tmp_path: Path) -> None:
    fail = {"at": "render", "do": "fail", "fault": "scene or script error", "words": "no such image"}
    folder = prepared(tmp_path, a_scene(tmp_path, rules=[fail]))
    with pytest.raises(DispatchError, match=r"cannot be measured: a frame failed.*no such image"):
        measuring.run(folder, lambda line: None, FAKE_ENTRY)
    assert measure.read(folder).state is State.FAILED
    assert measure.read(folder).recommendation is None


def test_more_and_less_work_is_compared_with_the_combined_device(tmp_path: Path) -> None:
    scene = a_scene(tmp_path, seconds=0.02, card_seconds=0.1)
    folder = prepared(tmp_path, scene, minutes=0.3, repeats=1, work_per_frame=True, frames_per_point=12)
    found = measuring.run(folder, lambda line: None, FAKE_ENTRY)
    assert {point.by for point in found.of(Series.WORK)} == {"samples", "resolution"}
    assert all("GPU" in crossing.words for crossing in found.crossings)
    small = min(found.of(Series.WORK), key=lambda point: (point.factor, point.way.strategy is Strategy.COMBINED))
    whole = next(point for point in found.of(Series.CARDS) if point.way == small.way)
    assert small.rate > 1.2 * whole.rate


def test_a_process_measures_a_prepared_folder_and_its_report_opens(tmp_path: Path) -> None:
    folder = prepared(tmp_path, a_scene(tmp_path), minutes=0.1, repeats=1, frames_per_point=12)
    with command_line.start("measure", folder, "--report", tmp_path / "report.html") as process:
        try:
            out, errors = process.communicate(timeout=240)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")
    found = measure.read(folder)
    assert found.state is State.COMPLETE
    assert found.recommendation is not None
    assert measure_table.advice(found) in out
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")
