# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting in tests: always on a condition, always with a deadline; and files of a job that goes on meanwhile."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path


def until(condition: Callable[[], object], seconds: float = 60.0, what: str = "what was waited for") -> None:
    """Wait until the condition holds.

    Raises:
        AssertionError: it did not hold in time.
    """
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"{what} did not come within {seconds} s"
        pause.wait(0.01)


def below(folder: Path, pattern: str) -> list[Path]:
    """The files and folders below that match.

    Bears what Python 3.11's `rglob` raises at: what vanishes meanwhile, and a link to a name that is too long (3.11.2,
    which Debian 12 has; 3.11.7 does not).
    """
    found = (Path(place, name) for place, folders, files in os.walk(folder) for name in (*folders, *files))
    return sorted(path for path in found if path.match(pattern))
