# SPDX-License-Identifier: GPL-3.0-or-later
"""Render Missing Frames where nothing is missing says so and starts nothing; one frame less, and it starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from installed import Installed
from integration.starting import PRELUDE

CODE = """
scene_of(output="//out/x_##", frames=3); saved()
assert ops.render_missing() == {"FINISHED"}, session.trouble
ended()
before = jobs()
try:
    again = str(ops.render_missing())
except RuntimeError as error:
    again = str(error)
said = session.trouble
folders = nobody_starts()
picture = FOLDER / "art" / "out" / "x_02.png"
whole = picture.read_bytes()
picture.write_bytes(whole[:-20])
broken = ops.render_missing()
picture.unlink()
missing = ops.render_missing()
tell({"said": said, "again": again, "same": before == jobs()[:len(before)], "ends": [str(broken), str(missing)],
      "started": len(folders), "jobs": len(jobs()) - len(before)})
"""


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def test_where_nothing_is_missing_nothing_is_started(installed: Installed) -> None:
    told = installed.run(PRELUDE + CODE + "\ndisable()\n", installed.folder)
    assert "Nothing is missing: 3 pictures of these frames lie in" in told["said"]
    assert "FINISHED" not in told["again"]
    assert told["ends"] == ["{'FINISHED'}"] * 2
    assert (told["started"], told["jobs"]) == (2, 2)
