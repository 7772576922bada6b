# SPDX-License-Identifier: GPL-3.0-or-later
"""The pipes to the dispatcher, and the ends of this process.

Owns fd 0 and a copy of fd 1: after `Channel()` nothing that Blender, an add-on or a driver prints can reach the
dispatcher as a message, it goes to the log (fd 2). The reader is a thread, which runs while Cycles renders: the end of
stdin ends the process at once, even in the middle of a frame. Every end is `os._exit`: a normal exit of Blender's
Python deadlocked in 4.5.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from .. import host
from ..failure_text import EXIT_PARENT_GONE
from ..protocol import Report, Request, decode, encode


def end(status: int) -> NoReturn:
    """End the process now, after what was printed has reached the log."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(status)


class Channel:
    """Reports up, requests down. `send` may be called on any thread."""

    def __init__(self) -> None:
        self._requests = os.dup(0)
        self._reports = os.dup(1)
        self._lock = threading.Lock()
        for pipe in (self._requests, self._reports):
            host.carry_bytes(pipe)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)

    def send(self, report: Report) -> None:
        """Write the report as one line. A dispatcher that is gone ends the process."""
        line = memoryview(encode(report))
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._reports, line) :]
            except OSError:
                os._exit(EXIT_PARENT_GONE)

    def listen(self, hear: Callable[[Request], None]) -> None:
        """Start the thread that hands every request to ``hear``."""
        threading.Thread(target=self._read, args=(hear,), name="requests", daemon=True).start()

    def _read(self, hear: Callable[[Request], None]) -> None:
        try:
            with os.fdopen(self._requests, "rb") as lines:
                for line in lines:
                    request = decode(line)
                    if request is None:
                        print(f"not a request: {line[:200]!r}", file=sys.stderr)  # noqa: T201  (the log)
                    else:
                        hear(request)  # type: ignore[arg-type]
        finally:
            os._exit(EXIT_PARENT_GONE)
