# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the files that a job reads are still those it was started with.

Owns the comparison by size and time. A changed .blend is never loaded by a further child; a changed texture, library
or cache is said once for each file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .model import Job


class Changes:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._told: set[str] = set()

    def blend_changed(self) -> str:
        """Return a sentence where the job's .blend is not what it was, else nothing."""
        job = self._job
        if not job.blend_mtime_ns or _same(job.blend, job.blend_size, job.blend_mtime_ns):
            return ""
        return f"{job.blend} changed since the job was made: render it as a new job"

    def others_changed(self) -> Iterator[str]:
        """Yield a sentence for each other file that changed and was not named yet."""
        for path, size, mtime_ns in self._job.external:
            if path not in self._told and not _same(path, size, mtime_ns):
                self._told.add(path)
                yield f"{path} changed while the job runs: later frames may look different from earlier ones"


def _same(path: str, size: int, mtime_ns: int) -> bool:
    try:
        found = Path(path).stat()
    except OSError:
        return False
    return (found.st_size, found.st_mtime_ns) == (size, mtime_ns)
