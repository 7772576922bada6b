# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's paths are texts, where a last separator, ``//`` and ``..`` mean something that `pathlib` drops.

The few operations that the child needs on them. Touches no file.
"""

from __future__ import annotations

import os
import re
from typing import Any

_WINDOWS = re.compile(r"[A-Za-z]:[/\\]")


def absolute(path: str, library: Any = None) -> str:
    """Return the path absolute and plain, as Blender resolves it; ``//`` is the folder of the .blend (or library).

    No symlink is resolved: the user's own path is what all messages show.
    """
    import bpy

    if os.name != "nt" and _WINDOWS.match(path):
        # What Blender itself makes of a path from Windows elsewhere.
        path = f"/{path[0].lower()}{path[2:]}".replace("\\", "/")
    return os.path.abspath(str(bpy.path.abspath(path, library=library)))  # noqa: PTH100


def absolute_template(template: str) -> str:
    """Return an output template absolute; its last part, which may be empty, stays as it is."""
    folder, name = split(template)
    return join(absolute(folder or "."), name)


def is_relative(template: str) -> bool:
    """Whether the template does not say in which folder the files go."""
    # A drive means nothing but on Windows: nobody looks for pictures in '/c/Users/…', where Blender would put them.
    return not (template.startswith("//") or os.path.isabs(template) or os.path.splitdrive(template)[0])  # noqa: PTH117


def split(path: str) -> tuple[str, str]:
    """Return folder and name; the name is empty where the path ends with a separator."""
    start = max(path.rfind(sep) for sep in ("/", os.sep)) + 1
    return path[:start], path[start:]


def join(folder: str, name: str) -> str:
    """Return the path of a name, which may be empty, in a folder."""
    return folder.rstrip("/" + os.sep) + os.sep + name
