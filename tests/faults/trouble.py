# SPDX-License-Identifier: GPL-3.0-or-later
"""A small job that trouble comes to from outside: held at a frame, run on a machine that plays tricks, resumed.

Owns the dispatchers on it. Frames from ``held_from`` on do not end before `let_go`, so that what happens "in the
middle" does so on the fastest machine and on the slowest. Judges nothing (`outside` does).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import campaign
import engine
import psutil
from case import Seen
from fake_scene import frame_path
from prepared import fake_job, real_job
from waiting import until

CROOKED = Path(__file__).with_name("crooked.py")
CHILD = Path(__file__).with_name("crooked_child.py")
PATIENCE = 120.0
"""Seconds for anything that must come; a machine that is well needs a moment."""

HANDLER = """
import bpy, time
from pathlib import Path

def hold(scene, *_):
    gate = Path({gate!r})
    if scene.frame_current >= {first}:
        Path(f"{{gate}}-{{scene.frame_current}}").touch()
        while not gate.exists():
            time.sleep(0.02)

bpy.app.handlers.frame_change_post.append(hold)
"""
HOLD = """
text = bpy.data.texts.new("hold.py")
text.write({code!r})
text.use_module = True
"""
"""Holds a real child in its frame, as the rule ``await`` does a fake one."""


class Trouble:
    def __init__(
        self,
        place: Path,
        count: int = 8,
        *,
        held_from: int = 0,
        rules: Sequence[dict[str, Any]] = (),
        limits: dict[str, float] | None = None,
        real: bool = False,
        script: str = "",
        **changes: Any,
    ) -> None:
        """
        Args:
            held_from: The first frame that waits for `let_go`; 0: none.
            real: Real Blender children; ``script`` changes their scene before it is saved.
            changes: As `fake_job` and `real_job` take them.
        """
        self.count, self.held_from = count, held_from
        self.gate = place / "gate"
        changes["limits"] = dataclasses.replace(engine.SHORT, **(limits or {}))
        if real:
            script += HOLD.format(code=HANDLER.format(gate=str(self.gate), first=held_from)) if held_from else ""
            self.job = real_job(place, count, script=script, **changes)
        else:
            held = {"at": "render", "do": "await", "path": str(self.gate), "frames": [*range(held_from, count + 1)]}
            self.job = fake_job(place, count, rules=[*rules, *([held] if held_from else [])], **changes)
        self.entry = self.job.entry if real else CHILD
        self.folder, self.output = self.job.folder, self.job.output
        self.environment: dict[str, str] = {}
        self._dispatchers: list[subprocess.Popen[bytes]] = []

    # --- running ------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def running(self, *tricks: str, machine: str = "", log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """Run the job in a process of its own under these tricks (`tricks`); it is killed at the end of the block.

        ``log``: takes what it prints (a line a sentence, as for an artist on the command line) instead of the job folder.
        """
        env = os.environ | self.environment | {"MGD_TEST_HOST": machine, "MGD_TRICKS": json.dumps(tricks)}
        argv = [sys.executable, str(CROOKED), str(self.folder), str(self.entry)]
        with (log or self.folder / "dispatcher.log").open("ab") as said:
            process = subprocess.Popen(argv, stdout=said, stderr=said, env=env)
        self._dispatchers.append(process)
        try:
            yield process
        finally:
            self._dispatchers.remove(process)
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(PATIENCE)
            if not self._dispatchers:
                until(lambda: not campaign.orphans(self.entry, self.folder), PATIENCE, "the end of the children")

    def run(self, *tricks: str, machine: str = "") -> int:
        """Run the job to its end, with nothing held; return the exit status."""
        self.let_go()
        with self.running(*tricks, machine=machine) as process:
            return process.wait(PATIENCE)

    def finish(self, process: subprocess.Popen[bytes]) -> int:
        """Let everything go and wait for the end; return the exit status."""
        self.let_go()
        return process.wait(PATIENCE)

    def let_go(self) -> None:
        """Let the held frames end."""
        self.gate.touch()

    def children(self, dispatcher: subprocess.Popen[bytes]) -> list[psutil.Process]:
        return campaign.children(dispatcher, self.entry)

    def kill_children(self, dispatcher: subprocess.Popen[bytes]) -> None:
        """Kill all children that are there now and wait for their end."""
        children = self.children(dispatcher)
        for child in children:
            child.kill()
        _, alive = psutil.wait_procs(children, PATIENCE)
        assert not alive, alive

    # --- waiting ------------------------------------------------------------------------------------------------

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until it holds; there is no hope where the dispatcher has ended."""

        def holds() -> bool:
            ended = [process for process in self._dispatchers if process.poll() is not None]
            found = bool(condition())
            assert found or not ended, f"{what} did not come before the dispatcher's end: {engine.told(self.folder)}"
            return found

        until(holds, PATIENCE, what)

    def until_done(self, frames: int) -> None:
        """Wait until so many frames are in place by the journal."""
        self.until(lambda: len(engine.commits(self.folder)) >= frames, f"{frames} frames")

    def until_told(self, pattern: str) -> None:
        """Wait until a sentence is in the journal."""
        self.until(lambda: re.search(pattern, engine.told(self.folder), re.MULTILINE), f"the sentence '{pattern}'")

    def until_said(self, log: Path, pattern: str) -> None:
        """Wait until it is printed."""
        self.until(lambda: re.search(pattern, log.read_text(), re.MULTILINE), f"the printed sentence '{pattern}'")

    def until_held(self, workers: int = 2) -> None:
        """Wait until nothing goes on any more: so many workers are in held frames, all earlier ones are in place."""
        waiting = f"{self.gate.name}-*"
        self.until(lambda: len(list(self.gate.parent.glob(waiting))) >= workers, "held frames")
        self.until_done(self.held_from - 1)

    # --- what came of it ----------------------------------------------------------------------------------------

    @staticmethod
    def said(log: Path) -> tuple[str, ...]:
        """Return what was printed."""
        return tuple(line.removeprefix("error: ") for line in log.read_text().splitlines())

    def final(self, frame: int) -> Path:
        return Path(frame_path(str(self.output / "####"), frame))

    def seen(self, status: int, **changes: Any) -> Seen:
        return self.job.seen(status, **changes)
