# SPDX-License-Identifier: GPL-3.0-or-later
"""Claim records: the small files in ``.mgd/claims`` that say who produces a file.

Owns their content, creation and removal together with what hangs on them: the placeholder (an empty file under the
final name) and the attempt's temporary folder. Decides nothing: who may claim is `claims`, who is dead is `owners`.

The order holds everywhere, so that an empty file of ours always has a record: the record is made before the
placeholder and removed after it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import host
from .codec import CodecError, from_plain, to_json
from .working_folder import WorkingFolder, create_new, entries, exists, remove, remove_tree


@dataclass(frozen=True, slots=True)
class Record:
    """Who produces one file."""

    owner: str
    """Id of the owner; empty: the record cannot be read (its writer died in the middle)."""
    attempt: int
    placeholder: bool
    """The final name held nothing when the record was made: an empty file there is the owner's."""
    name: str
    """Name of the final file, which the record's own name may have cut."""


def create(folder: WorkingFolder, record: Record) -> None:
    """Write the record.

    Raises:
        FileExistsError: the file is claimed.
        CannotWrite: the file system refuses; nothing is left.
    """
    create_new(folder.record_file(record.name), to_json(record).encode())


def read(path: Path) -> Record | None:
    """Return the record, or None where there is none."""
    try:
        text = path.read_bytes()
    except OSError:
        return Record("", 0, False, "") if exists(path) else None
    try:
        record = from_plain(Record, json.loads(text))
    except (ValueError, CodecError, RecursionError):
        return Record("", 0, False, "")
    # Anybody who may write here can write a record: it must not lead us out of the folder.
    return record if _is_name(record.owner) and _is_name(record.name) else Record("", 0, False, "")


def _is_name(text: str) -> bool:
    return text not in ("", ".", "..") and not set(text) & set("/\\:\0")


def each(folder: WorkingFolder) -> Iterator[tuple[Path, Record]]:
    """Yield all records of the folder."""
    for path in entries(folder.claims):
        if path.suffix == ".json" and (record := read(path)) is not None:
            yield path, record


def keep(folder: WorkingFolder, name: str) -> None:
    """Return when the record of the file ``name`` is on the disk: a power cut must not leave a placeholder without it.

    Raises:
        OSError: the record is gone, or the disk is full or broken.
    """
    host.fsync_file(folder.record_file(name))
    host.fsync_folder(folder.claims)


def drop(folder: WorkingFolder, path: Path, record: Record) -> bool:
    """Remove what the record stands for, and then the record; return whether it is gone."""
    if record.owner:
        remove_tree(folder.temp_of(record.owner, record.attempt))
    if record.placeholder:
        remove_placeholder(folder.output / record.name)
    return remove(path) or not exists(path)


def drop_unchanged(folder: WorkingFolder, path: Path, record: Record) -> bool:
    """`drop` it where it is still what was read: its name may have been claimed anew meanwhile."""
    return read(path) == record and drop(folder, path, record)


def remove_placeholder(final: Path) -> None:
    """Remove the file where it is empty, for good: its record may go after this."""
    if remove_if_empty(final):
        with contextlib.suppress(OSError):  # only a power cut could bring it back
            host.fsync_folder(final.parent)


def remove_if_empty(final: Path) -> bool:
    """Remove the file where it is empty; return whether it was."""
    try:
        empty = final.is_file() and final.stat().st_size == 0
    except OSError:
        return False
    return empty and remove(final)
