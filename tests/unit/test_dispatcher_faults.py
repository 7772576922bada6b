# SPDX-License-Identifier: GPL-3.0-or-later
"""Real processes that misbehave: each fault ends in a clear word and, where another try helps, in a whole picture."""

from __future__ import annotations

import dataclasses
import json

import pytest
from jobs import FAKE_CHILD, QUICK, expected, make_job, names

from dispatch import dispatcher
from dispatch.model import Outcome

IMPATIENT = dataclasses.replace(QUICK, start=3, load=2, load_per_gb=0, first=2, task=2, leave=1, die=5)


@pytest.fixture(autouse=True)
def private_state(state_folder):
    """Leases of this test only."""


def run(place, *rules, frames="1-5", **changes):
    """Run a job whose children follow these rules; return (outcome, last snapshot)."""
    seen = []
    folder = make_job(place, frames, script={"rules": list(rules)} if rules else {}, **changes)
    return dispatcher.run(folder, seen.append, FAKE_CHILD), seen[-1]


def said(snapshot):
    return " | ".join(m.text for m in snapshot.messages)


@pytest.mark.parametrize(
    "rule",
    [
        {"at": "render", "do": "flood", "stream": "stdout", "frames": [2], "times": 1},
        {"at": "render", "do": "flood", "stream": "stderr", "frames": [2], "times": 1},
        {"at": "render", "do": "flood", "stream": "reports", "frames": [2], "times": 1},
        {"at": "render", "do": "garbage", "stream": "reports"},
        {"at": "Rendered", "do": "double"},
        {"at": "Committed", "do": "double"},
        {"at": "Begun", "do": "double"},
        {"at": "leave", "do": "ignore"},
        {"at": "end", "do": "hang"},
    ],
    ids=lambda rule: f"{rule['do']} at {rule['at']}",
)
def test_noise_and_bad_manners_cost_nothing(tmp_path, rule):
    outcome, last = run(tmp_path, rule, limits=dataclasses.replace(QUICK, leave=1))
    assert outcome is Outcome.COMPLETE
    assert last.audit == "5 of 5 frames complete, 0 rendered twice, 0 retried"
    assert names(tmp_path) == expected(1, 5)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"at": "render", "do": "hang", "frames": [2], "times": 1}, "no sign of life"),
        ({"at": "render", "do": "stop", "frames": [2], "times": 1}, "no sign of life"),
        ({"at": "Rendered", "do": "lost", "frames": [2], "times": 1}, "no sign of life"),
        ({"at": "Committed", "do": "lost", "frames": [2], "times": 1}, "no sign of life"),
        ({"at": "Rendered", "do": "other", "frames": [2], "times": 1}, "no sign of life"),
        ({"at": "render", "do": "close", "frames": [2], "times": 1}, ""),
        ({"at": "Rendered", "do": "wrong-device", "frames": [2], "times": 1}, "instead of CPU"),
        ({"at": "render", "do": "exit", "code": 0, "frames": [2], "times": 1}, "ended by itself"),
        ({"at": "render", "do": "signal", "code": 11, "frames": [2], "times": 1}, "SIGSEGV"),
        ({"at": "commit", "do": "signal", "code": 9, "frames": [2], "times": 1}, "SIGKILL"),
        ({"at": "claim", "do": "signal", "code": 9, "frames": [2], "times": 1}, "SIGKILL"),
        (
            {"at": "render", "do": "endless", "stream": "reports", "size": 20_000_000, "frames": [2], "times": 1},
            "no sign of life",
        ),
    ],
    ids=lambda value: f"{value['do']} at {value['at']}" if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("overwrite", [True, False], ids=["overwrite", "no overwrite"])
def test_a_fault_that_another_try_helps_ends_in_whole_pictures(tmp_path, rule, words, overwrite):
    outcome, last = run(tmp_path, rule, limits=IMPATIENT, overwrite=overwrite)
    assert outcome is Outcome.COMPLETE
    assert words in said(last)
    assert names(tmp_path) == expected(1, 5)
    assert last.audit.startswith("5 of 5 frames complete, 0 rendered twice")


def test_a_child_on_another_device_renders_nothing_and_the_words_name_both(tmp_path):
    outcome, last = run(tmp_path, {"at": "Loaded", "do": "wrong-device"})
    assert outcome is Outcome.IMPOSSIBLE
    assert "Cycles uses CUDA_of_somebody_else instead of CPU" in said(last)
    assert not (tmp_path / "out").exists() or names(tmp_path) == []


def test_out_of_vram_goes_on_with_fewer_workers_on_the_card(tmp_path):
    rule = {
        "at": "render",
        "do": "fail",
        "fault": "out of VRAM",
        "words": "CUDA out of memory",
        "times": 1,
        "frames": [2],
    }
    outcome, last = run(tmp_path, rule)
    assert outcome is Outcome.COMPLETE
    assert "fewer workers go on" in said(last)
    assert last.retried == 0


def test_a_full_disk_holds_the_job_until_there_is_room_and_blames_no_frame(tmp_path):
    rule = {"at": "render", "do": "fail", "fault": "disk full", "words": "The disk of /out is full", "times": 2}
    outcome, last = run(tmp_path, rule)
    assert outcome is Outcome.COMPLETE
    assert "Paused: The disk of /out is full" in said(last)
    assert "Going on" in said(last)


@pytest.mark.parametrize(
    ("place", "words"),
    [("start", "Blender did not answer after its start"), ("load", "Blender did not finish loading the scene")],
)
def test_a_child_that_hangs_before_its_first_frame_is_replaced(tmp_path, monkeypatch, place, words):
    rule = {"at": place, "do": "hang", "times": 1}
    monkeypatch.setenv("FAKE_CHILD", json.dumps({"rules": [rule], "counts": str(tmp_path)}))
    outcome, last = run(tmp_path, limits=IMPATIENT, per_device=1)
    assert outcome is Outcome.COMPLETE
    assert words in said(last)


def test_children_that_die_at_once_stop_being_started(tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_CHILD", json.dumps({"rules": [{"at": "start", "do": "exit", "code": 1}]}))
    outcome, last = run(tmp_path)
    assert outcome is Outcome.IMPOSSIBLE
    assert "left out" in said(last)


def test_a_scene_that_cannot_be_loaded_is_said_in_its_own_words(tmp_path):
    rule = {"at": "load", "do": "broken", "fault": "scene or script error", "words": "shot.blend is no .blend file"}
    outcome, last = run(tmp_path, rule)
    assert outcome is Outcome.IMPOSSIBLE
    assert "shot.blend is no .blend file" in said(last)
