# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes job folders away: one on request, or those that ended long ago. Pictures stay.

Owns the rule of what may be removed: a folder of this user's, with a name of our own making, that lies where its path
says and whose job nobody runs. Follows no link out of it.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from . import job, measure
from .model import DispatchError

_PATIENCE = 1.0
_DAY = 86400.0


def remove(folder: Path) -> None:
    """Remove a job's folder; its pictures stay.

    Raises:
        DispatchError: it is no job folder, a dispatcher runs it, or it cannot be removed.
    """
    if not _is_ours(folder):
        raise DispatchError(f"{folder} is no job folder: nothing was removed.")
    with job.lock(folder) as held:
        try:
            # What makes it a job goes last: one that is half removed can be removed again.
            for path in sorted(folder.iterdir(), key=lambda path: path.name in ("job.json", "lock")):
                _remove(path)
            held.release()  # Windows removes no file that is open
            _remove_with_lock(folder)
        except OSError as error:
            raise DispatchError(f"The job folder {folder} cannot be removed ({error.strerror or error}).") from error


def clean_up(root: Path, keep_days: float) -> list[str]:
    """Remove the jobs that ended more than so many days ago (0: none); return their ids. Nothing else is touched."""
    removed = []
    for folder in job.folders(root) if keep_days > 0 else ():
        snapshot = job.read_snapshot(folder)
        try:
            age = time.time() - (folder / "snapshot.json").stat().st_mtime
            if snapshot is not None and snapshot.outcome is not None and age > keep_days * _DAY:
                remove(folder)
                removed.append(folder.name)
        except (OSError, DispatchError):
            continue  # it runs, or somebody has one of its files open: next time
    return removed


def clean_up_measurements(place: Path, keep_days: float) -> list[str]:
    """Remove the measurements that nothing was written to for so many days (0: none); return their ids."""
    removed = []
    for folder in measure.folders(place) if keep_days > 0 else ():
        try:
            if time.time() - (folder / measure.NAME).stat().st_mtime > keep_days * _DAY:
                remove(folder)
                removed.append(folder.name)
        except (OSError, DispatchError):
            continue
    return removed


def _is_ours(folder: Path) -> bool:
    """Whether it is a job folder, and no link, junction or ``..`` that leads elsewhere."""
    # Only the last step counts: the folder of all jobs may well be a link.
    real = folder.resolve() == folder.parent.resolve() / folder.name
    return real and folder.name in job.names(folder.parent) and (folder / "job.json").is_file()


def _remove(path: Path) -> None:
    if path.name == "lock":
        return
    # A link to the artist's caches may lie beside the scene: only the link goes (rmtree follows none).
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _remove_with_lock(folder: Path) -> None:
    """Remove the lock and the folder that is empty but for it."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            (folder / "lock").unlink(missing_ok=True)
            folder.rmdir()
            return
        except OSError:
            # Somebody may have the lock open, or have made it anew, for the moment in which he asks who holds it.
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
