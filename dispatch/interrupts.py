# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C in the foreground: once stops after the current frames, twice stops now, three times ends this process.

Owns the signals while a job runs and gives them back. It only leaves wishes in the job folder, as any other program
would; the third Ctrl-C needs no folder, so that a full disk cannot keep the user waiting.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from . import job
from .job import Wish
from .model import DispatchError

SAID = (
    "Stopping after the current frames; press Ctrl-C again to stop at once.",
    "Stopping at once; frames that are not finished will be rendered again on resume.",
)


@contextmanager
def asking_to_stop(folder: Path) -> Iterator[Callable[[], str]]:
    """Turn signals into wishes; yields a function that returns the sentence to be shown, once each, else nothing.

    A handler runs between any two steps of the program, perhaps in the middle of a line that is being written: so it
    says nothing itself.
    """
    presses = 0
    unsaid: list[str] = []

    def wish(what: Wish, said: str) -> None:
        try:
            job.ask(folder, what)
            unsaid.append(said)
        except DispatchError as error:
            unsaid.append(str(error))

    def pressed(_number: int, _frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses > 2:
            raise KeyboardInterrupt
        wish((Wish.STOP, Wish.STOP_NOW)[presses - 1], SAID[presses - 1])

    def told_to_end(_number: int, _frame: FrameType | None) -> None:
        wish(Wish.STOP_NOW, SAID[1])

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, pressed),
        signal.SIGTERM: signal.signal(signal.SIGTERM, told_to_end),
    }
    # A terminal that is closed: tidy up as for Ctrl-C twice. Whoever said `nohup` wants to go on, and is left alone.
    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        before[hang_up] = signal.signal(hang_up, told_to_end)
    try:
        yield lambda: unsaid.pop(0) if unsaid else ""
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
