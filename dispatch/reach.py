# SPDX-License-Identifier: GPL-3.0-or-later
"""A place that may not answer for hours (a file server that hangs): what is done there is done beside the caller.

Owns the short thread in which things are done one after another, and for how long anybody waits. What could not be
waited for is done when the place answers again. It must not know what is done.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that one answer may take; a burial of a thousand claims on a slow server takes two."""


class Reach:
    def __init__(self, name: str, tell: Callable[[str, str], None] | None = None) -> None:
        """``tell(level, text)`` says once that the place is silent, and once that it is back; from any thread."""
        self._name = name
        self._tell = tell
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._works = False
        self.silent = False
        """It let somebody wait in vain and has not answered since."""

    def do(self, action: Callable[[], T], otherwise: T, wait: float | None = None) -> T:
        """Do it and return what came of it; ``otherwise`` where the place is silent: then it is done later.

        Args:
            wait: Seconds; None: `PATIENCE`. A place that is silent already is not waited for.

        Raises:
            Exception: whatever the action raised in time.
        """
        answer: Future[T] = Future()
        with self._lock:
            self._waiting.append((action, answer))
            self._works = self._works or self._begin()
            patience = 0.0 if self.silent else PATIENCE if wait is None else wait
        try:
            return answer.result(patience)
        except TimeoutError:
            if answer.done():  # in the last moment, or the error is the action's own
                return answer.result()
            self._fall_silent()
            return otherwise

    def _begin(self) -> bool:
        """Start the thread; False where the system has none left (a limit of processes): the next call tries again."""
        try:
            threading.Thread(target=self._work, name=f"reach {self._name}", daemon=True).start()
        except RuntimeError:
            return False
        return True

    def _fall_silent(self) -> None:
        with self._lock:
            new, self.silent = self._works and not self.silent, self._works
        if new and self._tell:
            self._tell(
                "warning", f"{self._name} does not answer: is its disk or server there? What lies elsewhere goes on."
            )

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._works = False
                    back, self.silent = self.silent, False
                    break
                action, answer = self._waiting.popleft()
            try:
                answer.set_result(action())
            except BaseException as error:  # noqa: BLE001 - raised again where the answer is wanted
                answer.set_exception(error)
        if back and self._tell:
            self._tell("note", f"{self._name} answers again.")
