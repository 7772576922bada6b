# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension as an artist has it: a copy in the user's extensions folder, enabled by Blender's own code.

Programs run in a fresh process with bpy, and with a home, preferences and state folder of the test's own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MODULE = "bl_ext.user_default.multi_gpu_dispatcher"
PARTS = ("__init__.py", "blender_manifest.toml", "dispatch", "operators", "ui")
RESULT = "MGD-RESULT "

PRELUDE = f"""
import bpy
import addon_utils, importlib, json, os, sys
MODULE = {MODULE!r}
def enable():
    module = addon_utils.enable(MODULE, default_set=True, handle_error=fail)
    assert module is not None, "not enabled"
    return module
def disable():
    addon_utils.disable(MODULE, default_set=True, handle_error=fail)
def fail(*error):
    raise
def room(name):
    return importlib.import_module(MODULE + "." + name)
def tell(result):
    print({RESULT!r} + json.dumps(result), flush=True)
"""


class Installed:
    """One user's Blender with the extension in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = folder / "extensions" / "user_default" / "multi_gpu_dispatcher"
        for part in PARTS:
            source, target = ROOT / part, self.place / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        for name in ("home", "config", "scripts", "state"):
            (folder / name).mkdir()

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a Blender of this user."""
        outside = {name: value for name, value in os.environ.items() if name not in {"BLENDER", "MGD_CHILD"}}
        own = {
            "HOME": str(self.folder / "home"),
            "BLENDER_USER_CONFIG": str(self.folder / "config"),
            "BLENDER_USER_SCRIPTS": str(self.folder / "scripts"),
            "BLENDER_USER_EXTENSIONS": str(self.folder / "extensions"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "LOCALAPPDATA": str(self.folder / "state"),
        }
        return {**outside, **own, **more}

    def run(self, code: str, *words: object, **more: str) -> Any:
        """Run a program after `PRELUDE` and return what it told. Warnings of ours are errors.

        Raises:
            AssertionError: it failed, or printed a traceback, or told nothing.
        """
        command = [sys.executable, "-P", "-c", PRELUDE + code, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=self.environment(**more))
        said = f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        assert done.returncode == 0, said
        assert "Traceback" not in done.stderr, said
        told = [line for line in done.stdout.splitlines() if line.startswith(RESULT)]
        assert told, said
        return json.loads(told[-1].removeprefix(RESULT))
