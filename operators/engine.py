# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own commands, run outside Blender to their end: what they print comes back.

Owns these processes, and the waiting for them: a `Run` goes on an errand's thread only, where nothing of bpy is touched.
Whoever keeps it may end it from any other thread; then it leaves nothing behind.
"""

import contextlib
import os
import subprocess
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..dispatch import host, launch
from ..dispatch.model import DispatchError
from . import session

LOOK = 0.1
"""Seconds between two looks whether it is to end."""
DIES = 5.0
"""Seconds for a process that was killed: a driver may hold it, and then nobody waits any longer."""
LONGEST = 4 << 20
"""Bytes of an answer that are read."""
LINES, LINE = 200, 4000
"""Lines on stderr that are kept, and bytes of one."""


def command(*words: str) -> list[str]:
    """Return the arguments that run a command of the engine.

    Raises:
        DispatchError: what runs the engine is not known yet.
    """
    return launch.command_line(session.needed_interpreter(), session.package(), words, session.sites())


@dataclass(frozen=True)
class Said:
    """What a command printed until its end."""

    status: int
    lines: list[str]
    errors: list[str]
    """The last lines on stderr."""

    @property
    def why(self) -> str:
        """Why it failed, in a few words."""
        said = [line for line in self.errors if line.startswith("error: ")]
        return said[-1].removeprefix("error: ") if said else f"exit status {self.status}"


class Run:
    """One command, from its start to its end."""

    def __init__(self) -> None:
        self.doing = ""
        """The last line that it printed on stderr."""
        self._errors: deque[str] = deque(maxlen=LINES)
        self._over = threading.Event()

    @property
    def stopped(self) -> bool:
        """Somebody wanted its end."""
        return self._over.is_set()

    def stop(self) -> None:
        """Have it killed with everything that it started. Does not wait; harmless before its start and after its end."""
        self._over.set()

    def go(self, argv: list[str], seconds: float, place: Path | None = None) -> Said:
        """Start it, wait that long at most, and return what it said.

        Args:
            place: The folder that a relative path means; None: that of this Blender.

        Raises:
            DispatchError: it does not start, takes too long, or was stopped; the text says why, in a few words.
        """
        try:
            with tempfile.TemporaryDirectory(prefix="multi-gpu-", ignore_cleanup_errors=True) as own:
                return self._said(argv, seconds, place, Path(own))
        except OSError as error:
            raise DispatchError(f"{error}: is the disk there?") from error

    def _said(self, argv: list[str], seconds: float, place: Path | None, own: Path) -> Said:
        """``own``: its folder for temporary files, so that it leaves none when it is killed."""
        with (own / "output").open("w+b") as output:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                env=launch.own_environment(os.environ, own),
                cwd=place,
                **host.popen_options(detached=False),
            )
            carrier = threading.Thread(target=self._carry, args=(process.stderr,), name="multi-gpu words", daemon=True)
            carrier.start()
            try:
                status = self._await(process, seconds)
            finally:
                _kill(process)
                carrier.join(1.0)  # what the process left running may hold the pipe
            output.seek(0)
            text = output.read(LONGEST).decode("utf-8", "replace")
        return Said(status, [line for line in text.splitlines() if line.strip()], list(self._errors))

    def _await(self, process: subprocess.Popen[bytes], seconds: float) -> int:
        until = time.monotonic() + seconds
        while True:
            try:
                return process.wait(LOOK)
            except subprocess.TimeoutExpired:
                if self.stopped:
                    raise DispatchError("it was stopped") from None
                if time.monotonic() > until:
                    raise DispatchError(f"no answer within {seconds:.0f} s: is the disk there?") from None

    def _carry(self, pipe: IO[bytes]) -> None:
        with pipe:
            while line := pipe.readline(LINE):
                if words := line.decode("utf-8", "replace").strip():
                    self._errors.append(words)
                    self.doing = words


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End it with everything that it started; does nothing after its end."""
    if process.poll() is None:  # so its id is still its own
        host.kill_tree(process.pid, host.process_start_time(process.pid), DIES)
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(DIES)


def ask(argv: list[str], seconds: float) -> list[str]:
    """Run it for so many seconds at most; return the lines that it printed.

    Raises:
        DispatchError: it failed or took too long; the text says why, in a few words.
    """
    said = Run().go(argv, seconds)
    if said.status != 0 or not said.lines:
        raise DispatchError(said.why)
    return said.lines
