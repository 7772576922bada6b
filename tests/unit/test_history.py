# SPDX-License-Identifier: GPL-3.0-or-later
"""What resume believes: the journal, and the files as they are now."""

from __future__ import annotations

import dataclasses
import json

import pytest
import simulated_auto
from fake_scene import png

from dispatch import history, pictures
from dispatch.kinds import Searched
from dispatch.model import DispatchError


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


def test_what_auto_had_found_is_known_again(journal):
    journal("opened", owner="o1")
    journal("auto", decision="keep", words="", kind="H200", level=2, gain=0.3)
    journal("auto", decision="drop", words="", kind="H200", level=2, gain=0.01)
    journal(
        "auto", decision="drop", words="several at once: one may still pay", kind="H200", level=2, gain=0.01, more=3
    )
    journal("auto", decision="try", words="", kind="H200", level=3)
    journal("auto", decision="drop", words="one more was not possible", kind="A10", level=1)
    journal("auto", decision="keep", words="", level=5)
    journal("auto", decision="keep", words="", kind="A10", level="many")
    past = journal("opened", owner="o2")
    assert past.searched == {"H200": Searched(2, failures=1, single=True), "A10": Searched(1)}


def test_what_auto_writes_is_what_is_known_again(journal):
    for _, facts in simulated_auto.decisions(simulated_auto.play_auto(simulated_auto.LIGHT, tasks=4000, cores=64)):
        past = journal("auto", **facts)
    assert past.searched == {"Card": Searched(2, failures=1)}


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


def test_frames_found_to_be_no_good_wait_until_they_are_replaced_and_are_not_rendered_twice_by_that(journal, tmp_path):
    old = {n: picture(tmp_path / f"{n}.png", "with kept data") for n in range(3)}
    journal("opened", owner="o1")
    for n, made in old.items():
        journal("rendered", task=n, attempt=n + 1, pictures=made, warm=n)
        past = journal("committed", task=n, attempt=n + 1)
    assert past.warm == {1, 2}
    past = journal("again", tasks=[1, 2])
    assert list(history.done(past)) == [0]
    assert (past.again, past.renewed, past.persistent_data_off, past.warm) == ({1, 2}, set(), True, set())
    new = picture(tmp_path / "1.png", "without")
    journal("rendered", task=1, attempt=9, pictures=new, warm=0)
    past = journal("committed", task=1, attempt=9)
    assert list(history.done(past)) == [0, 1]
    assert (past.again, past.renewed, past.commits[1]) == ({2}, {1}, 1)
    # The commit of the last one is not recorded: it is in place where the file says so.
    journal("rendered", task=2, attempt=10, pictures=old[2], warm=0)
    past = journal("opened", owner="o2")
    assert sorted(history.done(past)) == [0, 1, 2]
    picture(tmp_path / "2.png", "another")
    assert sorted(history.done(past)) == [0, 1]
    past = journal("committed", task=2, attempt=0)
    assert (past.again, past.renewed, past.commits[2]) == (set(), {1, 2}, 1)


@pytest.mark.parametrize("late", ["rendered", "committed"])
def test_a_frame_on_its_way_when_data_was_found_wrong_is_no_good_either(journal, tmp_path, late):
    first, second = picture(tmp_path / "1.png", "first"), picture(tmp_path / "2.png", "second")
    journal("opened", owner="o1")
    journal("rendered", task=0, attempt=1, pictures=first, warm=1)
    journal("committed", task=0, attempt=1)
    if late == "committed":
        journal("rendered", task=1, attempt=2, pictures=second, warm=2)
    past = journal("again", tasks=[0])
    if late == "rendered":
        past = journal("rendered", task=1, attempt=2, pictures=second, warm=2)
    assert (list(history.done(past)), past.again) == ([], {0, 1})
    past = journal("committed", task=1, attempt=2)
    assert (list(history.done(past)), past.again, past.renewed) == ([], {0, 1}, set())
    past = journal("again", tasks=[1])
    journal("rendered", task=1, attempt=3, pictures=second, warm=0)
    past = journal("committed", task=1, attempt=3)
    assert (list(history.done(past)), past.again, past.renewed) == ([1], {0}, {1})
    assert past.commits[1] == 0


def test_what_somebody_else_put_there_is_not_ours_to_render_again(journal, tmp_path):
    made = picture(tmp_path / "1.png", "ours")
    journal("opened", owner="o1")
    journal("rendered", task=0, attempt=1, pictures=made, warm=3)
    past = journal("committed", task=0, attempt=1, lost_to_others=["x"])
    assert past.warm == set()
    journal("rendered", task=1, attempt=2, pictures=made, warm=3)
    past = journal("found", task=1, pictures=made)
    assert past.warm == set()


@pytest.mark.parametrize(
    "record",
    [
        {"what": "again", "tasks": 3},
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


def test_a_journal_of_another_job_is_not_believed_and_not_passed_over(journal, tmp_path):
    journal("opened", owner="o1", job="20260101-000000-theirs-0000")
    with pytest.raises(DispatchError, match="belongs to another job"):
        history.read(tmp_path / "journal.jsonl", 1, "20260101-000000-ours-0000")
    assert history.read(tmp_path / "journal.jsonl", 1, "20260101-000000-theirs-0000").owners == ["o1"]
