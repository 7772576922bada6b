# SPDX-License-Identifier: GPL-3.0-or-later
"""The job's append-only record (``journal.jsonl``): the truth after any crash, together with the output files.

Owns the file's form: one JSON object a line, with ``what`` and ``at`` (wall clock, for people). Lines are collected
and put on disk together by `sync`; what is not synced may be lost and never leaves half a line that counts: a torn
last line is cut off when the journal is opened again. Knows nothing of what the records mean (`history`).
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from . import host
from .model import DispatchError

NAME = "journal.jsonl"

LONGEST_LINE = 64 << 20
"""Bytes. The longest record of ours names every task of a job of ten million; a longer line is damage."""


class JournalFull(DispatchError):
    """The journal cannot be written now; nothing of the last `sync` counts, all of it is still held."""


class Journal:
    """Open for appending; one writer (the job's lock sees to that)."""

    def __init__(self, path: Path) -> None:
        """Open the journal and cut off a torn last line.

        Raises:
            DispatchError: the file cannot be opened for writing.
        """
        self._path = path
        self._held: list[bytes] = []
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            self._end = _end_of_last_line(path)
            os.ftruncate(self._fd, self._end)
            host.fsync_folder(path.parent)  # records on the disk are lost with the journal's name
        except OSError as error:
            raise DispatchError(f"The journal {path} cannot be written: {error.strerror}.") from error

    @property
    def size(self) -> int:
        """Bytes of the file as far as it is on the disk."""
        return self._end

    def write(self, what: str, facts: dict[str, Any]) -> None:
        """Hold one record until the next `sync`."""
        record = {"what": what, "at": datetime.now().astimezone().isoformat(timespec="milliseconds"), **facts}
        self._held.append(json.dumps(record, default=_plain, separators=(",", ":")).encode() + b"\n")

    def sync(self) -> None:
        """Put everything held on disk.

        Raises:
            JournalFull: the disk is full or gone; call again later, nothing is lost or doubled.
        """
        if not self._held:
            return
        data = memoryview(b"".join(self._held))
        try:
            os.lseek(self._fd, self._end, os.SEEK_SET)
            written = 0
            while written < len(data):
                written += os.write(self._fd, data[written:])
            os.fsync(self._fd)
        except OSError as error:
            self._cut()
            words = f"The journal {self._path} cannot be written ({error.strerror}): make room on that disk."
            raise JournalFull(words) from error
        self._end += len(data)
        self._held.clear()

    def close(self) -> None:
        os.close(self._fd)

    def _cut(self) -> None:
        """Take back a half-written batch, so that the next try does not double it."""
        try:
            os.ftruncate(self._fd, self._end)
        except OSError:
            return  # the next sync writes over it from the same place


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records in order. Lines that are none (torn, or damaged by somebody) are passed over."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in lines(file):
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(record, dict) and isinstance(record.get("what"), str):
                yield record


def lines(file: IO[bytes], longest: int = LONGEST_LINE) -> Iterator[bytes]:
    """Yield the lines of a file. One that is too long is passed over, and never held whole."""
    whole = True
    while line := file.readline(longest):
        ends = line.endswith(b"\n")
        if whole and (ends or len(line) < longest):
            yield line
        whole = ends


def _end_of_last_line(path: Path) -> int:
    size = path.stat().st_size
    with path.open("rb") as file:
        position = size
        while position > 0:
            begin = max(0, position - 65536)
            file.seek(begin)
            found = file.read(position - begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            position = begin
    return 0


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} does not belong in a journal")
