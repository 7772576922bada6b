# SPDX-License-Identifier: GPL-3.0-or-later
"""What takes longer than a tick of the timer, done in short threads: their sentences are collected by the tick.

Owns these threads. An errand must not touch bpy: it is handed plain values when it is sent. None keeps Blender from
quitting.
"""

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from ..dispatch import findings
from ..dispatch.model import DispatchError


@dataclass(frozen=True)
class Told:
    """What an errand came back with."""

    text: str
    """One sentence."""
    trouble: bool
    """It failed."""
    resume: str = ""
    """Folder of a job that can go on now; empty: none."""


_back: SimpleQueue[Told] = SimpleQueue()
_out: list[threading.Thread] = []


def send(errand: Callable[[], str], *, resume: str = "") -> None:
    """Run it in a thread; it returns a sentence for the artist, or an empty text.

    Args:
        resume: Folder of a job that can go on when the errand succeeded.
    """
    _out[:] = [thread for thread in _out if thread.is_alive()]
    thread = threading.Thread(target=_run, args=(errand, resume), name="multi-gpu errand", daemon=True)
    _out.append(thread)
    thread.start()


def told() -> list[Told]:
    """Return what came back since the last call."""
    heard: list[Told] = []
    while True:
        try:
            heard.append(_back.get_nowait())
        except Empty:
            return heard


def wait(seconds: float) -> None:
    """Wait for all of them, that long at most."""
    until = time.monotonic() + seconds
    for thread in _out:
        thread.join(max(0.0, until - time.monotonic()))
    _out.clear()


def _run(errand: Callable[[], str], resume: str) -> None:
    try:
        text = errand()
        if text:
            _back.put(Told(text, trouble=False, resume=resume))
    except DispatchError as error:
        _back.put(Told(findings.in_panel(str(error)), trouble=True))
    except Exception as error:  # noqa: BLE001 - nobody else would hear of it
        traceback.print_exc()
        _back.put(Told(f"Something went wrong ({error}): Window, Toggle System Console tells more.", trouble=True))
