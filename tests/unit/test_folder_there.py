# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a running job: the same one, also under other numbers after a remount, and no other one in its place."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch import folder_there
from dispatch.folder_there import DISK_GONE, FOLDER_GONE, FolderThere
from dispatch.journal import NAME, Journal
from dispatch.model import DispatchError

LATER = 1e9
"""Seconds on the monotonic clock that no machine has been up."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "jobs" / "20261121-074500-shot-7f3a"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def record(folder: Path) -> Iterator[Journal]:
    with contextlib.closing(Journal(folder / NAME)) as record:
        yield record


def write(record: Journal) -> None:
    record.write("rendered", {"task": 1})
    record.sync()


def test_a_folder_that_a_remount_shows_under_other_numbers_is_the_same(
    folder: Path, record: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = itertools.count()
    monkeypatch.setattr(folder_there, "_identity", lambda folder: (next(numbers), 9) if folder.is_dir() else None)
    there = FolderThere(folder, record)
    for second in range(5):
        write(record)
        there.mind(LATER + second * 2 * DISK_GONE)
    shutil.rmtree(folder)
    with pytest.raises(DispatchError, match="was removed or moved"):
        there.mind(LATER + 1e6)


def test_another_folder_in_its_place_is_not_taken_for_it(folder: Path, record: Journal) -> None:
    there = FolderThere(folder, record)
    write(record)
    there.mind(LATER)
    away = folder.rename(folder.with_name("away"))
    shutil.copytree(away, folder)
    write(record)
    there.mind(LATER + FOLDER_GONE / 2)
    with pytest.raises(DispatchError, match="put it back where it was"):
        there.mind(LATER + FOLDER_GONE * 2)
