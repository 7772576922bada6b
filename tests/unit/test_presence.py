# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of an output folder that makes trouble: a sentence that names it and says what to do."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch import host
from dispatch.owners import Owner
from dispatch.presence import Presence

SELDOM = 3600.0
"""Seconds of a heartbeat that never comes in a test."""


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def presence(said: list[str]) -> Iterator[Presence]:
    there = Presence(Owner.new("job"), SELDOM, (), lambda level, text: said.append(text))
    yield there
    there.leave()


def test_a_folder_that_is_gone_is_named_with_what_to_do(tmp_path: Path, presence: Presence, said: list[str]) -> None:
    out = tmp_path / "out"
    presence.join(str(out))
    shutil.rmtree(out)
    presence.keep()
    advice = "check that the folder is there and that you may write to it."
    assert said == [f"Cannot write {out} ({os.strerror(errno.ENOENT)}): {advice}"]


def test_a_folder_that_a_child_has_made_again_was_removed_all_the_same(
    tmp_path: Path, presence: Presence, said: list[str]
) -> None:
    out = tmp_path / "out"
    presence.join(str(out))
    away = out.rename(tmp_path / "away")  # kept, so that no other folder gets its number
    (out / ".mgd").mkdir(parents=True)
    presence.join(str(out))
    shutil.rmtree(away)
    assert said == [
        f"The folder {out} was removed while the job ran: made again. Resume renders what was lost with it."
    ]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EIO, "Input/output error"), "Cannot write {out}/.mgd (Input/output error): check that "),
        (OSError(errno.ENOSPC, "No space left on device"), "The disk of {out} is full: make room."),
        (KeyError("owner"), "A fault of this program in {out} (KeyError: 'owner'): the render goes on; "),
    ],
)
def test_an_error_without_a_file_is_a_sentence_about_the_folder(
    tmp_path: Path, presence: Presence, said: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def refuse(folder: Path) -> None:
        raise error

    presence.join(str(tmp_path))
    with monkeypatch.context() as there:
        there.setattr(host, "fsync_folder", refuse)
        presence.keep()
    (sentence,) = said
    assert sentence.startswith(words.format(out=tmp_path))
