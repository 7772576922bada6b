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
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from . import blenders, failure_text, launch
from .model import BlenderProgram, DispatchError, Fault
from .process import Child, Ended, Inbox, Said, new_inbox
from .protocol import Hello, Inspect, Inspected, encode
from .staff import ENTRY, end_words

DEADLINE = 900.0
"""Seconds for the whole look: a big scene may take minutes to load."""

FIRST_WORD = blenders.PROBE_SECONDS
"""Seconds until a Blender says that it runs; nothing is loaded yet."""

DEVICES_ONLY = Inspect()


class Silent(DispatchError):
    """What was started said no first word, or could not be started: it may be no Blender at all."""


def look(
    spec: str | None, environ: Mapping[str, str], question: Inspect = DEVICES_ONLY, *, factory: bool = False
) -> tuple[BlenderProgram, Inspected]:
    """Find the Blender that is meant, as `blenders.find` does, and let it look.

    A Blender takes a second to wake, more with many cards: one that looks tells its version too, so it is not started
    for that alone. Only where what was found says nothing, or is too old, `blenders.find` tells why, or finds another.

    Raises:
        DispatchError: as for `blenders.find` and `inspect`.
    """
    if likely := blenders.likely(spec, environ):
        try:
            program, answer = _ask(likely, question, factory)
        except Silent:
            pass
        else:
            if program.version >= blenders.OLDEST:
                return program, answer
    program = blenders.find(spec, environ)
    return program, inspect(program, question, factory=factory)


def inspect(program: BlenderProgram, question: Inspect = DEVICES_ONLY, *, factory: bool = False) -> Inspected:
    """Start a child, let it look, end it.

    Raises:
        DispatchError: the child gave no answer; the sentence says how it ended.
    """
    return _ask(program, question, factory)[1]


def _ask(program: BlenderProgram, question: Inspect, factory: bool) -> tuple[BlenderProgram, Inspected]:
    """Return the answer, and the program as it says what it is."""
    entry = Path(__file__).parent / ENTRY
    argv = launch.child_command(program, entry, factory=factory, autoexec=question.autoexec, threads=0)
    inbox = new_inbox()
    with tempfile.TemporaryDirectory(prefix="mgd-") as temp:
        env = launch.child_environment(
            os.environ, launch.recorded(os.environ), devices=(), config=None, threads=0, temp=Path(temp)
        )
        try:
            child = Child(0, argv, env=env, log=Path(temp, "inspect.log"), inbox=inbox, thread_stays=True)
        except OSError as error:
            raise Silent(f"{program.path} cannot be started: {error.strerror or error}.") from error
        try:
            child.send(encode(question))
            return _answer(program, child, inbox)
        finally:
            child.kill()
            child.join(10.0)


def _answer(program: BlenderProgram, child: Child, inbox: Inbox) -> tuple[BlenderProgram, Inspected]:
    hello: Hello | None = None
    began = time.monotonic()
    while True:
        limit = DEADLINE if hello else FIRST_WORD
        try:
            item = inbox.get(timeout=max(0.0, began + limit - time.monotonic()))
        except queue.Empty:
            late = f"{program.words} did not answer in time while it looked at the file."
            raise (DispatchError(late) if hello else Silent(late)) from None
        match item:
            case Said(_, Hello() as hello):
                program = replace(program, version=hello.version, build=hello.build)
            case Said(_, Inspected() as answer) if hello:
                return program, answer
            case Ended():
                words = f"{program.words} ended while it looked at the file: {_end(item.status, child)}"
                raise DispatchError(words) if hello else Silent(words)


def _end(status: int, child: Child) -> str:
    fault = failure_text.classify_exit(status, child.log_tail())
    why = "" if fault is Fault.UNKNOWN else f" ({fault})"
    lines = [line for line in child.log_tail(4000).splitlines() if line.strip()]
    last = f" Its last words: {lines[-1][:200]}" if lines else ""
    return f"{end_words(status)}{why}.{last}"
