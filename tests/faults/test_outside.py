# SPDX-License-Identifier: GPL-3.0-or-later
"""The outside look sees every kind of harm: a judge that never says no proves nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import outside
import pytest
from case import Seen
from fake_scene import png
from prepared import fake_job

COUNT = 6


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """A small job that went well."""
    folder = tmp_path_factory.mktemp("good")
    with mock.patch.dict(os.environ, {"XDG_STATE_HOME": str(folder / "state")}):
        return fake_job(folder, COUNT).run()


@pytest.fixture
def seen(good: Seen, tmp_path: Path) -> Iterator[Seen]:
    """That job as it was, for each test anew."""
    shutil.copytree(good.output.parent, tmp_path / "as it was")
    yield good
    shutil.rmtree(good.output.parent)
    shutil.copytree(tmp_path / "as it was", good.output.parent)


def journal(seen: Seen) -> Path:
    return seen.jobs[0] / "journal.jsonl"


def add(seen: Seen, **record: object) -> None:
    lines = journal(seen).read_text("utf-8").splitlines(keepends=True)
    lines.insert(-1, json.dumps({"at": "2026-01-01T00:00:00", **record}) + "\n")
    journal(seen).write_text("".join(lines), "utf-8")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)


def say_otherwise(seen: Seen) -> None:
    text = journal(seen).read_text("utf-8")
    assert f"{COUNT} of {COUNT} frames complete, 0 rendered twice" in text
    journal(seen).write_text(text.replace("0 rendered twice", "1 rendered twice"), "utf-8")


def picture(seen: Seen, frame: int) -> Path:
    return seen.output / f"{frame:04d}.png"


HARM: dict[str, tuple[Callable[[Seen], object], str]] = {
    "a picture is gone": (lambda seen: picture(seen, 3).unlink(), "1 frames are lost: 3"),
    "a picture is cut": (lambda seen: cut(picture(seen, 3)), "0003.png chunk"),
    "a picture has a wrong byte": (lambda seen: spoil(picture(seen, 3)), "0003.png chunk"),
    "a picture is empty": (lambda seen: picture(seen, 3).write_bytes(b""), "0003.png is empty"),
    "another frame's picture": (
        lambda seen: picture(seen, 3).write_bytes(png(4, 4, "frame 4 attempt 1")),
        "0003.png shows frame 4",
    ),
    "a picture of nothing known": (
        lambda seen: picture(seen, 3).write_bytes(png(4, 4, "yesterday")),
        "0003.png does not say which frame",
    ),
    "a frame nobody asked for": (lambda seen: picture(seen, 7).write_bytes(b"x"), "0007.png is left over"),
    "a working folder stays": (lambda seen: (seen.output / ".mgd" / "claims").mkdir(parents=True), ".mgd is left over"),
    "a frame is put in place twice": (
        lambda seen: add(seen, what="committed", task=2, attempt=0),
        "0003.png was put in place 2 times",
    ),
    "the journal has half a line": (
        lambda seen: journal(seen).write_text(journal(seen).read_text("utf-8") + '{"what"', "utf-8"),
        "ends in the middle of a line",
    ),
    "the journal has garbage": (
        lambda seen: journal(seen).write_text("\0\0\n" + journal(seen).read_text("utf-8"), "utf-8"),
        "are no records",
    ),
    "the audit is wrong": (say_otherwise, "the audit says 1 'rendered twice'"),
    "the snapshot is gone": (lambda seen: (seen.jobs[0] / "snapshot.json").unlink(), "cannot be read"),
    "the scene's copy stays": (lambda seen: (seen.jobs[0] / "scene").mkdir(), "keeps its scene"),
}


def test_a_job_that_went_well_has_no_problem(seen: Seen) -> None:
    assert outside.problems(seen) == []
    assert outside.told(seen) == [f"{COUNT} of {COUNT} frames complete, 0 rendered twice, 0 retried"]
    assert outside.counted(seen) == outside.Counted(0, 0, 0, 0, 0, 0)


@pytest.mark.leaves_claims
@pytest.mark.parametrize("harm", HARM)
def test_harm_is_seen(seen: Seen, harm: str) -> None:
    do, words = HARM[harm]
    do(seen)
    assert [problem for problem in outside.problems(seen) if words in problem], outside.problems(seen)


def test_what_the_fault_itself_explains_is_no_problem(seen: Seen) -> None:
    picture(seen, 3).unlink()
    (seen.output / "mine.txt").touch()
    found = outside.problems(dataclasses.replace(seen, given_up=(3,), kept=("mine.txt",)))
    assert [words for words in found if "audit" not in words] == []


def test_what_was_there_before_and_is_gone_is_a_problem(seen: Seen) -> None:
    assert outside.problems(dataclasses.replace(seen, kept=("mine.txt",))) == ["mine.txt was there before and is gone"]


def test_a_given_up_frame_with_a_picture_is_a_problem(seen: Seen) -> None:
    assert "frame 3 cannot be rendered, and yet there is 0003.png" in outside.problems(
        dataclasses.replace(seen, given_up=(3,))
    )


def test_another_exit_status_is_a_problem(seen: Seen) -> None:
    assert outside.problems(dataclasses.replace(seen, expected_status=1))[0].startswith("exit status 0 instead of 1")


def test_too_many_renders_are_a_problem(seen: Seen) -> None:
    assert seen.renders is not None
    with seen.renders.open("a") as log:
        log.write("3 1 1 1\n")
    assert outside.problems(dataclasses.replace(seen, most_renders=1)) == ["frame 3 was rendered 2 times"]


def test_a_process_that_lives_on_is_a_problem(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside, "PATIENCE", 0.0)
    environment = os.environ | {"MGD_STRAY": "1"}
    argv = [sys.executable, "-c", "import sys; print('here', flush=True); sys.stdin.read()"]
    with subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stray:
        assert stray.stdout is not None
        stray.stdout.readline()
        (found,) = outside.problems(dataclasses.replace(seen, mark="MGD_STRAY=1"))
        stray.communicate()
    assert found.startswith(f"process {stray.pid} (")
