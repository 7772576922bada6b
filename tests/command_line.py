# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line with fake children instead of a Blender, in a process of its own.

python tests/command_line.py render FILE.blend …
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import subprocess
from collections.abc import Mapping

from dispatch import blenders, cli, doctor_driver, doctor_render, inspection, staff
from dispatch.doctor_nouns import Driver
from dispatch.model import BlenderProgram

TESTS = Path(__file__).resolve().parent
FAKE_ENTRY = TESTS / "fake_child.py"
FAKE = BlenderProgram(path=sys.executable, is_module=True, version=(5, 0, 1), build="fake")


def find(spec: str | None, environ: Mapping[str, str]) -> BlenderProgram:
    """Stands in for the search: the fake child needs only this Python."""
    return FAKE


def start(*words: object) -> subprocess.Popen[str]:
    """Start a command; its streams are pipes."""
    return subprocess.Popen(
        [sys.executable, __file__, *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def run(*words: object, seconds: float = 240.0) -> tuple[int, str, str]:
    """Run a command to its end; returns exit status, stdout, stderr."""
    with start(*words) as process:
        try:
            out, errors = process.communicate(timeout=seconds)
        finally:
            process.kill()
    return process.returncode, out, errors


if __name__ == "__main__":
    blenders.find = blenders.likely = find
    inspection.ENTRY = staff.ENTRY = FAKE_ENTRY
    doctor_render.SCENE = TESTS / "fake_small_scene.py"
    doctor_driver.look = lambda: Driver("No driver is asked: the cards are fakes.")
    sys.exit(cli.main(sys.argv[1:]))
