# SPDX-License-Identifier: GPL-3.0-or-later
"""One physical card renders for one job at a time.

Owns ``leases/<machine>/`` in the user's state folder: a lock file per card, whose content names the holder, and a
ticket per job that waits. Both are locks that die with their process, so nothing needs tidying after a crash, and
what a free file says is ignored. Does not wait: a job asks again every few seconds (`RETRY`), and whoever stood in
line first gets the card first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

from . import host

RETRY = 3.0
"""Seconds between two tries of a job that waits; a try opens a few small files."""

_GAP = 1_000_000_000


@dataclass(frozen=True, slots=True)
class HeldBy:
    """Another job has the card, or stands before us in line."""

    job_id: str
    """Empty where it cannot be read."""
    name: str
    """For people; ``another job`` where it cannot be read."""
    since: float
    """Seconds since the epoch; 0: unknown."""
    ahead: int = 0
    """Jobs before this one in the line, the holder not counted."""


class Lease:
    """The right to use a card, until `release` or the end of this process."""

    def __init__(self, card: str, lock: host.FileLock) -> None:
        self.card = card
        self._lock: host.FileLock | None = lock

    def release(self) -> None:
        """Give the card back; does nothing the second time."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.write(b"")
            lock.release()


class Line:
    """A place in the line for one card. `leave` it when the card came or is not wanted any more."""

    def __init__(self, card: str, job_id: str, job_name: str, folder: Path | None = None) -> None:
        """Stand in line.

        Raises:
            DispatchError: the state folder belongs to somebody else or has no locks.
            OSError: it cannot be written.
        """
        self.card = card
        self._who = {"job_id": job_id, "name": job_name}
        self._folder = _folder(folder)
        self._ticket_path, ticket = _draw(self._folder, card, self._who)
        self._ticket: host.FileLock | None = ticket

    def take(self) -> Lease | HeldBy:
        """Take the card if it is free and our turn; never waits."""
        before = [path for path in _tickets(self._folder, self.card) if path.name < self._ticket_path.name]
        got = _take(self._folder, self.card, self._who, before)
        if isinstance(got, Lease):
            self.leave()
        return got

    def ahead(self) -> bool:
        """Stand before the one who stands just before us now; say whether there is one."""
        before = [path for path in _tickets(self._folder, self.card) if path.name < self._ticket_path.name]
        waiting = [_stamp(path) for path in before if _is_waiting(path)]
        if waiting:
            last, earlier = waiting[-1], waiting[-2] if len(waiting) > 1 else waiting[-1] - _GAP
            path, ticket = _draw(self._folder, self.card, self._who, (earlier + last) // 2)
            self.leave()
            self._ticket_path, self._ticket = path, ticket
        return bool(waiting)

    def leave(self) -> None:
        """Give the place up; does nothing the second time."""
        ticket, self._ticket = self._ticket, None
        if ticket is not None:
            ticket.release()
            _remove(self._ticket_path)


def take(card: str, job_id: str, job_name: str, folder: Path | None = None) -> Lease | HeldBy:
    """Take the card if it is free and nobody waits for it; never waits.

    Args:
        card: `model.Device.card`.
        folder: Replaces the place in the user's state folder.

    Raises:
        DispatchError: the state folder belongs to somebody else or has no locks.
        OSError: it cannot be written.
    """
    place = _folder(folder)
    return _take(place, card, {"job_id": job_id, "name": job_name}, _tickets(place, card))


def in_use(folder: Path | None = None) -> str:
    """Return the name of a job that has a card of this machine or waits for one; empty: none.

    Raises:
        DispatchError: the state folder belongs to somebody else or has no locks.
        OSError: it cannot be written.
    """
    place = _folder(folder)
    for path in (*place.glob("*.lease"), *place.glob("*.waits")):
        try:
            host.lock_file(path).release()
        except host.Locked:
            return _read(path, 0).name
    return ""


def _take(folder: Path, card: str, who: dict[str, str], before: list[Path]) -> Lease | HeldBy:
    ahead = [ticket for ticket in before if _is_waiting(ticket)]
    path = folder / f"{_file_name(card)}.lease"
    try:
        lock = host.lock_file(path)
    except host.Locked:
        return _read(path, len(ahead))
    if ahead:
        lock.release()
        return _read(ahead[0], len(ahead) - 1)
    lock.write(_record(who))
    return Lease(card, lock)


def _draw(folder: Path, card: str, who: dict[str, str], stamp: int | None = None) -> tuple[Path, host.FileLock]:
    """Make a ticket; the line goes by stamps, nanoseconds since the epoch where nobody went ahead."""
    while True:
        at = time.time_ns() if stamp is None else stamp
        path = folder / f"{_file_name(card)}.{at:020}-{_file_name(who['job_id'])}.waits"
        try:
            ticket = host.lock_file(path)
        except host.Locked:
            continue  # somebody looked whether the new ticket's owner lives, just before it was locked
        ticket.write(_record(who))
        return path, ticket


def _stamp(ticket: Path) -> int:
    return int(ticket.name.split(".")[1].partition("-")[0])


def _tickets(folder: Path, card: str) -> list[Path]:
    """All tickets for the card, first come first."""
    return sorted(folder.glob(f"{_file_name(card)}.*.waits"))


def _is_waiting(ticket: Path) -> bool:
    """Whether the ticket's owner lives; the ticket of a dead one is thrown away."""
    try:
        lock = host.lock_file(ticket)
    except host.Locked:
        return True
    lock.release()
    _remove(ticket)
    return False


def _remove(ticket: Path) -> None:
    # Under Windows a file that somebody has just open cannot be removed; then the next one to look removes it.
    with contextlib.suppress(OSError):
        ticket.unlink()


def _record(who: dict[str, str]) -> bytes:
    return json.dumps({**who, "since": time.time()}).encode() + b"\n"


def _read(path: Path, ahead: int) -> HeldBy:
    try:
        data = json.loads(path.read_bytes().partition(b"\n")[0])
        return HeldBy(str(data["job_id"]), str(data["name"]), float(data["since"]), ahead)
    except (OSError, ValueError, KeyError, TypeError):
        return HeldBy("", "another job", 0.0, ahead)


def _folder(folder: Path | None) -> Path:
    base = folder or host.private_folder(host.state_folder()) / "leases"
    # A home folder may be shared by machines whose cards have the same addresses.
    place = base / _file_name(host.hostname())
    place.mkdir(parents=True, exist_ok=True)
    return place


def _file_name(text: str) -> str:
    """A name that every file system takes, different for different texts."""
    return f"{re.sub('[^A-Za-z0-9]+', '-', text)[:40]}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"
