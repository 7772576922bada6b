# SPDX-License-Identifier: GPL-3.0-or-later
"""Which measurement a panel shows, and what it says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dispatch import measurement_words
from dispatch.measurement import Measurement, Recommendation, State
from dispatch.measurements_seen import MeasurementSeen
from dispatch.model import Strategy

ADVICE = Recommendation(Strategy.PER_DEVICE, 2, 16, "2 per GPU: 24.1 frames/s.")
FILE = "/shots/shot.blend"


def seen(name: str = "a", state: State = State.COMPLETE, *, running: bool = False, why: str = "", **changes: object):
    usual = {"blend": FILE, "scene": "Scene", "name": "shot", "blender": "Blender 5.2.2", "devices": ()}
    found = Measurement(id=name, created="2026-11-21T06:01:00+00:00", state=state, **{**usual, **changes})
    return MeasurementSeen(f"/m/{name}", running, found, why)


def test_the_one_that_runs_is_shown_before_the_newest_of_this_scene() -> None:
    old, new = seen("old", recommendation=ADVICE), seen("new", recommendation=ADVICE)
    other = seen("other", blend="/shots/other.blend")
    assert measurement_words.shown((other, new, old), FILE, "Scene") is new
    busy = replace(other, running=True)
    assert measurement_words.shown((new, busy), FILE, "Scene") is busy
    assert measurement_words.shown((new,), FILE, "Another scene") is None
    assert measurement_words.shown((), FILE, "Scene") is None


def test_a_file_that_was_never_saved_is_known_by_the_folder_of_its_measurement() -> None:
    copy = seen("copy", blend="/m/copy/scene/untitled.blend", recommendation=ADVICE)
    assert measurement_words.shown((copy,), "", "Scene") is None
    assert measurement_words.shown((copy,), "", "Scene", "/m/copy") is copy
    assert measurement_words.usable((copy,), "", "Scene", "/m/copy") is copy


def test_only_what_is_over_and_came_to_something_can_be_used() -> None:
    failed, good = seen("failed", State.FAILED), seen("good", recommendation=ADVICE)
    busy = seen("busy", State.RUNNING, running=True, recommendation=ADVICE)
    assert measurement_words.usable((busy, failed, good), FILE, "Scene") is good
    assert measurement_words.usable((busy, failed), FILE, "Scene") is None


@pytest.mark.parametrize(
    ("changes", "said", "part"),
    [
        ({"state": State.WAITING}, "Starting …", 0.0),
        ({"state": State.RUNNING}, "Looking at the scene …", 0.0),
        (
            {"state": State.RUNNING, "done": 12, "planned": 40, "seconds_left": 380.0},
            "12 of 40 · about 6 min left",
            0.3,
        ),
        ({"state": State.RUNNING, "done": 12, "planned": 40}, "12 of 40", 0.3),
        ({"state": State.RUNNING, "done": 41, "planned": 40, "seconds_left": 0.0}, "41 of 40", 1.0),
    ],
)
def test_progress_stands_in_the_bar(changes: dict[str, object], said: str, part: float) -> None:
    found = replace(seen().found, **changes)
    assert measurement_words.progress(found) == said
    assert measurement_words.part(found) == part


def test_what_is_measured_now_is_named() -> None:
    now = seen("x", State.RUNNING, running=True, current="2 per GPU on 4 GPUs")
    assert measurement_words.current(now) == "shot: 2 per GPU on 4 GPUs"
    assert measurement_words.current(seen("x", State.WAITING, running=True)) == "Measuring shot"


@pytest.mark.parametrize(
    ("advice", "said"),
    [
        (ADVICE, "Per GPU, 2 instances, 16 threads"),
        (Recommendation(Strategy.PER_DEVICE, 1, 0, ""), "Per GPU"),
        (Recommendation(Strategy.COMBINED, 1, 0, ""), "Combined"),
        (Recommendation(Strategy.AUTO, 1, 1, ""), "Auto, 1 thread"),
    ],
)
def test_settings_are_called_as_in_the_panel(advice: Recommendation, said: str) -> None:
    assert measurement_words.settings(advice) == said


def test_a_measurement_without_a_result_says_why() -> None:
    assert measurement_words.failed(seen(recommendation=ADVICE)) == ""
    assert measurement_words.failed(seen(state=State.RUNNING, running=True)) == ""
    assert measurement_words.failed(seen(state=State.FAILED, notes=("Old.", "No camera."))) == "No camera."
    assert measurement_words.failed(seen(state=State.STOPPED)) == "Stopped before there was a result."
    died = seen(state=State.RUNNING, why="No space left on device")
    assert died.interrupted
    assert measurement_words.failed(died) == ("The measurement ended early (No space left on device): measure again.")


def test_the_end_is_news_in_one_line() -> None:
    done = seen(recommendation=ADVICE)
    assert measurement_words.ended(done) == "shot was measured. The fastest: Per GPU, 2 instances, 16 threads"
    assert measurement_words.ended(seen(state=State.FAILED, notes=("No camera.",))) == "shot: No camera."


def test_a_result_says_from_when_it_is() -> None:
    assert measurement_words.unfinished(seen(recommendation=ADVICE)) == "Measured on 2026-11-21"
    assert measurement_words.unfinished(seen(state=State.STOPPED)) == "Measured on 2026-11-21, not to the end"
