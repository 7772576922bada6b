# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that forgets what nobody synced, for power cuts: what POSIX promises of ``fsync``, and not a bit more.

The folder is an ordinary one. While processes use it, `Disk.install` in each of them notes at every ``os.fsync`` what is
durable from then on: of a file its content, of a folder the names in it. After everybody was killed, `Disk.cut` builds
the folder that a machine finds after the power came back: what is durable, and of everything else what chance left:
each new, moved or removed name there or not, each content whole, old, empty, cut anywhere or full of zeros.

A file keeps its identity (inode) as long as the disk is used: all that matter are linked in the store, so that no number
is used twice. Folders are known by their path: nobody renames one here. Knows nothing of the engine.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Names = dict[str, int]
"""Name → inode; 0: a folder."""


@dataclass(frozen=True)
class Disk:
    root: Path
    """The folder that forgets."""
    store: Path
    """Where it is noted what is durable: on the same file system, not below the root."""

    def environment(self) -> dict[str, str]:
        return {"MGD_FORGETFUL": f"{self.root}|{self.store}"}

    @staticmethod
    def given(environ: Mapping[str, str]) -> Disk | None:
        """Return what `environment` put there."""
        text = environ.get("MGD_FORGETFUL")
        return Disk(*map(Path, text.split("|"))) if text else None

    # --- what is durable ------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """All that lies in the folder now is durable."""
        for name in ("content", "files", "names"):
            (self.store / name).mkdir(parents=True, exist_ok=True)
        for folder, _, files in os.walk(self.root):
            for name in files:
                self._keep_file(Path(folder, name))
            self._keep_names(Path(folder))

    def install(self) -> None:
        """From now on every ``os.fsync`` of this process counts (and costs no time)."""
        os.fsync = self._synced

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """The same for a while."""
        true_sync = os.fsync
        self.install()
        try:
            yield
        finally:
            os.fsync = true_sync

    def _synced(self, fd: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{fd}"))  # noqa: PTH115
        if path != self.root and self.root not in path.parents:
            return
        with self._alone():
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                self._keep_names(path)
            else:
                self._keep_file(path, fd)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.store / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _keep_file(self, path: Path, fd: int | None = None) -> None:
        found = os.fstat(fd) if fd is not None else path.stat()
        self._link(path, found.st_ino)
        content = Path(f"/proc/self/fd/{fd}" if fd is not None else path).read_bytes()
        self._put(self.store / "content" / str(found.st_ino), content)

    def _keep_names(self, folder: Path) -> None:
        names = _names(folder)
        for name, inode in names.items():
            if inode:
                self._link(folder / name, inode)
        self._put(self._names_of(folder), json.dumps(names).encode())

    def _names_of(self, folder: Path) -> Path:
        return self.store / "names" / ("|" + os.path.relpath(folder, self.root).replace("/", "|"))

    def _link(self, path: Path, inode: int) -> None:
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            os.link(path, self.store / "files" / str(inode))

    def _put(self, target: Path, content: bytes) -> None:
        """Whole or not at all: who notes may be shot."""
        temp = self.store / f"new-{os.getpid()}"
        temp.write_bytes(content)
        temp.replace(target)

    # --- the cut --------------------------------------------------------------------------------------------------

    def cut(self, chance: random.Random, kept: float) -> None:
        """Make the folder what is left of it. Nobody may use it any more.

        Args:
            kept: How likely a change that nobody synced was on the disk all the same, 0 … 1.
        """
        before = self.root.with_name(f"{self.root.name}-before")
        shutil.rmtree(before, ignore_errors=True)
        self.root.rename(before)
        self._rebuild(before, self.root, chance, kept)
        shutil.rmtree(self.store)
        self.begin()

    def _rebuild(self, was: Path, now: Path, chance: random.Random, kept: float) -> None:
        now.mkdir(mode=stat.S_IMODE(was.stat().st_mode) if was.is_dir() else 0o700)
        noted = self._names_of(now)
        durable: Names = json.loads(noted.read_text()) if noted.exists() else {}
        current = _names(was) if was.is_dir() else {}
        for name in sorted(durable.keys() | current.keys()):
            inode = durable.get(name)
            if current.get(name) != inode and chance.random() < kept:
                inode = current.get(name)
            if inode == 0:
                self._rebuild(was / name, now / name, chance, kept)
            elif inode is not None:
                self._restore(was / name, now / name, inode, chance, kept)

    def _restore(self, was: Path, now: Path, inode: int, chance: random.Random, kept: float) -> None:
        linked = self.store / "files" / str(inode)
        source = linked if linked.exists() else was
        noted = self.store / "content" / str(inode)
        durable = noted.read_bytes() if noted.exists() else b""
        content = source.read_bytes()
        if content != durable and chance.random() >= kept:
            content = _damaged(durable, content, chance)
        now.write_bytes(content)
        shutil.copystat(source, now)


def _damaged(durable: bytes, current: bytes, chance: random.Random) -> bytes:
    """What may be left of a file that was written to after its last sync."""
    if not current.startswith(durable):
        return durable
    cut = chance.randint(len(durable), len(current))
    return chance.choice((durable, current[:cut], current[:cut] + bytes(len(current) - cut)))


def _names(folder: Path) -> Names:
    names: Names = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                names[entry.name] = 0 if entry.is_dir(follow_symlinks=False) else entry.inode()
    return names
