# SPDX-License-Identifier: GPL-3.0-or-later
"""The eyes of an interface: what they see, that they see only news, and that nothing blinds them."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from engine import make_job
from fake_scene import write_blend
from waiting import until

from dispatch import destination, host, job, jobs_seen, probe, watch
from dispatch.codec import to_json
from dispatch.launch import Interpreter
from dispatch.listing import DeviceFound, DevicesFound
from dispatch.model import Backend, Outcome
from dispatch.snapshot import Snapshot
from dispatch.watch import JobSeen, Watch

PYTHON = Interpreter(sys.executable, False)
FOUND = DevicesFound("Blender 5.0.1", "/b", (DeviceFound("CPU", "CPU", Backend.CPU, None, None, False),), "no NVML")


@pytest.fixture(autouse=True)
def private_state(state_folder: Path) -> None:
    """The list of devices kept from last time is this test's own."""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Stands in for ours: answers ``status`` at once and ``devices`` with what lies in ``devices.json``."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "__main__.py").write_text(
        "import os, sys, time, subprocess\n"
        "here = os.path.dirname(os.path.abspath(__file__))\n"
        "print('Blender 9.9 (a banner)')\n"
        "if 'status' in sys.argv: print('{\"schema\": 1, \"jobs\": []}')\n"
        "else:\n"
        "    if os.path.exists(here + '/hang'):\n"
        "        child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "        open(here + '/hangs', 'w').write(str(child.pid)); time.sleep(600)\n"
        "    open(here + '/asked', 'a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        "    print(open(here + '/devices.json').read())\n",
        encoding="utf-8",
    )
    (folder / "devices.json").write_text(to_json(FOUND), encoding="utf-8")
    return folder


@contextmanager
def watching(root: Path, package: Path = Path(), interpreters: tuple[Interpreter, ...] = (PYTHON,)) -> Iterator[Watch]:
    eyes = Watch(root, package=package, interpreters=interpreters, sites=[], blender=sys.executable)
    eyes.start()
    try:
        yield eyes
    finally:
        began = time.monotonic()
        eyes.stop()
        assert time.monotonic() - began < 60.0


def a_job(place: Path, name: str = "shot") -> Path:
    return make_job(place / "jobs", write_blend(place / f"{name}.blend"), str(place / "out" / "####"), "1-3", name=name)


def show(folder: Path, **changes: object) -> None:
    values = {"job": folder.name, "name": "shot", "state": "rendering", "total": 3, "pid": os.getpid(), **changes}
    job.write_snapshot(folder, Snapshot(**values))  # type: ignore[arg-type]


def state(eyes: Watch) -> str:
    return eyes.seen.jobs[0].state if eyes.seen.jobs else ""


def sees(eyes: Watch, wanted: str) -> None:
    eyes.refresh()
    until(lambda: state(eyes) == wanted, 60.0, wanted)


# --- jobs


def test_no_jobs_folder_is_no_jobs_and_no_folder_is_made(tmp_path: Path) -> None:
    with watching(tmp_path / "none") as eyes:
        until(lambda: eyes.seen.version == 0)
        assert eyes.seen.jobs == ()
    assert not (tmp_path / "none").exists()


def test_the_life_of_a_job_as_its_folder_shows_it(tmp_path: Path) -> None:
    folder = a_job(tmp_path)
    with watching(folder.parent) as eyes:
        sees(eyes, "not started")
        (folder / "engine").mkdir()
        sees(eyes, "starting")
        with job.lock(folder):
            sees(eyes, "starting")
            for now in ("waiting", "rendering", "paused", "stopping", "writing movie"):
                show(folder, state=now)
                sees(eyes, now)
            assert eyes.seen.jobs[0].running
        os.utime(folder / "engine", (1, 1))
        sees(eyes, "interrupted")
        show(folder, state="ended", outcome=Outcome.STOPPED)
        sees(eyes, "ended")
        job.dismiss(folder)
        eyes.refresh()
        until(lambda: eyes.seen.jobs[0].dismissed)
        os.utime(folder / "engine")  # resumed
        sees(eyes, "starting")


def test_the_old_end_of_a_resumed_job_is_not_shown_but_a_countdown_is(tmp_path: Path) -> None:
    folder = a_job(tmp_path)
    show(folder, state="ended", outcome=Outcome.STOPPED, pid=2**22 + 1)
    with watching(folder.parent) as eyes, job.lock(folder):
        sees(eyes, "starting")
        show(folder, state="ended", outcome=Outcome.COMPLETE, then_at=time.time() + 60)
        sees(eyes, "ended")
        assert eyes.seen.jobs[0].running


def test_what_an_earlier_run_left_is_not_shown_of_a_job_that_was_started_again(tmp_path: Path) -> None:
    folder = a_job(tmp_path)
    show(folder, pid=2**22 + 1)  # it died while it rendered
    with watching(folder.parent) as eyes:
        sees(eyes, "interrupted")
        os.utime(folder / "snapshot.json", (1, 1))
        (folder / "engine").mkdir()
        sees(eyes, "starting")
        assert eyes.seen.jobs[0].snapshot is None
        with job.lock(folder):
            sees(eyes, "starting")
            show(folder)
            sees(eyes, "rendering")


def test_a_start_that_failed_is_not_taken_for_one_that_is_slow(tmp_path: Path) -> None:
    folder = a_job(tmp_path)
    log = folder / "dispatcher.log"
    log.write_text("error: Of an earlier try.\n", encoding="utf-8")
    os.utime(log, (1, 1))
    (folder / "engine").mkdir()
    with watching(folder.parent) as eyes:
        sees(eyes, "starting")
        with log.open("a") as file:
            file.write("Blender 5\n")
        sees(eyes, "starting")
        with log.open("a") as file:
            file.write("error: The disk is gone.\n")
        sees(eyes, "not started")
        assert eyes.seen.jobs[0].error == "The disk is gone."


def test_why_a_dispatcher_ended_before_its_first_snapshot_is_told(tmp_path: Path) -> None:
    folder = a_job(tmp_path)
    (folder / "dispatcher.log").write_text("Blender 5\nerror: The disk is gone.\nmore\n", encoding="utf-8")
    with watching(folder.parent) as eyes:
        sees(eyes, "not started")
        assert eyes.seen.jobs[0].error == "The disk is gone."


def test_a_job_that_ends_while_it_is_looked_at_was_not_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = a_job(tmp_path)
    show(folder)

    def ends(_: Path) -> bool:
        """Its dispatcher shows the end and lets go of the lock after the snapshot was read."""
        show(folder, state="ended", outcome=Outcome.COMPLETE)
        return False

    monkeypatch.setattr(job, "is_running", ends)
    (seen,) = jobs_seen.JobsSeen(folder.parent).look(everything=True)
    assert seen.state == "ended"


def test_what_a_job_is_about_is_seen(tmp_path: Path) -> None:
    folder = a_job(tmp_path)
    task = job.load(folder)
    with watching(folder.parent) as eyes:
        sees(eyes, "not started")
        seen = eyes.seen.jobs[0]
    names = ("id", "name", "created", "home", "blend", "output", "frames", "engine", "overwrite")
    assert {name: getattr(seen, name) for name in names} == {name: getattr(task, name) for name in names}
    assert {f.name for f in dataclasses.fields(JobSeen)} >= {"folder", "running", "snapshot", "dismissed", "starting"}


def test_jobs_come_and_go_newest_first_and_damaged_ones_are_shown_with_a_sentence(tmp_path: Path) -> None:
    one = a_job(tmp_path, "one")
    damaged = one.parent / "00000000-000000-damaged-0000"
    damaged.mkdir()
    (damaged / "job.json").write_text("{", encoding="utf-8")
    (one.parent / "no job").mkdir()
    (one.parent / "file").touch()
    with watching(one.parent) as eyes:
        until(lambda: len(eyes.seen.jobs) == 2)
        assert [j.id for j in eyes.seen.jobs] == [one.name, damaged.name]
        assert "cannot be read" in eyes.seen.jobs[1].error
        shutil.rmtree(one)
        eyes.refresh()
        until(lambda: [j.id for j in eyes.seen.jobs] == [damaged.name])
        shutil.rmtree(one.parent)
        eyes.refresh()
        until(lambda: eyes.seen.jobs == ())
        a_job(tmp_path, "two")
        eyes.refresh()
        until(lambda: len(eyes.seen.jobs) == 1)


def test_what_was_wrong_with_a_job_is_over_when_it_is_mended_though_its_file_stays_as_it_is(tmp_path: Path) -> None:
    folder = a_job(tmp_path)
    folder.chmod(0o777)
    with watching(folder.parent) as eyes:
        until(lambda: eyes.seen.jobs and "Other users may write" in eyes.seen.jobs[0].error)
        folder.chmod(0o700)
        sees(eyes, "not started")
        until(lambda: eyes.seen.jobs[0].error == "")


def test_a_version_is_news(tmp_path: Path) -> None:
    folder = a_job(tmp_path)
    show(folder)
    looks: list[object] = []
    with job.lock(folder), watching(folder.parent) as eyes:
        sees(eyes, "rendering")
        look = eyes._jobs.look
        eyes._jobs.look = lambda **how: looks.append(1) or look(**how)  # type: ignore[method-assign,func-returns-value,assignment]
        before = eyes.seen
        until(lambda: len(looks) > 8)
        assert eyes.seen is before
        show(folder, done=1)
        until(lambda: eyes.seen.version == before.version + 1)


def test_nothing_ends_the_thread_and_a_fault_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with watching(a_job(tmp_path).parent) as eyes:
        sees(eyes, "not started")
        look = eyes._jobs.look
        broken: list[object] = []

        def breaks(**how: bool) -> tuple[JobSeen, ...]:
            broken.append(1)
            raise RuntimeError

        eyes._jobs.look = breaks  # type: ignore[method-assign]
        eyes.refresh()
        until(lambda: len(broken) > 1 or eyes.refresh())
        assert caplog.text.count("looking at the jobs failed") == 1
        eyes._jobs.look = look  # type: ignore[method-assign]
        a_job(tmp_path, "two")
        eyes.refresh()
        until(lambda: len(eyes.seen.jobs) == 2)


# --- the output folder and the size


def test_the_output_folder_is_looked_at_again_and_a_hanging_one_hides_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LIST", 0.05)
    with watching(tmp_path / "jobs") as eyes:
        (tmp_path / "file").touch()
        eyes.look_at(str(tmp_path / "file"))
        until(lambda: eyes.seen.destination and eyes.seen.destination.obstacle)
        (tmp_path / "file").unlink()
        until(lambda: eyes.seen.destination and not eyes.seen.destination.obstacle)
        hold = json.loads("[]")
        monkeypatch.setattr(destination, "look", lambda folder: until(lambda: hold, 20.0))
        eyes.look_at(str(tmp_path / "hangs"))
        until(lambda: eyes.seen.destination is None)
        a_job(tmp_path)
        until(lambda: state(eyes) == "not started")
        eyes.look_at("")
        hold.append(1)


def test_an_output_folder_that_nobody_shows_any_more_is_left_alone_but_what_was_seen_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LIST", "PLACE"):
        monkeypatch.setattr(watch, name, 0.02)
    looks: list[Path] = []
    look = destination.look
    monkeypatch.setattr(destination, "look", lambda folder: looks.append(folder) or look(folder))
    with watching(tmp_path / "jobs") as eyes:
        eyes.look_at(str(tmp_path))
        until(lambda: len(looks) > 3 and eyes.seen.destination)
        monkeypatch.setattr(watch, "WANTED", 0.0)
        until(lambda: not eyes._place.busy)
        before = len(looks)
        rounds: list[object] = []
        jobs = eyes._jobs.look
        eyes._jobs.look = lambda **how: rounds.append(1) or jobs(**how)  # type: ignore[method-assign,func-returns-value,assignment]
        until(lambda: len(rounds) > 5)
        assert len(looks) <= before + 1
        assert eyes.seen.destination is not None
        monkeypatch.setattr(watch, "WANTED", 60.0)
        eyes.look_at(str(tmp_path))
        until(lambda: len(looks) > before + 2)


def test_the_size_of_the_jobs_folder_is_measured_while_it_is_wanted(tmp_path: Path) -> None:
    folder = a_job(tmp_path)
    (folder / "scene").mkdir()
    (folder / "scene" / "a.blend").write_bytes(bytes(100_000))
    (folder / "scene" / "blendcache_a").symlink_to(tmp_path)
    with watching(folder.parent) as eyes:
        sees(eyes, "not started")
        assert eyes.seen.bytes == 0
        eyes.measure(True)
        until(lambda: 100_000 < eyes.seen.bytes < 200_000)


# --- devices


def test_devices_are_asked_for_in_a_process_of_its_own_and_the_list_is_kept_for_the_next_session(
    tmp_path: Path, package: Path
) -> None:
    with watching(tmp_path / "jobs", package) as eyes:
        assert eyes.interpreter is None
        eyes.find_devices()
        until(lambda: eyes.seen.looking)
        until(lambda: eyes.seen.devices and not eyes.seen.looking)
        assert (eyes.seen.devices, eyes.seen.trouble, eyes.interpreter) == (FOUND, "", PYTHON)
    assert (package / "asked").read_text() == f"devices --json --blender {sys.executable}\n"
    (kept,) = (host.state_folder() / "devices").iterdir()
    assert kept.parent.stat().st_mode & 0o077 == 0
    (package / "hang").touch()
    with watching(tmp_path / "jobs", package) as eyes:
        eyes.find_devices()
        until(lambda: eyes.seen.devices == FOUND and eyes.seen.looking)


def test_the_first_interpreter_that_runs_our_engine_is_taken(tmp_path: Path, package: Path) -> None:
    rubbish = tmp_path / "python3"
    rubbish.write_text("#!/bin/sh\necho '{\"schema\": 1}'; echo 'usage: python3'; exit 0\n", encoding="utf-8")
    fails = tmp_path / "python4"
    fails.write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    for program in (rubbish, fails):
        program.chmod(0o755)
    tries = (str(tmp_path / "none"), str(tmp_path), str(rubbish), str(fails), sys.executable)
    with watching(tmp_path / "jobs", package, tuple(Interpreter(p, False) for p in tries)) as eyes:
        eyes.find_devices()
        until(lambda: eyes.seen.devices)
        assert eyes.interpreter == PYTHON
        assert eyes.seen.trouble == ""


def test_where_no_interpreter_works_it_is_said_and_looking_again_tries_all(
    tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "TRIAL", 0.3)
    hangs = tmp_path / "python5"
    hangs.write_text("#!/bin/sh\nsleep 600\n", encoding="utf-8")
    hangs.chmod(0o755)
    with watching(tmp_path / "jobs", package, (Interpreter(str(hangs), False),)) as eyes:
        eyes.find_devices()
        until(lambda: eyes.seen.trouble)
        assert "python5 gave no answer within 0 s" in eyes.seen.trouble
        assert eyes.interpreter is None
        assert not eyes.seen.looking
        hangs.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
        monkeypatch.setattr(probe, "TRIAL", 120.0)
        eyes.find_devices()
        until(lambda: eyes.seen.devices)
    with watching(tmp_path / "jobs", package, ()) as eyes:
        eyes.find_devices()
        until(lambda: "No program is known" in eyes.seen.trouble)


@pytest.mark.parametrize(
    ("said", "trouble"),
    [
        ('{"schema": 1, "event": "error", "text": "There is no GPU driver."}', "There is no GPU driver."),
        (
            '{"schema": 1, "event": "error", "text": "No Blender: name one with --blender."}',
            "No Blender: choose another",
        ),
        ("rubbish", "says: rubbish"),
        ('{"schema": 1, "devices": 3}', 'says: {"schema": 1, "devices": 3}'),
    ],
)
def test_why_the_devices_cannot_be_listed_is_one_sentence_and_the_old_list_stays(
    tmp_path: Path, package: Path, said: str, trouble: str
) -> None:
    with watching(tmp_path / "jobs", package) as eyes:
        eyes.find_devices()
        until(lambda: eyes.seen.devices)
        (package / "devices.json").write_text(said, encoding="utf-8")
        eyes.find_devices()
        until(lambda: trouble in eyes.seen.trouble)
        assert eyes.seen.devices == FOUND
        assert eyes.interpreter == PYTHON


def test_stop_leaves_no_process_behind(tmp_path: Path, package: Path) -> None:
    (package / "hang").touch()
    with watching(tmp_path / "jobs", package) as eyes:
        eyes.find_devices()
        until(lambda: (package / "hangs").exists() and (package / "hangs").read_text())
    until(lambda: not psutil.pid_exists(int((package / "hangs").read_text())))


def test_a_damaged_list_from_last_time_is_passed_over(tmp_path: Path, package: Path) -> None:
    place = probe._place(sys.executable)
    place.parent.mkdir(parents=True)
    place.write_text("{", encoding="utf-8")
    with watching(tmp_path / "jobs", package) as eyes:
        eyes.find_devices()
        until(lambda: eyes.seen.devices == FOUND)
