# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of one worker: whatever its Blender prints, in a space that cannot grow.

Owns ``<name>.log`` (the first megabyte), ``<name>.tail.log`` and ``<name>.tail-old.log`` (the last few), and the last
words in memory, which are there even when the disk is full. Any thread may write. Never raises for a log that cannot
be written: a full disk must not stop a render through its log.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from pathlib import Path
from typing import BinaryIO

HEAD = 1 << 20
"""Bytes kept of the beginning."""
TAIL = 4 << 20
"""Bytes after which the newest part is turned over; up to twice as much is kept."""
REMEMBERED = 256 << 10
"""Bytes kept in memory for `tail`."""
KEPT_LOGS = 200
"""Logs kept of workers that ended well, and as many of those that did not: a worker may start afresh for every frame."""


class WorkerLog:
    """Opened at the first write; goes on where an earlier one ended."""

    def __init__(self, path: Path, *, head: int = HEAD, tail: int = TAIL) -> None:
        self.path = path
        self.tail_path = path.with_suffix(f".tail{path.suffix}")
        self.old_path = path.with_suffix(f".tail-old{path.suffix}")
        self._head, self._tail = head, tail
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._room = 0
        self._in_head = True
        self._closed = False
        self._last: deque[bytes] = deque()
        self._last_size = 0

    def write(self, data: bytes) -> None:
        """Add to the log. What comes after `close` is only remembered."""
        with self._lock:
            self._remember(data)
            try:
                while data and not self._closed:
                    data = self._store(data)
            except OSError:
                self._drop_file()

    def tail(self, limit: int = 16 << 10) -> str:
        """The last ``limit`` bytes, at most `REMEMBERED`, as text."""
        with self._lock:
            return b"".join(self._last)[-limit:].decode("utf-8", "replace")

    def close(self) -> None:
        """Close the file; does nothing the second time."""
        with self._lock:
            self._closed = True
            self._drop_file()

    def _remember(self, data: bytes) -> None:
        self._last.append(data[-REMEMBERED:])
        self._last_size += len(self._last[-1])
        while self._last_size - len(self._last[0]) >= REMEMBERED:
            self._last_size -= len(self._last.popleft())
        if len(self._last) > 1000:  # many tiny writes: one object costs more than its bytes
            whole = b"".join(self._last)[-REMEMBERED:]
            self._last = deque([whole])
            self._last_size = len(whole)

    def _store(self, data: bytes) -> bytes:
        """Write what fits; return the rest."""
        if self._file is None:
            self._open()
        assert self._file is not None
        count = self._file.write(data[: self._room])
        self._room -= count
        if self._room <= 0:
            self._turn_over()
        return data[count:]

    def _open(self) -> None:
        path, size = (self.path, self._head) if self._in_head else (self.tail_path, self._tail)
        self._file = path.open("ab", buffering=0)
        self._room = max(0, size - self._file.tell())

    def _turn_over(self) -> None:
        self._drop_file()
        if self._in_head:
            self._in_head = False
        else:
            self.tail_path.replace(self.old_path)

    def _drop_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


class EndedLogs:
    """The logs of workers that have ended: the oldest go, those of trouble for trouble's only."""

    def __init__(self) -> None:
        self._kept: dict[bool, deque[tuple[Path, ...]]] = {True: deque(), False: deque()}

    def add(self, log: WorkerLog, *, good: bool) -> None:
        """A worker has ended, ``good``: by itself and with a clean exit."""
        kept = self._kept[good]
        kept.append((log.path, log.tail_path, log.old_path))
        while len(kept) > KEPT_LOGS:
            for path in kept.popleft():
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
