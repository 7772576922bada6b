# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of a jobs folder as they are now, read again only where a file has changed.

Owns `JobSeen` and what is remembered of each folder. A folder that vanishes, is damaged or cannot be read is a job with
a sentence or none at all, never an error. Changes nothing.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from . import job
from .model import DispatchError, Job
from .snapshot import Snapshot

STARTS = 30.0
"""Seconds within which a job that was started shows its first snapshot: a first start from a slow disk."""

_ERROR = "error: "
"""How the last line of a dispatcher begins that could not run."""

_Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class JobSeen:
    """One job as its folder shows it."""

    folder: str
    id: str
    name: str = ""
    created: str = ""
    """ISO 8601."""
    home: str = ""
    """The artist's own file; empty: ``blend`` is it."""
    blend: str = ""
    output: str = ""
    frames: str = ""
    engine: str = ""
    overwrite: bool = True
    fps: float = 0.0
    running: bool = False
    """A dispatcher holds it now; with an outcome: it counts down to what was asked for at the end."""
    snapshot: Snapshot | None = None
    dismissed: bool = False
    starting: bool = False
    """Was started a moment ago and has no snapshot of that run yet."""
    error: str = ""
    """Why it cannot be read, or why its dispatcher ended without a snapshot; empty: nothing is wrong."""

    @property
    def state(self) -> str:
        """``not started``, ``interrupted``, or as in `Snapshot.state`."""
        if self.snapshot is None:
            return "starting" if self.starting or self.running else "not started"
        if self.snapshot.outcome is not None:
            return "ended"
        return self.snapshot.state if self.running else "starting" if self.starting else "interrupted"


class JobsSeen:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[str, _Folder] = {}
        self._jobs: dict[str, JobSeen] = {}

    def look(self, *, everything: bool) -> tuple[JobSeen, ...]:
        """Return all jobs, newest first; without ``everything`` only those that run or start are read again."""
        if everything:
            names = job.names(self._root)[::-1]
            self._known = {name: self._known.get(name) or _Folder(self._root / name) for name in names}
            self._jobs = {name: seen for name in names if (seen := self._known[name].look()) is not None}
        else:
            for name, seen in list(self._jobs.items()):
                if (seen.running or seen.starting) and (now := self._known[name].look()) is not None:
                    self._jobs[name] = now
        return tuple(self._jobs.values())


def size_of(root: Path) -> int:
    """Bytes below a folder, links not followed."""
    total = 0
    for folder, _, files in os.walk(root):
        for name in files:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118  (a hundred thousand files)
            except OSError:
                continue
    return total


class _Folder:
    """What is known of one job folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Made once: fifty jobs are looked at every two seconds.
        self._job_path, self._snapshot_path, self._engine_path, self._log_path = (
            str(folder / name) for name in ("job.json", "snapshot.json", "engine", "dispatcher.log")
        )
        self._task: Job | None = None
        self._error = ""
        self._task_stamp: _Stamp | None = None
        self._snapshot: Snapshot | None = None
        self._snapshot_stamp: _Stamp | None = None

    def look(self) -> JobSeen | None:
        """Return the job as it is now, None where the folder holds none."""
        stamp = _stamp(self._job_path)
        if stamp is None:
            return None
        # An error is not remembered: rights or a key that are mended do not show on the file.
        if stamp != self._task_stamp or self._task is None:
            self._task_stamp, self._task, self._error = stamp, None, ""
            try:
                self._task = job.load(self._folder)
            except DispatchError as error:
                self._error = str(error)
        if self._task is None:
            return JobSeen(str(self._folder), self._folder.name, self._folder.name, error=self._error)
        return self._seen(self._task)

    def _seen(self, task: Job) -> JobSeen:
        self._read_snapshot()
        running, snapshot = job.look(self._folder, self._snapshot)
        if not running and self._read_snapshot():  # it has ended between the two
            running, snapshot = job.look(self._folder, self._snapshot)
        stamp = self._snapshot_stamp
        # The engine is copied when a job is started: newer than the snapshot, the first one is still to come.
        copied = _stamp(self._engine_path)
        begun = copied is not None and (stamp is None or copied > stamp)
        starting = begun and not running and self._may_start(copied)
        if begun and (running or starting):
            snapshot = None  # of an earlier run
        return JobSeen(
            folder=str(self._folder),
            id=task.id,
            name=task.name,
            created=task.created,
            home=task.home,
            blend=task.blend,
            output=task.output,
            frames=task.frames,
            engine=task.engine,
            overwrite=task.overwrite,
            fps=task.fps,
            running=running,
            snapshot=snapshot,
            dismissed=job.is_dismissed(self._folder),
            starting=starting,
            error="" if running or starting or snapshot else last_words(Path(self._log_path)),
        )

    def _read_snapshot(self) -> bool:
        """Read the snapshot again if it has changed; return whether it has."""
        stamp = _stamp(self._snapshot_path)
        if stamp == self._snapshot_stamp:
            return False
        self._snapshot_stamp, self._snapshot = stamp, job.read_snapshot(self._folder)
        return True

    def _may_start(self, copied: _Stamp | None) -> bool:
        """Whether its dispatcher is still on its way: not for long, and it has not given up with a word."""
        if copied is None or abs(time.time() - copied[0] / 1e9) > STARTS:
            return False
        said = _stamp(self._log_path)
        return said is None or said < copied or not _lines(Path(self._log_path))[-1].startswith(_ERROR)


def _stamp(path: str) -> _Stamp | None:
    """Return what changes when the file does; None: it is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def last_words(log: Path) -> str:
    """Return why a dispatcher could not run: the last line in which it names an error."""
    lines = _lines(log)
    return next((line.removeprefix(_ERROR) for line in reversed(lines) if line.startswith(_ERROR)), lines[-1])


def _lines(log: Path) -> list[str]:
    """Return the last lines that say something; an empty one where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        text = ""
    return [line for line in text.splitlines() if line.strip()] or [""]
