# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting in tests: always on a condition, always with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


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
