# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dispatch import findings, session_findings
from dispatch.findings import Finding, Level
from dispatch.session_findings import SessionFacts

QUIET = SessionFacts(scene="Shot")


def test_a_quiet_session_has_no_findings() -> None:
    assert session_findings.check(QUIET) == []


@pytest.mark.parametrize(
    ("change", "level", "key", "said"),
    [
        ({"saved": False}, Level.NOTE, "never-saved", "save it to keep the scene"),
        ({"saved": False, "relative": ("the output", "'Depth'")}, Level.ERROR, "never-saved", "the output and 'Depth'"),
        ({"library": "//sets.blend"}, Level.ERROR, "linked-scene", "'Shot' is linked from '//sets.blend'"),
        ({"replaced": "/r/x_0001.png"}, Level.WARNING, "test-replaces", "'/r/x_0001.png'"),
        ({"rendering": True}, Level.WARNING, "render-running", "Esc"),
        ({"unsaved_addons": ("'rig'",)}, Level.WARNING, "unsaved-addons", "'rig' was enabled since the preferences"),
        ({"rendered_views": 1}, Level.WARNING, "rendered-viewport", "1 3D viewport is in Rendered mode and takes"),
        ({"rendered_views": 2}, Level.WARNING, "rendered-viewport", "2 3D viewports are in Rendered mode and take"),
    ],
)  # fmt: skip
def test_what_the_session_is_doing_is_said_in_a_sentence(
    change: dict[str, Any], level: Level, key: str, said: str
) -> None:
    (finding,) = session_findings.check(replace(QUIET, **change))
    assert (finding.level, finding.key) == (level, key)
    assert said in finding.panel
    assert re.fullmatch(r"[A-Z0-9].*\.", finding.panel)
    assert "--" not in finding.panel


def test_errors_come_first() -> None:
    found = session_findings.check(replace(QUIET, rendering=True, rendered_views=1, library="a.blend", saved=False))
    assert [each.level for each in found] == [Level.ERROR, Level.WARNING, Level.WARNING, Level.NOTE]


def test_a_finding_without_an_advice_of_its_own_for_the_panel_says_the_same_there() -> None:
    assert Finding(Level.NOTE, "a", "Text.").panel == "Text."
    both = findings.error("a", "There is nothing: ", "use --frames.", "name frames here.")
    assert (both.text, both.panel) == ("There is nothing: use --frames.", "There is nothing: name frames here.")


@pytest.mark.parametrize(
    ("sentence", "in_panel"),
    [
        ("It is full.", "It is full."),
        ("It is full: make room.", "It is full: make room."),
        (
            "The folder /a: b cannot be made (full): choose another place with --jobs-dir.",
            "The folder /a: b cannot be made (full): choose another jobs folder in the add-on's preferences.",
        ),
        (
            "Devices of CUDA and HIP cannot be one: choose one with --backend, or --strategy per-device.",
            "Devices of CUDA and HIP cannot be one: choose Per GPU, or one backend for all of them.",
        ),
        (
            "There is no 'x': check the path given with --blender or in $BLENDER.",
            "There is no 'x': choose another Blender under Advanced or in the add-on's preferences.",
        ),
    ],
)
def test_an_advice_to_use_an_option_becomes_one_that_helps_in_the_panel(sentence: str, in_panel: str) -> None:
    assert findings.in_panel(sentence) == in_panel


def test_every_fix_button_of_the_panel_belongs_to_a_finding_that_there_is() -> None:
    root = Path(__file__).resolve().parents[2]
    table = (root / "ui" / "findings.py").read_text(encoding="utf-8").partition("FIXES")[2].partition("\n}\n")[0]
    keys = re.findall(r'^    "([a-z-]+)": ', table, re.MULTILINE)
    found = "".join((root / "dispatch" / f"{room}.py").read_text() for room in ("preflight", "session_findings"))
    assert len(keys) > 4
    assert [key for key in keys if f'"{key}"' not in found] == []
