# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a program that calls the child's own modules inside a real Blender."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_END = """
try:
    sys.path.insert(0, sys.argv[-2])
    run(Path(sys.argv[-1]), "dispatch")
    os.write(1, b"HELD\\n")
    os._exit(0)
except BaseException:
    import traceback
    traceback.print_exc()
    os._exit(1)
"""


def hold(program: str, place: Path) -> None:
    """Assert that the program's ``run(folder, name of our package)`` comes to its end, in an empty folder below `place`."""
    script, folder = place / "program.py", place / "out"
    script.write_text(program + _END, encoding="utf-8")
    folder.mkdir()
    blender = os.environ.get("MGD_TEST_BLENDER", "")
    command = [blender, "-b", "--factory-startup", "--python"] if blender else [sys.executable, "-P"]
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [*command, str(script), *(["--"] if blender else []), root, str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "HELD" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
