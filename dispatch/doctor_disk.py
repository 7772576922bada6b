# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries what a render does to a folder: write, sync, claim, lock, replace; and reads its clock and its room.

Owns the small files of the trial, which are gone afterwards, and folders that were made for it. Judges nothing
(`doctor_places`). Never raises for what a folder does.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import host
from .doctor_nouns import Place
from .model import DispatchError

CLAIM = "exclusive files"
LOCK = "file locks"
REPLACE = "replacing a file in one step"
SYNC = "keeping a file safe from a power cut"
_COARSE = 2.0
"""Seconds: some file systems count in twos."""
DEEDS = (CLAIM, LOCK, REPLACE, SYNC)


def look(role: str, folder: Path) -> Place:
    """Try a folder; one that does not exist is made for the trial and removed again."""
    made: list[Path] = []
    try:
        made = _make(folder)
        with tempfile.TemporaryDirectory(prefix=".mgd-doctor-", dir=folder) as name:
            return _try(role, folder, Path(name))
    except OSError as error:
        return Place(role, str(folder), problem=error.strerror or str(error), file_system=_file_system(folder))
    finally:
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir()


def _make(folder: Path) -> list[Path]:
    """Make the folder and what is missing above it; return what was made, outermost first."""
    missing = []
    here = folder
    while not here.exists() and here != here.parent:
        missing.append(here)
        here = here.parent
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _try(role: str, folder: Path, trial: Path) -> Place:
    first = trial / "first"
    before = time.time()
    first.write_bytes(b"x" * 4096)
    after = time.time()
    there = first.stat().st_mtime
    near = before - _COARSE <= there <= after + _COARSE
    began = time.monotonic()
    failed = [] if _does(lambda: _sync(first)) else [SYNC]
    took = time.monotonic() - began
    failed += [deed for deed, act in ((CLAIM, _claim), (LOCK, _lock), (REPLACE, _replace)) if not _does(act, trial)]
    return Place(
        role,
        str(folder),
        failed=tuple(deed for deed in DEEDS if deed in failed),
        free=host.free_space(folder),
        file_system=_file_system(folder),
        ahead=0.0 if near else there - (before + after) / 2,
        sync=took,
    )


def _does(act: Callable[..., bool], *arguments: object) -> bool:
    try:
        return act(*arguments)
    except (OSError, DispatchError, host.Locked):
        return False


def _sync(path: Path) -> bool:
    host.fsync_file(path)
    host.fsync_folder(path.parent)
    return True


def _claim(trial: Path) -> bool:
    """Of two who make a file exclusively only the first may succeed."""
    path = trial / "claim"
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return True
    return False


def _lock(trial: Path) -> bool:
    """Of two who lock a file only the first may succeed."""
    path = trial / "lock"
    with host.lock_file(path):
        try:
            host.lock_file(path).release()
        except host.Locked:
            return True
    return False


def _replace(trial: Path) -> bool:
    old, new = trial / "old", trial / "new"
    old.write_bytes(b"old")
    new.write_bytes(b"new")
    host.replace(new, old)
    return old.read_bytes() == b"new" and not new.exists()


def _file_system(folder: Path) -> str:
    """Return what the system calls the file system there; empty: nobody tells."""
    try:
        psutil = importlib.import_module("psutil")
        mounts = psutil.disk_partitions(all=True)
    except Exception:  # noqa: BLE001 - no psutil, or a mount table that it cannot read
        return ""
    return _nearest(folder, mounts)


def _nearest(folder: Path, mounts: list[Any]) -> str:
    here = folder.absolute()
    above = {str(path) for path in _upwards(here)}
    fitting = [mount for mount in mounts if mount.mountpoint in above]
    # Of two mounted on one place the later one is seen.
    return (
        str(max(enumerate(fitting), key=lambda found: (len(found[1].mountpoint), found[0]))[1].fstype)
        if fitting
        else ""
    )


def _upwards(path: Path) -> Iterator[Path]:
    yield path
    yield from path.parents
