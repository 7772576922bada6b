# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a folder that a render writes to. Pure: `doctor_disk` has tried it."""

from __future__ import annotations

from collections.abc import Iterator

from .doctor_nouns import Diagnosis, Place, error, good, warning
from .wording import duration, names, size

LEAST_FREE = 1 << 30
LITTLE_FREE = 10 << 30
SLOW_SYNC = 1.0
CLOCK = 30.0
"""Seconds by which the file server's clock may differ before dispatchers may take each other for dead."""
NETWORK = frozenset(
    ["nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "fuse.sshfs", "9p", "afpfs", "webdav", "fuse.rclone"]
)
"""File systems whose locks or syncs depend on a server."""


def place(here: Place) -> Iterator[Diagnosis]:
    """Yield what is to be said of one folder."""
    called = f"The {here.role} {here.path}"
    move = "--jobs-dir" if here.role == "jobs folder" else "another folder"
    instead = f"choose another place with {move}" if move.startswith("--") else f"choose {move}"
    if here.problem:
        yield error("place", f"{called} cannot be written ({here.problem}): mend its permissions, or {instead}.")
        return
    before = 0
    for said in _worries(here, called, instead):
        before += 1
        yield said
    if not before:
        free = f"{size(here.free)} free" if here.free is not None else "free space unknown"
        kind = f", {here.file_system}" if here.file_system else ""
        yield good("place", f"{called} can be written: {free}{kind}.")


def _worries(here: Place, called: str, instead: str) -> Iterator[Diagnosis]:
    if here.failed:
        yield error(
            "file-system",
            f"{called} lies on a file system{_kind(here)} that cannot do what is needed ({names(list(here.failed))}): "
            f"{instead}.",
        )
    if here.free is not None and here.free < LEAST_FREE:
        yield error("space", f"{called} has only {size(here.free)} free: make room, or {instead}.")
    elif here.free is not None and here.free < LITTLE_FREE:
        yield warning("space", f"{called} has only {size(here.free)} free: make room before a long render.")
    if here.role == "jobs folder" and here.file_system in NETWORK:
        yield warning(
            "network-jobs", f"{called} lies on a network ({here.file_system}), where locks may fail: {instead}."
        )
    if abs(here.ahead) > CLOCK:
        way = "ahead of" if here.ahead > 0 else "behind"
        yield warning(
            "clock",
            f"The clock of {here.path} is {duration(abs(here.ahead))} {way} this machine's: set both by the network (NTP) "
            "before several machines render there.",
        )
    if here.sync > SLOW_SYNC:
        yield warning(
            "slow-disk", f"{called} takes {duration(here.sync)} to keep a small file safe, so renders wait: {instead}."
        )


def _kind(here: Place) -> str:
    return f" ({here.file_system})" if here.file_system else ""
