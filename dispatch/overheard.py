# SPDX-License-Identifier: GPL-3.0-or-later
"""What only a worker's log says of a picture: how much memory Blender did not get while it rendered on without it.

Text in, figures out; a thread that carries the log may talk while another one asks. Nothing but Blender's own words of
its allocator is heard, the same in 4.2 to 5.2.
"""

from __future__ import annotations

import re
import threading

_WORDS = re.compile(rb"returns n(?:ull|ill): len=(\d+)|^rendered attempt (\d+)\n", re.MULTILINE)
_LONGEST = 4096
"""Bytes of a line that is not whole yet."""


def end_of(attempt: int) -> str:
    """Return the line that a child's log has where the words about one picture end."""
    return f"rendered attempt {attempt}"


def refused(text: str) -> int:
    """Return the bytes of the largest piece of memory that Blender says it did not get; 0: it says nothing of that."""
    return max((int(found[1] or 0) for found in _WORDS.finditer(text.encode("ascii", "replace"))), default=0)


class Overheard:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cut = b""
        self._now = 0
        self._of: dict[int, int] = {}

    def hear(self, log: bytes) -> None:
        """Take the next part of the log."""
        whole, newline, cut = (self._cut + log).rpartition(b"\n")
        self._cut = cut[-_LONGEST:]
        with self._lock:
            for found in _WORDS.finditer(whole + newline):
                if found[1]:
                    self._now = max(self._now, int(found[1]))
                else:
                    self._of[int(found[2])], self._now = self._now, 0

    def missed(self, attempt: int) -> int:
        """Return the bytes of the largest piece of memory that this attempt did not get; 0: it got all. Ask once."""
        with self._lock:
            if attempt not in self._of:  # the log is behind
                now, self._now = self._now, 0
                return now
            return self._of.pop(attempt)
