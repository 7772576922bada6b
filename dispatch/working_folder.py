# SPDX-License-Identifier: GPL-3.0-or-later
"""The hidden folder (``.mgd``) that we keep inside each output folder: its layout, and how things are put into it.

    owners/<owner>.json                    one for each living dispatcher; its modification time is the heartbeat
    owners/<owner>.buried-by-<owner>.json  a dead dispatcher whose traces are being removed
    claims/<name of the final file>.json   one for each file that somebody is producing now
    temp/<owner>/<attempt>/                where pictures lie until they are whole

Owns the names, exclusive creation, and the removal of the folder once it is empty. It decides nothing about who may
claim or who is dead. Machines that share the output folder share this one, so nothing here may trust a local clock.
Whoever leaves last removes the folders, so a folder can vanish between two calls: creation makes it again.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from . import host
from .model import WORKING_FOLDER, DispatchError, Fault

T = TypeVar("T")

LONGEST_NAME = 140
"""Bytes of a file name of ours: eCryptfs allows 143, everything else 255."""

_TRIES = 50
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class CannotWrite(DispatchError):
    """The output folder does not take our files. ``fault`` says whether the disk is full or the folder refuses."""

    def __init__(self, words: str, fault: Fault = Fault.CANNOT_WRITE) -> None:
        super().__init__(words)
        self.fault = fault


def cannot_write(path: Path, error: OSError) -> CannotWrite:
    """Return the error as a sentence for the artist."""
    if error.errno in _FULL:
        return CannotWrite(f"The disk of {path.parent} is full: make room.", Fault.DISK_FULL)
    reason = error.strerror or str(error)
    return CannotWrite(f"Cannot write {path} ({reason}): check that the folder is there and that you may write to it.")


@dataclass(frozen=True, slots=True)
class WorkingFolder:
    """The working folder of one output folder. Making this object touches nothing."""

    output: Path

    @property
    def root(self) -> Path:
        return self.output / WORKING_FOLDER

    @property
    def owners(self) -> Path:
        return self.root / "owners"

    @property
    def claims(self) -> Path:
        return self.root / "claims"

    @property
    def temp(self) -> Path:
        return self.root / "temp"

    def owner_file(self, owner_id: str) -> Path:
        return self.owners / f"{owner_id}.json"

    def record_file(self, name: str) -> Path:
        """Where the claim of the file ``name`` is recorded; long names are cut and get a hash."""
        whole = f"{name}.json"
        if len(os.fsencode(whole)) <= LONGEST_NAME:
            return self.claims / whole
        # The hash is of the composed form: macOS hands the same name back decomposed.
        mark = hashlib.blake2b(os.fsencode(unicodedata.normalize("NFC", name)), digest_size=16).hexdigest()
        start = os.fsencode(name)[:80].decode("utf-8", "ignore")
        return self.claims / f"{start}~{mark}.json"

    def temp_of(self, owner_id: str, attempt: int | None = None) -> Path:
        mine = self.temp / owner_id
        return mine if attempt is None else mine / str(attempt)

    def tidy(self) -> None:
        """Remove the working folder where nothing is left in it. Somebody who joins meanwhile makes it again."""
        # Owners first: a living owner's file stops us before anything else is gone.
        for folder in (self.owners, self.claims, self.temp, self.root):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return


def near_temp(place: Path, owner_id: str, attempt: int) -> Path:
    """Where an attempt's files wait in a folder of ours (``place``) while the output lies on another disk."""
    return place / f"mgd-{owner_id}-{attempt}"


def create_new(path: Path, content: bytes) -> None:
    """Create the file, which must not exist, with its folders inside the working folder. Leaves nothing on failure.

    Raises:
        FileExistsError: it exists.
        CannotWrite: the file system refuses.
    """
    try:
        file = _again_if_vanished(path.parent, lambda: _open_new(path))
    except FileExistsError:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        try:
            if os.write(file, content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(file)
    except OSError as error:
        remove(path)
        raise cannot_write(path, error) from error


def make_fresh_folder(path: Path) -> None:
    """Make the folder inside the working folder, empty: what a died attempt of the same number left there goes.

    Raises:
        CannotWrite: the file system refuses.
    """
    try:
        remove_tree(path)
        _again_if_vanished(path.parent, path.mkdir)
        _share(path)
    except OSError as error:
        raise cannot_write(path, error) from error


def remove(path: Path) -> bool:
    """Remove the file; return whether it was there. A file that cannot be removed stays for the next burial."""
    try:
        patiently(path.unlink)
    except OSError:
        return False
    return True


def remove_tree(path: Path) -> bool:
    """Remove the folder and all in it; return whether nothing is left. Follows no link, also none on the way there."""
    if _leads_out(path):
        return False
    shutil.rmtree(path, ignore_errors=True)
    return not exists(path)


def exists(path: Path) -> bool:
    """Whether something has this name. What cannot be seen is not there."""
    try:
        path.lstat()
    except OSError:
        return False
    return True


def entries(folder: Path) -> Iterator[Path]:
    """Yield what lies in the folder; a folder that is not there, or leads out of the working folder, is empty."""
    if _leads_out(folder / "any"):
        return
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        yield from sorted(folder.iterdir())


def _leads_out(path: Path) -> bool:
    """Whether a folder from the working folder down is a link: others may write there, and what it shows is not ours."""
    above = path.parents
    for depth, folder in enumerate(above):
        if folder.name == WORKING_FOLDER:
            return any(each.is_symlink() for each in above[: depth + 1])
    return False


def patiently(action: Callable[[], T]) -> T:
    """Do it; where another process has the file open (Windows refuses then), a few times within 0.2 s."""
    for pause in (0.01, 0.02, 0.05, 0.1):
        try:
            return action()
        except PermissionError:
            time.sleep(pause)
    return action()


def _open_new(path: Path) -> int:
    return patiently(lambda: os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666))


def _again_if_vanished(folder: Path, action: Callable[[], T]) -> T:
    """Do it; where the folder is not there (yet, or no longer: somebody tidied), make it and do it again."""
    for _ in range(_TRIES):
        try:
            return action()
        except FileNotFoundError:
            make_folder(folder)
    return action()


def make_folder(path: Path) -> None:
    """Make the working folder, or a folder in it, with those above it. It may be gone again when this returns."""
    if path.name == WORKING_FOLDER:
        _make_output(path.parent)
    elif not path.parent.is_dir():
        make_folder(path.parent)
    with contextlib.suppress(FileExistsError, FileNotFoundError):
        path.mkdir()
        _share(path)
        host.fsync_folder(path.parent)  # records in it are to outlive a power cut


def _make_output(folder: Path) -> None:
    """Make the output folder, and see that a power cut does not take it with the pictures in it."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in new or [folder]:  # an earlier run may have died right after it had made it
        with contextlib.suppress(OSError):  # we may not look into the one above
            host.fsync_folder(made.parent)


def _share(path: Path) -> None:
    """Whoever may write in the output folder may write in ours: another user's machine may have to bury us."""
    with contextlib.suppress(OSError):
        path.chmod(stat.S_IMODE(path.parent.stat().st_mode) & ~stat.S_ISVTX)
