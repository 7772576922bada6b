# SPDX-License-Identifier: GPL-3.0-or-later
"""What resume believes: the journal, and the files as they are now."""

from __future__ import annotations

import dataclasses
import json

import pytest
from fake_scene import png

from dispatch import history, pictures


@pytest.fixture
def journal(tmp_path):
    """Return a function that writes records and reads the history back."""
    path = tmp_path / "journal.jsonl"
    lines = []

    def add(what, **facts):
        lines.append(json.dumps({"what": what, "at": "", **facts}))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return history.read(path)

    return add


def picture(path, note):
    path.write_bytes(png(4, 4, note))
    return [dataclasses.asdict(pictures.digest(path))]


def test_a_committed_picture_counts_while_it_is_there(journal, tmp_path):
    made = picture(tmp_path / "1.png", "today")
    journal("opened", owner="o1")
    journal("rendered", task=0, attempt=1, pictures=made)
    past = journal("committed", task=0, attempt=1)
    assert list(history.done(past)) == [0]
    (tmp_path / "1.png").unlink()
    assert list(history.done(past)) == []


def test_yesterdays_picture_of_the_same_size_is_not_taken_for_the_one_that_was_allowed(journal, tmp_path):
    made = picture(tmp_path / "1.png", "today")
    journal("opened", owner="o1")
    past = journal("rendered", task=0, attempt=1, pictures=made)
    assert list(history.done(past)) == [0]
    size = (tmp_path / "1.png").stat().st_size
    (tmp_path / "1.png").write_bytes(png(4, 4, "later"))
    assert (tmp_path / "1.png").stat().st_size == size
    assert list(history.done(past)) == []


def test_attempts_of_another_run_are_not_mixed_up(journal, tmp_path):
    one, two = picture(tmp_path / "1.png", "one"), picture(tmp_path / "2.png", "two")
    journal("opened", owner="o1")
    journal("rendered", task=0, attempt=1, pictures=one)
    journal("opened", owner="o2")
    journal("rendered", task=1, attempt=1, pictures=two)
    past = journal("committed", task=1, attempt=1)
    assert past.in_place[1][0].path.endswith("2.png")
    assert set(past.permitted) == {0}
    assert past.owners == ["o1", "o2"]


def test_children_whose_end_is_not_recorded_are_remembered_by_pid_and_start_time(journal):
    journal("opened", owner="o1")
    journal("process", worker=1, pid=11, start_time=5.0)
    journal("process", worker=2, pid=12, start_time=6.0)
    past = journal("worker ended", worker=1, fault=None, words="")
    assert list(past.processes) == [(12, 6.0)]


def test_somebody_elses_picture_that_was_kept_is_judged_by_its_form(journal, tmp_path):
    made = picture(tmp_path / "1.png", "ours")
    journal("opened", owner="o1")
    journal("rendered", task=0, attempt=1, pictures=made)
    past = journal("committed", task=0, attempt=1, lost_to_others=[str(tmp_path / "1.png")])
    (tmp_path / "1.png").write_bytes(png(4, 4, "quite another one of theirs"))
    assert list(history.done(past)) == [0]
    (tmp_path / "1.png").write_bytes(b"\x89PNG cut")
    assert list(history.done(past)) == []


@pytest.mark.parametrize(
    "record",
    [
        {"what": "committed"},
        {"what": "rendered", "task": 0, "attempt": 1, "pictures": [{"path": 3}]},
        {"what": "process", "worker": "x", "pid": None, "start_time": 1},
        {"what": "found", "task": "a", "pictures": []},
        {"what": "never heard of"},
    ],
)
def test_damaged_records_are_passed_over(journal, record):
    past = journal(**record)
    assert not past.in_place
    assert not past.processes


def test_a_try_that_was_blamed_on_its_frame_makes_it_a_retried_one(journal):
    journal("failed", task=0, attempt=1, fault="disk full")
    past = journal("blamed", task=2, weight=1, fault="crashed")
    assert dict(past.blamed) == {2: 1}


def test_children_of_another_boot_are_nobody_here(journal):
    journal("opened", owner="o1", boot="b1")
    journal("process", worker=1, pid=11, start_time=5.0)
    past = journal("opened", owner="o2", boot="b2")
    assert (past.boot, list(past.processes)) == ("b2", [])
