# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dispatcher keeps to itself while it runs, and how it ends where the machine does not do what it should."""

from __future__ import annotations

import os
import shutil
import signal
import stat

import psutil
import pytest
from engine import FAKE_ENTRY, commits, make_job, records, running, told
from fake_scene import write_blend
from waiting import until

from dispatch import dispatcher, interrupts, job
from dispatch.job import Wish
from dispatch.journal import Journal, JournalFull
from dispatch.model import DispatchError, Outcome


@pytest.fixture(autouse=True)
def private_state(state_folder):
    """Leases and key of this test only."""


def a_job(place, frames="1-6", script=None, **changes):
    blend = write_blend(place / "shot.blend", **(script or {}))
    return make_job(place / "jobs", blend, str(place / "out" / "####"), frames, **changes)


def test_nothing_listens_and_no_shell_runs_while_a_job_does(tmp_path):
    gate = tmp_path / "gate"
    folder = a_job(tmp_path, "1-4", {"rules": [{"at": "render", "do": "await", "path": str(gate)}]})
    with running(folder) as process:
        until(lambda: any(r["what"] == "process" for r in records(folder)), 60.0, "a child")
        until(lambda: len(psutil.Process(process.pid).children(recursive=True)) >= 2, 60.0, "both children")
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for each in family:
            assert not each.net_connections(kind="inet")
            assert not [c for c in each.net_connections(kind="unix") if c.laddr]
            assert os.path.basename(each.exe()) not in ("sh", "bash", "dash", "zsh")  # noqa: PTH119
        gate.touch()
        assert process.wait(60) == 0


def test_a_job_folder_is_closed_to_others_and_what_they_could_use_is_closed_by_itself(tmp_path):
    folder = a_job(tmp_path)
    assert dispatcher.run(folder, None, FAKE_ENTRY) is Outcome.COMPLETE
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    for path in folder.rglob("*"):
        assert not path.is_symlink()
        if path.is_file():
            assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0, path


class Full:
    """A disk without room for the journal, from the moment on that somebody says so."""

    def __init__(self, monkeypatch):
        self.now = False
        self.refused = 0
        sync = Journal.sync

        def full(book):
            if self.now:
                self.refused += 1
                raise JournalFull("The journal cannot be written (No space left on device): make room on that disk.")
            sync(book)

        monkeypatch.setattr(Journal, "sync", full)


@pytest.mark.parametrize("wish", [Wish.STOP, Wish.STOP_NOW])
def test_a_stop_is_heard_while_the_journal_cannot_be_written_and_nothing_is_lost_or_doubled(
    tmp_path, monkeypatch, wish
):
    gate = tmp_path / "gate"
    script = {"rules": [{"at": "render", "do": "await", "path": str(gate), "frames": [5, 6, 7, 8]}]}
    folder, disk, seen = a_job(tmp_path, "1-8", script, overwrite=True), Full(monkeypatch), []

    def fill(snapshot):
        seen.append(snapshot)
        if snapshot.done >= 4 and not disk.now:
            disk.now = True
            gate.touch()
        if disk.refused == 3:
            job.ask(folder, wish)

    assert dispatcher.run(folder, fill, FAKE_ENTRY) is Outcome.STOPPED
    assert seen[-1].outcome is Outcome.STOPPED
    assert any("make room on that disk; nothing is lost" in m.text for m in seen[-1].messages)
    assert not list((tmp_path / "out").rglob(".mgd/**/*"))
    disk.now = False
    assert dispatcher.run(folder, seen.append, FAKE_ENTRY) is Outcome.COMPLETE
    assert sorted(commits(folder).values()) == [1] * 8
    assert seen[-1].audit.startswith("8 of 8 frames complete, 0 rendered twice")


def test_a_job_goes_on_by_itself_when_there_is_room_again_and_hears_then_what_was_asked_meanwhile(
    tmp_path, monkeypatch
):
    gate, asked = tmp_path / "gate", []
    script = {"rules": [{"at": "render", "do": "await", "path": str(gate), "frames": [5, 6]}]}
    folder, disk = a_job(tmp_path, "1-6", script), Full(monkeypatch)

    def fill(snapshot):
        disk.now = snapshot.done >= 1 and disk.refused < 3
        if disk.refused == 2 and not asked:
            asked.append(job.ask(folder, Wish.THEN, "notify"))
        if any(r["what"] == "wish" for r in records(folder)):
            gate.touch()

    assert dispatcher.run(folder, fill, FAKE_ENTRY) is Outcome.COMPLETE
    assert "There is room for the journal again" in told(folder)
    assert [r["wish"] for r in records(folder) if r["what"] == "wish"] == ["then"]


def test_a_place_for_leases_that_cannot_be_written_is_a_sentence_and_no_fault(tmp_path, state_folder):
    folder = a_job(tmp_path, share_devices=False)
    (state_folder / "multi_gpu_dispatcher" / "leases").write_bytes(b"")
    with pytest.raises(DispatchError, match=r"Whether another job renders on Processor cannot be told: .*leases"):
        dispatcher.run(folder, None, FAKE_ENTRY)


def test_another_folder_in_the_place_of_the_jobs_ends_it(tmp_path):
    gate = tmp_path / "gate"
    script = {"rules": [{"at": "render", "do": "await", "path": str(gate), "frames": [5, 6]}]}
    folder = a_job(tmp_path, "1-6", script)

    def swap(snapshot):
        if snapshot.done >= 4 and not (tmp_path / "moved").exists():
            folder.rename(tmp_path / "moved")
            folder.mkdir()

    with pytest.raises(DispatchError, match="was removed or moved"):
        dispatcher.run(folder, swap, FAKE_ENTRY)
    shutil.rmtree(folder)
    (tmp_path / "moved").rename(folder)
    gate.touch()
    assert dispatcher.run(folder, None, FAKE_ENTRY) is Outcome.COMPLETE
    assert sorted(commits(folder).values()) == [1] * 6


def test_a_closed_terminal_stops_a_job_at_once_unless_somebody_said_nohup(tmp_path):
    folder = a_job(tmp_path)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with interrupts.asking_to_stop(folder) as unsaid:
            os.kill(os.getpid(), signal.SIGHUP)
            assert unsaid() == interrupts.SAID[1]
        assert [asked.wish for asked in job.take_wishes(folder)] == [Wish.STOP_NOW]
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with interrupts.asking_to_stop(folder):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGHUP)
        assert list(job.take_wishes(folder)) == []
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_wish_is_heard_where_there_is_only_room_for_a_name(tmp_path, monkeypatch):
    folder = a_job(tmp_path)

    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(job, "_write_whole", full)
    job.ask(folder, Wish.STOP_NOW)
    job.ask(folder, Wish.PAUSE)
    assert [asked.wish for asked in job.take_wishes(folder)] == [Wish.STOP_NOW, Wish.PAUSE]
    assert not list((folder / "control").iterdir())
