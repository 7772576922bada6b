# SPDX-License-Identifier: GPL-3.0-or-later
"""``doctor`` on the command line, with fake children on fake devices."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import command_line
import pytest
from engine import make_job, run
from fake_scene import write_blend

from dispatch import job

DEVICES = [["CPU", "Fake processor", "CPU"], ["CUDA_Fast_0000:3b:00", "Fast card", "CUDA"]]


@pytest.fixture
def here(tmp_path: Path, state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    return tmp_path


def fake(monkeypatch: pytest.MonkeyPatch, **script: Any) -> None:
    monkeypatch.setenv("BLENDER_FAKE_CHILD", json.dumps({"devices": DEVICES, **script}))


def looked(*words: object) -> tuple[int, dict[str, Any]]:
    status, out, _ = command_line.run("doctor", "--json", *words)
    return status, json.loads(out)


def test_every_device_renders_a_picture_and_nothing_is_left(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch)
    status, out, errors = command_line.run("doctor")
    assert status == 0, out
    assert "good     A small picture was rendered on CPU: " in out
    assert "good     A small picture was rendered on Fast card and agrees with the CPU's: " in out
    assert "with Python 3.11.99 at " in out
    assert out.rstrip().splitlines()[-1].startswith("This machine can render")
    assert "Rendering a small picture on Fast card" in errors
    assert list((here / "temp").iterdir()) == []
    assert job.folders(job.jobs_folder()) == []


def test_a_device_that_renders_on_another_one_is_an_error_and_the_others_are_still_tried(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(monkeypatch, rules=[{"at": "Loaded", "do": "wrong-device", "devices": [DEVICES[1][0]]}])
    status, found = looked()
    assert (status, found["exit"]) == (1, 1)
    cpu, card = found["facts"]["trials"]
    assert cpu["words"] == ""
    assert "CPU" in card["words"]
    (said,) = [check for check in found["checks"] if check["key"] == "trial" and check["grade"] == "error"]
    assert said["text"].startswith("A small picture could not be rendered on Fast card: ")


def test_without_a_render_nothing_is_started_on_a_device(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, rules=[{"at": "load", "do": "exit"}])
    status, found = looked("--no-render")
    assert status == 0
    assert found["facts"]["trials"] == []
    assert {"engine", "system", "devices", "place", "trial"} <= {check["key"] for check in found["checks"]}


def test_a_blender_that_dies_hides_nothing_else(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, rules=[{"at": "inspect", "do": "exit", "code": 3}])
    status, found = looked()
    assert status == 1
    (said,) = [check for check in found["checks"] if check["grade"] == "error"]
    assert said["key"] == "blender"
    assert "exit status 3" in said["text"]
    assert "place" in {check["key"] for check in found["checks"]}


def test_a_scene_is_looked_at_too(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch)
    well = write_blend(here / "well.blend", frames=[1, 2, 1])
    status, out, _ = command_line.run("doctor", well, "--no-render")
    assert status == 0, out
    assert "well.blend' can be rendered." in out
    assert "The output folder " in out
    blind = write_blend(here / "blind.blend", facts={"camera": ""})
    status, out, _ = command_line.run("doctor", blind, "--no-render")
    assert status == 1
    assert "error    Scene 'Scene' has no camera" in out
    assert "Something cannot work here" in out


def test_bad_words_are_refused(here: Path) -> None:
    status, out, errors = command_line.run("doctor", "none.blend")
    assert (status, out) == (2, "")
    assert "There is no file" in errors
    assert command_line.run("doctor", "--frobnicate")[0] == 2


def test_a_jobs_folder_that_cannot_be_written_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch)
    (here / "file").write_text("x", encoding="utf-8")
    status, found = looked("--no-render", "--jobs-dir", here / "file" / "jobs")
    assert status == 1
    (said,) = [check for check in found["checks"] if check["grade"] == "error"]
    assert said["key"] == "place"
    assert "--jobs-dir" in said["text"]


def test_a_job_whose_dispatcher_died_is_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch)
    folder = make_job(job.jobs_folder(), write_blend(here / "a.blend"), str(here / "####"), "1-2")
    run(folder)
    last = job.read_snapshot(folder)
    assert last is not None
    job.write_snapshot(folder, dataclasses.replace(last, outcome=None))
    status, found = looked("--no-render")
    assert status == 0
    assert found["facts"]["traces"]["interrupted"] == [folder.name]
