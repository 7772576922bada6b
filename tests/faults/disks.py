# SPDX-License-Identifier: GPL-3.0-or-later
"""Small disks that fill up, go away and refuse: real ones (tmpfs), seen by this process and what it starts only.

Linux, as root. What is on a disk at the end stays as plain files, for whoever looks at it later.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CLONE_NEWNS = 0x00020000


@cache
def _own_mounts() -> None:
    """Have a table of mounts of our own: whatever happens, nobody else sees ours, and they end with this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), "unshare")
    _do("mount", "--make-rprivate", "/")


def _do(*words: object) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr}"


@dataclass
class Disk:
    place: Path

    def fill(self) -> None:
        """Leave no byte free."""
        with contextlib.suppress(OSError), (self.place / ".ballast").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(65536) if file.tell() == 0 else bytes(4096))

    def make_room(self) -> None:
        (self.place / ".ballast").unlink()

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Refuse every change as long as the block lasts; what is open stays writable."""
        _do("mount", "--bind", self.place, self.place)
        try:
            _do("mount", "-o", "remount,bind,ro", self.place)
            yield
        finally:
            _do("umount", "--lazy", self.place)

    def go_away(self) -> None:
        """Be unmounted, with all that is on it, until `come_back`."""
        _do("mount", "--move", self.place, self._aside())

    def come_back(self) -> None:
        _do("mount", "--move", self._aside(), self.place)

    def _aside(self) -> Path:
        aside = self.place.with_name(self.place.name + ".unmounted")
        aside.mkdir(exist_ok=True)
        return aside


@contextlib.contextmanager
def small_disk(place: Path, kilobytes: int = 1024) -> Iterator[Disk]:
    """Mount a disk at this place; at the end its files lie there without it."""
    _own_mounts()
    place.mkdir(parents=True, exist_ok=True)
    _do("mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", place)
    kept = place.with_name(place.name + ".kept")
    try:
        yield Disk(place)
        shutil.copytree(place, kept, symlinks=True)
    finally:
        _do("umount", "--lazy", place)
    shutil.copytree(kept, place, symlinks=True, dirs_exist_ok=True)
    shutil.rmtree(kept)
