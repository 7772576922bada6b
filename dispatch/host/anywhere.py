# SPDX-License-Identifier: GPL-3.0-or-later
"""What is the same on every system, and the shapes that all of them share.

Must not make a call that exists on one system only.
"""

from __future__ import annotations

import importlib
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Locked(Exception):
    """Another process (or another part of this one) holds the lock; try again later."""


class FileLock:
    """A lock on a file that this process holds until `release` or until it dies, however it dies."""

    def __init__(self, fd: int, path: Path, unlock: Callable[[int], None] | None = None) -> None:
        self.path = path
        self._fd = fd
        self._unlock = unlock

    def write(self, line: bytes) -> None:
        """Say in the file who holds it. One line: a reader that comes in the middle still finds a whole first line."""
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, line)
        os.ftruncate(self._fd, len(line))

    def release(self) -> None:
        """Give the lock back; does nothing the second time."""
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        try:
            if self._unlock is not None:
                self._unlock(fd)
        finally:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Awake:
    """Keeps the machine from falling asleep between `hold` and `release`; base of each system's ``KeepAwake``.

    ``held`` says whether it really does, ``reason`` why not, in one sentence. Never raises: a render is worth doing
    on a machine that cannot be kept awake. Use from one thread only (Windows counts by thread).
    """

    def __init__(self, why: str) -> None:
        self.why = why
        self.held = False
        self.reason = ""

    def hold(self) -> bool:
        """Begin; True when the machine stays awake. Does nothing the second time."""
        if not self.held:
            try:
                self.reason = self._begin()
            except OSError as error:
                self.reason = f"The machine may fall asleep while it renders: {error}."
            self.held = not self.reason
        return self.held

    def release(self) -> None:
        """Let the machine sleep again; does nothing the second time."""
        if self.held:
            self.held = False
            self._end()

    def _begin(self) -> str:
        """Return why it cannot be done; empty: done."""
        raise NotImplementedError

    def _end(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.hold()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def hostname() -> str:
    """The machine's own name, as its files on shared folders carry it."""
    return socket.gethostname()


def free_space(path: Path) -> int:
    """Bytes that this user can still write below the path; it need not exist yet.

    Raises:
        OSError: the place cannot be reached.
    """
    here = path.absolute()
    while not here.exists() and here != here.parent:
        here = here.parent
    return shutil.disk_usage(here).free


@dataclass(frozen=True, slots=True)
class MemoryAllowed:
    """What a system says of memory beside the machine's own figures. What it does not tell is None."""

    total: int | None = None
    """Bytes that this process and those beside it may have together: in a container, a service, a job of a cluster."""
    free: int | None = None
    """How many of them are left."""
    kills: int | None = None
    """Processes that the system has killed for want of memory since it started."""


def memory_allowed() -> MemoryAllowed:
    """Where no group of processes has a limit of its own."""
    return MemoryAllowed()


def soft_limits() -> dict[str, int]:
    """How many ``open files`` and ``processes`` this process may have; what is unlimited or unknown is left out."""
    try:
        resource: Any = importlib.import_module("resource")  # POSIX has it
    except ImportError:
        return {}
    kinds = {"open files": "RLIMIT_NOFILE", "processes": "RLIMIT_NPROC"}
    found = {words: resource.getrlimit(getattr(resource, name))[0] for words, name in kinds.items()}
    return {words: int(most) for words, most in found.items() if most != resource.RLIM_INFINITY}


def tool_output(argv: list[str], deadline: float = 10.0) -> str:
    """What a small system tool prints; empty where it is missing, fails or takes longer than ``deadline`` seconds."""
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=deadline, env=environment, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""
