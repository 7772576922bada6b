# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from rich.cells import cell_len

from dispatch import display
from dispatch.display import Display, Events, Plain, Quiet
from dispatch.live import Live, draw
from dispatch.model import Outcome
from dispatch.preflight import Finding, Level
from dispatch.snapshot import DeviceView, Message, Snapshot, WorkerView

AT = "2026-11-21T14:02:11+00:00"
RUNNING = Snapshot(job="j1", name="shot 7", state="rendering", total=1000, output="/r/shot_####")
WORKERS = tuple(
    WorkerView(n, f"NVIDIA H200 NVL ({n:02x}:00)", (f"id{n}",), "rendering", frame=n, sample=n, samples=100,
               seconds_per_frame=1.5, memory=1 << 30, vram=3 << 30)
    for n in range(64)
)  # fmt: skip
DEVICES = tuple(DeviceView(f"id{n}", f"NVIDIA H200 NVL ({n:02x}:00)", "in use", 97.0, 1 << 34) for n in range(8))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def course(frames: int, seconds: float) -> Iterator[Snapshot]:
    """A job of a thousand frames, four snapshots a second."""
    steps = int(seconds * 4)
    for step in range(steps + 1):
        yield replace(RUNNING, done=frames * step // steps, elapsed=step / 4)


def test_plain_lines_come_every_five_seconds_at_most() -> None:
    out = io.StringIO()
    plain = Plain(out, io.StringIO(), "dispatch")
    for snapshot in course(90, 60):
        plain.show(snapshot)
    assert 10 <= len(out.getvalue().splitlines()) <= 13


def test_a_fast_job_shows_each_tenth_once() -> None:
    out = io.StringIO()
    plain = Plain(out, io.StringIO(), "dispatch")
    for snapshot in course(1000, 4):
        plain.show(snapshot)
    assert len(out.getvalue().splitlines()) == 11


def test_a_job_that_stands_still_says_so_once_a_minute() -> None:
    out = io.StringIO()
    plain = Plain(out, io.StringIO(), "dispatch")
    for snapshot in course(0, 600):
        plain.show(snapshot)
    assert len(out.getvalue().splitlines()) == 11


def test_each_message_is_a_line_of_its_own_exactly_once() -> None:
    out = io.StringIO()
    plain = Plain(out, io.StringIO(), "dispatch")
    message = Message(AT, "warning", "Worker 1 crashed.")
    for snapshot in course(10, 2):
        plain.show(replace(snapshot, messages=(message,)))
    assert out.getvalue().count("14:02:11 warning: Worker 1 crashed.") == 1


def test_quiet_says_only_the_end() -> None:
    out, errors = io.StringIO(), io.StringIO()
    quiet = Quiet(out, errors, "dispatch")
    quiet.finding(Finding(Level.WARNING, "k", "Careful."))
    quiet.created("j1", "/jobs/j1", "/r")
    for snapshot in course(1000, 2):
        quiet.show(snapshot)
    quiet.ended(replace(RUNNING, state="ended", outcome=Outcome.COMPLETE, audit="1000 of 1000 frames complete"))
    assert out.getvalue() == "1000 of 1000 frames complete, in 0.00 s.\nPictures: /r/shot_####\n"
    assert errors.getvalue() == ""


def test_errors_of_the_preflight_go_to_the_error_stream_in_every_display() -> None:
    for kind in (Quiet, Plain, Live):
        out, errors = io.StringIO(), io.StringIO()
        kind(out, errors, "dispatch").finding(Finding(Level.ERROR, "no-camera", "There is no camera."))
        assert (out.getvalue(), errors.getvalue()) == ("", "error: There is no camera.\n")


def events_of(out: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_events_are_json_lines_with_a_version_and_end_with_the_outcome() -> None:
    out = io.StringIO()
    events = Events(out)
    events.finding(Finding(Level.WARNING, "scripts-blocked", "Scripts do not run."))
    events.created("j1", "/jobs/j1", "/r/shot_####")
    for snapshot in course(1000, 3):
        events.show(replace(snapshot, messages=(Message(AT, "note", "Hello."),)))
    events.note("Stopping.")
    events.ended(replace(RUNNING, state="ended", elapsed=3.1, outcome=Outcome.INCOMPLETE, audit="said"))
    seen = events_of(out)
    assert all(event["schema"] == 1 for event in seen)
    names = [event["event"] for event in seen]
    assert names[:4] == ["finding", "created", "message", "snapshot"]
    assert names.count("message") == 1
    assert 4 <= names.count("snapshot") <= 6
    assert seen[-1] == {
        "schema": 1, "event": "ended", "job": "j1", "outcome": "incomplete", "exit": 1, "audit": "said",
        "output": "/r/shot_####",
    }  # fmt: skip


def test_the_snapshot_of_an_event_is_whole() -> None:
    out = io.StringIO()
    Events(out).show(replace(RUNNING, workers=WORKERS[:1]))
    (event,) = events_of(out)
    assert event["snapshot"]["workers"][0]["frame"] == 0  # type: ignore[index]


@pytest.mark.parametrize("kind", [Quiet, Plain, Live, lambda out, errors, _: Events(out)])
def test_a_reader_who_went_away_ends_no_render(kind: type[Quiet]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8", closefd=False) as out:
        shown: Display = kind(out, out, "dispatch")
        for snapshot in course(1000, 3):
            shown.show(replace(snapshot, messages=(Message(AT, "note", "x" * 1000),)))
        shown.note("Stopping.")
        shown.ended(replace(RUNNING, outcome=Outcome.COMPLETE))
        shown.close()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)


@pytest.mark.parametrize("width", [1, 5, 12, 20, 31, 40, 63, 80, 120, 300])
@pytest.mark.parametrize("height", [1, 5, 24, 100])
def test_the_drawing_is_never_wider_or_higher_than_the_terminal(width: int, height: int) -> None:
    from rich.console import Console

    out = Terminal()
    console = Console(file=out, width=width, height=height, color_system=None)
    snapshot = replace(RUNNING, name="日本" * 40, done=500, workers=WORKERS, devices=DEVICES)
    console.print(draw(snapshot, width, height))
    lines = out.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    assert len(lines) <= max(height, 4)


def test_the_drawing_shows_bar_workers_and_devices_when_there_is_room() -> None:
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=120, height=40).print(
        draw(replace(RUNNING, done=500, workers=WORKERS[:8], devices=DEVICES), 120, 40)
    )
    said = out.getvalue()
    assert "500 of 1,000 frames, 50 %" in said
    assert "NVIDIA H200 NVL (07:00)  frame 7  7 %  1.5 s/frame" in said
    assert "NVIDIA H200 NVL (07:00): 97 %, VRAM 16.0 GiB" in said


def test_workers_that_do_not_fit_are_counted() -> None:
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=80, height=24).print(draw(replace(RUNNING, workers=WORKERS), 80, 24))
    assert "… and 45 more workers" in out.getvalue()


def test_a_terminal_display_keeps_messages_above_and_gives_the_cursor_back() -> None:
    out = Terminal()
    live = Live(out, io.StringIO(), "dispatch", width=80)
    for snapshot in course(10, 1):
        live.show(replace(snapshot, messages=(Message(AT, "error", "Card lost."),)))
    live.ended(replace(RUNNING, outcome=Outcome.STOPPED))
    live.close()
    said = out.getvalue()
    assert said.count("14:02:11 error: Card lost.") == 1
    assert "To go on: dispatch resume j1" in said


def test_the_display_fits_the_stream() -> None:
    def chosen(out: io.StringIO, *, rich: bool = True, events: bool = False, quiet: bool = False) -> type:
        return type(display.choose(out, out, "x", events=events, quiet=quiet, verbose=False, rich=lambda: rich))

    assert chosen(Terminal()) is Live
    assert chosen(Terminal(), rich=False) is Plain
    assert chosen(io.StringIO()) is Plain
    assert chosen(Terminal(), quiet=True) is Quiet
    assert chosen(Terminal(), events=True, quiet=True) is Events


def test_why_it_is_not_faster_is_drawn_where_there_is_room_and_wrapped() -> None:
    from rich.console import Console

    why = replace(RUNNING, bottleneck="GPU 41 % busy: 0.31 of 0.52 s a frame is scene preparation on one CPU thread.")
    out = io.StringIO()
    Console(file=out, width=40, height=24, color_system=None).print(draw(why, 40, 24))
    assert "GPU 41 % busy: 0.31 of 0.52 s a frame is" in out.getvalue()
    assert "CPU thread." in out.getvalue()
    low = io.StringIO()
    Console(file=low, width=40, height=5, color_system=None).print(draw(why, 40, 5))
    assert len(low.getvalue().splitlines()) <= 5


def test_plain_lines_say_why_on_request() -> None:
    out = io.StringIO()
    Plain(out, io.StringIO(), "dispatch", verbose=True).show(replace(RUNNING, bottleneck="GPU 41 % busy: so."))
    assert "  GPU 41 % busy: so." in out.getvalue()
