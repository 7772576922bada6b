# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding and probing a Blender, with tiny programs that answer as one does."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from dispatch import blenders
from dispatch.blenders import find
from dispatch.model import BlenderProgram, DispatchError

FAKE_APPLICATION = """\
import json, os, sys
args = sys.argv[1:]
if "--python-expr" not in args or args[:2] != ["-b", "--factory-startup"]:
    sys.exit(2)
assert os.environ["MGD_CHILD"] == "1"
print("Color management: something about a configuration")
print("MGD_PROBE " + json.dumps([{version}, "abc123"]))
print("Blender quit")
"""


def program(path: Path, text: str, *, python: str = sys.executable) -> Path:
    """Make an executable script that runs ``text`` by this Python."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = path.with_name(path.name + "-body.py")
    body.write_text(text, encoding="utf-8")
    path.write_text(f'#!/bin/sh\nexec "{python}" -E -S "{body}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


def application(path: Path, version: tuple[int, int, int] = (5, 2, 2)) -> Path:
    return program(path, FAKE_APPLICATION.format(version=list(version)))


@pytest.fixture
def python_with_bpy(tmp_path: Path) -> Path:
    """A wrapper around this Python that finds a small bpy."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "bpy.py").write_text(
        "import os, tempfile\n"
        "class app:\n    version = (4, 5, 15)\n    build_hash = b'def456'\n"
        "    tempdir = tempfile.mkdtemp(dir=os.path.dirname(__file__)) + os.sep\n",
        encoding="utf-8",
    )
    path = tmp_path / "studio-python"
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}" exec "{sys.executable}" "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_bpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blenders.importlib.util, "find_spec", lambda name: None)


def test_an_application_is_known_by_its_own_answer(tmp_path: Path) -> None:
    path = application(tmp_path / "my render ä.sh")
    assert find(str(path), {}) == BlenderProgram(str(path), False, (5, 2, 2), "abc123")


def test_a_python_with_bpy_is_known_behind_any_name(python_with_bpy: Path) -> None:
    assert find(str(python_with_bpy), {}) == BlenderProgram(str(python_with_bpy), True, (4, 5, 15), "def456")


def test_a_probe_leaves_no_temporary_folder(python_with_bpy: Path, tmp_path: Path) -> None:
    find(str(python_with_bpy), {})
    assert {path.name for path in (tmp_path / "site").iterdir()} <= {"bpy.py", "__pycache__"}


def test_a_link_stays_a_link(python_with_bpy: Path, tmp_path: Path) -> None:
    link = tmp_path / "venv" / "bin" / "python"
    link.parent.mkdir(parents=True)
    link.symlink_to(python_with_bpy)
    assert find(str(link), {}).path == str(link)


def test_the_order_is_the_argument_then_the_variable_then_the_path(tmp_path: Path, no_bpy: None) -> None:
    named = application(tmp_path / "named", (4, 2, 0))
    variable = application(tmp_path / "variable", (4, 3, 0))
    on_path = application(tmp_path / "bin" / "blender", (4, 4, 0))
    environ = {"PATH": str(on_path.parent), "BLENDER": str(variable)}
    assert find(str(named), environ).version == (4, 2, 0)
    assert find(None, environ).version == (4, 3, 0)
    assert find(None, {"PATH": environ["PATH"], "BLENDER": ""}).version == (4, 4, 0)
    assert find("blender", {"PATH": environ["PATH"]}).path == str(on_path)


def test_this_python_is_the_last_resort(tmp_path: Path, python_with_bpy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blenders.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(sys, "executable", str(python_with_bpy))
    assert find(None, {"PATH": ""}).version == (4, 5, 15)
    old = application(tmp_path / "bin" / "blender", (3, 4, 1))
    assert find(None, {"PATH": str(old.parent)}).version == (4, 5, 15)


def test_nothing_to_be_found_says_what_to_do(no_bpy: None) -> None:
    with pytest.raises(DispatchError, match=r"No Blender is found: name one with --blender PATH"):
        find(None, {"PATH": ""})


def test_a_blender_on_the_path_that_is_too_old_is_named(tmp_path: Path, no_bpy: None) -> None:
    old = application(tmp_path / "bin" / "blender", (3, 6, 5))
    with pytest.raises(DispatchError, match=r"is Blender 3\.6\.5, but 4\.2 is the oldest that works"):
        find(None, {"PATH": str(old.parent)})


def test_an_app_bundle_and_an_install_folder_hold_the_program(tmp_path: Path) -> None:
    inside = application(tmp_path / "Blender 5.app" / "Contents" / "MacOS" / "Blender")
    assert find(str(tmp_path / "Blender 5.app"), {}).path == str(inside)
    inside = application(tmp_path / "blender-5.2.2-linux-x64" / "blender")
    assert find(str(inside.parent), {}).path == str(inside)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DispatchError, match="There is no '/no/such/blender'"):
        find("/no/such/blender", {})
    with pytest.raises(DispatchError, match="no Blender in the folder"):
        find(str(tmp_path), {})


def test_a_file_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "scene.blend"
    path.write_bytes(b"BLENDER")
    with pytest.raises(DispatchError, match="is not a program that can be run"):
        find(str(path), {})
    path.chmod(0o755)
    with pytest.raises(DispatchError, match="cannot be started"):
        find(str(path), {})


def test_another_program_is_refused_with_what_it_says(tmp_path: Path) -> None:
    path = program(tmp_path / "shim", "import sys; print('pyenv: blender: command not found'); sys.exit(127)")
    with pytest.raises(DispatchError, match=r"neither the Blender application .* not found\): name another one"):
        find(str(path), {})


def test_a_python_without_bpy_is_told_from_a_broken_one(tmp_path: Path) -> None:
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    with pytest.raises(DispatchError, match=r"is a Python that cannot import bpy \(No module named 'bpy'\)"):
        find(str(path), {})


def test_a_garbled_answer_is_no_answer(tmp_path: Path) -> None:
    path = program(tmp_path / "odd", "print('MGD_PROBE {'); print('MGD_PROBE [1, 2]')")
    with pytest.raises(DispatchError, match="neither the Blender application"):
        find(str(path), {})


def test_a_program_that_hangs_is_killed_with_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blenders, "PROBE_SECONDS", 10.0)
    note = tmp_path / "pid"
    text = (
        "import pathlib, subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(note)!r}).write_text(str(p.pid))\ntime.sleep(600)\n"
    )
    path = program(tmp_path / "hangs", text)
    with pytest.raises(DispatchError, match="gave no answer within 10 s"):
        find(str(path), {})
    pid = int(note.read_text())
    deadline = time.monotonic() + 60
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "its child still lives"
        os.sched_yield()


def test_a_program_that_prints_without_end_costs_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blenders, "PROBE_SECONDS", 1.0)
    before = psutil.Process().memory_info().rss
    path = program(tmp_path / "prints", "while True: print('x' * 10000)")
    with pytest.raises(DispatchError, match="gave no answer"):
        find(str(path), {})
    assert psutil.Process().memory_info().rss - before < 50_000_000


def test_an_answer_counts_although_a_process_left_behind_holds_the_pipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blenders, "_DRAIN_SECONDS", 0.5)
    helper = "import os, subprocess, sys\np = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(15)'])\n"
    path = program(tmp_path / "leaves", helper + FAKE_APPLICATION.format(version=[5, 0, 1]))
    started = time.monotonic()
    assert find(str(path), {}).version == (5, 0, 1)
    assert time.monotonic() - started < 15.0


def test_probes_run_side_by_side(tmp_path: Path, python_with_bpy: Path) -> None:
    path = application(tmp_path / "blender")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda p: find(str(p), {}), [path, python_with_bpy] * 4))
    assert [program.is_module for program in found] == [False, True] * 4


def test_the_environment_of_the_caller_reaches_the_probe(tmp_path: Path) -> None:
    note = tmp_path / "seen"
    text = f"import json, os; open({str(note)!r}, 'w').write(json.dumps(dict(os.environ)))\n"
    path = program(tmp_path / "blender", text + FAKE_APPLICATION.format(version=[5, 0, 1]))
    find(str(path), {"LD_LIBRARY_PATH": "/studio/lib"})
    seen = json.loads(note.read_text())
    assert seen["LD_LIBRARY_PATH"] == "/studio/lib"
    assert "HOME" not in seen
