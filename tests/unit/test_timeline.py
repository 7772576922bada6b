# SPDX-License-Identifier: GPL-3.0-or-later
"""A journal as what happened when: clocks, runs, lanes, and lines that somebody damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from journal_lines import DEVICES, at, committed, record, rendered, spawn, timeline
from recorded_job import make

from dispatch import frames, job, journal
from dispatch.job_clock import JobClock
from dispatch.timeline import KEPT, Timeline


def test_the_jobs_time_begins_with_its_first_worker_and_a_night_between_two_runs_takes_none() -> None:
    night = 10 * 3600.0
    seen = timeline(
        record(0, "opened"),
        record(5, "told", level="note", text="Waiting for the card."),
        spawn(60, 1),
        rendered(64, 1, 0),
        committed(64.5, 0),
        record(65, "job ended", outcome="stopped", audit="1 of 2 frames complete"),
        record(night, "opened"),
        spawn(night + 1, 1),
        rendered(night + 4, 1, 1),
        committed(night + 4.5, 1),
    )
    assert (seen.outcome, seen.audit) == ("", "")
    assert list(seen.in_place) == [4.5, 8.5]
    assert list(seen.frames.begin) == [3.0, 7.0]
    assert seen.duration == 8.5
    assert [stretch.resumed for stretch in seen.clock.stretches] == [False, True]
    assert seen.clock.when(at(62)) == 2.0
    assert seen.clock.when(at(night + 2)) == 6.0
    assert seen.clock.when(at(3600)) is None
    assert [(span.begin, span.end) for span in seen.loading] == [(0.0, 3.0), (5.0, 7.0)]
    assert [(span.begin, span.end) for span in seen.alive] == [(3.0, 5.0), (7.0, 8.5)]


def test_a_clock_that_is_set_back_does_not_turn_the_jobs_own() -> None:
    clock = JobClock()
    clock.tell(at(0))
    assert clock.tell(at(100)) == 100.0
    assert clock.tell(at(99)) == 100.0  # two threads' records, no setting
    assert clock.tell(at(-3000)) == 100.0
    assert clock.tell(at(-2990)) == 110.0


def test_workers_of_one_slot_share_a_lane_and_slots_of_one_card_stand_together() -> None:
    one, two = (device.id for device in DEVICES)
    seen = timeline(
        spawn(0, 1, "NVIDIA H200 (10:00)", devices=[one]),
        spawn(0, 2, "NVIDIA H200 (11:00)", devices=[two]),
        spawn(9, 3, "NVIDIA H200 (10:00) 2", devices=[one]),
        spawn(20, 4, "NVIDIA H200 (10:00)", devices=[one]),
    )
    assert [(lane.name, lane.card) for lane in seen.lanes] == [
        ("NVIDIA H200 (10:00)", 0),
        ("NVIDIA H200 (11:00)", 1),
        ("NVIDIA H200 (10:00) 2", 0),
    ]
    assert [card.pci for card in seen.cards] == [("0000:10:00",), ("0000:11:00",)]
    assert seen.workers == 4


def test_older_journals_name_the_slot_only_and_combined_slots_are_a_card_of_their_own() -> None:
    both = [device.id for device in DEVICES]
    seen = timeline(spawn(0, 1, "NVIDIA H200 (11:00) 2"), spawn(1, 2, "2 × NVIDIA H200", devices=both))
    assert [(card.name, card.pci) for card in seen.cards] == [
        ("NVIDIA H200 (11:00)", ("0000:11:00",)),
        ("2 × NVIDIA H200", ("0000:10:00", "0000:11:00")),
    ]


def test_failures_keep_their_place_and_what_they_cost() -> None:
    seen = timeline(
        spawn(0, 1),
        rendered(3, 1, 0),
        record(8, "failed", task=1, attempt=2, worker=1, fault="out of VRAM", words="cuMemAlloc"),
        record(9, "worker ended", worker=1, fault="crashed", words="signal 11"),
        record(9, "slot closed", slot="NVIDIA H200 (10:00)", why="5 workers died"),
        record(9, "slot closed", slot="NVIDIA H200 (11:00)", why="not wanted any more"),
        record(10, "given up", task=1, tries=3, words="out of VRAM"),
    )
    assert [(f.at, f.what, f.frame) for f in seen.failures] == [
        (8.0, "out of VRAM", 2),
        (9.0, "crashed", None),
        (9.0, "left out", None),
        (10.0, "given up", 2),
    ]
    assert [(span.begin, span.end) for span in seen.lost] == [(3.0, 8.0), (8.0, 9.0)]


@pytest.mark.parametrize(
    "damaged",
    [
        {"what": "rendered"},
        {"what": "rendered", "at": "yesterday", "worker": 1},
        {**rendered(5, 1, 1), "phases": None},
        {**rendered(5, 1, 1), "phases": {"render": "long"}},
        {**rendered(5, 1, 1), "seconds": 1e400},
        {**rendered(5, 1, 1), "phases": {"render": float("nan")}},
        rendered(5, 77, 1),
        rendered(5, 1, 5_000),
        spawn(5, 2, devices=5),
        record(5, "auto"),
        record(5, "worker ended", worker=9),
        {"what": 5, "at": 5},
        {"at": at(5)},
        [],
    ],
)
def test_damaged_records_are_passed_over(damaged: Any) -> None:
    seen = timeline(spawn(0, 1), rendered(2, 1, 0), damaged, rendered(9, 1, 2), committed(9.5, 2))
    assert list(seen.frames.number) == [1, 3]
    assert [len(column) for column in seen.frames.phases] == [2] * 5
    assert len(seen.frames.begin) == len(seen.frames.lane) == len(seen.frames.alone) == len(seen.frames.warming) == 2
    assert list(seen.in_place) == [9.5]


def test_checks_and_what_follows_them_are_seen() -> None:
    check = {"task": 4, "attempt": 9, "worker": 1, "compared": True, "same": False, "difference": 0.1234, "words": ""}
    seen = timeline(
        spawn(0, 1),
        record(5, "checked", **check, seconds=2.0),
        record(6, "again", tasks=[1, 2, 3]),
        record(7, "bottleneck", kind="cpu", words="The processor is the limit."),
        record(8, "auto", decision="try", words="It is tried.", rate=8.1, load=62, slots=["a"]),
    )
    assert [(span.begin, span.end) for span in seen.checking] == [(3.0, 5.0)]
    assert [(span.begin, span.end) for span in seen.loading] == [(0.0, 3.0)]
    assert [(f.what, f.frame, f.words[:6]) for f in seen.failures] == [("other picture", 5, "12.34%")]
    assert [said.words for said in seen.messages] == ["3 frames to be rendered again"]
    assert seen.bottleneck == "The processor is the limit."
    assert [said.figures for said in seen.decisions] == ["rate 8.1, load 62"]


def test_a_storm_of_failures_is_counted_past_what_is_kept() -> None:
    storm = (record(1, "told", level="error", text=str(n)) for n in range(KEPT + 50))
    seen = timeline(spawn(0, 1), *storm)
    assert (len(seen.messages), seen.left_out) == (KEPT, 50)


def test_a_torn_journal_of_a_real_form_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    folder = make(tmp_path, frames=60)
    path = folder / journal.NAME
    path.write_bytes(path.read_bytes()[:-300] + b'\n{"what": "rende')
    task = job.load(folder)
    seen = Timeline(task, frames.parse(task.frames), journal.read(path))
    assert len(seen.frames) >= 58
    assert (len(seen.lanes), len(seen.cards)) == (8, 4)
    assert [said.kind for said in seen.decisions] == ["try", "keep"][: len(seen.decisions)]
    assert json.loads((folder / "job.json").read_bytes())["schema"] == 1
