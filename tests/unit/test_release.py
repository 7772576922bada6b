# SPDX-License-Identifier: GPL-3.0-or-later
"""Stale placeholders go on request: those of this job's missing frames, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from engine import make_job
from fake_scene import write_blend

from dispatch import owners, records, release
from dispatch.journal import Journal
from dispatch.owners import Owner
from dispatch.records import Record
from dispatch.working_folder import WorkingFolder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def a_job(place: Path, template: str, frames: str = "1-12") -> Path:
    return make_job(place / "jobs", write_blend(place / "a.blend"), template, frames)


def empty(folder: Path, *names: str, age: float = 3600.0) -> None:
    for name in names:
        (folder / name).touch()
        at = (folder / name).stat().st_mtime - age
        os.utime(folder / name, (at, at))


@pytest.mark.parametrize(
    ("template", "ours", "others"),
    [
        ("shot_####", ["shot_0002.png", "shot_0012_L.exr"], ["shot_0013.png", "shot_2.png", "other_0002.png", "0002.png"]),
        ("shot", ["shot0002.png"], ["shot0013.png", "shot.png"]),
        ("", ["0003.jpg"], ["13.jpg", "0013.jpg"]),
        ("a##b###c", ["a##b007c.png"], ["a07b007c.png", "a##b013c.png"]),
        ("v2 (final).##.png", ["v2 (final).03.png"], ["v2 xfinal).03.png"]),
    ],
)  # fmt: skip
def test_names_are_those_that_blender_gives(
    tmp_path: Path, out: Path, template: str, ours: list[str], others: list[str]
) -> None:
    empty(out, *ours, *others)
    assert release.release(a_job(tmp_path, f"{out}/{template}")) == len(ours)
    assert sorted(p.name for p in out.iterdir()) == sorted(others)


def test_frames_below_zero_are_frames(tmp_path: Path, out: Path) -> None:
    empty(out, "-0002.png", "0002.png")
    assert release.release(a_job(tmp_path, f"{out}/####", "-3--1")) == 1
    assert (out / "0002.png").exists()


def test_where_only_blender_knows_the_names_those_that_are_in_place_tell_them(tmp_path: Path, out: Path) -> None:
    folder = a_job(tmp_path, f"{out}/{{scene_name}}_####")
    journal = Journal(folder / "journal.jsonl")
    journal.write("found", {"task": 6, "pictures": [{"path": f"{out}/shot7_0007.png", "size": 1, "hash": ""}]})
    journal.sync()
    journal.close()
    empty(out, "shot7_0003.png", "shot3_0007.png", "shot7_0007.png", "shot7_0013.png")
    assert release.release(folder) == 1
    assert not (out / "shot7_0003.png").exists()


def test_pictures_young_placeholders_and_what_a_living_dispatcher_has_claimed_stay(tmp_path: Path, out: Path) -> None:
    empty(out, "0001.png", "0003.png")
    empty(out, "0002.png", age=10.0)
    (out / "0004.png").write_bytes(b"x")
    (out / "0005.png").mkdir()
    (out / "0006.png").symlink_to(out / "0001.png")
    living = Owner.new("another job")
    owners.join(out, living)
    records.create(WorkingFolder(out), Record(living.id, 1, True, "0003.png"))
    assert release.release(a_job(tmp_path, f"{out}/####"), older_than=600.0) == 1
    assert sorted(p.name for p in out.glob("*.png")) == [f"000{n}.png" for n in range(2, 7)]
    owners.leave(out, living.id)
    assert not (out / ".mgd").exists()


def test_an_output_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert release.release(a_job(tmp_path, f"{tmp_path}/none/####")) == 0
    assert not (tmp_path / "none").exists()
