# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims: who may produce the files of a task.

Owns the answer to "may I render this?", and what a dispatcher does about claims whose holders are gone. A final name
holds nothing, an empty claim, or a whole picture, at any instant and whoever dies.

Overwrite off: a record in the working folder, then a placeholder (an empty file under the final name, as Blender
makes it), both created exclusively. A plain Blender respects the placeholder. Overwrite on: the record alone; the old
picture stays until it is replaced.

Must not decide who is dead (`owners`) nor what a whole picture is (`pictures`), and replaces nothing (`holding`).
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import owners, pictures, records
from .holding import Claim, TakenOver, no_place, stamp
from .model import Picture
from .records import Record
from .working_folder import CannotWrite, WorkingFolder, cannot_write, create_new, make_fresh_folder, remove, remove_tree

__all__ = [
    "AlreadyThere",
    "CannotWrite",
    "Claim",
    "Taken",
    "TakenOver",
    "claim",
    "no_place",
    "open_claims",
    "release_attempt",
    "release_foreign",
]

STILL = 60.0
"""Seconds by the file server's clock for which a foreign file that looks incomplete may still be being written."""

_TRIES = 20


@dataclass(frozen=True, slots=True)
class AlreadyThere:
    """All files of the task are whole pictures (Overwrite off): nothing to render."""

    pictures: tuple[Picture, ...]
    other_size: tuple[str, ...] = ()
    """Those that have another size in pixels than this task would give them."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Somebody else produces a file of the task, or has claimed it."""

    owner: str
    """``render7 (pid 4711)``; empty: a plain Blender's placeholder, or a file that is being written."""
    since: float
    """Modification time of the claim, seconds since the epoch by the file server's clock."""
    path: str = ""
    """The final name it is about."""


def claim(
    finals: Sequence[Path],
    owner_id: str,
    attempt: int,
    *,
    overwrite: bool,
    expected_size: tuple[int, int] | None = None,
    release_after: float = 0.0,
    again: bool = False,
) -> Claim | AlreadyThere | Taken:
    """Claim the files of one task, all or none. The owner must have joined their folders.

    An older attempt of the same owner at the same files has died: its claim is removed and made anew.

    Args:
        finals: Final absolute paths in the order of the views; the main picture is the last one.
        expected_size: Width and height in pixels that the pictures will have.
        release_after: Foreign placeholders that are older than so many seconds are removed and the file claimed; 0:
            never.
        again: The pictures that are there are our own and no good: they are claimed to be replaced, and stay until
            then.

    Raises:
        TakenOver: our owner file is not there (any more): `owners.beat` joins again.
        CannotWrite: the file system refuses, or a final name is a folder; nothing is left behind.
    """
    while True:
        got = _claim_once(Claim(tuple(finals), owner_id, attempt, overwrite, again=again), expected_size)
        if not isinstance(got, Taken) or got.owner or not release_after:
            return got
        if not release_foreign(Path(got.path), owner_id, release_after):
            return got


def _claim_once(mine: Claim, expected_size: tuple[int, int] | None) -> Claim | AlreadyThere | Taken:
    """``mine`` holds nothing yet; it is what is returned where all of it is claimed."""
    if not (mine.overwrite or mine.again) and (there := _already_there(mine.finals, expected_size)):
        return there
    try:
        for final in mine.finals:
            if (taken := _take(mine, final)) is not None:
                mine.release()
                return taken
        for folder in dict.fromkeys(mine.temp_beside(final) for final in mine.finals):
            mine.temps.append(folder)
            make_fresh_folder(folder)
    except BaseException:
        mine.release()
        raise
    if len(mine.kept) == len(mine.finals):
        # Somebody put the last of them in place between our two looks.
        mine.release()
        return _claim_once(Claim(mine.finals, mine.owner_id, mine.attempt, mine.overwrite), expected_size)
    return mine


def release_attempt(folder: Path, owner_id: str, attempt: int) -> list[Path]:
    """Remove the claims of an attempt whose child has died. Return their final names."""
    place = WorkingFolder(folder)
    released = []
    for path, record in records.each(place):
        # Unchanged: a silent server may have let this wait until the next attempt has made its own.
        if (record.owner, record.attempt) == (owner_id, attempt) and records.drop_unchanged(place, path, record):
            released.append(folder / record.name)
    remove_tree(place.temp_of(owner_id, attempt))
    return released


def open_claims(folder: Path, me: str = "") -> list[Taken]:
    """Return what dispatchers other than ``me`` have claimed in the folder now."""
    place = WorkingFolder(folder)
    return [
        taken
        for path, record in records.each(place)
        if record.owner != me and (taken := _taken(folder / record.name, path, record)) is not None
    ]


def release_foreign(final: Path, owner_id: str, older_than: float) -> bool:
    """Remove a foreign placeholder (empty, no record) that is older than this many seconds by the server's clock.

    Returns:
        Whether it was removed.

    Raises:
        TakenOver: our owner file is not there (any more): `owners.beat` joins again.
        CannotWrite: the file system refuses.
    """
    place = WorkingFolder(final.parent)
    now = _server_time(place, owner_id)
    try:
        records.create(place, Record(owner_id, 0, False, final.name))
    except FileExistsError:
        return False
    try:
        found = _look(final)
        return found is not None and now - found.mtime >= older_than and records.remove_if_empty(final)
    finally:
        remove(place.record_file(final.name))


@dataclass(frozen=True, slots=True)
class _Found:
    """A file under a final name at one moment."""

    size: int
    mtime: float
    inode: int


def _look(final: Path) -> _Found | None:
    """Return what lies under the final name, or None.

    Raises:
        CannotWrite: it is no ordinary file, or the folder refuses.
    """
    try:
        found = final.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cannot_write(final, error) from error
    if not stat.S_ISREG(found.st_mode):
        raise CannotWrite(f"{final} is a folder or no ordinary file: move it away or choose another output path.")
    return _Found(found.st_size, found.st_mtime, found.st_ino)


def _already_there(finals: Sequence[Path], size: tuple[int, int] | None) -> AlreadyThere | None:
    for final in finals:
        found = _look(final)
        if found is None or not found.size or not pictures.is_whole(final):
            return None
    other_size = tuple(str(final) for final in finals if size and pictures.dimensions(final) != size)
    return AlreadyThere(tuple(pictures.digest(final) for final in finals), other_size)


def _take(mine: Claim, final: Path) -> Taken | None:
    """Claim one file for ``mine``, or say who has it. What changes between two looks is looked at again."""
    place = WorkingFolder(final.parent)
    file = place.record_file(final.name)
    for _ in range(_TRIES):
        _verify_joined(place, mine.owner_id)
        found = _look(final)
        record = records.read(file)
        if record is not None:
            if record.owner == mine.owner_id and record.attempt < mine.attempt:
                if not records.drop(place, file, record):
                    raise CannotWrite(f"Cannot remove {file}: check that you may write to that folder.")
            elif (taken := _taken(final, file, record)) is not None:
                return taken
            continue
        if not mine.overwrite and found is not None and _is_foreign_claim(place, mine.owner_id, final, found):
            if records.read(file) is None and _look(final) == found:
                return Taken("", found.mtime, str(final))
            continue
        try:
            records.create(place, Record(mine.owner_id, mine.attempt, not mine.overwrite and found is None, final.name))
        except FileExistsError:
            continue
        mine.held.append(final)
        _verify_joined(place, mine.owner_id)
        if mine.overwrite or _hold(mine, final, found):
            return None
        mine.held.remove(final)
        remove(file)
    raise CannotWrite(f"{final} keeps changing while we claim it: check who else writes there.")


def _hold(mine: Claim, final: Path, found: _Found | None) -> bool:
    """With the record made (Overwrite off): make the placeholder, or see that the file there is still the same."""
    if found is None:
        try:
            records.keep(WorkingFolder(final.parent), final.name)
            create_new(final, b"")
        except FileNotFoundError as error:
            raise TakenOver(f"The claim of {final} was taken over before it was made.") from error
        except FileExistsError:
            return False
        mine.placeholders.append(final)
        return True
    seen = stamp(final)
    if _look(final) != found:
        return False
    if mine.again:
        mine.outdated[final] = seen
    elif pictures.is_whole(final):
        mine.kept += (final,)
    else:
        mine.replaces += (final,)
    return True


def _is_foreign_claim(place: WorkingFolder, me: str, final: Path, found: _Found) -> bool:
    """Whether a file without a record holds the name: a placeholder, or a picture that may be being written."""
    if not found.size:
        return True
    return not pictures.is_whole(final) and _server_time(place, me) - found.mtime < STILL


def _taken(final: Path, file: Path, record: Record) -> Taken | None:
    try:
        since = file.stat().st_mtime
    except OSError:
        return None
    return Taken(owners.find(final.parent, record.owner).words, since, str(final))


def _verify_joined(place: WorkingFolder, me: str) -> None:
    if not owners.is_here(place.output, me):
        raise TakenOver(f"{place.root} does not hold our owner file (any more): the folder must be joined again.")


def _server_time(place: WorkingFolder, me: str) -> float:
    now = owners.server_time(place.output, me)
    if now is None:
        raise TakenOver(f"{place.root} does not hold our owner file (any more): the folder must be joined again.")
    return now
