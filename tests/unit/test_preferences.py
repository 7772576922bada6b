# SPDX-License-Identifier: GPL-3.0-or-later
"""The children's private copy of the artist's preferences."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch import preferences
from dispatch.model import DispatchError
from dispatch.preferences import copy_preferences


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_preferences_and_addon_settings_are_copied_and_the_windows_own_files_are_not(tmp_path: Path) -> None:
    config = tmp_path / "5.0" / "config"
    (config / "an_addon").mkdir(parents=True)
    for name in ("userpref.blend", "userpref.blend1", "startup.blend", "recent-files.txt", "bookmarks.txt"):
        (config / name).write_bytes(b"x")
    (config / "an_addon" / "settings.json").write_bytes(b"{}")
    (config / "an_addon" / "bookmarks.txt").write_bytes(b"its own")
    copy_preferences(config, tmp_path / "job" / "config")
    assert names(tmp_path / "job" / "config") == {
        "userpref.blend",
        "an_addon/settings.json",
        "an_addon/bookmarks.txt",
    }


def test_large_files_beside_the_preferences_stay_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preferences, "_LARGEST", 10)
    monkeypatch.setattr(preferences, "_IN_ALL", 15)
    (tmp_path / "config").mkdir()
    for name, size in (("a", 9), ("b", 11), ("c", 9), ("d", 5), ("userpref.blend", 100)):
        (tmp_path / "config" / name).write_bytes(b"x" * size)
    copy_preferences(tmp_path / "config", tmp_path / "copy")
    assert names(tmp_path / "copy") == {"a", "d", "userpref.blend"}


def test_no_preferences_give_an_empty_folder(tmp_path: Path) -> None:
    copy_preferences(tmp_path / "never saved", tmp_path / "copy")
    assert (tmp_path / "copy").is_dir()
    assert names(tmp_path / "copy") == set()


def test_a_second_copy_replaces_the_first(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    for content in (b"old", b"new"):
        (tmp_path / "config" / "userpref.blend").write_bytes(content)
        copy_preferences(tmp_path / "config", tmp_path / "copy")
    assert (tmp_path / "copy" / "userpref.blend").read_bytes() == b"new"


def test_a_copy_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DispatchError, match="cannot be copied"):
        copy_preferences(tmp_path / "config", tmp_path / "file" / "copy")
