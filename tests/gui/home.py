# SPDX-License-Identifier: GPL-3.0-or-later
"""The surroundings of a Blender under test: nothing of this machine's user, nothing left in his home."""

from __future__ import annotations

import os
from pathlib import Path


def private_environment(home: Path) -> dict[str, str]:
    """Return an environment in which Blender and our program find nothing of this machine's user."""
    drop = ("BLENDER", "MGD_", "XDG_", "DBUS", "DISPLAY", "WAYLAND", "PYTHON", "CUDA", "HIP", "OCIO")
    env = {name: value for name, value in os.environ.items() if not name.startswith(drop)}
    env["MGD_TEST"] = os.environ.get("MGD_TEST", "")  # by this mark conftest finds what stays behind
    places = {"CONFIG_HOME": "config", "STATE_HOME": "state", "DATA_HOME": "data", "CACHE_HOME": "cache"}
    for name, folder in places.items():
        (home / folder).mkdir(parents=True, exist_ok=True)
        env[f"XDG_{name}"] = str(home / folder)
    (home / "tmp").mkdir(exist_ok=True)
    return env | {"HOME": str(home), "TMPDIR": str(home / "tmp"), "LC_ALL": "C.UTF-8"}
