# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a .blend in this Blender and choose its scene.

Owns the sentences for what cannot be opened, and the decision whether the scripts of a file run. After `open_file`
the scene is the one that a plain ``blender -b FILE -S SCENE -a`` would render.
"""

from __future__ import annotations

import fnmatch
import os
import sys
from pathlib import Path
from typing import Any

from ..model import BLEND_STARTS, Fault


class CannotOpen(Exception):
    """The file or the scene cannot be used. The text is a sentence."""

    fault = Fault.SCENE


def open_file(blend: str, autoexec: bool | None) -> bool:
    """Open the file; return whether its scripts run (None: as this Blender would decide).

    Raises:
        CannotOpen: with a sentence for every way in which a file can be wrong.
    """
    import bpy

    path = Path(blend)
    if not path.is_file():
        raise CannotOpen(f"There is no file {blend}: check the path.")
    try:
        with path.open("rb") as file:
            start = file.read(7)
    except OSError as error:
        raise CannotOpen(f"Cannot read {blend} ({error.strerror}): check its permissions.") from None
    if not start.startswith(BLEND_STARTS):
        raise CannotOpen(f"{blend} is not a .blend file: choose another file.")
    run = _runs_scripts(blend) if autoexec is None else autoexec
    try:
        result = bpy.ops.wm.open_mainfile(filepath=blend, load_ui=False, use_scripts=run)
    except RuntimeError as error:
        raise CannotOpen(_why_not(blend, str(error).strip())) from None
    if "FINISHED" not in result:
        raise CannotOpen(f"Blender {bpy.app.version_string} did not open {blend}: open it by hand to see why.")
    return run


def choose(name: str) -> Any:
    """Make the scene of that name (empty: the one the file was saved with) the one that renders; return it.

    Raises:
        CannotOpen: there is no such scene.
    """
    import bpy

    if not name:
        return bpy.context.scene
    found = next((scene for scene in bpy.data.scenes if scene.name == name and scene.library is None), None)
    if found is None:
        names = ", ".join(repr(scene.name) for scene in bpy.data.scenes)
        raise CannotOpen(f"The file has no scene '{name}'; it has {names}: choose one of these.")
    if bpy.context.window is not None:
        bpy.context.window.scene = found
    return found


def age_warning() -> str:
    """Return a sentence where the file was saved by a newer Blender than this one, else nothing."""
    import bpy

    saved, here = tuple(bpy.data.version)[:2], bpy.app.version[:2]
    if saved <= here:
        return ""
    words = ".".join(map(str, saved)), ".".join(map(str, here))
    return f"The file was saved by Blender {words[0]}; Blender {words[1]} may not read all of it: use the newer one."


def _why_not(blend: str, text: str) -> str:
    import bpy

    low = text.lower()
    if "newer" in low or "incomplete header" in low:
        return f"{blend} needs a newer Blender than {bpy.app.version_string}: choose that Blender."
    if "not a blend file" in low:
        # 4.2 says this of a file of 5.0, whose header it does not know.
        return f"Blender {bpy.app.version_string} cannot read {blend}: it is damaged or made by a newer Blender."
    # Blender's own text names the path again and again; what it found stands last.
    why = text.removeprefix("Error: ").rsplit(f"{blend}': ", 1)[-1].rstrip(".")
    return f"Blender {bpy.app.version_string} cannot open {blend} ({why}): it may be damaged, open it by hand to see."


def _runs_scripts(blend: str) -> bool:
    """Whether this Blender itself would run the file's scripts: its command line, then its preferences."""
    import bpy

    ours = sys.argv[: sys.argv.index("--")] if "--" in sys.argv else sys.argv
    switches = {"-y": True, "--enable-autoexec": True, "-Y": False, "--disable-autoexec": False}
    said = [switches[word] for word in ours if word in switches]
    if said:
        return said[-1]
    preferences = bpy.context.preferences
    if not preferences.filepaths.use_scripts_auto_execute:
        return False
    return not any(_is_below(blend, entry) for entry in preferences.autoexec_paths)


def _is_below(blend: str, excluded: Any) -> bool:
    here, path = os.path.normcase(blend), os.path.normcase(excluded.path)
    if excluded.use_glob:
        return fnmatch.fnmatchcase(here, path)
    return bool(path) and here.startswith(path)
