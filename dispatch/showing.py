# SPDX-License-Identifier: GPL-3.0-or-later
"""Any display, on a thread of its own: whoever does not read (a full pipe, a terminal that is held) holds up nobody.

Owns the thread and what waits for it: of snapshots only the newest. Shows nothing itself.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from .display import Display
from .findings import Finding
from .snapshot import Snapshot


class Showing:
    """A `Display` in front of another one. `close` comes last, and waits until everything was shown."""

    def __init__(self, inner: Display) -> None:
        self._inner = inner
        self._some = threading.Condition()
        self._waiting: deque[Callable[[], None]] = deque()
        self._newest: Snapshot | None = None
        self._closed = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="display", daemon=True)
        self._thread.start()

    def finding(self, finding: Finding) -> None:
        """Show one finding of the preflight."""
        self._put(lambda: self._inner.finding(finding))

    def created(self, job: str, folder: str, output: str) -> None:
        """The job folder is there."""
        self._put(lambda: self._inner.created(job, folder, output))

    def show(self, snapshot: Snapshot) -> None:
        """Show the job as it is now, unless something newer comes before there is time for it."""
        with self._some:
            if self._newest is None:
                self._waiting.append(self._show_newest)
            self._newest = snapshot
            self._some.notify()

    def note(self, text: str) -> None:
        """Say one sentence."""
        self._put(lambda: self._inner.note(text))

    def ended(self, snapshot: Snapshot) -> None:
        """Show the end."""
        self._put(lambda: self._inner.ended(snapshot))

    def close(self) -> None:
        """Give the terminal back when all was shown. The job has ended: its reader may take the time that it needs.

        Raises:
            Exception: whatever the display raised first.
        """
        with self._some:
            if self._closed:
                return
            self._closed = True
            self._waiting.append(self._inner.close)
            self._some.notify()
        self._thread.join()
        if self._error:
            raise self._error

    def _put(self, call: Callable[[], None]) -> None:
        with self._some:
            self._waiting.append(call)
            self._some.notify()

    def _show_newest(self) -> None:
        with self._some:
            snapshot, self._newest = self._newest, None
        if snapshot is not None:
            self._inner.show(snapshot)

    def _run(self) -> None:
        while True:
            with self._some:
                while not self._waiting:
                    if self._closed:
                        return
                    self._some.wait()
                call = self._waiting.popleft()
            try:
                call()
            except Exception as error:  # noqa: BLE001 - what comes after, `close` above all, must go on
                self._error = self._error or error
