# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: whole records only, torn ends cut off, nothing doubled by a disk that was full for a while."""

from __future__ import annotations

import contextlib
import errno
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch import journal
from dispatch.journal import Journal, JournalFull
from dispatch.model import DispatchError, Picture


def write(path, *whats):
    with contextlib.closing(Journal(path)) as record:
        for what in whats:
            record.write(what, {"task": 1})
        record.sync()


def whats(path):
    return [r["what"] for r in journal.read(path)]


def test_records_come_back_in_order_and_pictures_as_plain_data(tmp_path):
    path = tmp_path / "journal.jsonl"
    with contextlib.closing(Journal(path)) as record:
        record.write("rendered", {"pictures": (Picture("/out/ü.png", 3, "ab"),)})
        record.sync()
    write(path, "committed")
    records = list(journal.read(path))
    assert [r["what"] for r in records] == ["rendered", "committed"]
    assert records[0]["pictures"] == [{"path": "/out/ü.png", "size": 3, "hash": "ab"}]


def test_what_is_not_synced_is_not_there(tmp_path):
    path = tmp_path / "journal.jsonl"
    with contextlib.closing(Journal(path)) as record:
        record.write("lost", {})
    assert whats(path) == []


@settings(max_examples=40)
@given(cut=st.integers(min_value=0, max_value=400))
def test_a_journal_cut_anywhere_keeps_its_whole_records_and_goes_on(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "journal.jsonl"
    write(path, "one", "two", "three")
    data = path.read_bytes()
    path.write_bytes(data[:cut])
    whole = data[:cut].count(b"\n")
    write(path, "four")
    assert whats(path) == [*["one", "two", "three"][:whole], "four"]


def test_damage_in_the_middle_costs_only_the_damaged_records(tmp_path):
    path = tmp_path / "journal.jsonl"
    write(path, "one", "two", "three")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + b"\x00\xff{]garbage\n" + b"[1]\n" + b'{"what":7}\n' + lines[2])
    assert whats(path) == ["one", "three"]


def test_a_disk_that_was_full_for_a_while_neither_loses_nor_doubles_a_record(tmp_path, monkeypatch):
    path = tmp_path / "journal.jsonl"
    with contextlib.closing(Journal(path)) as record:
        record.write("one", {})
        record.sync()
        record.write("two", {})
        record.write("three", {})
        real = os.write

        def half(fd, data):
            if len(data) > 20:
                return real(fd, bytes(data)[:20])
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "write", half)
        with pytest.raises(JournalFull, match="No space left"):
            record.sync()
        monkeypatch.setattr(os, "write", real)
        assert whats(path) == ["one"]
        record.write("four", {})
        record.sync()
    assert whats(path) == ["one", "two", "three", "four"]
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_journal_that_cannot_be_opened_is_a_sentence(tmp_path):
    with pytest.raises(DispatchError, match="cannot be written"):
        Journal(tmp_path / "no" / "journal.jsonl")
