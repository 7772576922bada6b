# SPDX-License-Identifier: GPL-3.0-or-later
"""Children that crash, hang, lie or shout: each ends in a clear word and, where another try can help, in a whole picture.

The whole dispatcher, with fake children as real processes.
"""

from __future__ import annotations

import dataclasses
import json
import signal
from pathlib import Path
from typing import Any

import campaign
import engine
import psutil
import pytest
from engine import SHORT
from fake_scene import frame_path, write_blend
from waiting import until

from dispatch import job
from dispatch.model import Outcome

COUNT = 12
HASTY = dataclasses.replace(SHORT, start=10.0, load=6.0, first=3.0, task=3.0, leave=1.0, deaths=100)
"""A hang is seen within seconds. A healthy child of a busy machine may be taken for one, and is tried again (`run`)."""

ONCE = {"times": 1}


def run(tmp_path: Path, rules: list[dict[str, Any]], **changes: Any) -> tuple[Outcome, Path]:
    """Run a small job under these rules and return its outcome and folder; limited rules must have struck."""
    blend = write_blend(tmp_path / "a.blend", renders=str(tmp_path / "renders"), seconds=0.01)
    counts = tmp_path / "counts"
    # In the environment, since a child knows no scene at its start.
    changes = {"retries": 100 if changes.get("limits") == HASTY else 3, **changes}
    environment = {"FAKE_CHILD": json.dumps({"rules": rules, "counts": str(counts)})}
    output = str(tmp_path / "out" / "####")
    folder = engine.make_job(tmp_path / "jobs", blend, output, f"1-{COUNT}", environment=environment, **changes)
    outcome = engine.run(folder)
    assert counts.exists() == any("times" in rule for rule in rules)
    return outcome, folder


def assert_complete(tmp_path: Path, folder: Path, *, without: tuple[int, ...] = ()) -> None:
    """Every frame is whole and put in place once, and nothing else is in the output folder."""
    frames = [frame for frame in range(1, COUNT + 1) if frame not in without]
    output = tmp_path / "out"
    finals = [Path(frame_path(str(output / "####"), frame)) for frame in frames]
    campaign.assert_all_whole(finals)
    assert sorted(output.iterdir()) == sorted(finals)
    assert engine.commits(folder) == {frame - 1: 1 for frame in frames}


@pytest.mark.parametrize(
    "rule",
    [
        {"at": "render", "do": "exit", "code": 1, "frames": [3]},
        {"at": "render", "do": "exit", "code": 0, "frames": [3]},
        {"at": "render", "do": "signal", "code": signal.SIGSEGV, "frames": [3]},
        {"at": "claim", "do": "signal", "code": signal.SIGKILL, "frames": [3]},
        {"at": "Rendered", "do": "signal", "code": signal.SIGKILL, "frames": [3]},
        {"at": "commit", "do": "signal", "code": signal.SIGKILL, "frames": [3]},
        {"at": "Committed", "do": "signal", "code": signal.SIGKILL, "frames": [3]},
        {"at": "load", "do": "exit"},
        {"at": "start", "do": "exit"},
        {"at": "Hello", "do": "exit"},
        {"at": "leave", "do": "exit"},
        {"at": "end", "do": "exit"},
        {"at": "Rendered", "do": "close", "frames": [3]},
    ],
    ids=lambda rule: f"{rule['do']} {rule.get('code', '')} at {rule['at']}",
)
def test_a_child_that_dies_once_costs_no_frame(tmp_path: Path, rule: dict[str, Any]) -> None:
    outcome, folder = run(tmp_path, [rule | ONCE], limits=HASTY)
    assert outcome is Outcome.COMPLETE, engine.told(folder)
    assert_complete(tmp_path, folder)


@pytest.mark.parametrize("do", ["hang", "stop"])
@pytest.mark.parametrize("at", ["start", "load", "claim", "render", "commit", "leave", "end"])
def test_a_child_that_hangs_once_is_ended_and_costs_no_frame(tmp_path: Path, at: str, do: str) -> None:
    frames = {"frames": [3]} if at in ("claim", "render", "commit") else {}
    outcome, folder = run(tmp_path, [{"at": at, "do": do, **frames} | ONCE], limits=HASTY)
    assert outcome is Outcome.COMPLETE, engine.told(folder)
    assert_complete(tmp_path, folder)


@pytest.mark.parametrize(
    "rule",
    [
        {"at": "Rendered", "do": "double"},
        {"at": "Committed", "do": "double"},
        {"at": "Begun", "do": "double"},
        {"at": "Hello", "do": "double"},
        {"at": "Loaded", "do": "double"},
        {"at": "Left", "do": "double"},
        {"at": "FolderUsed", "do": "double"},
        {"at": "Left", "do": "lost"},
        {"at": "render", "do": "garbage"},
        {"at": "start", "do": "garbage"},
        {"at": "Rendered", "do": "sleep", "seconds": 0.3, "frames": [4]},
        {"at": "leave", "do": "deaf"},
    ],
    ids=lambda rule: f"{rule['do']} at {rule['at']}",
)
def test_odd_messages_change_nothing(tmp_path: Path, rule: dict[str, Any]) -> None:
    outcome, folder = run(tmp_path, [rule])
    assert outcome is Outcome.COMPLETE, engine.told(folder)
    assert_complete(tmp_path, folder)
    assert max(engine.renders(tmp_path / "renders").values()) == 1


@pytest.mark.parametrize("at", ["Hello", "Loaded", "FolderUsed", "Begun", "Rendered", "Committed"])
@pytest.mark.parametrize("do", ["lost", "half", "other"])
def test_a_message_that_is_lost_cut_or_about_something_else_costs_time_and_no_frame(
    tmp_path: Path, at: str, do: str
) -> None:
    if do == "other" and at not in ("Begun", "Rendered", "Committed"):
        do = "lost"
    frames = {"frames": [3]} if at in ("Begun", "Rendered", "Committed") else {}
    outcome, folder = run(tmp_path, [{"at": at, "do": do, **frames} | ONCE], limits=HASTY)
    assert outcome is Outcome.COMPLETE, engine.told(folder)
    assert_complete(tmp_path, folder)


@pytest.mark.parametrize("do", ["flood", "endless"])
@pytest.mark.parametrize("stream", ["stderr", "stdout", "reports"])
def test_a_hundred_megabytes_of_shouting_cost_bounded_memory_and_disk_and_no_frame(
    tmp_path: Path, stream: str, do: str
) -> None:
    before = psutil.Process().memory_info().rss
    outcome, folder = run(tmp_path, [{"at": "render", "do": do, "stream": stream, "frames": [3]} | ONCE], limits=HASTY)
    assert outcome is Outcome.COMPLETE, engine.told(folder)
    assert_complete(tmp_path, folder)
    assert psutil.Process().memory_info().rss - before < 64 << 20
    assert sum(p.stat().st_size for p in (folder / "workers").iterdir()) < 64 << 20


def test_a_frame_that_kills_every_child_is_given_up_and_the_others_are_rendered(tmp_path: Path) -> None:
    outcome, folder = run(
        tmp_path, [{"at": "render", "do": "signal", "code": signal.SIGSEGV, "frames": [5]}], retries=2
    )
    assert outcome is Outcome.INCOMPLETE
    assert_complete(tmp_path, folder, without=(5,))
    assert "Frame 5 is given up" in engine.told(folder)


@pytest.mark.parametrize("fault", ["out of VRAM", "out of RAM", "broken or missing picture", "cannot write", "unknown"])
def test_a_fault_that_comes_once_is_mended_by_another_try(tmp_path: Path, fault: str) -> None:
    outcome, folder = run(tmp_path, [{"at": "render", "do": "fail", "fault": fault, "frames": [5]} | ONCE])
    assert outcome is Outcome.COMPLETE, engine.told(folder)
    assert_complete(tmp_path, folder)


@pytest.mark.parametrize("fault", ["out of VRAM", "scene or script error", "broken or missing picture"])
def test_a_fault_that_stays_is_said_with_its_frame_and_costs_only_that(tmp_path: Path, fault: str) -> None:
    rule = {"at": "render", "do": "fail", "fault": fault, "frames": [5], "words": "the sentence of the child"}
    outcome, folder = run(tmp_path, [rule])
    assert outcome is Outcome.INCOMPLETE
    assert_complete(tmp_path, folder, without=(5,))
    assert "Frame 5 is given up" in engine.told(folder)
    assert "the sentence of the child" in engine.told(folder)


def test_a_full_disk_pauses_the_job_which_goes_on_when_there_is_room(tmp_path: Path) -> None:
    rule = {"at": "render", "do": "fail", "fault": "disk full", "frames": [5], "times": 3}
    outcome, folder = run(tmp_path, [rule])
    assert outcome is Outcome.COMPLETE, engine.told(folder)
    assert_complete(tmp_path, folder)


def test_a_child_on_another_device_than_asked_for_renders_nothing(tmp_path: Path) -> None:
    outcome, folder = run(tmp_path, [{"at": "Loaded", "do": "wrong-device"}])
    assert outcome is Outcome.IMPOSSIBLE, engine.told(folder)
    assert not list(tmp_path.glob("out/*.png"))
    assert "device" in engine.told(folder)


def test_pictures_rendered_on_another_device_are_not_put_in_place(tmp_path: Path) -> None:
    outcome, folder = run(tmp_path, [{"at": "Rendered", "do": "wrong-device", "frames": [5]} | ONCE])
    assert outcome is Outcome.COMPLETE, engine.told(folder)
    assert_complete(tmp_path, folder)
    assert engine.renders(tmp_path / "renders")[5] == 2


@pytest.mark.parametrize("at", ["start", "load"])
def test_children_that_die_at_once_again_and_again_stop_being_started(tmp_path: Path, at: str) -> None:
    outcome, folder = run(tmp_path, [{"at": at, "do": "exit", "code": 3}], limits=dataclasses.replace(HASTY, deaths=3))
    assert outcome is Outcome.IMPOSSIBLE
    spawned = [r for r in engine.records(folder) if r["what"] == "spawn"]
    assert len(spawned) <= 24
    assert engine.leftovers(tmp_path) == [] or not (tmp_path / "out").exists()


def test_a_child_that_cannot_load_the_scene_says_why(tmp_path: Path) -> None:
    words = "the scene has no camera"
    outcome, folder = run(tmp_path, [{"at": "load", "do": "broken", "fault": "scene or script error", "words": words}])
    assert outcome is Outcome.IMPOSSIBLE
    assert words in engine.told(folder)


def test_a_child_that_ignores_leave_is_ended(tmp_path: Path) -> None:
    outcome, folder = run(tmp_path, [{"at": "leave", "do": "ignore"}, {"at": "start", "do": "deaf"}], limits=HASTY)
    assert outcome is Outcome.COMPLETE
    assert_complete(tmp_path, folder)


def test_a_child_that_is_slow_to_say_hello_is_waited_for(tmp_path: Path) -> None:
    outcome, folder = run(tmp_path, [{"at": "start", "do": "sleep", "seconds": 1.5}])
    assert outcome is Outcome.COMPLETE
    assert len([r for r in engine.records(folder) if r["what"] == "spawn"]) == 2


def test_stop_now_ends_children_that_hear_nothing(tmp_path: Path) -> None:
    rules = [{"at": "start", "do": "deaf"}, {"at": "render", "do": "hang", "frames": [4]}]
    blend = write_blend(tmp_path / "a.blend", rules=rules, seconds=0.02)
    folder = engine.make_job(tmp_path / "jobs", blend, str(tmp_path / "out" / "####"), f"1-{COUNT}")
    with engine.running(folder) as dispatcher:
        until(lambda: len(engine.commits(folder)) >= 3)
        job.ask(folder, job.Wish.STOP_NOW)
        assert dispatcher.wait(120) == 3
        assert not campaign.orphans(engine.FAKE_ENTRY, folder)
    assert engine.leftovers(tmp_path / "out") == []
