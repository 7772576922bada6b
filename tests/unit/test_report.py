# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace

from dispatch import report
from dispatch.model import Outcome
from dispatch.snapshot import DeviceView, Message, Snapshot, WorkerView

RUNNING = Snapshot(
    job="shot-7-x1", name="shot 7", state="rendering", total=250, done=12, frames_per_second=4.2, seconds_left=200.0,
    output="/r/shot_####",
)  # fmt: skip
WORKER = WorkerView(1, "H200 (3b:00)", ("id",), "rendering", frame=17, sample=45, samples=100, done=3)


def test_the_overall_line_says_how_far_how_fast_and_how_long() -> None:
    assert report.overall(RUNNING) == "12 of 250 frames, 4 %, 4.2 frames/s, 3 min 20 s left"


def test_the_overall_line_adds_only_what_is_not_zero() -> None:
    line = report.overall(replace(RUNNING, state="paused", found=3, failed=1, elsewhere=2))
    assert line == (
        "12 of 250 frames, 4 %, paused, 4.2 frames/s, 3 were there already, 1 given up, 2 claimed elsewhere"
    )


def test_a_job_without_frames_is_no_division_by_zero() -> None:
    assert report.percent(replace(RUNNING, total=0, done=0)) == 100


def test_one_hundred_percent_is_said_only_when_all_is_done() -> None:
    assert report.percent(replace(RUNNING, total=1000, done=999)) == 99


def test_a_worker_line_leaves_out_what_is_not_known() -> None:
    assert report.worker_line(WORKER) == "H200 (3b:00): frame 17, 45 %, 3 done"
    known = replace(WORKER, seconds_per_frame=8.31, memory=1 << 30, vram=2 << 30)
    assert report.worker_line(known).endswith("45 %, 8.3 s/frame, 3 done, RAM 1.0 GiB, VRAM 2.0 GiB")
    assert report.worker_line(replace(WORKER, frame=None, state="loading")) == "H200 (3b:00): loading, 3 done"


def test_more_samples_than_asked_for_stay_at_one_hundred_percent() -> None:
    assert report.sampled(replace(WORKER, sample=120)) == "100 %"


def test_a_device_line_says_when_nothing_is_known() -> None:
    assert report.device_line(DeviceView("id", "GPU")) == "GPU: load not available"
    full = DeviceView("id", "GPU", "waiting", 98.0, 3 << 30, 140 << 30, 61.0, 512.0)
    assert report.device_line(full) == "GPU: waiting, 98 %, VRAM 3.0 GiB of 140 GiB, 61 °C, 512 W"


def test_the_closing_lines_of_a_stopped_job_say_how_to_go_on() -> None:
    lines = report.closing(replace(RUNNING, outcome=Outcome.STOPPED, elapsed=75.0), "dispatch")
    assert lines[0] == "Stopped."
    assert lines[1].endswith("in 1 min 15 s.")
    assert lines[2:] == ["Pictures: /r/shot_####", "To go on: dispatch resume shot-7-x1"]


def test_the_closing_lines_of_a_complete_job_are_the_audit_and_the_pictures() -> None:
    ended = replace(RUNNING, outcome=Outcome.COMPLETE, audit="250 of 250 frames complete", elapsed=4.0)
    assert report.closing(ended, "dispatch") == ["250 of 250 frames complete, in 4.0 s.", "Pictures: /r/shot_####"]


def test_a_summary_shows_workers_only_while_the_job_runs() -> None:
    running = replace(RUNNING, workers=(WORKER, replace(WORKER, worker=2, state="gone")))
    assert len([line for line in report.summary(running) if "H200" in line]) == 1
    assert not [line for line in report.summary(replace(running, outcome=Outcome.COMPLETE)) if "H200" in line]


def test_only_messages_that_were_not_shown_yet_are_fresh() -> None:
    a, b, c = (Message("2026-11-21T14:02:11+00:00", "note", text) for text in "abc")
    assert report.fresh([], [a, b]) == [a, b]
    assert report.fresh([a, b], [a, b]) == []
    assert report.fresh([a, b], [b, c]) == [c]
    assert report.fresh([a, a], [a, a, a]) == [a]
    assert report.fresh([a, b], [c]) == [c]


def test_a_message_line_shows_the_time_and_a_level_that_matters() -> None:
    assert report.message_line(Message("2026-11-21T14:02:11+00:00", "note", "x")) == "14:02:11 x"
    assert report.message_line(Message("2026-11-21T14:02:11+00:00", "error", "x")) == "14:02:11 error: x"


WHY = replace(RUNNING, auto="Auto keeps 2 per GPU: 12.7 instead of 8.0 frames/s.", bottleneck="GPU 41 % busy: so.")


def test_time_left_is_a_range_where_frames_differ_in_cost() -> None:
    line = report.overall(replace(RUNNING, seconds_left_range=(720.0, 1080.0)))
    assert line == "12 of 250 frames, 4 %, 4.2 frames/s, 12 to 18 min left"


def test_what_auto_did_and_why_it_is_not_faster_stand_in_the_status() -> None:
    lines = report.summary(WHY)
    assert lines[-2:] == ["  Auto keeps 2 per GPU: 12.7 instead of 8.0 frames/s.", "  GPU 41 % busy: so."]
    assert not [line for line in report.summary(RUNNING) if "busy" in line]


def test_the_closing_lines_say_what_the_limit_was() -> None:
    ended = replace(WHY, outcome=Outcome.COMPLETE, audit="250 of 250 frames complete", elapsed=4.0)
    assert report.closing(ended, "dispatch") == [
        *("250 of 250 frames complete, in 4.0 s.", "GPU 41 % busy: so.", "Pictures: /r/shot_####"),
    ]
