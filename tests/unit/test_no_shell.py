# SPDX-License-Identifier: GPL-3.0-or-later
"""What nothing of ours may do anywhere: start a shell, run a text as code, listen, follow a link out of its folder."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch import claims, launch, owners
from dispatch.model import BlenderProgram
from dispatch.owners import Owner
from dispatch.working_folder import WorkingFolder, remove_tree

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for room in ("dispatch", "operators", "ui") for path in sorted((ROOT / room).rglob("*.py"))]

CALLS = frozenset(["system", "popen", "getoutput", "getstatusoutput", "create_subprocess_shell", "eval", "exec"])
MODULES = frozenset(["socketserver", "http", "xmlrpc", "multiprocessing", "pickle", "marshal", "shelve", "asyncio"])
NOTICES = "dispatch/host/ending.py"
"""Windows shows a notice only to PowerShell: a fixed script, the words quoted in it (`test_host_ending`)."""
SHELLS = re.compile(r"(/bin/)?(sh|bash|dash|zsh|cmd|cmd\.exe|powershell|powershell\.exe)")


def suspicious(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        at = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="platform"))):
                pass
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in CALLS:
                yield f"{at} {name}()"
            case ast.keyword(arg="shell", value=ast.Constant(value=False)):
                pass
            case ast.keyword(arg="shell"):
                yield f"{at} shell="
            case ast.Import(names=names):
                yield from (f"{at} import {each.name}" for each in names if each.name.split(".")[0] in MODULES)
            case ast.ImportFrom(module=str(name), level=0) if name.split(".")[0] in MODULES:
                yield f"{at} from {name}"
            case ast.Attribute(value=ast.Name(id="socket"), attr=name) if name != "gethostname":
                yield f"{at} socket.{name}"
            case ast.List(elts=[ast.Constant(value=str(word)), *_]) if SHELLS.fullmatch(word):
                if (word, path.relative_to(ROOT).as_posix()) != ("powershell.exe", NOTICES):
                    yield f"{at} starts {word}"


def test_no_room_starts_a_shell_runs_a_text_or_opens_a_port():
    assert len(SOURCES) > 150
    assert [found for path in SOURCES for found in suspicious(path)] == []


@pytest.mark.parametrize(
    "text",
    [
        "subprocess.run('x', shell=True)",
        "os.system('x')",
        "subprocess.Popen(['sh', '-c', x])",
        "socket.socket()",
        "eval(x)",
        "import pickle",
        "from multiprocessing import connection",
    ],
)
def test_the_look_finds_each_of_them(tmp_path, monkeypatch, text):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "x.py").write_text(text, encoding="utf-8")
    assert list(suspicious(tmp_path / "x.py"))


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PYTHONPATH", "PYTHONSTARTUP", "PATH", "HOME", "DYLD_INSERT_LIBRARIES"])
def test_a_job_sets_no_variable_that_chooses_which_code_is_loaded(name):
    env = launch.child_environment(
        {"PATH": "/usr/bin"}, {name: "/evil", "OCIO": "/c.ocio"}, devices=(), config=None, threads=0
    )
    assert "/evil" not in env.values()
    assert env["OCIO"] == "/c.ocio"


def test_a_path_with_anything_in_it_is_one_word_of_the_command(tmp_path):
    program = BlenderProgram("/x; rm -rf ~ $(id) `id`", is_module=False, version=(5, 0, 1))
    command = launch.child_command(program, tmp_path / "a b;c", factory=False, autoexec=None, threads=0)
    assert command[0] == program.path
    assert str(tmp_path / "a b;c") in command


# --- links in a folder where others may write


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """Somebody's own things, old enough to be taken for strays."""
    place = tmp_path / "home"
    for name in ("Documents/1/letter", "claims/x.png.json", "letter"):
        file = place / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}", encoding="utf-8")
    for path in (*place.rglob("*"), place):
        os.utime(path, (1, 1))
    return place


def everything(place: Path) -> list[Path]:
    return sorted(place.rglob("*"))


@pytest.mark.leaves_claims
@pytest.mark.parametrize("link", [".mgd", ".mgd/temp", ".mgd/claims", ".mgd/owners"])
def test_a_link_that_somebody_puts_into_the_output_folder_leads_to_no_removal(tmp_path, precious, link):
    out, me = tmp_path / "out", Owner.new("job")
    place = WorkingFolder(out)
    (out / link).parent.mkdir(parents=True)
    (out / link).symlink_to(precious)
    before = everything(precious)
    try:
        owners.join(out, me)
        owners.bury_dead(out, me, 1.0, also=["Documents", "letter"])
        claims.release_attempt(out, "Documents", 1)
        remove_tree(place.temp_of("Documents", 1))
        remove_tree(place.temp_of("Documents"))
    finally:
        owners.leave(out, me.id)
    assert set(before) <= set(everything(precious))


def test_a_temporary_folder_that_is_a_link_itself_goes_and_what_it_shows_stays(tmp_path, precious):
    out, me = tmp_path / "out", Owner.new("job")
    owners.join(out, me)
    temp = WorkingFolder(out).temp_of(me.id, 1)
    temp.parent.mkdir(parents=True)
    temp.symlink_to(precious)
    (temp.parent / "2").mkdir()
    (temp.parent / "2" / "inner").symlink_to(precious)
    before = everything(precious)
    owners.leave(out, me.id)
    assert everything(precious) == before
