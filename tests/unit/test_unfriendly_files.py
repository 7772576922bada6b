# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that somebody else may write: a record in a shared folder, a wish; and what the system refuses us."""

from __future__ import annotations

import json
import queue
import sys
import threading
from pathlib import Path

import pytest

from dispatch import history, job, records, recovery
from dispatch.journal import Journal
from dispatch.model import Picture
from dispatch.pictures import digest
from dispatch.process import Child

NESTED = b"[" * 200_000


@pytest.mark.parametrize("owner", ["../../..", "..", "/", "a/b", "C:"])
def test_a_record_that_leads_out_of_the_folder_is_nobodys(tmp_path, owner):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"owner": owner, "attempt": 1, "placeholder": True, "name": "x"}), encoding="utf-8")
    assert records.read(path) == records.Record("", 0, False, "")


def test_a_record_or_wish_nested_without_end_is_none(tmp_path):
    path = tmp_path / "x.json"
    path.write_bytes(NESTED)
    assert records.read(path).owner == ""
    (tmp_path / "control").mkdir()
    (tmp_path / "control" / "1.json").write_bytes(NESTED)
    job.ask(tmp_path, job.Wish.STOP)
    assert [asked.wish for asked in job.take_wishes(tmp_path)] == [job.Wish.STOP]


def test_a_wish_that_cannot_be_removed_yet_is_not_taken_twice(tmp_path, monkeypatch):
    (tmp_path / "control").mkdir()
    job.ask(tmp_path, job.Wish.PAUSE)

    def refuse(self, missing_ok=False):
        raise PermissionError(13, "in use")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        assert [asked.wish for asked in job.take_wishes(tmp_path)] == []
    assert [asked.wish for asked in job.take_wishes(tmp_path)] == [job.Wish.PAUSE]
    assert [asked.wish for asked in job.take_wishes(tmp_path)] == []


def test_a_picture_whose_commit_was_not_recorded_counts_after_the_resume(tmp_path):
    picture = tmp_path / "0001.png"
    picture.write_bytes(b"whole")
    made = Picture(str(picture), 5, digest(picture).hash)
    book = Journal(tmp_path / "journal.jsonl")
    book.write("rendered", {"task": 0, "attempt": 7, "worker": 1, "pictures": (made,)})
    book.write("opened", {"owner": "second"})
    book.sync()
    past = history.read(tmp_path / "journal.jsonl")
    assert recovery.settle(past, lambda what, **facts: book.write(what, facts)) == [0]
    book.sync()
    book.close()
    again = history.read(tmp_path / "journal.jsonl")
    assert again.in_place == {0: (made,)}
    assert again.commits[0] == 1


def test_a_child_for_which_there_are_no_threads_left_is_an_os_error_and_leaves_no_process(tmp_path, monkeypatch):
    start, begun = threading.Thread.start, []

    def limited(self):
        if len(begun) == 2:
            raise RuntimeError("can't start new thread")
        begun.append(self)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", limited)
    argv = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with pytest.raises(OSError, match="thread"):
        Child(1, argv, env={}, log=tmp_path / "1.log", inbox=queue.Queue())
    for thread in begun:
        thread.join(60)
        assert not thread.is_alive()
