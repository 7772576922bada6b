# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the folder of a running job is still there: without it nobody could see or stop the job any more.

Owns that look, and for how long the folder may be away. A disk or a server that was mounted again may show the same folder
under other numbers: then it is known by the journal in it, which grows as ours does.
"""

from __future__ import annotations

import stat
import time
from pathlib import Path

from .journal import NAME, Journal
from .model import DispatchError

FOLDER_GONE = 5.0
"""Seconds without a job folder until the job ends."""

DISK_GONE = 120.0
"""The same where the folder of all jobs is gone too: a disk or server that is away for a moment."""


class FolderThere:
    def __init__(self, folder: Path, record: Journal) -> None:
        self._folder = folder
        self._record = record
        self._seen = time.monotonic()
        self._same = _identity(folder)

    def mind(self, now: float) -> None:
        """Look.

        Raises:
            DispatchError: the folder has been gone for too long, or another one is in its place.
        """
        found = _identity(self._folder)
        if found is not None and (found == self._same or self._holds_our_journal()):
            self._seen = now
        elif now - self._seen > (FOLDER_GONE if _identity(self._folder.parent) else DISK_GONE):
            raise DispatchError(
                f"The folder of job {self._folder.name} was removed or moved, which ends the job: put it back where it "
                "was and resume."
            )

    def _holds_our_journal(self) -> bool:
        try:
            return (self._folder / NAME).stat().st_size == self._record.size
        except OSError:
            return False


def _identity(folder: Path) -> tuple[int, int] | None:
    """Return what a folder keeps when it is moved; None: it is not there, or its server answers with an error."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None
