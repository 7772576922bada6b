# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows: locks, sharing violations, long paths, the user's places. Part of ``windows``; importable everywhere."""

from __future__ import annotations

import errno
import importlib
import ntpath
import os
import time
from pathlib import Path

from ..model import PROGRAM
from . import win32
from .anywhere import FileLock, Locked

REPLACE_DEADLINE = 10.0
"""Seconds for which a viewer or a virus scanner may hold a file before replacing it counts as failed."""

_LOCKED_BYTE = 1 << 30
"""Windows forbids reading what is locked: the lock lies far beyond the content."""

_LONG = 240
"""Characters from which a path gets the long form: the limit is 260, 248 for folders, and temporary names come on top."""


def lock_file(path: Path) -> FileLock:
    """Take the lock on a file (made when missing) without waiting.

    Raises:
        Locked: somebody holds it.
        OSError: the file cannot be opened.
    """
    msvcrt = importlib.import_module("msvcrt")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    try:
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
    except OSError as error:
        os.close(fd)
        if error.errno in (errno.EACCES, errno.EDEADLK):
            raise Locked(str(path)) from None
        raise
    return FileLock(fd, path, _unlock)


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock on a file.

    Raises:
        OSError: the file cannot be opened.
    """
    # These locks cannot be shared, and another one who only asks holds it for a moment: ask again before saying yes.
    for wait in (0.002, 0.005, 0.0):
        if not path.exists():
            return False
        try:
            lock_file(path).release()
        except Locked:
            time.sleep(wait)
        else:
            return False
    return True


def _unlock(fd: int) -> None:
    msvcrt = importlib.import_module("msvcrt")
    os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
    msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)


def carry_bytes(fd: int) -> None:
    """Let a pipe carry bytes as they are: a copy of fd 0 or 1 translates line ends otherwise."""
    msvcrt = importlib.import_module("msvcrt")
    msvcrt.setmode(fd, getattr(os, "O_BINARY", 0x8000))


def replace(source: Path, target: Path) -> None:
    """Put a file in place of another (or of none) at one stroke; waits for a viewer that holds one of them.

    Raises:
        OSError: it cannot be done; the target is what it was.
    """
    until = time.monotonic() + REPLACE_DEADLINE
    pause = 0.01
    while True:
        try:
            os.replace(long_path(source), long_path(target))  # noqa: PTH105 - one call that tests can watch
            return
        except PermissionError as error:
            code = getattr(error, "winerror", None)
            held = code in (win32.ERROR_ACCESS_DENIED, win32.ERROR_SHARING_VIOLATION, win32.ERROR_LOCK_VIOLATION)
            # "Access denied" is also what a folder in the way says; that one does not go away.
            if not held or time.monotonic() + pause > until or long_path(target).is_dir():
                raise
        time.sleep(pause)
        pause = min(pause * 2, 0.5)


def fsync_file(path: Path) -> None:
    """Return when the file's content is on the disk.

    Raises:
        OSError: the disk is full or broken; network drives say so only here.
    """
    # FlushFileBuffers needs the right to write.
    fd = os.open(long_path(path), os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def fsync_folder(path: Path) -> None:
    """Does nothing: Windows cannot flush a folder; NTFS journals its names."""


def long_path(path: Path) -> Path:
    """The path in a form that may be longer than 260 characters, where it comes near that."""
    return Path(long_text(str(path)))


def long_text(path: str) -> str:
    r"""``\\?\C:\…`` or ``\\?\UNC\server\share\…`` for a path that is long; such a path is taken literally, so it is made
    absolute and clean first."""
    if path.startswith(("\\\\?\\", "\\\\.\\")):
        return path
    whole = ntpath.abspath(path)
    if len(whole) < _LONG:
        return path
    return "\\\\?\\UNC\\" + whole[2:] if whole.startswith("\\\\") else "\\\\?\\" + whole


def state_folder() -> Path:
    """The one private, local place of this user for jobs and leases. Not made by this call."""
    base = os.environ.get("LOCALAPPDATA")
    return (Path(base) if base else Path.home() / "AppData" / "Local") / PROGRAM


def link_folder(target: Path, link: Path) -> None:
    """Let ``link`` show the folder ``target``; removing the link leaves the folder alone.

    Raises:
        OSError: the folder lies on a network drive, or this file system has no such links.
    """
    # A junction: a symbolic link would need a privilege that artists do not have.
    importlib.import_module("_winapi").CreateJunction(str(target), str(link))


def is_own(path: Path) -> bool:
    """Always True: what an administrator makes belongs to all administrators, so the owner tells nothing here."""
    return True


def others_may_write(path: Path) -> bool:
    """Always False: what others may do is inherited from the user's profile, and no mode tells it."""
    return False


def private_folder(path: Path) -> Path:
    """Make the folder and those above it; below the user's profile only this user (and administrators) may look in.

    Raises:
        OSError: it cannot be made.
    """
    path.mkdir(parents=True, exist_ok=True)
    return path
