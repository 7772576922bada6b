# SPDX-License-Identifier: GPL-3.0-or-later
"""How a Blender is found and looks in one start, and what is said where that leads to nothing. With a fake child."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import command_line
import pytest
from fake_scene import write_blend

from dispatch import blenders, inspection
from dispatch.model import BlenderProgram, DispatchError
from dispatch.protocol import Inspect

UNKNOWN = BlenderProgram(sys.executable, True, (0, 0, 0))


class Search:
    """Stands in for `blenders`: what is likely by its name, and how often the real search was asked."""

    def __init__(self, likely: BlenderProgram | None) -> None:
        self.guess = likely
        self.finds = 0

    def likely(self, spec: str | None, environ: Any) -> BlenderProgram | None:
        return self.guess

    def find(self, spec: str | None, environ: Any) -> BlenderProgram:
        self.finds += 1
        raise DispatchError("This is why.")


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Search:
    made = Search(UNKNOWN)
    monkeypatch.setattr(blenders, "likely", made.likely)
    monkeypatch.setattr(blenders, "find", made.find)
    monkeypatch.setattr(inspection, "ENTRY", command_line.FAKE_ENTRY)
    return made


def strike(monkeypatch: pytest.MonkeyPatch, at: str, **deed: Any) -> None:
    monkeypatch.setenv("BLENDER_FAKE_CHILD", json.dumps({"rules": [{"at": at, **deed}]}))


def test_one_start_tells_the_version_and_the_scene(search: Search, tmp_path: Path) -> None:
    blend = write_blend(tmp_path / "a.blend", frames=[1, 7, 1])
    program, seen = inspection.look(None, {}, Inspect(str(blend)))
    assert program == replace(UNKNOWN, version=(5, 0, 1), build="fake")
    assert seen.scene is not None
    assert seen.scene.frame_end == 7
    assert search.finds == 0


def test_a_program_that_ends_without_a_word_is_searched_for(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    strike(monkeypatch, "start", do="exit", code=1)
    with pytest.raises(DispatchError, match=r"^This is why\.$"):
        inspection.look(None, {})
    assert search.finds == 1


def test_a_program_that_says_nothing_is_not_waited_for_long(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    strike(monkeypatch, "start", do="hang")
    monkeypatch.setattr(inspection, "FIRST_WORD", 1.0)
    with pytest.raises(DispatchError, match=r"^This is why\.$"):
        inspection.look(None, {})


def test_a_blender_that_is_too_old_is_searched_for(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search may know another one, or says that 4.2 is the oldest."""
    monkeypatch.setenv("FAKE_VERSION", "4.1.0")
    with pytest.raises(DispatchError, match=r"^This is why\.$"):
        inspection.look(None, {})


def test_where_nothing_is_likely_the_search_says_why(search: Search) -> None:
    search.guess = None
    with pytest.raises(DispatchError, match=r"^This is why\.$"):
        inspection.look(None, {})


def test_a_blender_that_dies_of_the_file_is_not_started_again(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    strike(monkeypatch, "inspect", do="exit", code=3)
    with pytest.raises(DispatchError, match=r"Blender 5\.0\.1 .* ended while it looked at the file: exit status 3"):
        inspection.look(None, {})
    assert search.finds == 0


def test_what_is_likely_is_known_by_its_name_and_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("blender", "python3.11"):
        (tmp_path / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    on_path = {"PATH": str(tmp_path)}
    blender, python = str(tmp_path / "blender"), str(tmp_path / "python3.11")
    assert blenders.likely(None, on_path) == BlenderProgram(blender, False, (0, 0, 0))
    assert blenders.likely(None, on_path | {"BLENDER": python}) == BlenderProgram(python, True, (0, 0, 0))
    assert blenders.likely(blender, {"BLENDER": python}) == BlenderProgram(blender, False, (0, 0, 0))
    with pytest.raises(DispatchError, match="check the path"):
        blenders.likely(str(tmp_path / "none"), on_path)
    for there in (None, object()):
        monkeypatch.setattr(blenders.importlib.util, "find_spec", lambda name, there=there: there)
        assert blenders.likely(None, {"PATH": ""}) == (UNKNOWN if there else None)
