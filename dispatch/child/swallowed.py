# SPDX-License-Identifier: GPL-3.0-or-later
"""Exceptions of handlers, drivers and scripts, which Blender prints and then goes on: the picture is what it is without.

Owns `sys.excepthook`, which Blender calls for them, and turns each different one into a sentence, once. What was
printed before is printed still.
"""

from __future__ import annotations

import sys
import threading
import traceback
from pathlib import PurePath
from types import TracebackType

MOST = 20
"""Different sentences in one child's life."""


class Swallowed:
    """Sentences about exceptions since the last `take`; Blender raises them on several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._new: list[str] = []
        self._lacks = ""
        self._print = sys.excepthook
        sys.excepthook = self._hear

    def take(self) -> tuple[str, ...]:
        """Return the sentences that were not returned yet."""
        with self._lock:
            new, self._new = self._new, []
        return tuple(new)

    def take_lack(self) -> str:
        """Return the script that got no RAM since the last time this was asked; empty: none did."""
        with self._lock:
            lacks, self._lacks = self._lacks, ""
        return lacks

    def _hear(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self._print(kind, error, trace)
        words = f"A script failed and Blender went on without it: {kind.__name__}: {error}"[:400]
        words += f"{_where(trace)}; mend it if the pictures need it."
        with self._lock:
            if issubclass(kind, MemoryError):
                self._lacks = f"a script failed: MemoryError{_where(trace)}"
            if words not in self._known and len(self._known) < MOST:
                self._known.add(words)
                self._new.append(words)


def _where(trace: TracebackType | None) -> str:
    steps = traceback.extract_tb(trace)
    # A text of the file names itself "FILE.blend/TEXT".
    return f" ({PurePath(steps[-1].filename).name}, line {steps[-1].lineno})" if steps else ""
