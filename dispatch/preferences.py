# SPDX-License-Identifier: GPL-3.0-or-later
"""A private copy of the artist's preferences for the children of one job.

Owns what belongs to preferences: ``userpref.blend`` and the small files that add-ons keep beside it. The children run
with the same add-ons as the artist's Blender, and whatever they or a script change there never reaches the artist.
Never writes into the artist's own folder.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from . import host
from .model import DispatchError

_NOT_OURS = ("startup.blend", "bookmarks.txt", "recent-files.txt", "recent-searches.txt", "platform_support.txt")
"""Of the window, not of the scene; a start-up scene can be large and is replaced by the job's file anyway."""

_LARGEST = 4 << 20
_IN_ALL = 32 << 20
"""Bytes beside ``userpref.blend``: add-ons' settings are far smaller; catalogues and caches they keep there are not."""


def copy_preferences(config: Path, target: Path) -> None:
    """Fill ``target`` (made when it is not there) from Blender's own ``config`` folder.

    A ``config`` that is not there, or holds no preferences, gives an empty folder: that Blender runs with defaults.

    Raises:
        DispatchError: the preferences cannot be read, or the copy cannot be written.
    """
    try:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        main = config / "userpref.blend"
        if main.is_file():
            shutil.copyfile(main, target / main.name)
            # After a power cut the job must not render without its add-ons. The other files are many, and the artist waits.
            host.fsync_file(target / main.name)
        _copy_settings(config, target)
        host.fsync_folder(target)
    except OSError as error:
        raise DispatchError(
            f"The preferences in '{config}' cannot be copied to '{target}' ({error.strerror or error}): "
            "mend that, or render with --factory."
        ) from None


def _copy_settings(config: Path, target: Path) -> None:
    left = _IN_ALL
    for folder, folders, files in os.walk(config):
        folders.sort()
        for name in sorted(files):
            source = Path(folder, name)
            where = source.relative_to(config)
            if str(where) in (*_NOT_OURS, "userpref.blend") or source.suffix.startswith(".blend"):
                continue
            if source.is_symlink() or not source.is_file():  # a socket or a loop is no setting
                continue
            size = source.stat().st_size
            if size > min(_LARGEST, left):
                continue
            left -= size
            copy = target / where
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
