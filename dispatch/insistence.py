# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal on disk, however long it takes: while it cannot be written nothing goes on, and nothing is lost.

Owns that wait. The artist is told once, the snapshot goes on, a stop is heard; whatever else is asked waits with the
frames. Decides nothing about them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from . import job
from .folder_there import FolderThere
from .job import Asked, Wish
from .journal import Journal, JournalFull

PAUSE = 0.5
"""Seconds between two tries."""


class StoppedMeanwhile(Exception):
    """A stop was asked for while the journal could not be written; what it does not know was not put in place."""


class Insistence:
    def __init__(self, record: Journal, folder: Path, there: FolderThere, tell: Callable[[str, str], None]) -> None:
        self._record = record
        self._folder = folder
        self._there = there
        self._tell = tell
        self._held: list[Asked] = []

    def sync(self, show: Callable[[], None]) -> None:
        """Put the journal on disk.

        Args:
            show: Called again and again while that is impossible.

        Raises:
            StoppedMeanwhile: a stop was asked for.
            DispatchError: the job folder is gone.
        """
        told = False
        while True:
            try:
                self._record.sync()
            except JournalFull as error:
                if not told:
                    self._tell("error", f"{str(error).rstrip('.')}; nothing is lost, and the render goes on by itself.")
                    told = True
                show()
                self._there.mind(time.monotonic())
                self._hear()
                time.sleep(PAUSE)
                continue
            if told:
                self._tell("note", "There is room for the journal again: the render goes on.")
            return

    def asked(self) -> list[Asked]:
        """Return what was asked since the last call."""
        asked, self._held = [*self._held, *job.take_wishes(self._folder)], []
        return asked

    def _hear(self) -> None:
        self._held += job.take_wishes(self._folder)
        if any(asked.wish in (Wish.STOP, Wish.STOP_NOW) for asked in self._held):
            raise StoppedMeanwhile
