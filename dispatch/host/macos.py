# SPDX-License-Identifier: GPL-3.0-or-later
"""macOS: ps, sysctl, caffeinate. Written after the manual pages; tests look at the calls."""

from __future__ import annotations

import calendar
import errno
import importlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from ..model import PROGRAM
from . import family, posix
from .anywhere import Awake, tool_output
from .anywhere import memory_allowed as memory_allowed
from .ending import MACOS
from .posix import ChildrenJob as ChildrenJob
from .posix import carry_bytes as carry_bytes
from .posix import fsync_folder as fsync_folder
from .posix import is_locked as is_locked
from .posix import is_own as is_own
from .posix import kill_orphans as kill_orphans
from .posix import link_folder as link_folder
from .posix import lock_file as lock_file
from .posix import long_path as long_path
from .posix import lower_priority as lower_priority
from .posix import others_may_write as others_may_write
from .posix import popen_options as popen_options
from .posix import private_folder as private_folder
from .posix import replace as replace
from .posix import spawn_detached as spawn_detached

notify, sleep_now, shut_down = MACOS.notify, MACOS.sleep_now, MACOS.shut_down

_COLUMNS = ["-o", "pid=", "-o", "ppid=", "-o", "pgid=", "-o", "state=", "-o", "lstart="]
_F_FULLFSYNC = 51
_NO_FULL_SYNC = {errno.ENOTSUP, errno.EINVAL, errno.ENOTTY, errno.ENOSYS}


def boot_id() -> str:
    """Changes with every start of the machine; empty where unknown."""
    return tool_output(["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]).strip()


def pid_namespace() -> str:
    """Empty: there is only one."""
    return ""


def process_start_time(pid: int) -> float | None:
    """Seconds since the epoch, whole ones; None where there is no such process."""
    row = _row(pid)
    return None if row is None else row.start


def is_alive(pid: int, start_time: float | None) -> bool:
    """Whether the very process still runs; without a start time: any process of that id. The dead that wait to be
    collected do not count; where ``ps`` does not work, one that exists counts."""
    row = _row(pid)
    if row is None:
        return posix.exists(pid) and not tool_output(["/bin/ps", "-p", str(os.getpid()), *_COLUMNS])
    return not row.ended and (start_time is None or abs(row.start - start_time) <= family.SAME_START)


def kill_tree(pid: int, start_time: float | None, wait: float = 0.0) -> list[int]:
    """Kill the process, what it started and what is in its group, if it is still the one that started then.

    Returns the ids that still live after ``wait`` seconds.
    """
    return family.kill_family(pid, start_time, read_table=_table, kill=posix.kill, myself=os.getpid(), wait=wait)


def _table() -> Iterator[family.Process]:
    return parse(tool_output(["/bin/ps", "-A", *_COLUMNS]))


def _row(pid: int) -> family.Process | None:
    return next(parse(tool_output(["/bin/ps", "-p", str(pid), *_COLUMNS])), None)


def parse(text: str) -> Iterator[family.Process]:
    """Read what ``ps`` prints in the C locale and in UTC, e.g. ``  71     1    71 Ss   Sat Nov 21 03:05:09 2026``."""
    for line in text.splitlines():
        words = line.split()
        try:
            pid, parent, group = (int(word) for word in words[:3])
            start = calendar.timegm(time.strptime(" ".join(words[4:]), "%a %b %d %H:%M:%S %Y"))
        except ValueError:
            continue
        yield family.Process(pid, parent, float(start), frozenset((group,)), words[3].startswith("Z"))


def parent_environment() -> dict[str, str]:
    """Nothing: a child notices its parent's death by its stdin."""
    return {}


def die_with_parent() -> None:
    """Does nothing: macOS cannot end a process with its parent; the end of stdin does."""


def fsync_file(path: Path) -> None:
    """Return when the file's content is on the disk itself: plain fsync leaves it in the drive's cache here.

    Raises:
        OSError: the disk is full or broken.
    """
    fcntl = importlib.import_module("fcntl")
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.fcntl(fd, getattr(fcntl, "F_FULLFSYNC", _F_FULLFSYNC))
    except OSError as error:
        if error.errno not in _NO_FULL_SYNC:
            raise
        posix.fsync_file(path)  # network file systems know no full sync
    finally:
        os.close(fd)


def state_folder() -> Path:
    """The one private, local place of this user for jobs and leases. Not made by this call."""
    return posix.home() / "Library" / "Application Support" / PROGRAM


def has_display() -> bool:
    """Whether an artist may sit in front of this session: any but a remote one."""
    return "SSH_CONNECTION" not in os.environ


def cores() -> int:
    """Logical processors of the machine; processes cannot be bound to some of them here."""
    return os.cpu_count() or 1


def peak_memory() -> int:
    """Largest resident size of this process so far, bytes."""
    usage = importlib.import_module("resource")
    return int(usage.getrusage(usage.RUSAGE_SELF).ru_maxrss)


class KeepAwake(Awake):
    """``caffeinate``, which ends by itself with this process."""

    _process: subprocess.Popen[bytes] | None = None

    def _begin(self) -> str:
        try:
            self._process = subprocess.Popen(
                ["/usr/bin/caffeinate", "-i", "-w", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return f"caffeinate does not start ({error.strerror}), so the machine may fall asleep while it renders."
        return ""

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
