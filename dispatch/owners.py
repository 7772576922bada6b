# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner files: which dispatchers use an output folder, which of them are dead, and the burial of the dead.

Owns ``.mgd/owners``. A dispatcher joins a folder before its children write there, beats now and then, and leaves. The
heartbeat is the modification time of its owner file, compared with that of our own which was written just now: only
the file server's clock counts. An owner of this machine is judged by its process instead.

A dead owner is buried by exactly one other: its file is renamed to ``<id>.buried-by-<me>.json``, and only one rename
can win. The winner removes the dead one's records, placeholders and temporary folder, then the renamed file. Where the
burier itself dies, the next one renames that file again and goes on. A sleeper that wakes after its burial finds its
owner file gone and its records gone: its commits are refused (`claims`), and `beat` joins again.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from . import host, records
from .codec import CodecError, from_plain, to_json
from .working_folder import (
    CannotWrite,
    WorkingFolder,
    cannot_write,
    create_new,
    entries,
    exists,
    patiently,
    remove,
    remove_tree,
)

_BURIED = ".buried-by-"
_NOBODY = "nobody"  # in whose grave lies what has no owner
_TRIES = 20


@dataclass(frozen=True, slots=True)
class Owner:
    """One run of one dispatcher, as others see it. Ids are never used again."""

    id: str
    host: str = ""
    boot: str = ""
    namespace: str = ""
    """Of process ids: the same pid means another process in another container."""
    pid: int = 0
    start_time: float = 0.0
    """Of the process, as `host.process_start_time` gives it."""
    job: str = ""
    created: str = ""
    """ISO 8601, for people."""

    @staticmethod
    def new(job: str) -> Owner:
        """Return an owner for this process."""
        return Owner(
            id=secrets.token_hex(8),
            host=host.hostname(),
            boot=host.boot_id(),
            namespace=host.pid_namespace(),
            pid=os.getpid(),
            start_time=host.process_start_time(os.getpid()) or 0.0,
            job=job,
            created=datetime.now().astimezone().isoformat(timespec="seconds"),
        )

    @property
    def words(self) -> str:
        """Who it is, for people: ``render7 (pid 4711)``."""
        return f"{self.host} (pid {self.pid})" if self.host else "an unknown dispatcher"


def join(folder: Path, owner: Owner) -> None:
    """Put the owner's file into the folder, which is made where it is missing. Doing it again changes nothing.

    Raises:
        CannotWrite: the file system refuses.
    """
    place = WorkingFolder(folder)
    file = place.owner_file(owner.id)
    if exists(file):
        return
    # Buried by mistake (this machine slept): finish that first, or it would remove what we claim from now on.
    for _ in range(_TRIES):
        graves = [grave for grave, dead, _ in _graves(place) if dead == owner.id]
        if not graves:
            break
        for grave in graves:
            _bury(place, grave, owner.id, owner.id)
    with contextlib.suppress(FileExistsError):
        create_new(file, to_json(owner).encode())


def beat(folder: Path, owner: Owner) -> bool:
    """Renew the heartbeat. Return False where our file was gone (buried, or removed by a user): we joined again.

    Raises:
        CannotWrite: the file system refuses.
    """
    if server_time(folder, owner.id) is not None:
        return True
    join(folder, owner)
    return False


def leave(folder: Path, owner_id: str) -> None:
    """Remove everything of the owner: claims left over, temporary files, its file; the working folder where empty."""
    place = WorkingFolder(folder)
    _remove_traces(place, owner_id)
    # A child that was killed inside the making of a record leaves one that names nobody.
    cut = [(path, record) for path, record in records.each(place) if not record.owner]
    if all(file.stem == owner_id for file in entries(place.owners)):  # so whoever made them is gone
        for path, record in cut:
            records.drop_unchanged(place, path, record)
    remove(place.owner_file(owner_id))
    place.tidy()


def is_here(folder: Path, owner_id: str) -> bool:
    """Whether the owner's file is in place. It is opened, since a network file system may remember it wrongly."""
    try:
        with WorkingFolder(folder).owner_file(owner_id).open("rb"):
            return True
    except OSError:
        return False


def server_time(folder: Path, owner_id: str) -> float | None:
    """Return the file server's time now (seconds since the epoch), or None where the owner's file is gone.

    Raises:
        CannotWrite: the file system refuses.
    """
    file = WorkingFolder(folder).owner_file(owner_id)
    try:
        # A byte is written: with utime, an SMB client would send its own clock.
        with file.open("r+b", buffering=0) as handle:
            handle.write(b"{")
        return file.stat().st_mtime
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cannot_write(file, error) from error


def find(folder: Path, owner_id: str) -> Owner:
    """Return what is known of the owner."""
    return _read(WorkingFolder(folder).owner_file(owner_id), owner_id)


def others(folder: Path, me: Owner, heartbeat: float) -> list[Owner]:
    """Return the living owners beside us."""
    now = _now(folder, me)
    return [
        owner
        for file, owner in _owners(WorkingFolder(folder))
        if owner.id != me.id and not _dead(file, owner, me, now, heartbeat)
    ]


def bury_dead(folder: Path, me: Owner, heartbeat: float, also: Collection[str] = ()) -> list[str]:
    """Remove all traces of dead owners; go on with burials whose burier died. We must have joined.

    Args:
        heartbeat: Seconds without a heartbeat after which an owner of another machine is dead.
        also: Ids of owners known to be dead: earlier runs of the same job.

    Returns:
        The ids whose burial was finished here.

    Raises:
        CannotWrite: the file system refuses.
    """
    place = WorkingFolder(folder)
    now = _now(folder, me)
    for file, owner in list(_owners(place)):
        if owner.id != me.id and (owner.id in also or _dead(file, owner, me, now, heartbeat)):
            _rename(file, _grave(place, owner.id, me.id))
    buried = []
    for grave, dead, burier in list(_graves(place)):
        if (burier in (me.id, dead) or not is_here(folder, burier)) and _bury(place, grave, dead, me.id):
            buried.append(dead)
    _clear_strays(place, me.id, now, heartbeat, also)
    return [dead for dead in buried if dead != _NOBODY]


def _bury(place: WorkingFolder, grave: Path, dead: str, me: str) -> bool:
    """Make the grave ours, remove the dead one's traces, then the grave. Return whether we finished it."""
    mine = _grave(place, dead, me)
    if grave != mine and not _rename(grave, mine):
        return False
    return _remove_traces(place, dead, mine) and remove(mine)


def _remove_traces(place: WorkingFolder, owner_id: str, grave: Path | None = None) -> bool:
    """Remove claims, placeholders and temporary files of the owner; stop where somebody took the grave from us."""
    for path, record in records.each(place):
        if record.owner == owner_id:
            if grave is not None and not exists(grave):
                return False
            records.drop(place, path, record)
    return remove_tree(place.temp_of(owner_id))


def _clear_strays(place: WorkingFolder, me: str, now: float, heartbeat: float, also: Collection[str]) -> None:
    """Remove what belongs to nobody: records cut by a crash or made by a sleeper after its burial, old folders."""
    known = {owner.id for _, owner in _owners(place)} | {dead for _, dead, _ in _graves(place)}

    def is_stray(path: Path, owner: str) -> bool:
        old = (_age(path, now) or 0.0) >= heartbeat
        return (owner in also or old) and not (owner in known or is_here(place.output, owner))

    if any(is_stray(path, record.owner) for path, record in records.each(place)):
        grave = _grave(place, _NOBODY, me)
        try:
            for path, record in records.each(place) if _dig_alone(place, grave) else ():
                if is_stray(path, record.owner):
                    records.drop_unchanged(place, path, record)
        finally:
            remove(grave)
    for path in entries(place.temp):
        if is_stray(path, path.name):
            remove_tree(path)


def _dig_alone(place: WorkingFolder, grave: Path) -> bool:
    """Dig nobody's grave; whether no other is dug: a second one would hit what is made anew where we removed a stray."""
    with contextlib.suppress(FileExistsError):
        create_new(grave, b"")
    return not any(dead == _NOBODY and other != grave for other, dead, _ in _graves(place))


def _dead(file: Path, owner: Owner, me: Owner, now: float, heartbeat: float) -> bool:
    if owner.boot and (owner.host, owner.boot, owner.namespace) == (me.host, me.boot, me.namespace):
        return not host.is_alive(owner.pid, owner.start_time)
    age = _age(file, now)
    if age is None:
        return False
    if age < -heartbeat:
        # The server's clock went back. Its owner, if there is one, will beat again; else its time starts now.
        with contextlib.suppress(OSError):
            os.utime(file)
    return age >= heartbeat


def _age(path: Path, now: float) -> float | None:
    with contextlib.suppress(OSError):
        return now - path.stat().st_mtime
    return None


def _now(folder: Path, me: Owner) -> float:
    beat(folder, me)
    now = server_time(folder, me.id)
    if now is None:
        raise CannotWrite(f"{WorkingFolder(folder).owners} loses our files: check who else removes files there.")
    return now


def _owners(place: WorkingFolder) -> Iterator[tuple[Path, Owner]]:
    for file in entries(place.owners):
        if file.suffix == ".json" and _BURIED not in file.name:
            yield file, _read(file, file.stem)


def _graves(place: WorkingFolder) -> Iterator[tuple[Path, str, str]]:
    """Yield (file, dead owner, its burier)."""
    for file in entries(place.owners):
        dead, found, burier = file.stem.partition(_BURIED)
        if file.suffix == ".json" and found:
            yield file, dead, burier


def _grave(place: WorkingFolder, dead: str, burier: str) -> Path:
    return place.owners / f"{dead}{_BURIED}{burier}.json"


def _read(file: Path, owner_id: str) -> Owner:
    """The id comes from the name: a file cut by a crash is still somebody's, judged by its heartbeat."""
    try:
        owner = from_plain(Owner, json.loads(file.read_bytes()))
    except (OSError, ValueError, CodecError, RecursionError):
        return Owner(owner_id)
    return owner if owner.id == owner_id else Owner(owner_id)


def _rename(source: Path, target: Path) -> bool:
    """Return whether we won. A network file system may say "not found" although its first try went through."""
    try:
        patiently(lambda: source.rename(target))
    except OSError:
        return exists(target)
    return True
