# SPDX-License-Identifier: GPL-3.0-or-later
"""The movie that is made of pictures, beside the one that a plain animation render writes of the same scene."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from integration.spoken_child import SpokenChild

from dispatch.model import Fault
from dispatch.protocol import Broken, Committed, Inspect, Inspected, Loaded, MakeMovie, MovieMade

ROOT = Path(__file__).resolve().parents[2]
TOOL = Path(__file__).with_name("make_movie.py")
BLENDER = os.environ.get("MGD_TEST_BLENDER", "")
FIRST, LAST = 5, 16


def tool(*words: object, blender: str = "") -> str:
    """Run `make_movie.py`; return what it printed last."""
    command = [blender, "-b", "--factory-startup", "--python"] if blender else [sys.executable, "-P"]
    words = (*(["--"] if blender else []), *words)
    done = subprocess.run(
        [*command, str(TOOL), *map(str, words)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    assert tool("make", folder, blender=BLENDER) == "MADE"
    return folder


def compare(plain: Path, made: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tool("compare", plain, made))
    return found


def make(child: SpokenChild, blend: Path, place: Path, movie: Path, frames: range) -> MovieMade | Broken:
    """Render the frames and make the movie of them with one child."""
    loaded = child.configure(blend, str(place / "pictures" / "x_####"), sequence=True)
    assert isinstance(loaded, Loaded), loaded
    for attempt, frame in enumerate(frames, 1):
        assert child.render(attempt, frame) == Committed(attempt)
    files = sorted(map(str, (place / "pictures").glob("*.png")))
    child.note(movie.parent)
    child.say(MakeMovie(tuple(files), (frames[0], frames[-1]), str(movie)))
    return child.until(MovieMade, Broken)


@pytest.mark.parametrize("name", ["stamped", "transparent", "deep", "side_by_side"])
def test_the_movie_is_that_of_a_plain_render(child: SpokenChild, films: Path, tmp_path: Path, name: str) -> None:
    (plain,) = (films / f"plain_{name}").iterdir()
    movie = tmp_path / "films" / plain.name
    made = make(child, films / f"{name}.blend", tmp_path, movie, range(FIRST, LAST + 1, 2 if name == "stamped" else 1))
    assert made == MovieMade(str(movie), movie.stat().st_size)
    held = [each.path for each in psutil.Process(child.process.pid).open_files()]
    assert not [path for path in held if movie.name in path], "Windows moves no file that is open"
    assert [path.name for path in movie.parent.iterdir() if path.name != ".mgd"] == [movie.name]
    found = compare(plain, movie)
    assert found["movies"][1] == found["movies"][0]
    assert found["difference"] < 0.6, "levels of 255"
    assert found["moves"] > 1


def test_a_size_that_no_movie_can_have_loses_a_row_and_a_column(
    child: SpokenChild, films: Path, tmp_path: Path
) -> None:
    movie = tmp_path / "films" / "odd.mp4"
    assert isinstance(make(child, films / "odd.blend", tmp_path, movie, range(FIRST, FIRST + 3)), MovieMade)
    found = json.loads(tool("compare", movie))["movies"][0]
    assert (found["size"], found["frames"]) == ([160, 90], 3)


def test_what_cannot_be_made_is_explained_and_leaves_the_final_name_alone(
    child: SpokenChild, films: Path, tmp_path: Path
) -> None:
    movie = tmp_path / "films" / "film.mp4"
    movie.parent.mkdir()
    movie.write_bytes(b"yesterday's")
    missing = str(tmp_path / "gone.png")
    child.configure(films / "film.blend", str(tmp_path / "x_####"), sequence=True)
    child.note(movie.parent)
    child.say(MakeMovie((missing,), (1, 1), str(movie)))
    broken = child.until(Broken, MovieMade)
    assert isinstance(broken, Broken)
    assert broken.fault is Fault.BAD_OUTPUT
    assert missing in broken.words
    assert child.end() == 78
    assert movie.read_bytes() == b"yesterday's"


def test_pictures_of_several_sizes_make_no_movie(
    child: SpokenChild, another: Callable[[], SpokenChild], films: Path, tmp_path: Path
) -> None:
    movie = tmp_path / "films" / "film.mp4"
    small = another()
    small.configure(films / "film.blend", str(tmp_path / "pictures" / "x_####"), sequence=True, resolution=50)
    assert small.render(1, FIRST + 3) == Committed(1)
    broken = make(child, films / "film.blend", tmp_path, movie, range(FIRST, FIRST + 3))
    assert isinstance(broken, Broken)
    assert broken.fault is Fault.BAD_OUTPUT
    assert f"x_{FIRST + 3:04}.png" in broken.words
    assert not movie.exists()


def test_the_facts_tell_the_movies_name_and_leave_the_scene_as_it_was(child: SpokenChild, films: Path) -> None:
    for output, movie, pictures in (
        ("", "plain_film/film.mp4", "plain_film/film_0005.png"),
        ("//a/b_", "a/b_0005-0016.mp4", "a/b_0005.png"),
        ("//a/", "a/0005-0016.mp4", "a/0005.png"),
        ("//c.d.MOV", "c.d.MOV0005-0016.mp4", "c.d_0005.png"),
    ):
        child.say(Inspect(str(films / "film.blend"), output=output, sequence=True))
        found = child.until(Inspected).scene
        assert found is not None
        assert (found.is_movie, found.file_format) == (False, "PNG")
        assert Path(found.first_path) == films / pictures
        assert Path(found.movie_path) == films / movie
    child.say(Inspect(str(films / "film.blend")))
    found = child.until(Inspected).scene
    assert found is not None
    assert (found.is_movie, Path(found.movie_path)) == (True, films / "plain_film" / "film.mp4")
    child.say(Inspect(str(films / "side_by_side.blend"), sequence=True))
    found = child.until(Inspected).scene
    assert found is not None
    assert [Path(found.movie_path)] == list((films / "plain_side_by_side").iterdir())


def test_a_job_with_a_movie_from_the_command_line(films: Path, tmp_path: Path, state_folder: Path) -> None:
    movie = tmp_path / "out" / "film.mp4"
    words = ["render", str(films / "film.blend"), "-o", str(movie), "--per-device", "2", "--devices", "cpu", "--json"]
    command = [sys.executable, "-m", "dispatch", *words]
    command += ["--blender", BLENDER] if BLENDER else []
    refused = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert refused.returncode == 2
    assert "--movie" in refused.stdout
    done = subprocess.run([*command, "--movie"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["level"] for e in events if e["event"] == "finding" and e["key"] == "movie-output"] == ["note"]
    names = [path.name for path in (tmp_path / "out").iterdir()]
    assert sorted(names) == ["film.mp4", *(f"film_{frame:04}.png" for frame in range(FIRST, LAST + 1))]
    found = compare(films / "plain_film" / "film.mp4", movie)
    plain, made = found["movies"]
    assert plain == made
    assert (made["frames"], made["fps"], made["size"]) == (LAST - FIRST + 1, 30, [160, 90])
    assert found["difference"] < 0.05
    if plain["heard"]:
        *parts, strip, speaker = made["heard"]
        assert parts[0] < parts[-1], "the strip begins at frame 10"
        assert min(strip, speaker) > 0.01
    again = subprocess.run(
        [*command, "--movie", "--no-overwrite"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert again.returncode == 2
    assert '"movie-there"' in again.stdout
