# SPDX-License-Identifier: GPL-3.0-or-later
"""The movie at the end of a job, with fake children: when it is made, what becomes of the job where it is not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import engine
import pytest
from engine import SHORT
from fake_scene import write_blend
from waiting import below, until

from dispatch import dispatcher, job
from dispatch.job import Wish
from dispatch.model import Outcome
from dispatch.snapshot import Snapshot


def make_job(place: Path, rule: dict[str, Any] | None = None, frames: str = "1-4", **changes: Any) -> Path:
    """Make a job whose pictures go to ``out`` and whose movie goes to ``films``."""
    blend = write_blend(place / "a.blend", renders=str(place / "renders"), rules=[rule] if rule else [])
    values = {"overwrite": True, "movie": str(place / "films" / "a.mp4"), "sequence": True, **changes}
    return engine.make_job(place / "jobs", blend, str(place / "out" / "x_####"), frames, **values)


def run(folder: Path) -> tuple[Outcome, list[Snapshot]]:
    seen: list[Snapshot] = []
    return dispatcher.run(folder, seen.append, engine.FAKE_ENTRY), seen


def movie(place: Path) -> dict[str, Any]:
    """What the fake child put into it; nothing else may lie in its folder."""
    assert [path.name for path in (place / "films").iterdir()] == ["a.mp4"]
    made: dict[str, Any] = json.loads((place / "films" / "a.mp4").read_text(encoding="utf-8"))
    return made


def test_the_movie_is_made_of_all_pictures_in_order_when_the_last_one_is_there(tmp_path: Path) -> None:
    folder = make_job(tmp_path, {"at": "movie", "do": "sleep", "seconds": 0.8}, frames="4-1")
    outcome, seen = run(folder)
    assert outcome is Outcome.COMPLETE
    assert movie(tmp_path) == {"frames": [1, 4], "pictures": [f"x_{n:04}.png" for n in (1, 2, 3, 4)]}
    written = [snapshot for snapshot in seen if snapshot.state == "writing movie"]
    assert (written[0].done, written[0].movie) == (4, "")
    assert (seen[-1].state, seen[-1].movie) == ("ended", str(tmp_path / "films" / "a.mp4"))
    assert not any(m.level != "note" for m in seen[-1].messages)


def test_frames_with_gaps_are_said(tmp_path: Path) -> None:
    _, seen = run(make_job(tmp_path, frames="1,3-4"))
    assert movie(tmp_path) == {"frames": [1, 4], "pictures": ["x_0001.png", "x_0003.png", "x_0004.png"]}
    assert any("the 3 frames of this job one after the other" in m.text for m in seen[-1].messages)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"at": "movie", "do": "exit", "code": 3}, "ended while it made the movie"),
        ({"at": "movie", "do": "broken", "words": "No such codec."}, "No such codec."),
        ({"at": "movie", "do": "hang"}, "did not get ready in time"),
    ],
)
def test_a_movie_that_fails_leaves_the_job_incomplete_and_resume_makes_it_alone(
    tmp_path: Path, rule: dict[str, Any], words: str
) -> None:
    limits = dataclasses.replace(SHORT, first=-35.0)  # with ten seconds for each of the four frames: five seconds
    folder = make_job(tmp_path, {**rule, "times": 1}, limits=limits if rule["do"] == "hang" else SHORT)
    outcome, seen = run(folder)
    assert outcome is Outcome.INCOMPLETE
    (message,) = [m for m in seen[-1].messages if m.level == "error"]
    assert words in message.text
    assert Path(message.log).is_file()
    assert list((tmp_path / "films").iterdir()) == []
    assert len((tmp_path / "renders").read_text().splitlines()) == 4
    outcome, seen = run(folder)
    assert outcome is Outcome.COMPLETE
    assert len((tmp_path / "renders").read_text().splitlines()) == 4
    assert movie(tmp_path)["frames"] == [1, 4]


def test_a_dispatcher_that_is_killed_while_the_movie_is_written_makes_it_again(tmp_path: Path) -> None:
    folder = make_job(tmp_path, {"at": "movie", "do": "hang", "times": 1})
    with engine.running(folder):
        until(lambda: below(tmp_path, "*.counts/*"), 60, "the half movie, and that it hangs")
    assert not (tmp_path / "films" / "a.mp4").exists()
    assert run(folder)[0] is Outcome.COMPLETE
    assert movie(tmp_path)["frames"] == [1, 4]
    assert len((tmp_path / "renders").read_text().splitlines()) == 4


def test_a_stop_ends_the_making_and_resume_goes_on_with_it(tmp_path: Path) -> None:
    folder = make_job(tmp_path, {"at": "movie", "do": "hang", "times": 1})
    with engine.running(folder) as process:
        until(lambda: below(tmp_path, "*.counts/*"), 60, "the half movie, and that it hangs")
        until(lambda: (shown := job.read_snapshot(folder)) and shown.state == "writing movie", 60, "the state")
        job.ask(folder, Wish.STOP)
        assert process.wait(120) == 3
    assert list((tmp_path / "films").iterdir()) == []
    assert run(folder)[0] is Outcome.COMPLETE
    assert movie(tmp_path)["frames"] == [1, 4]


def test_a_movie_that_is_made_is_not_made_again_unless_a_picture_was(tmp_path: Path) -> None:
    folder = make_job(tmp_path)
    run(folder)
    film = tmp_path / "films" / "a.mp4"
    before = film.stat().st_mtime_ns
    outcome, seen = run(folder)
    assert (outcome, film.stat().st_mtime_ns, seen[-1].movie) == (Outcome.COMPLETE, before, str(film))
    (tmp_path / "out" / "x_0002.png").unlink()
    assert run(folder)[0] is Outcome.COMPLETE
    assert film.stat().st_mtime_ns != before


def test_with_overwrite_off_a_movie_is_kept_unless_a_picture_is_newer(tmp_path: Path) -> None:
    film = tmp_path / "films" / "a.mp4"
    film.parent.mkdir()
    film.write_text("older")
    assert run(make_job(tmp_path, overwrite=False))[0] is Outcome.COMPLETE
    assert movie(tmp_path)["frames"] == [1, 4]
    film.write_text("theirs, newer")
    outcome, seen = run(make_job(tmp_path, overwrite=False))
    assert (outcome, film.read_text()) == (Outcome.COMPLETE, "theirs, newer")
    assert any("was kept" in m.text for m in seen[-1].messages)


def test_no_movie_is_made_of_a_job_that_lacks_pictures(tmp_path: Path) -> None:
    folder = make_job(tmp_path, {"at": "render", "do": "fail", "frames": [3], "fault": "scene or script error"})
    outcome, _ = run(folder)
    assert outcome is Outcome.INCOMPLETE
    assert not (tmp_path / "films").exists()
