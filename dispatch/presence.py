# SPDX-License-Identifier: GPL-3.0-or-later
"""Our presence in the output folders: joining, the heartbeat, burying the dead, leaving.

Owns the list of folders that this run uses and the one thread that beats in them: a slow file server must stop
neither the dispatcher's loop nor another folder's heartbeat for long. What `owners` does in one folder, this does in
all of them; sentences for the artist go to the inbox it was given.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from pathlib import Path

from . import claims, owners
from .owners import Owner

BEATS = 6
"""Heartbeats within the time after which an owner counts as dead."""


class Presence:
    def __init__(
        self, owner: Owner, heartbeat: float, earlier: Collection[str], tell: Callable[[str, str], None]
    ) -> None:
        """``earlier``: owner ids of runs of this job that are over. ``tell(level, text)`` may be called from a thread."""
        self.owner = owner
        self._heartbeat = heartbeat
        self._earlier = tuple(earlier)
        self._tell = tell
        self._folders: list[Path] = []
        self._told: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def join(self, folder: str) -> None:
        """Be seen in the folder from now on and clear there what is dead. Problems are told, and tried again."""
        path = Path(folder)
        if path in self._folders:
            self._try(path, lambda: owners.beat(path, self.owner))  # a child asks again when our file was gone
        else:
            self._enter(path)
            self._folders.append(path)

    def recover(self, attempt: int) -> None:
        """Remove what a dead child's attempt left, wherever it is."""
        for folder in list(self._folders):
            self._try(folder, lambda folder=folder: claims.release_attempt(folder, self.owner.id, attempt))  # type: ignore[misc]

    def leave(self) -> None:
        """Stop the heartbeat and take everything of ours out of the folders."""
        self._over.set()
        self._thread.join(self._heartbeat)
        for folder in self._folders:
            self._try(folder, lambda folder=folder: owners.leave(folder, self.owner.id))  # type: ignore[misc]

    def others(self, folder: str) -> list[Owner]:
        """Living dispatchers beside us in the folder."""
        return owners.others(Path(folder), self.owner, self._heartbeat)

    def _enter(self, folder: Path) -> None:
        def enter() -> None:
            owners.join(folder, self.owner)
            owners.bury_dead(folder, self.owner, self._heartbeat, also=self._earlier)

        self._try(folder, enter)

    def _beat(self) -> None:
        while not self._over.wait(self._heartbeat / BEATS):
            for folder in list(self._folders):
                self._try(folder, lambda folder=folder: self._beat_in(folder))  # type: ignore[misc]

    def _beat_in(self, folder: Path) -> None:
        if not owners.beat(folder, self.owner):
            words = f"Another dispatcher took this one for dead in {folder} (did the machine sleep?): joined again."
            self._tell("warning", words)
        buried = owners.bury_dead(folder, self.owner, self._heartbeat, also=self._earlier)
        for dead in buried:
            if dead not in self._earlier:
                self._tell("warning", f"A dispatcher that used {folder} has died: its claims are free again.")

    def _try(self, folder: Path, action: Callable[[], object]) -> None:
        """The folder may be away for a while; its children say so about their frames, here it is said once."""
        try:
            action()
            self._told.discard(str(folder))
        except Exception as error:  # noqa: BLE001  (without its heartbeat this dispatcher counts as dead)
            if str(folder) not in self._told:
                self._told.add(str(folder))
                self._tell("warning", str(error))
