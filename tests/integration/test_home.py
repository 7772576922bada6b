# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the artist's file, far from it: what saving does not mend means the artist's folder all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from integration.spoken_child import SpokenChild
from integration.test_child import pixels

from dispatch.protocol import Committed, Hello, Loaded

TOOL = Path(__file__).with_name("make_home.py")


def tool(*words: object) -> str:
    """Run `make_home.py` in a Blender; return the last line that is its own."""
    blender = os.environ.get("MGD_TEST_BLENDER", "")
    command = [blender, "-b", "--factory-startup", "--python"] if blender else [sys.executable, "-P"]
    words = (*(["--"] if blender else []), *words)
    done = subprocess.run(
        [*command, str(TOOL), *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    assert tool("make", tmp_path) == "MADE"
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and ".mgd" not in p.parts)


def test_a_copy_renders_what_the_artists_file_renders_and_writes_where_that_writes(
    child: SpokenChild, place: Path
) -> None:
    project, copy = place / "project", place / "jobs" / "one" / "scene" / "shot.blend"
    sides = {name: pixels(project / "sides" / name) for name in files(project / "sides")}
    for name in sides:
        (project / "sides" / name).unlink()
    before = files(project)
    loaded = child.configure(copy, str(place / "out" / "x_####"), home=str(project / "art" / "shot.blend"))
    assert isinstance(loaded, Loaded)
    for attempt, frame in enumerate((3, 1, 4, 2), 1):
        assert child.render(attempt, frame) == Committed(attempt)
    assert child.leave() == 0
    assert files(place / "out") == files(place / "plain")
    shots = {name: pixels(place / "out" / name) for name in files(place / "out")}
    assert shots == {name: pixels(place / "plain" / name) for name in shots}
    assert len(set(shots.values())) == 4, "the simulation moves"
    assert {name: pixels(project / "sides" / name) for name in files(project / "sides")} == sides
    assert files(project) == sorted([*before, *(f"sides/{name}" for name in sides)])
    assert files(place / "jobs") == ["one/scene/shot.blend"]


def test_only_what_saving_left_alone_is_settled(child: SpokenChild, place: Path) -> None:
    version = child.until(Hello).version
    art = place / "project" / "art"
    copy = place / "jobs" / "one" / "scene" / "shot.blend"
    settled = json.loads(tool("settle", copy, art / "shot.blend"))
    # What a version mends when it saves is relative to the copy.
    found = {name: os.path.normpath(path.replace("//", f"{copy.parent}/", 1)) for name, path in settled.items()}
    (side,) = (path for name, path in found.items() if name.startswith("Compositing"))
    assert side == str(place / "project" / "sides" / ("{blend_name}" if version >= (4, 5, 0) else "shot"))
    assert found["Inside"] == str(art / "deep")
    assert found["NODES"] == str(art / "simulation")
    assert (found["CLOTH"], found["SOFT_BODY"]) == (str(art / "caches" / "cloth"), str(art / "caches" / "soft"))
    assert found["PARTICLES"] == str(place / "project" / "far" / "particles")
    assert json.loads(tool("settle", copy, ""))["Inside"] == ("{blend_dir}/deep" if version >= (5, 0, 0) else "//deep/")
