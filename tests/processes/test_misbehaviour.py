# SPDX-License-Identifier: GPL-3.0-or-later
"""Children that fail or shout: each ends in a clear word and, where another try can help, in a whole picture.

The whole dispatcher, with fake children as real processes. How they die, hang and lie is in `tests/faults`.
"""

from __future__ import annotations

import dataclasses
import json
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
    environment = {"BLENDER_FAKE_CHILD": json.dumps({"rules": rules, "counts": str(counts)})}
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
