# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's paths are texts, where a last separator, ``//`` and ``..`` mean something that `pathlib` drops.

The few operations that the child needs on them. Touches no file.
"""

from __future__ import annotations

import os
import re
from typing import Any

_WINDOWS = re.compile(r"[A-Za-z]:[/\\]")
_PLACES = re.compile(r"\{\{|\}\}|\{(blend_dir|blend_dir_lib)\}")


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


def literally(path: str) -> str:
    """Return the path as text that this Blender takes literally, whether it has path templates or not."""
    return path.replace("{", "{{").replace("}", "}}") if has_templates() else path


def has_templates() -> bool:
    """Whether this Blender expands ``{variables}`` in output paths."""
    import bpy

    return bool(bpy.app.version >= (4, 5, 0))


def placed(template: str, folder: str = "", library: Any = None) -> str:
    """Return an output template in which the variables that name a folder (since 5.0) have their values.

    All other variables give the same wherever the file lies; these two are absolute paths, and only Blender knows
    that a template which begins with one of them is.

    Args:
        folder: Stands for the folder of the open file.
        library: Where the template comes from, if not from the open file.
    """
    import bpy

    folder = folder or os.path.dirname(bpy.data.filepath)  # noqa: PTH120
    if bpy.app.version < (5, 0, 0) or not folder:
        return template

    def value(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return found[0]
        of_library = name == "blend_dir_lib" and library is not None
        return literally(os.path.dirname(absolute(library.filepath)) if of_library else folder)  # noqa: PTH120

    return _PLACES.sub(value, template)


def template_trouble(error: Exception) -> str:
    """Return what Blender (4.5 and later) does not understand in a template, without its own repetitions."""
    text = " ".join(str(error).removeprefix("Error: ").split())
    return text.rpartition("': - ")[2].rstrip(".")


def is_relative(template: str) -> bool:
    """Whether the template does not say in which folder the files go; ``//`` says so once the file is saved."""
    import bpy

    # A drive means nothing but on Windows: nobody looks for pictures in '/c/Users/…', where Blender would put them.
    if template.startswith("//"):
        return not bpy.data.filepath
    return not (os.path.isabs(template) or os.path.splitdrive(template)[0])  # noqa: PTH117


def split(path: str) -> tuple[str, str]:
    """Return folder and name; the name is empty where the path ends with a separator."""
    start = max(path.rfind(sep) for sep in ("/", os.sep)) + 1
    return path[:start], path[start:]


def join(folder: str, name: str) -> str:
    """Return the path of a name, which may be empty, in a folder."""
    return folder.rstrip("/" + os.sep) + os.sep + name
