# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the folder of a running job is still there: without it nobody could see or stop the job any more.

Owns that look, and for how long the folder may be away.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from .model import DispatchError

FOLDER_GONE = 5.0
"""Seconds without a job folder until the job ends."""

DISK_GONE = 120.0
"""The same where the folder of all jobs is gone too: a disk or server that is away for a moment."""


class FolderThere:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = time.monotonic()

    def mind(self, now: float) -> None:
        """Look.

        Raises:
            DispatchError: the folder has been gone for too long.
        """
        # No method of Path: some raise where a server answers with an error.
        if os.path.isdir(self._folder):  # noqa: PTH112
            self._seen = now
        elif now - self._seen > (FOLDER_GONE if os.path.isdir(self._folder.parent) else DISK_GONE):  # noqa: PTH112
            raise DispatchError(f"The folder of job {self._folder.name} was removed, which ends the job.")
