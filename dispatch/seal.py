# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a job was written by this user here. A job names programs, folders and settings: nobody else's is ever run.

Owns the user's key (``key`` in the state folder, made with the first job), the mark that is computed with it, and the
look at whose a job folder is. It must not know what stands in a job: a mark is over a text.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from . import host
from .model import DispatchError

_SIZE = 32


def mind(folder: Path) -> None:
    """Look whose a job folder is.

    Raises:
        DispatchError: another user's, or others may write there: not even read.
        OSError: it cannot be looked at.
    """
    if not host.is_own(folder):
        raise DispatchError(f"{folder} belongs to another user, and a job names programs: nothing is read from it.")
    if host.others_may_write(folder):
        raise DispatchError(f"Other users may write in {folder}, and a job names programs: take that right away.")


def must_be_ours(folder: Path, text: str, its_mark: object) -> None:
    """See that the job in the folder, which is the text, was made by this user here.

    Raises:
        DispatchError: it was not, or the key cannot be read.
    """
    if is_ours(text, its_mark):
        return
    if its_mark is None:
        raise DispatchError(
            f"The job in {folder} bears no seal: an older version made it, or somebody else did, and a job names "
            "programs and folders; render its scene as a new job."
        )
    raise DispatchError(
        f"The job in {folder} does not bear your seal of {host.state_folder()}: it was made on another machine, with "
        "another state folder or by somebody else, or was changed since, and a job names programs and folders; render "
        "its scene as a new job, or resume it with the state folder that it was made with."
    )


def mark(text: str) -> str:
    """Return the mark of a text of ours.

    Raises:
        DispatchError: the state folder belongs to somebody else or cannot be written.
    """
    return _mark(_made_key(), text)


def is_ours(text: str, its_mark: object) -> bool:
    """Whether the mark is that of the text, made with this user's key.

    Raises:
        DispatchError: the key cannot be read.
    """
    place = host.state_folder()
    try:
        key = _key(place / "key")
    except OSError as error:
        raise _unusable(place, error) from error
    return bool(key) and isinstance(its_mark, str) and hmac.compare_digest(_mark(key, text).encode(), its_mark.encode())


def _mark(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.blake2b).hexdigest()[:32]


def _key(path: Path) -> bytes:
    """Return the key, empty where there is none.

    Raises:
        OSError: it cannot be read just now; that is no reason to make another one.
    """
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return b""
    return key if len(key) == _SIZE else b""


def _made_key() -> bytes:
    place = host.state_folder()
    path = place / "key"
    try:
        host.private_folder(place)
        with contextlib.suppress(FileExistsError):
            _make(path)
        key = _key(path) or _replaced(path)
        host.fsync_folder(place)
        return key
    except OSError as error:
        raise _unusable(place, error) from error


def _unusable(place: Path, error: OSError) -> DispatchError:
    return DispatchError(f"{place} cannot be used ({error.strerror or error}): make it readable and writable.")


def _make(path: Path) -> None:
    """Make the key whole or not at all; whoever is first has made it.

    Raises:
        FileExistsError: it is there.
    """
    if path.exists():
        raise FileExistsError
    new = path.with_name(f"key.{secrets.token_hex(4)}")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(file, "wb") as key:
            key.write(secrets.token_bytes(_SIZE))
        host.fsync_file(new)  # after a power cut the jobs that bear the mark are still ours
        _put(new, path)
    finally:
        new.unlink()


def _put(new: Path, path: Path) -> None:
    try:
        os.link(new, path)
    except FileExistsError:
        raise
    except OSError:  # no hard links here: network folders, FAT
        with path.open("xb") as key:
            key.write(new.read_bytes())
        host.fsync_file(path)


def _replaced(path: Path) -> bytes:
    """A key that is damaged marks nothing any more."""
    path.unlink()
    with contextlib.suppress(FileExistsError):
        _make(path)
    return _key(path)
