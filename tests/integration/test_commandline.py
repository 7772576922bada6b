# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line inside Blender is the engine's own, with this Blender and the panel's jobs folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from installed import Installed

START = """
import contextlib, io
enable()
command = room("operators.commandline")
def run(*words):
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            status = command.run(words)
        except SystemExit as end:
            status = end.code
    return [status, out.getvalue(), errors.getvalue()]
preferences = bpy.context.preferences.addons[MODULE].preferences
"""


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def test_exit_statuses_and_the_programs_name(installed: Installed) -> None:
    told = installed.run(START + 'tell([run("status"), run("nonsense"), run("render", "none.blend"), run("--help")])')
    assert [status for status, _, _ in told] == [0, 2, 2, 0]
    assert "There are no jobs in" in told[0][1]
    assert "There is no file" in told[2][2]
    assert "usage: blender --command multi_gpu_dispatcher" in told[3][1]
    assert "python -m dispatch" not in str(told)


def test_it_looks_where_the_panel_keeps_its_jobs_unless_told_otherwise(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    told = installed.run(
        START
        + """
preferences.jobs_folder = sys.argv[1]
tell([run("status"), run("status", "--jobs-dir", sys.argv[2]), run("devices", "--backend", "nothing")[0]])
""",
        tmp_path / "one",
        tmp_path / "two",
    )
    assert told[0][1].strip() == f"There are no jobs in {tmp_path / 'one'}."
    assert told[1][1].strip() == f"There are no jobs in {tmp_path / 'two'}."
    assert told[2] == 2


def test_the_blender_of_the_preferences_is_used_unless_the_environment_names_one(installed: Installed) -> None:
    code = START + 'preferences.blender = "/nowhere/blender"\ntell(run("devices"))'
    status, _, errors = installed.run(code)
    assert status == 2
    assert "/nowhere/blender" in errors
    _, _, errors = installed.run(code, BLENDER="/elsewhere/blender")
    assert "/elsewhere/blender" in errors
