# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the files that a job reads are still those it was started with.

Owns the comparison by size and time. A changed .blend is never loaded by a further child; a changed texture, library
or cache is said once for each file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .model import Job
from .reach import Reach


class Changes:
    def __init__(self, job: Job, tell: Callable[[str, str], None]) -> None:
        """``tell(level, text)`` says a sentence to the artist."""
        self._job = job
        self._tell = tell
        self._told: set[str] = set()
        self._reach = Reach("changes")

    def blend_changed(self) -> str:
        """Return a sentence where the job's .blend is not what it was, else nothing."""
        job = self._job
        if not job.blend_mtime_ns:
            return ""
        if self._reach.do(lambda: _same(job.blend, job.blend_size, job.blend_mtime_ns), True):
            return ""  # a file that its server keeps to itself did not change: the child that loads it will tell
        return f"{job.blend} changed since the job was made: render it as a new job"

    def tell_others(self) -> None:
        """Name each other file that changed and was not named yet."""
        known = [each for each in self._job.external if each[0] not in self._told]
        unseen: list[str] = []
        for path in self._reach.do(lambda: [each[0] for each in known if not _same(*each)], unseen):
            self._told.add(path)
            words = f"{path} changed while the job ran: later frames may look different from earlier ones"
            self._tell("warning", words)


def _same(path: str, size: int, mtime_ns: int) -> bool:
    try:
        found = Path(path).stat()
    except OSError:
        return False
    return (found.st_size, found.st_mtime_ns) == (size, mtime_ns)
