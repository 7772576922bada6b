# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a short-lived child about this machine's devices and about a scene, before there is a job.

Owns the probe child from its start to its end. Drivers may hang or crash while they list devices: that happens in the
child, and is a sentence here.
"""

from __future__ import annotations

import os
import queue
import tempfile
import time
from pathlib import Path

from . import failure_text, launch
from .model import BlenderProgram, DispatchError, Fault
from .process import Child, Ended, Inbox, Said, new_inbox
from .protocol import Hello, Inspect, Inspected, encode
from .staff import ENTRY, end_words

DEADLINE = 900.0
"""Seconds for the whole look: a big scene may take minutes to load."""


def inspect(
    program: BlenderProgram,
    *,
    blend: str = "",
    scene: str = "",
    output: str = "",
    autoexec: bool | None = None,
    sequence: bool = False,
    factory: bool = False,
    entry: Path | None = None,
    deadline: float = DEADLINE,
) -> Inspected:
    """Start a child, let it look, end it; without ``blend`` it looks at the devices only.

    Raises:
        DispatchError: the child gave no answer; the sentence says how it ended.
    """
    argv = launch.child_command(
        program, entry or Path(__file__).parent / ENTRY, factory=factory, autoexec=autoexec, threads=0
    )
    inbox = new_inbox()
    with tempfile.TemporaryDirectory(prefix="mgd-") as temp:
        env = launch.child_environment(
            os.environ, launch.recorded(os.environ), devices=(), config=None, threads=0, temp=Path(temp)
        )
        try:
            child = Child(0, argv, env=env, log=Path(temp, "inspect.log"), inbox=inbox, thread_stays=True)
        except OSError as error:
            raise DispatchError(f"{program.path} cannot be started: {error.strerror or error}.") from error
        try:
            child.send(encode(Inspect(blend, scene, autoexec, output, sequence)))
            return _answer(program, child, inbox, time.monotonic() + deadline)
        finally:
            child.kill()
            child.join(10.0)


def _answer(program: BlenderProgram, child: Child, inbox: Inbox, until: float) -> Inspected:
    while True:
        try:
            item = inbox.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            raise DispatchError(f"{program.words} did not answer in time while it looked at the file.") from None
        match item:
            case Said(_, Inspected() as answer):
                return answer
            case Said(_, Hello()):
                continue
            case Ended():
                fault = failure_text.classify_exit(item.status, child.log_tail())
                why = "" if fault is Fault.UNKNOWN else f" ({fault})"
                lines = [line for line in child.log_tail(4000).splitlines() if line.strip()]
                last = f" Its last words: {lines[-1][:200]}" if lines else ""
                raise DispatchError(
                    f"{program.words} ended while it looked at the file: {end_words(item.status)}{why}.{last}"
                )
