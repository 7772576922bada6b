# SPDX-License-Identifier: GPL-3.0-or-later
"""The child's program: says hello, then does what it is asked until it is asked to leave.

Threads: the reader sorts requests, the porter carries pictures, this main thread alone touches Blender. Exit statuses
are in `failure_text`; 0 follows `Left` only.
"""

from __future__ import annotations

import atexit
import os
import queue
import sys
import threading
import traceback
from typing import NoReturn

from .. import host
from ..failure_text import EXIT_BROKEN, EXIT_SCENE_ENDED
from ..model import Fault
from ..protocol import (
    VERSION,
    Broken,
    Check,
    Commit,
    Configure,
    Discard,
    FolderNoted,
    Hello,
    Inspect,
    Leave,
    Left,
    MakeMovie,
    Render,
    Request,
    Threads,
)
from . import facts
from .channel import Channel, end
from .folders import Folders
from .handlers import Ours
from .porter import Porter
from .stage import Stage, Unusable
from .swallowed import Swallowed


def main() -> NoReturn:
    """Run the child. Never returns: the process ends."""
    host.die_with_parent()
    host.lower_priority()
    # The engine's threads call our handlers: they must not wait the usual 5 ms for the porter.
    sys.setswitchinterval(0.001)
    channel = Channel()
    try:
        Program(channel).run()
    except BaseException as error:  # noqa: BLE001  (the last word must reach the dispatcher, whatever happened)
        traceback.print_exc()
        channel.send(Broken(Fault.UNKNOWN, f"The child failed ({error!r}): see the worker's log."))
        end(EXIT_BROKEN)


class Program:
    """Sorts requests and serves them one after the other."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._folders = Folders(channel.send)
        self._porter = Porter(channel.send, self._folders)
        self._stage = Stage(channel.send, self._folders, self._porter, Ours(self._on_load), Swallowed())
        self._configured = False
        self._requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self._leaving = threading.Event()
        self._dropped: list[int] = []

    def run(self) -> NoReturn:
        """Serve until `Leave`."""
        # The reader comes first: the dispatcher may die while Blender wakes.
        self._channel.listen(self._hear)
        self._wake_blender()
        while True:
            request = self._requests.get()
            try:
                self._serve(request)
            except Unusable as error:
                self._break(error.fault, str(error))

    def _wake_blender(self) -> None:
        import bpy

        bpy.context.preferences.use_preferences_save = False
        # Registered after bpy's own, so it comes first: it turns a script's sys.exit() into a clear end.
        atexit.register(self._on_exit)
        build = bpy.app.build_hash.decode("ascii", "replace")
        python = sys.executable or ""
        self._channel.send(Hello(VERSION, os.getpid(), tuple(bpy.app.version), build, python))

    def _hear(self, request: Request) -> None:
        """On the reader's thread: what concerns the porter goes there at once, the rest waits its turn."""
        match request:
            case Commit() | Discard():
                self._porter.hear(request)
            case FolderNoted():
                self._folders.note(request.folder)
            case _:
                if isinstance(request, Leave):
                    self._leaving.set()
                    self._folders.leave()
                self._requests.put(request)

    def _serve(self, request: Request) -> None:
        match request:
            case Inspect():
                self._channel.send(facts.inspect(request))
            case Configure():
                self._stage.set_up(request)
                self._configured = True
            case MakeMovie():
                self._stage_set().make_movie(request)
            case Render():
                self._render(request)
            case Check():
                self._stage_set().check(request)
            case Threads():
                self._stage_set().use_threads(request.count)
            case Leave():
                self._porter.finish()
                self._channel.send(Left(tuple(self._dropped)))
                end(0)

    def _render(self, request: Render) -> None:
        stage = self._stage_set()
        if self._porter.is_discarded(request.attempt):
            return
        if self._leaving.is_set() or not stage.shoot(request):
            self._dropped.append(request.attempt)

    def _stage_set(self) -> Stage:
        if not self._configured:
            self._break(Fault.UNKNOWN, "The child was asked to render before it was configured.")
        return self._stage

    def _break(self, fault: Fault, words: str) -> NoReturn:
        self._channel.send(Broken(fault, words))
        end(EXIT_BROKEN)

    def _on_load(self) -> None:
        """Another file is being loaded while ours renders: Blender would crash, or go on with that one."""
        self._break(Fault.SCENE, "A script in the scene loads another file: switch it off.")

    def _on_exit(self) -> NoReturn:
        self._channel.send(Broken(Fault.SCENE, "A script in the scene ended Blender: switch it off."))
        end(EXIT_SCENE_ENDED)
