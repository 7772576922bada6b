# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine does to a program that runs on it, done by replacing calls of the standard library inside it.

Owns the tricks by name, ``name=value`` each in ``$MGD_TRICKS`` (a JSON list). They know nothing of the engine, so they
work in dispatchers and children alike; a name that begins with ``child:`` is for children only.

    clock=FILE     `time.time` is off by as many seconds as the file says now
    locked=FOLDER  as long as a file is in the folder, putting a file in place of another takes one away and is refused
    busy=FOLDER    the same for starting a process (EAGAIN: the limit of processes)
    immortal       SIGKILL that this process sends to others does nothing (a child that is stopped in the kernel)
    files=N        at most N more open files than at the start
    memory=N       no process may have more than N MiB (RLIMIT_DATA)
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def play(*, child: bool) -> None:
    """Play the tricks that the environment asks for in this process."""
    for trick in json.loads(os.environ.get("MGD_TRICKS", "[]")):
        name, _, value = trick.partition("=")
        if child or not name.startswith("child:"):
            _TRICKS[name.removeprefix("child:")](value)


def _clock(value: str) -> None:
    real, file = time.time, Path(value)
    time.time = lambda: real() + float(file.read_text())
    real_ns = time.time_ns
    time.time_ns = lambda: real_ns() + int(float(file.read_text()) * 1e9)


def _taken(folder: Path) -> bool:
    """Take one file away; False where none is left."""
    for path in folder.iterdir():
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        return True
    return False


def _refusing(folder: Path, real: Callable[..., Any], error: int) -> Callable[..., Any]:
    def refuse(*words: Any, **more: Any) -> Any:
        if _taken(folder):
            raise OSError(error, os.strerror(error))
        return real(*words, **more)

    return refuse


def _locked(value: str) -> None:
    # Path.replace looks the function up in os at each call.
    os.replace = _refusing(Path(value), os.replace, errno.EACCES)


def _busy(value: str) -> None:
    real = subprocess.Popen

    class Popen(real):  # type: ignore[misc,valid-type]
        def __init__(self, *words: Any, **more: Any) -> None:
            if _taken(Path(value)):
                raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            super().__init__(*words, **more)

    subprocess.Popen = Popen  # type: ignore[misc]


def _immortal(_: str) -> None:
    for name in ("kill", "killpg"):
        setattr(os, name, _without_sigkill(getattr(os, name)))


def _without_sigkill(real: Callable[[int, int], None]) -> Callable[[int, int], None]:
    return lambda pid, number: None if number == signal.SIGKILL else real(pid, number)


def _files(value: str) -> None:
    limit = len(os.listdir("/proc/self/fd")) + int(value)  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def _memory(value: str) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (int(value) << 20, resource.getrlimit(resource.RLIMIT_DATA)[1]))


_TRICKS: dict[str, Callable[[str], None]] = {
    "clock": _clock,
    "locked": _locked,
    "busy": _busy,
    "immortal": _immortal,
    "files": _files,
    "memory": _memory,
}
