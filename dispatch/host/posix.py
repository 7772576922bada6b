# SPDX-License-Identifier: GPL-3.0-or-later
"""What Linux and macOS have in common. Imported on Windows too (by tests): what only POSIX has is used in functions."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import signal
import stat
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..model import PROGRAM, DispatchError
from .anywhere import FileLock, Locked
from .family import Process

NICENESS = 10
"""Below normal: the artist's own programs go first."""

_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
_NO_SYNC = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF, errno.EACCES}


class ChildrenJob:
    """Does nothing here: children end with their stdin. On Windows a job object ends them with the dispatcher."""

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Make the process end with this one."""

    def close(self) -> None:
        """End all that are left."""


def popen_options(*, detached: bool) -> dict[str, Any]:
    """Keywords for Popen: an own session, so that no Ctrl-C and no closed terminal reaches the process."""
    return {"start_new_session": True}


def spawn_detached(
    argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one; what it prints is appended to ``log``.

    Raises:
        OSError: the program or the log cannot be opened.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=None if env is None else dict(env),
            cwd=cwd,
            **popen_options(detached=True),
        )


def lower_priority() -> None:
    """Run below normal priority from now on; called inside the child."""
    current = os.getpriority(os.PRIO_PROCESS, 0)
    if current < NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


def carry_bytes(fd: int) -> None:
    """Does nothing: a pipe carries bytes as they are here."""


def kill(process: Process) -> None:
    """End one process at once; no error when it is gone already or not ours."""
    try:
        os.kill(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def kill_orphans(pid: int) -> None:
    """Kill what is left of the process group of a child of ours. Call right after its status was collected.

    Until then nobody can have its id; as long as one member lives, nobody can get it.
    """
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def lock_file(path: Path) -> FileLock:
    """Take the lock on a file (made when missing) without waiting.

    Raises:
        Locked: somebody holds it.
        DispatchError: the file system has no locks.
        OSError: the file cannot be opened.
    """
    # Imported by name: Windows has no such module, and tests import this file there.
    fcntl = importlib.import_module("fcntl")
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(fd, path):
                return FileLock(fd, path)
        except OSError as error:
            os.close(fd)
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise Locked(str(path)) from None
            if error.errno in _NO_LOCKS:
                raise DispatchError(
                    f"The file system of {path.parent} has no file locks: choose a local folder with --jobs-dir."
                ) from error
            raise
        os.close(fd)


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock on a file; two who ask at once do not take each other for the owner.

    Raises:
        OSError: the file cannot be opened, or the file system has no locks.
    """
    fcntl = importlib.import_module("fcntl")
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return True
        raise
    finally:
        os.close(fd)
    return False


def _is_still(fd: int, path: Path) -> bool:
    """Whether the path still names the open file: somebody may have removed it between open and lock."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def replace(source: Path, target: Path) -> None:
    """Put a file in place of another (or of none) at one stroke.

    Raises:
        OSError: it cannot be done; the target is what it was.
    """
    source.replace(target)


def fsync_file(path: Path) -> None:
    """Return when the file's content is on the disk.

    Raises:
        OSError: the disk is full or broken; network file systems say so only here.
    """
    _sync(path, os.O_RDONLY)


def fsync_folder(path: Path) -> None:
    """Return when the folder's names are on the disk, where the file system can say so.

    Raises:
        OSError: the folder is gone or the disk is broken.
    """
    _sync(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))


def _sync(path: Path, flags: int) -> None:
    fd = os.open(path, flags)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(fd)


def long_path(path: Path) -> Path:
    """The path in a form that may be as long as it likes; differs on Windows only."""
    return path


def private_folder(path: Path) -> Path:
    """Make the folder (and those above it) so that only this user can look inside; return it.

    Raises:
        DispatchError: it belongs to somebody else.
        OSError: it cannot be made.
    """
    new = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for made in new:
        with contextlib.suppress(OSError):  # a power cut must not take it with what it will hold
            fsync_folder(made.parent)
    owner = path.stat().st_uid
    if owner != os.geteuid():
        raise DispatchError(f"The folder {path} belongs to another user: remove it or choose another with --jobs-dir.")
    path.chmod(0o700)
    if others_may_write(path):  # some network and foreign disks keep no rights
        raise DispatchError(f"Everybody may write in {path}, its disk keeps no rights: choose another with --jobs-dir.")
    return path


def is_own(path: Path) -> bool:
    """Whether it belongs to this user; a link's own owner counts.

    Raises:
        OSError: it cannot be looked at.
    """
    return path.lstat().st_uid == os.geteuid()


def others_may_write(path: Path) -> bool:
    """Whether somebody beside this user may change what is there.

    Raises:
        OSError: it cannot be looked at.
    """
    return bool(path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def link_folder(target: Path, link: Path) -> None:
    """Let ``link`` show the folder ``target``; removing the link leaves the folder alone.

    Raises:
        OSError: this file system has no such links.
    """
    link.symlink_to(target, target_is_directory=True)


def home() -> Path:
    """The user's home; a private place in the temporary folder for a user without one."""
    try:
        return Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"{PROGRAM}-{os.geteuid()}"


def exists(pid: int) -> bool:
    """Whether any process has the id, hidden ones included."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
