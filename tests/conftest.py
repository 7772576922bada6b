# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test gets: no trace may stay behind, a state folder of its own, and deadlines fit for tests."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from waiting import below, until

from dispatch.model import BlenderProgram, Limits

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent


def _children() -> set[psutil.Process]:
    """Living descendants of this process."""
    return {p for p in psutil.Process().children(recursive=True) if _lives(p)}


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _strays(mark: str) -> list[psutil.Process]:
    """Processes with our mark in their environment, wherever they belong now (Linux)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"MGD_TEST={mark}\0".encode() in path.read_bytes():
                found.append(psutil.Process(int(path.parent.name)))
        except (OSError, psutil.NoSuchProcess):
            continue
    return [p for p in found if p.pid != os.getpid() and _lives(p)]


@pytest.fixture(autouse=True)
def nothing_stays_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a process, a thread or a claim behind; ``leaves_claims`` marks those about dead owners."""
    mark = f"{os.getpid()}-{id(request)}"
    os.environ["MGD_TEST"] = mark
    processes, threads = _children(), set(threading.enumerate())
    yield
    del os.environ["MGD_TEST"]
    left: list[str] = []

    def gone() -> bool:
        left[:] = [f"process {p}" for p in _children() - processes]
        left.extend(f"process {p}" for p in _strays(mark))
        left.extend(f"thread {t.name}" for t in set(threading.enumerate()) - threads if not _is_a_librarys(t))
        return not left

    try:
        until(gone, 60.0)
    except AssertionError:
        for process in {*(_children() - processes), *_strays(mark)}:
            process.kill()
    tmp_path = getattr(request.node, "funcargs", {}).get("tmp_path")
    if tmp_path is not None and not request.node.get_closest_marker("leaves_claims"):
        left.extend(str(p) for p in below(tmp_path, "*") if ".mgd" in p.parts and p.is_file())
    assert not left, f"left behind: {left}"


def _is_a_librarys(thread: threading.Thread) -> bool:
    return thread.name.startswith(("pytest_timeout", "Dummy-"))


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "leaves_claims: the test is about claims that stay (their owner is dead)")


@pytest.fixture
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Our private state (job folders, leases) in a folder of the test's own."""
    folder = tmp_path / "state"
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(folder))
    return folder


@pytest.fixture
def limits() -> Limits:
    """Deadlines fit for fake children: a hang is seen after a second or two."""
    return Limits(
        start=5.0,
        load=3.0,
        load_per_gb=0.0,
        first=3.0,
        task=2.0,
        task_factor=8.0,
        leave=2.0,
        die=5.0,
        backoff=0.05,
        backoff_most=0.2,
        together=0.2,
        deaths=3,
        claims=0.2,
        foreign=2.0,
        heartbeat=2.0,
    )


@pytest.fixture
def fake_program() -> BlenderProgram:
    """This Python as the Blender of `fake_child`."""
    return BlenderProgram(path=sys.executable, is_module=True, version=(5, 0, 1), build="fake")


@pytest.fixture
def fake_entry() -> Path:
    """The script to start instead of ``dispatch/child/entry.py``."""
    return TESTS / "fake_child.py"
