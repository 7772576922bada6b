# SPDX-License-Identifier: GPL-3.0-or-later
"""Output folders: nothing is created in one before the dispatcher has noted it.

Used on the main thread (the picture's folder) and on the porter's (folders of side files).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from ..protocol import FolderUsed


class Folders:
    """What has been noted. Every method may be called on any thread."""

    def __init__(self, tell: Callable[[FolderUsed], None]) -> None:
        self._tell = tell
        self._noted: set[str] = set()
        self._asked: set[str] = set()
        self._leaving = False
        self._change = threading.Condition()

    def note(self, folder: str) -> None:
        """The dispatcher knows the folder."""
        with self._change:
            self._noted.add(folder)
            self._change.notify_all()

    def leave(self) -> None:
        """Frames not begun are dropped from now on: nobody waits for their folders."""
        with self._change:
            self._leaving = True
            self._change.notify_all()

    def forget(self, folder: Path) -> None:
        """Our place in the folder is gone: the dispatcher must be asked again."""
        with self._change:
            self._noted.discard(str(folder))
            self._asked.discard(str(folder))

    def wait(self, folder: Path, *, begun: bool) -> bool:
        """Ask for the folder once and wait until it is noted.

        Returns:
            False where the child leaves before that and the frame is not ``begun``.
        """
        name = str(folder)
        with self._change:
            if name not in self._noted and name not in self._asked:
                self._asked.add(name)
                self._tell(FolderUsed(name))
            self._change.wait_for(lambda: name in self._noted or (self._leaving and not begun))
            return name in self._noted
