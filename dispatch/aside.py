# SPDX-License-Identifier: GPL-3.0-or-later
"""One question at a time that may take for ever (a file server that hangs), asked beside the thread that wants to know.

Owns the short thread in which it is asked. Nobody waits for it: a question that hangs keeps its own daemon thread, and
no second one is asked meanwhile.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Aside(Generic[T]):
    def __init__(self, name: str) -> None:
        self.answer: T | None = None
        """The last answer."""
        self._name = name
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def begin(self, question: Callable[[], T]) -> bool:
        """Ask, unless the last question is still being asked; return whether it was asked."""
        if self.busy:
            return False
        self._thread = threading.Thread(target=self._ask, args=(question,), name=self._name, daemon=True)
        self._thread.start()
        return True

    def _ask(self, question: Callable[[], T]) -> None:
        with contextlib.suppress(Exception):  # no answer: the last one stays
            self.answer = question()
