# SPDX-License-Identifier: GPL-3.0-or-later
"""Saves what is on screen as a file of the job's own, and leaves no trace of that in the artist's session.

Owns ``<job folder>/scene/``: the copy under the artist's file name (templates, stamps and caches use it) and the
point caches that Blender looks for beside it. The artist's file, its path, dirty flag, undo history and list of
recent files stay as they are; so does everything outside the job's folder. What is still relative in the copy
(File Output nodes, bake folders) is relative to the artist's file: the children resolve it (`Job.home`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..dispatch import host, wording
from ..dispatch.model import BLEND_STARTS, DispatchError

UNSAVED = "untitled.blend"
"""The copy's name where the artist's file has none yet."""
_ROOM = 64 << 20
"""Bytes that stay free beside the copy: logs and journal come after it."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that is whole."""

    path: Path
    home: str
    """The artist's own file; empty: it was never saved."""
    size: int
    """Bytes."""
    seconds: float
    """How long Blender took to save it."""


def save(folder: Path) -> Copied:
    """Save a copy of the open file below a job's folder, which is made.

    Blender stands still meanwhile: show a wait cursor around it.

    Raises:
        DispatchError: the copy cannot be made. The job's folder is gone then.
    """
    home = bpy.data.filepath
    path = folder / "scene" / (Path(home).name or UNSAVED)
    try:
        host.private_folder(folder)
        host.private_folder(path.parent)
        _make_sure_of_room(path.parent, home)
        started = time.monotonic()
        _write(path)
        seconds = time.monotonic() - started
        if home:
            _bring_caches(Path(home), path)
        return Copied(path, home, path.stat().st_size, seconds)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DispatchError(_refused(folder, error.strerror or str(error))) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def keep(copied: Copied) -> None:
    """Return when the copy, with caches that it has of its own, is on the disk: a power cut must not leave a job without
    its scene. Takes as long as the disk does; touches nothing of Blender's, so it is fit for a thread.

    Raises:
        DispatchError: the disk refuses.
    """
    folder = copied.path.parent
    try:
        for place, _, names in os.walk(folder):  # a linked cache is the artist's own, and is not followed
            for name in names:
                host.fsync_file(Path(place, name))
            host.fsync_folder(Path(place))
        host.fsync_folder(folder.parent)
    except OSError as error:
        raise DispatchError(_refused(folder.parent, error.strerror or str(error))) from error


def _write(path: Path) -> None:
    """Save the copy; whatever Blender answers, the file itself is looked at."""
    try:
        # Uncompressed: a multi-gigabyte scene is saved and loaded several times faster, and is gone after the job.
        with _without_thumbnail():
            bpy.ops.wm.save_as_mainfile(
                filepath=str(path), copy=True, relative_remap=True, compress=False, check_existing=False
            )
    except RuntimeError as error:
        # Its own words are often about something else ("No such file or directory" for a full disk), and what it had
        # written is gone by now: the room that is left tells an artist more.
        free = wording.size(host.free_space(path.parent))
        why = f"the {free} free there may be too little; Blender says '{_bare(error)}'"
        raise DispatchError(_refused(path.parent.parent, why)) from error
    with path.open("rb") as file:
        start = file.read(7)
        file.seek(-min(64, file.seek(0, os.SEEK_END)), os.SEEK_END)
        end = file.read()
    # On a full disk Blender has said FINISHED over files that were cut: the last block tells.
    if not start.startswith(BLEND_STARTS) or b"ENDB" not in end:
        raise DispatchError(_refused(path.parent.parent, "the file is not whole"))


@contextlib.contextmanager
def _without_thumbnail() -> Iterator[None]:
    """Keep Blender from drawing a small picture of the copy and leaving it in the artist's home for ever."""
    preferences = bpy.context.preferences
    kept, dirty = preferences.filepaths.file_preview_type, preferences.is_dirty
    preferences.filepaths.file_preview_type = "NONE"
    try:
        yield
    finally:
        preferences.filepaths.file_preview_type = kept
        preferences.is_dirty = dirty  # else Blender would save them at its end


def _make_sure_of_room(folder: Path, home: str) -> None:
    """Refuse early where the disk is full. A compressed file tells too little, so this is only the least it takes."""
    known = Path(home).stat().st_size if home and Path(home).is_file() else 0
    free = host.free_space(folder)
    if free < known + _ROOM:
        raise DispatchError(
            f"The scene cannot be saved for the render: the disk of '{folder.parent.parent}' has only "
            f"{wording.size(free)} free; make room, or choose another jobs folder in the add-on's preferences."
        )


def _bring_caches(home: Path, copy: Path) -> None:
    """Show the artist's disk caches beside the copy: Blender looks for them by the file's name.

    Where a simulation is not baked Blender would clear and write in there, so that job gets caches of its own.
    """
    source, target = (path.with_name(f"blendcache_{path.stem}") for path in (home, copy))
    if not source.is_dir():
        return
    if all(cache.is_baked for cache in _disk_caches()):
        try:
            host.link_folder(source, target)
            return
        except OSError:
            pass  # a network drive, or a file system without links
    shutil.copytree(source, target)


def _disk_caches() -> Iterator[Any]:
    for thing in bpy.data.objects:
        for modifier in thing.modifiers:
            yield from (
                cache for cache in _caches(modifier) if cache and cache.use_disk_cache and thing.library is None
            )
    for scene in bpy.data.scenes:
        world = scene.rigidbody_world
        if world and world.point_cache and world.point_cache.use_disk_cache:
            yield world.point_cache


def _caches(modifier: Any) -> list[Any]:
    if modifier.type == "PARTICLE_SYSTEM":
        return [modifier.particle_system.point_cache]
    if modifier.type == "DYNAMIC_PAINT" and modifier.canvas_settings:
        return [surface.point_cache for surface in modifier.canvas_settings.canvas_surfaces]
    return [getattr(modifier, "point_cache", None)]


def _refused(folder: Path, why: str) -> str:
    return (
        f"The scene cannot be saved for the render in '{folder.parent}' ({why}): make room or mend that, or choose "
        "another jobs folder in the add-on's preferences."
    )


def _bare(error: Exception) -> str:
    return " ".join(str(error).removeprefix("Error: ").split()).rstrip(".")
