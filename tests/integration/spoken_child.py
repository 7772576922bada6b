# SPDX-License-Identifier: GPL-3.0-or-later
"""A real child as a process, and a dispatcher's side of the conversation in a few words."""

from __future__ import annotations

import dataclasses
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self, TypeVar

from dispatch import owners, protocol
from dispatch.model import Backend
from dispatch.protocol import Commit, Configure, FolderNoted, FolderUsed, Leave, Render, Rendered, Report, Request

ENTRY = Path(protocol.__file__).parent / "child" / "entry.py"
PATIENCE = 180.0
R = TypeVar("R")


class SpokenChild:
    """One child. `blender` is the application to run it in; without one it is this Python with bpy.
    `temp`: its folder for temporary files, `place` by default."""

    def __init__(
        self, place: Path, blender: str = os.environ.get("MGD_TEST_BLENDER", ""), temp: Path | None = None
    ) -> None:
        self.owner = owners.Owner.new("a test")
        self.log = place / f"child-{self.owner.id}.log"
        command = [sys.executable, "-P", str(ENTRY)]
        if blender:
            command = [blender, "-b", "--factory-startup", "--python-exit-code", "77", "--python", str(ENTRY), "--"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={
                    **os.environ,
                    "MGD_CHILD": "1",
                    "TMPDIR": str(temp or place),
                },  # a killed Blender leaves a folder there
                cwd=place,
            )
        self.folders: list[Path] = []
        self.heard: list[Report] = []
        self.strange: list[bytes] = []
        self._queue: queue.SimpleQueue[Report | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        for folder in self.folders:
            owners.leave(folder, self.owner.id)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            report = protocol.decode(line)
            if report is None:
                self.strange.append(line)
            else:
                self._queue.put(report)  # type: ignore[arg-type]
        self._queue.put(None)

    def say(self, request: Request) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(protocol.encode(request))
        self.process.stdin.flush()

    def hear(self) -> Report:
        """The next report; folders are noted on the way."""
        report = self._queue.get(timeout=PATIENCE)
        if report is None:
            raise EOFError(
                f"the child ended with {self.process.wait()}: {self.log.read_text(errors='replace')[-3000:]}"
            )
        self.heard.append(report)
        if isinstance(report, FolderUsed):
            self.note(Path(report.folder))
        return report

    def note(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        owners.join(folder, self.owner)
        self.folders.append(folder)
        self.say(FolderNoted(str(folder)))

    def until(self, *kinds: type[R]) -> R:
        """The next report of one of these kinds."""
        while not isinstance(report := self.hear(), kinds):
            pass
        return report

    def configure(self, blend: Path, output: str, **changes: Any) -> Report:
        order = Configure(0, self.owner.id, str(blend), "", output, Backend.CPU, ("CPU",), 2, True, False)
        self.say(dataclasses.replace(order, **changes))
        return self.until(protocol.Loaded, protocol.Broken)

    def render(self, attempt: int, frame: int) -> Report:
        """Ask for one frame and let it be put in place; return its last report."""
        self.say(Render(attempt, frame))
        report = self.until(Rendered, protocol.Failed, protocol.Skipped, protocol.Broken)
        if isinstance(report, Rendered):
            self.say(Commit(attempt))
            report = self.until(protocol.Committed, protocol.Failed)
        return report

    def leave(self) -> int:
        self.say(Leave())
        self.until(protocol.Left)
        return self.end()

    def end(self) -> int:
        """Exit status; waits."""
        deadline = time.monotonic() + PATIENCE
        return self.process.wait(deadline - time.monotonic())
