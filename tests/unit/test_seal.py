# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose job it is: nobody else's is run, whatever it says, and nothing of it is removed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest
from engine import make_job

from dispatch import dispatcher, job, measuring, release, report_page, seal, starting
from dispatch.launch import Interpreter
from dispatch.model import DispatchError


@pytest.fixture
def folder(tmp_path: Path, state_folder: Path) -> Path:
    blend = tmp_path / "shot.blend"
    blend.write_bytes(b"{}")
    return make_job(tmp_path / "jobs", blend, str(tmp_path / "out" / "####"), "1-3")


RUNS = {
    "run": dispatcher.run,
    "start": lambda folder: starting.start(folder, Interpreter("/bin/false", is_blender=False), ()),
    "release": release.release,
    "measure": lambda folder: measuring.run(folder, print),
}


def change(folder: Path, **values: object) -> None:
    """As somebody would who wants to have something else run."""
    data = json.loads((folder / "job.json").read_text())
    data["job"].update(values)
    (folder / "job.json").write_text(json.dumps(data))


def forged(folder: Path) -> None:
    data = json.loads((folder / "job.json").read_text())
    data["seal"] = seal._mark(b"x" * 32, job._text(data["job"]))
    (folder / "job.json").write_text(json.dumps(data))


def without(folder: Path) -> None:
    data = json.loads((folder / "job.json").read_text())
    (folder / "job.json").write_text(json.dumps({"schema": 1, "job": data["job"]}))


def from_elsewhere(_folder: Path) -> None:
    """Its user has another key: the job was made on another machine."""
    shutil.rmtree(os.environ["XDG_STATE_HOME"])


FOREIGN = {
    "another program": lambda folder: change(
        folder, blender={"path": "/x.sh", "is_module": True, "version": [5, 0, 1]}
    ),
    "another output": lambda folder: change(folder, output="/etc/####"),
    "a library to load": lambda folder: change(folder, environment={"LD_PRELOAD": "/x.so"}),
    "no seal": without,
    "a seal of another key": forged,
    "another machine": from_elsewhere,
}


WORDS = {
    "no seal": "bears no seal: an older version made it, or somebody else did",
    "another machine": "with another state folder .* or resume it with the state folder that it was made with",
}


@pytest.mark.parametrize("how", RUNS)
@pytest.mark.parametrize("what", FOREIGN)
def test_a_job_that_was_not_made_here_by_this_user_is_not_run(folder, tmp_path, what, how):
    FOREIGN[what](folder)
    before = sorted(folder.rglob("*"))
    with pytest.raises(DispatchError, match=WORDS.get(what, "does not bear your seal")):
        RUNS[how](folder)
    assert sorted(folder.rglob("*")) == before
    assert not (tmp_path / "out").exists()
    assert job.load(folder)  # to look at it does no harm


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_job_in_which_others_may_write_is_not_even_read(folder, mode):
    folder.chmod(mode)
    with pytest.raises(DispatchError, match="Other users may write"):
        job.load(folder)
    folder.chmod(0o755)
    assert job.load_to_run(folder)


def test_another_users_job_is_not_even_read(folder, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(DispatchError, match="belongs to another user"):
        job.load(folder)


def test_the_key_is_the_users_alone_and_made_once_by_whoever_is_first(state_folder):
    marks: list[str] = []
    threads = [threading.Thread(target=lambda: marks.append(seal.mark("x"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(marks)) == 1
    (key,) = state_folder.rglob("key*")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700


def test_a_damaged_key_is_made_anew_and_marks_nothing_until_then(state_folder):
    old = seal.mark("x")
    (key,) = state_folder.rglob("key")
    key.write_bytes(b"")
    assert not seal.is_ours("x", old)
    new = seal.mark("x")
    assert new != old
    assert seal.is_ours("x", new)


def test_a_state_folder_that_cannot_be_written_is_said(state_folder):
    state_folder.parent.mkdir(exist_ok=True)
    state_folder.write_bytes(b"")
    with pytest.raises(DispatchError, match="cannot be used"):
        seal.mark("x")


def test_a_report_is_not_written_through_a_link(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "report.html.new").symlink_to(victim)
    report_page._put("page", tmp_path / "report.html")
    assert victim.read_text() == "mine"
    assert (tmp_path / "report.html").read_text() == "page"


def test_a_key_that_cannot_be_read_just_now_is_not_replaced(tmp_path, monkeypatch):
    text_mark = seal.mark("a job")
    whole = Path.read_bytes

    def read(path):
        if path.name == "key":
            raise OSError(5, "Input/output error")
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", read)
    with pytest.raises(DispatchError, match="cannot be used"):
        seal.mark("another one")
    monkeypatch.undo()
    assert seal.is_ours("a job", text_mark)


def test_a_disk_without_hard_links_has_a_key_too(monkeypatch):
    def link(*_names):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    assert seal.is_ours("a job", seal.mark("a job"))
