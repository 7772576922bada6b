# SPDX-License-Identifier: GPL-3.0-or-later
"""Our presence in the output folders: joining, the heartbeat, burying the dead, leaving.

Owns the list of folders that this run uses and the one thread that beats in them: a file server that hangs must stop
neither the dispatcher's loop nor another folder's heartbeat (`reach`). What `owners` does in one folder, this does in
all of them; sentences for the artist go to the inbox it was given.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

from . import claims, host, owners
from .model import DispatchError
from .owners import Owner
from .reach import Reach
from .working_folder import WorkingFolder, cannot_write

T = TypeVar("T")

BEATS = 6
"""Heartbeats within the time after which an owner counts as dead."""

SLOW = 60.0
"""Seconds that a slow disk may take for what comes last: names on the disk, everything of ours taken away."""


class Presence:
    def __init__(
        self, owner: Owner, heartbeat: float, earlier: Collection[str], tell: Callable[[str, str], None]
    ) -> None:
        """``earlier``: owner ids of runs of this job that are over. ``tell(level, text)`` may be called from a thread."""
        self.owner = owner
        self._heartbeat = heartbeat
        self._earlier = tuple(earlier)
        self._tell = tell
        self._folders: dict[Path, Reach] = {}
        self._told: set[str] = set()
        self._been: dict[Path, tuple[int, int]] = {}
        """Folders in which our file was once, and what they were then."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def join(self, folder: str) -> None:
        """Be seen in the folder from now on and clear there what is dead. Problems are told, and tried again."""
        path = Path(folder)
        if path in self._folders:
            self._try(path, lambda: self._be_there(path))  # a child asks again when our file was gone
        else:
            self._folders[path] = Reach(str(path), self._tell)
            self._enter(path)

    def recover(self, attempt: int) -> None:
        """Remove what a dead child's attempt left, wherever it is."""
        for folder in list(self._folders):
            self._try(folder, lambda folder=folder: claims.release_attempt(folder, self.owner.id, attempt))  # type: ignore[misc]

    def keep(self) -> None:
        """Return when all names in the folders are on the disk: whoever put a picture there may have died before that."""
        for folder in self._folders:
            self._try(folder, lambda folder=folder: host.fsync_folder(folder), wait=SLOW)  # type: ignore[misc]

    def leave(self) -> None:
        """Stop the heartbeat and take everything of ours out of the folders."""
        self._over.set()
        self._thread.join(self._heartbeat)
        for folder in self._folders:
            self._try(folder, lambda folder=folder: self._leave(folder), wait=SLOW)  # type: ignore[misc]

    def ask(self, path: str, question: Callable[[], T], otherwise: T) -> T:
        """Ask about a file in one of the folders; ``otherwise`` where that folder is silent."""
        reach = self._folders.get(Path(path).parent)
        return question() if reach is None else reach.do(question, otherwise, SLOW)

    def others(self, folder: str) -> list[Owner]:
        """Living dispatchers beside us in the folder."""
        return owners.others(Path(folder), self.owner, self._heartbeat)

    def _enter(self, folder: Path) -> None:
        def enter() -> None:
            owners.join(folder, self.owner)
            self._been[folder] = _identity(folder)
            self._bury(folder)

        self._try(folder, enter)

    def _leave(self, folder: Path) -> None:
        owners.leave(folder, self.owner.id)
        with contextlib.suppress(OSError):  # else a power cut might bring our folders back
            host.fsync_folder(folder)

    def _beat(self) -> None:
        while not self._over.wait(self._heartbeat / BEATS):
            for folder, reach in list(self._folders.items()):
                if not reach.silent:
                    self._try(folder, lambda folder=folder: self._beat_in(folder))  # type: ignore[misc]

    def _be_there(self, folder: Path) -> None:
        gone = _what_is_gone(folder, self._been.get(folder))
        if not owners.beat(folder, self.owner) and folder in self._been:
            buried = f"Another dispatcher took this one for dead in {folder} (did the machine sleep?): joined again."
            self._tell("warning", gone or buried)
        self._been[folder] = _identity(folder)
        self._told.discard(str(folder))  # our file was written: whatever was wrong is over

    def _beat_in(self, folder: Path) -> None:
        self._be_there(folder)
        self._bury(folder)

    def _bury(self, folder: Path) -> None:
        for dead in owners.bury_dead(folder, self.owner, self._heartbeat, also=self._earlier):
            if dead not in self._earlier:
                self._tell("warning", f"A dispatcher that used {folder} has died: its claims are free again.")

    def _try(self, folder: Path, action: Callable[[], object], wait: float | None = None) -> None:
        """The folder may be away for a while; its children say so about their frames, here it is said once."""

        def do() -> None:
            try:
                action()
            except Exception as error:  # noqa: BLE001  (without its heartbeat this dispatcher counts as dead)
                if str(folder) not in self._told:
                    self._told.add(str(folder))
                    self._tell("warning", _words(folder, error))

        self._folders[folder].do(do, None, wait)


def _identity(folder: Path) -> tuple[int, int]:
    """Return what tells the folder from another one of that name."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def _what_is_gone(folder: Path, known: tuple[int, int] | None) -> str:
    """Say what somebody removed, where our own file is gone; empty: nothing else.

    Args:
        known: The folder's `_identity` when our file was there: a child may have made it again meanwhile.
    """
    if not folder.is_dir() or (known and _identity(folder) != known):
        return f"The folder {folder} was removed while the job ran: made again. Resume renders what was lost with it."
    root = WorkingFolder(folder).root
    if root.is_dir():
        return ""
    return f"The working folder {root} is gone (removed, or somebody took this machine for dead): made again."


def _words(folder: Path, error: Exception) -> str:
    """Say what went wrong in the folder."""
    if isinstance(error, OSError):
        named = error.filename if isinstance(error.filename, str) else WorkingFolder(folder).root
        return str(cannot_write(Path(named), error))
    if isinstance(error, DispatchError):
        return str(error)
    return (
        f"A fault of this program in {folder} ({type(error).__name__}: {error}): the render goes on; please report it."
    )
