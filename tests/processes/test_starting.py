# SPDX-License-Identifier: GPL-3.0-or-later
"""A dispatcher that was started and left alone: it outlives who started it, and the extension it came from."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from engine import FAKE_ENTRY, make_job
from fake_scene import write_blend
from waiting import until

import dispatch
from dispatch import host, job, starting
from dispatch.job import Wish
from dispatch.launch import Interpreter
from dispatch.model import DispatchError, Outcome
from dispatch.snapshot import Snapshot
from dispatch.watch import Watch

PACKAGE = Path(dispatch.__file__).resolve().parent
PYTHON = Interpreter(sys.executable, False)

START = """\
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from dispatch import starting
from dispatch.launch import Interpreter
starting.start(Path(sys.argv[2]), Interpreter(sys.executable, False), [])
print("started", flush=True)
sys.stdin.read()
"""
"""Stands in for a Blender with our extension."""


@pytest.fixture(autouse=True)
def private_state(state_folder: Path) -> None:
    """Leases of this test only."""


@pytest.fixture
def extension(tmp_path: Path) -> Path:
    """An installed extension whose children are fake ones."""
    root = tmp_path / "extension"
    shutil.copytree(PACKAGE, root / "dispatch", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "dispatch" / "child" / "entry.py").write_text(
        f"import runpy, sys\nsys.path.insert(0, {str(FAKE_ENTRY.parent)!r})\n"
        f"runpy.run_path({str(FAKE_ENTRY)!r}, run_name='__main__')\n",
        encoding="utf-8",
    )
    return root


def a_job(place: Path, frames: str = "1-6", seconds: float = 0.2, **script: object) -> Path:
    blend = write_blend(place / "shot.blend", seconds=seconds, **script)
    return make_job(place / "jobs", blend, str(place / "out" / "####"), frames)


def shown(folder: Path) -> Snapshot:
    return job.read_snapshot(folder) or Snapshot(folder.name, "", "", 0)


def start(extension: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Start the job from another process, which lives on."""
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(extension), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n", folder
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def test_a_job_outlives_the_program_that_started_it_and_the_extension(tmp_path: Path, extension: Path) -> None:
    folder = a_job(tmp_path)
    process = start(extension, folder)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    shutil.rmtree(extension)
    until(lambda: shown(folder).outcome)
    until(lambda: not host.is_alive(shown(folder).pid, None))  # its last words come after it let go of the job
    assert not job.is_running(folder)
    assert shown(folder).outcome is Outcome.COMPLETE
    assert len(list((tmp_path / "out").iterdir())) == 6
    assert not (folder / "engine").exists(), "a complete job keeps no engine"
    log = (folder / "dispatcher.log").read_text()
    assert "6 of 6 frames complete" in log
    assert "Traceback" not in log


def test_the_dispatcher_is_a_session_of_its_own_without_our_files_and_no_child(
    tmp_path: Path, extension: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MGD_CHILD", "1")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "shadow"))
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "json.py").write_text("raise SystemExit('shadowed')", encoding="utf-8")
    folder = a_job(tmp_path)
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        starting.start(folder, PYTHON, [])
    until(lambda: shown(folder).pid)
    process = psutil.Process(shown(folder).pid)
    process.suspend()  # no child starts with such a PYTHONHOME: the job would be over soon
    assert os.getsid(process.pid) == process.pid
    assert "MGD_CHILD" not in process.environ()
    assert {f.path for f in process.open_files()} & {str(tmp_path / "ours")} == set()
    assert process.cwd() == str(folder)
    assert str(folder / "engine" / "__main__.py") in process.cmdline()
    with pytest.raises(DispatchError, match="is running already"):
        starting.start(folder, PYTHON, [])
    process.resume()
    job.ask(folder, Wish.STOP_NOW)
    until(lambda: not job.is_running(folder))


def test_a_wish_that_nobody_heard_does_not_stop_the_next_run(tmp_path: Path, extension: Path) -> None:
    folder = a_job(tmp_path, "1-2", 0.0)
    job.ask(folder, Wish.STOP_NOW)  # its first dispatcher never came
    process = start(extension, folder)
    until(lambda: shown(folder).outcome)
    assert shown(folder).outcome is Outcome.COMPLETE
    end(process)


def test_a_stopped_job_is_resumed_from_a_fresh_copy_and_is_shown_again(tmp_path: Path, extension: Path) -> None:
    gate = tmp_path / "go"
    held = {"at": "render", "do": "await", "path": str(gate), "frames": list(range(3, 13))}
    folder = a_job(tmp_path, "1-12", 0.05, rules=[held])
    first = start(extension, folder)
    until(lambda: shown(folder).done >= 2)
    job.ask(folder, Wish.STOP)
    until(lambda: shown(folder).state == "stopping")
    gate.touch()
    until(lambda: not job.is_running(folder) and shown(folder).outcome is Outcome.STOPPED)
    end(first)
    gate.unlink()
    job.dismiss(folder)
    (folder / "engine" / "child" / "of_yesterday.py").touch()
    eyes = Watch(folder.parent, package=PACKAGE, interpreters=[], sites=[], blender="")
    eyes.start()
    try:
        until(lambda: eyes.seen.jobs and eyes.seen.jobs[0].state == "ended")
        assert eyes.seen.jobs[0].dismissed
        second = start(extension, folder)
        eyes.refresh()
        until(lambda: eyes.seen.jobs[0].state in ("starting", "rendering") and not eyes.seen.jobs[0].dismissed)
        assert not (folder / "engine" / "child" / "of_yesterday.py").exists()
        gate.touch()
        until(lambda: eyes.seen.jobs[0].state == "ended")
        assert eyes.seen.jobs[0].snapshot is not None
        assert eyes.seen.jobs[0].snapshot.done == 12
        until(lambda: not job.is_running(folder))
        end(second)
    finally:
        eyes.stop()


def test_of_two_that_resume_at_once_one_renders(tmp_path: Path, extension: Path) -> None:
    folder = a_job(tmp_path)
    code = START.replace(
        "starting.start", "import time\nwhile not Path(sys.argv[1], 'go').exists(): pass\nstarting.start"
    )
    code = code.replace('print("started", flush=True)\nsys.stdin.read()', "")
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(extension), str(folder)], stderr=subprocess.PIPE)
        for _ in "ab"
    ]
    (extension / "go").touch()
    for process in both:
        process.communicate(timeout=240)
    until(lambda: shown(folder).outcome is Outcome.COMPLETE)
    until(lambda: not job.is_running(folder))
    opened = (folder / "journal.jsonl").read_text().count('"opened"')
    assert opened == 1


def test_who_resumes_a_moment_later_leaves_the_engine_of_the_first_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = a_job(tmp_path)
    take = job.lock

    def late(folder: Path) -> host.FileLock:
        starting.copy_engine(folder)  # by the other Blender, between our first look and our lock
        (folder / "engine" / "of_the_first").touch()
        return take(folder)

    monkeypatch.setattr(job, "lock", late)
    with pytest.raises(DispatchError, match="is running already"):
        starting.start(folder, PYTHON, [])
    assert (folder / "engine" / "of_the_first").exists()


def test_what_cannot_be_started_is_one_sentence(tmp_path: Path) -> None:
    folder = a_job(tmp_path)
    with pytest.raises(DispatchError, match="The render cannot be started: /nowhere/python does not run"):
        starting.start(folder, Interpreter("/nowhere/python", False), [])
    with pytest.raises(DispatchError, match="is no job folder"):
        starting.start(tmp_path, PYTHON, [])
