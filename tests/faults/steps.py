# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends a process (kill -9) right before its Nth effect on the world: a file, a message, a sync, a start, a kill.

Owns what counts as an effect: every audit event of Python's that changes files below one folder, and each ``os.write``
and ``os.fsync`` (a write counts twice: before it, and with its first half done). Knows nothing of the engine, so that
no effect of its can be forgotten here. Armed by the environment (`Bullet`), in the process of `stepped`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

ANYWHERE = ("os.remove", "os.rmdir", "os.truncate", "subprocess.Popen", "os.kill", "os.killpg")
"""Effects that count wherever they are: a tree is removed by names without their folder."""
BELOW = ("os.rename", "os.mkdir", "os.link", "os.symlink", "os.utime", "os.chmod")


@dataclass(frozen=True)
class Bullet:
    """Who dies, and when. Travels in the environment."""

    role: str
    """``dispatcher`` | ``child``: the first process in this role that gets so far."""
    step: int
    """The number of its effect, from 1; 0: nobody dies, effects are only counted."""
    root: Path
    """Effects on files count below this folder."""
    spent: Path
    """File that is made when it strikes, with the effect's name; it strikes once."""
    power: bool = False
    """The dispatcher dies with it, and all its children with that."""
    at: str = ""
    """Regular expression: only effects whose name it finds are counted."""

    def environment(self) -> dict[str, str]:
        return {
            "MGD_BULLET": json.dumps([*map(str, (self.role, self.root, self.spent, self.at)), self.step, self.power])
        }

    @staticmethod
    def given(environ: Mapping[str, str]) -> Bullet | None:
        """Return what `environment` put there."""
        if not (text := environ.get("MGD_BULLET")):
            return None
        role, root, spent, at, step, power = json.loads(text)
        return Bullet(role, step, Path(root), Path(spent), power, at)


class Armed:
    """Counts the effects of this process and ends it at the bullet's."""

    def __init__(self, bullet: Bullet) -> None:
        self._bullet = bullet
        self._root = os.fspath(bullet.root)
        self._count = 0
        self._lock = threading.RLock()
        self._inside = threading.local()
        self._write, self._fsync = os.write, os.fsync
        os.write = self._writes  # type: ignore[assignment]
        os.fsync = self._syncs
        sys.addaudithook(self._hears)

    def _hears(self, event: str, words: tuple[Any, ...]) -> None:
        if getattr(self._inside, "yes", False) or not self._is_effect(event, words):
            return
        what = words[0] if words and isinstance(words[0], (str, bytes, os.PathLike)) else ""
        self._point(f"{event} {os.path.basename(os.fsdecode(what))}")  # noqa: PTH119

    def _is_effect(self, event: str, words: tuple[Any, ...]) -> bool:
        if event == "open":
            changes = isinstance(words[2], int) and words[2] & WRITES
            return bool(changes) and self._is_below(words[0])
        return event in ANYWHERE or (event in BELOW and self._is_below(words[0]))

    def _is_below(self, path: object) -> bool:
        return isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith(self._root)

    def _writes(self, fd: int, data: bytes) -> int:
        what = " ".join((_name(fd), *re.findall(r'"what":"([^"]+)"', bytes(data).decode("utf-8", "replace"))))
        self._point(f"write {what}")
        self._point(f"half a write {what}", lambda: self._write(fd, bytes(data)[: len(data) // 2]))
        return self._write(fd, data)

    def _syncs(self, fd: int) -> None:
        self._point(f"sync {_name(fd)}")
        with self._unseen():
            self._fsync(fd)

    @contextlib.contextmanager
    def _unseen(self) -> Iterator[None]:
        """What this thread does now is ours, not the engine's."""
        self._inside.yes = True
        try:
            yield
        finally:
            self._inside.yes = False

    def _point(self, name: str, last: Callable[[], object] = lambda: None) -> None:
        if not re.search(self._bullet.at, name):
            return
        with self._lock:
            self._count += 1
            if self._bullet.step in (self._count, 0):
                with self._unseen():
                    self._strike(name, last)

    def _strike(self, name: str, last: Callable[[], object]) -> None:
        bullet = self._bullet
        if not bullet.step:
            self._append(bullet.spent, f"{self._count} {name}\n")
            return
        try:
            mark = os.open(bullet.spent, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return
        self._write(mark, f"{bullet.role} {os.getpid()}: {self._count} {name}\n".encode())
        last()
        if bullet.power and bullet.role == "child":
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    def _append(self, path: Path, line: str) -> None:
        mark = os.open(path.with_name(f"{path.name}.{os.getpid()}"), os.O_CREAT | os.O_APPEND | os.O_WRONLY)
        self._write(mark, line.encode())
        os.close(mark)


def _name(fd: int) -> str:
    """What lies behind the descriptor, without the numbers that differ between runs."""
    try:
        path = os.readlink(f"/proc/self/fd/{fd}")  # noqa: PTH115
    except OSError:
        return "nothing"
    return path.partition(":")[0] if ":" in path else os.path.basename(path)  # noqa: PTH119
