# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dispatch import destination, findings, preflight
from dispatch.findings import Finding, Level
from dispatch.preflight import Destination, Plan
from dispatch.protocol import SceneFacts

FACTS = SceneFacts(
    scene="Scene",
    scenes=("Scene", "Close-up"),
    engine="CYCLES",
    frame_start=1,
    frame_end=250,
    frame_step=1,
    width=1920,
    height=1080,
    output="/renders/shot_####",
    output_is_relative=False,
    first_path="/renders/shot_0001.png",
    last_path="/renders/shot_0250.png",
    file_format="PNG",
    is_movie=False,
    camera="Camera",
    view_layers=("ViewLayer",),
)
PLAN = Plan(frames=range(1, 251), overwrite=True, destinations=(Destination("/renders", free=1 << 40),))


def only(facts: SceneFacts, plan: Plan = PLAN) -> Finding:
    found = preflight.check(facts, plan)
    assert len(found) == 1, found
    return found[0]


def test_a_sound_scene_has_no_findings() -> None:
    assert preflight.check(FACTS, PLAN) == []


@pytest.mark.parametrize(
    ("change", "views", "level", "key", "said"),
    [
        ({"movie": "/films/a.mp4"}, (), Level.NOTE, "movie-output", "'/films/a.mp4' is made of them"),
        ({"movie": "/films/a.mp4", "movie_there": True}, (), Level.NOTE, "movie-output", "shot_0001.png"),
        ({"movie": "/a.mp4", "movie_there": True, "overwrite": False}, (), Level.ERROR, "movie-there", "--overwrite"),
        ({"movie_asked": True}, ("_L", "_R"), Level.WARNING, "movie-output", "for each view"),
        ({"movie_asked": True}, (), Level.WARNING, "movie-output", "no movie"),
    ],
)
def test_what_becomes_of_a_movie_is_said(
    change: dict[str, Any], views: tuple[str, ...], level: Level, key: str, said: str
) -> None:
    found = only(replace(FACTS, views=views), replace(PLAN, **change))
    assert (found.level, found.key) == (level, key)
    assert said in found.text
    assert "--" not in found.panel


def test_no_camera_is_missed_where_the_sequencer_makes_the_pictures() -> None:
    assert preflight.check(replace(FACTS, camera="", needs_camera=False), PLAN) == []


@pytest.mark.parametrize(
    ("change", "level", "key", "said"),
    [
        ({"camera": ""}, Level.ERROR, "no-camera", "no camera"),
        ({"is_movie": True, "file_format": "FFMPEG"}, Level.ERROR, "movie-output", "--image-sequence"),
        ({"view_layers": ()}, Level.ERROR, "no-view-layer", "Use for Rendering"),
        ({"output_is_relative": True}, Level.ERROR, "relative-output", "--output"),
        ({"last_path": "/renders/shot_0001.png"}, Level.ERROR, "same-name", "'####'"),
        ({"first_path": "", "last_path": "", "output": "/r/{frame}"}, Level.ERROR, "bad-template", "'/r/{frame}'"),
        ({"first_path": "", "last_path": "", "bad_template": "Unknown variable '{x}'"}, Level.ERROR, "bad-template",
         "(Unknown variable '{x}'): check"),
        ({"output": "/r_##/shot"}, Level.NOTE, "no-frame-number", "'shot_0001.png'"),
        ({"output": "C:\\r_##\\shot"}, Level.NOTE, "no-frame-number", "no '#'"),
        ({"unbaked": (("Cape", "CLOTH"), ("Jelly", "SOFT_BODY"))}, Level.ERROR, "unbaked-simulation",
         "'Cape' (cloth) and 'Jelly' (soft body)"),
        ({"missing_libraries": ("/lib/a.blend",)}, Level.WARNING, "missing-libraries", "1 linked library is missing"),
        ({"missing_images": tuple(f"/t/{i}.png" for i in range(17))}, Level.WARNING, "missing-files", "and 12 more"),
        ({"unpacked_paint": ("Mask",)}, Level.WARNING, "unpacked-paint", "'Mask'; save or pack"),
        ({"engine": "BLENDER_EEVEE_NEXT"}, Level.NOTE, "other-engine", "BLENDER_EEVEE_NEXT"),
        ({"gpu_compositor": True}, Level.NOTE, "gpu-compositor", "CPU"),
        ({"scripts_blocked": True}, Level.WARNING, "scripts-blocked", "--autoexec"),
        ({"handlers": ("addon.on_render_init",)}, Level.WARNING, "handlers-left-out", "addon.on_render_init"),
        ({"file_format": "AVIF"}, Level.WARNING, "unchecked-format", "AVIF"),
        ({"warnings": ("The file is newer.",)}, Level.WARNING, "scene-warning", "The file is newer."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_scene_is_said_in_a_sentence(
    change: dict[str, Any], level: Level, key: str, said: str
) -> None:
    finding = only(replace(FACTS, **change))
    assert (finding.level, finding.key) == (level, key)
    assert said in finding.text


@pytest.mark.parametrize(
    ("change", "level", "key", "said"),
    [
        ({"frames": ()}, Level.ERROR, "no-frames", "1 to 250 is empty"),
        ({"scene": "close up"}, Level.ERROR, "unknown-scene", "did you mean 'Close-up'?"),
        ({"scene": "xyz"}, Level.ERROR, "unknown-scene", "it has 'Scene' and 'Close-up'."),
        ({"same_output": "shot 7"}, Level.ERROR, "output-in-use", "Job 'shot 7'"),
        ({"others": ("'a' on render7", "'b' on render8")}, Level.WARNING, "shared-with-overwrite", "--no-overwrite"),
        ({"others": ("'a' on render7",), "overwrite": False}, Level.NOTE, "shared-folder", "'a' on render7"),
        ({"destinations": (Destination("/r", "'/r' is not a folder"),)}, Level.ERROR, "output-not-writable", "'/r'"),
        ({"destinations": (Destination("/r", free=5 << 20),)}, Level.WARNING, "disk-nearly-full", "5.0 MiB"),
        ({"destinations": (Destination("/r", free=0),)}, Level.ERROR, "disk-nearly-full", "0 B"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_plan_is_said_in_a_sentence(
    change: dict[str, Any], level: Level, key: str, said: str
) -> None:
    finding = only(FACTS, replace(PLAN, **change))
    assert (finding.level, finding.key) == (level, key)
    assert said in finding.text


def test_unbaked_simulations_may_be_allowed_and_do_not_matter_to_a_single_frame() -> None:
    facts = replace(FACTS, unbaked=(("Cape", "CLOTH"),))
    assert only(facts, replace(PLAN, allow_unbaked=True)).level is Level.WARNING
    assert preflight.check(facts, replace(PLAN, frames=[7])) == []


def test_errors_come_first_and_refuse_the_job() -> None:
    found = preflight.check(replace(FACTS, engine="X", camera="", handlers=("h",)), PLAN)
    assert [f.level for f in found] == [Level.ERROR, Level.WARNING, Level.NOTE]
    assert findings.refused(found)
    assert not findings.refused(found[1:])


def test_every_finding_is_one_sentence_with_a_stable_key() -> None:
    worst = replace(
        FACTS, camera="", view_layers=(), is_movie=True, output_is_relative=True, unbaked=(("a", "b"),), engine="X",
        handlers=("h",), missing_images=("i",), missing_libraries=("l",), unpacked_paint=("p",), scripts_blocked=True,
        gpu_compositor=True,
    )  # fmt: skip
    plan = replace(PLAN, others=("x",), destinations=(Destination("/r", "is a file"),))
    found = preflight.check(worst, plan)
    assert len(found) == 14
    for finding in found:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", finding.key)
        assert re.fullmatch(r"[A-Z0-9].*\.", finding.text), finding.text
        assert re.fullmatch(r"[A-Z0-9].*\.", finding.panel), finding.panel
        assert not re.search(r"(^|\s)--\w", finding.panel), "no option of a command line in the panel"


def test_disk_words_are_said_only_when_the_frames_do_not_fit() -> None:
    assert preflight.disk_words(1 << 20, 100, 100 << 20) == ""
    said = preflight.disk_words(1 << 20, 100, 60 << 20)
    assert "about 60 of the 100 frames" in said
    assert "free 40.0 MiB or" in said


def test_looking_at_a_folder_that_can_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    seen = destination.look(tmp_path / "a" / "b")
    assert seen.obstacle == ""
    assert seen.free is None or seen.free > 0
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_of_a_folder_is_an_obstacle(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("x", encoding="utf-8")
    assert "is not a folder" in destination.look(tmp_path / "taken").obstacle
    assert "is not a folder" in destination.look(tmp_path / "taken" / "deeper").obstacle


def test_a_folder_that_cannot_be_written_is_an_obstacle_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(**_: object) -> None:
        raise PermissionError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", denied)
    assert destination.look(tmp_path / "new").obstacle == f"read-only file system in '{tmp_path}'"
