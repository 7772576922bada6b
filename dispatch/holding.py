# SPDX-License-Identifier: GPL-3.0-or-later
"""A claim that we hold: putting the pictures in place, or giving the right back.

Owns the replacement of final names. Before anything is put in place, the owner file and the records are read again: a
sleeper whose claims were taken over puts nothing in place (`TakenOver`). Between that look and the replacement lies an
instant that no file system closes; what can happen in it is a frame rendered twice, never a broken or missing one.

Must not make claims (`claims` does).
"""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import host, owners, pictures, records
from .model import DispatchError, Fault
from .working_folder import CannotWrite, WorkingFolder, cannot_write, make_folder, remove, remove_tree


class TakenOver(DispatchError):
    """The claim, or our place in the folder, is no longer ours: somebody else counted us as dead."""


def no_place(folder: Path) -> CannotWrite:
    """Return why our place in the folder cannot be made again, as far as that can be seen from here."""
    with contextlib.suppress(OSError):
        if host.free_space(folder) < (1 << 20):
            return CannotWrite(f"The disk of {folder} is full: make room.", Fault.DISK_FULL)
    why = "our own file in it is gone and cannot be made again"
    return CannotWrite(f"Cannot work in {folder}: {why}. Is the disk there, and writable?")


Stamp = tuple[int, int, int] | None


def stamp(path: Path) -> Stamp:
    """Return size, time and inode, by which a file is known again; None where it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


@dataclass(slots=True)
class Claim:
    """The right to produce these files. End it with `commit` or `release`."""

    finals: tuple[Path, ...]
    owner_id: str
    attempt: int
    overwrite: bool
    kept: tuple[Path, ...] = ()
    """Finals that are whole already (Overwrite off, other views are missing): `commit` keeps them."""
    replaces: tuple[Path, ...] = ()
    """Finals that hold a broken file nobody has written to for a minute: `commit` replaces it. To be journaled."""
    again: bool = False
    """Pictures that are there are our own and no good."""
    outdated: dict[Path, Stamp] = field(default_factory=dict)
    """Those that `commit` replaces (Overwrite off), as they were when they were claimed."""
    held: list[Path] = field(default_factory=list)
    """Finals whose record we made; what `release` gives back. This and the next two are `claims`' to fill."""
    placeholders: list[Path] = field(default_factory=list)
    temps: list[Path] = field(default_factory=list)

    @property
    def temp(self) -> Path:
        """The private folder of this attempt beside the main picture (the last of the finals)."""
        return self.temp_beside(self.finals[-1])

    def temp_beside(self, final: Path) -> Path:
        """The private folder of this attempt on the file system of ``final``."""
        return WorkingFolder(final.parent).temp_of(self.owner_id, self.attempt)

    def commit(self, pairs: Sequence[tuple[Path, Path]]) -> tuple[str, ...]:
        """Put the temporary files (checked, whole) in place and end the claim.

        Args:
            pairs: (temporary file, final name); side files first, the main picture last.

        Returns:
            Final names that hold a whole foreign picture now (Overwrite off), which was kept; those that held one
            when they were claimed are none.

        Raises:
            TakenOver: nothing was put in place; the temporary files are gone.
            CannotWrite: some files may be in place; call `release`.
        """
        near = [(self._brought_near(temp, final, f"{n}~"), final) for n, (temp, final) in enumerate(pairs)]
        for temp, final in near:
            with _writing(final):
                host.fsync_file(temp)
        self.verify()
        lost = []
        for temp, final in near:
            if self._is_foreign_picture(final):
                if final not in self.kept:
                    lost.append(str(final))
            else:
                with _writing(final):
                    host.replace(temp, final)
        for folder in dict.fromkeys(final.parent for _, final in pairs):
            with _writing(folder):
                host.fsync_folder(folder)
        self.release()
        return tuple(lost)

    def verify(self) -> None:
        """Look whether the claim is still ours.

        Raises:
            TakenOver: it is not; what was left of it is removed.
        """
        for final in self.finals:
            if not owners.is_here(final.parent, self.owner_id) or not self._is_ours(final):
                self.release()
                raise TakenOver(f"The claim of {final} was taken over: this attempt's picture is thrown away.")

    def release(self) -> None:
        """End the claim: remove its temporary files, its empty placeholders and its records. Never fails."""
        for temp in self.temps:
            remove_tree(temp)
        for final in self.held:
            file = WorkingFolder(final.parent).record_file(final.name)
            record = records.read(file)
            ours = self._is_ours(final)
            # No record at all: we were buried before we made the placeholder, so nobody else will remove it.
            if final in self.placeholders and (ours or record is None):
                records.remove_placeholder(final)
            if ours:
                remove(file)
        self.held.clear()

    def _is_ours(self, final: Path) -> bool:
        record = records.read(WorkingFolder(final.parent).record_file(final.name))
        return record is not None and (record.owner, record.attempt) == (self.owner_id, self.attempt)

    def _is_foreign_picture(self, final: Path) -> bool:
        if self.overwrite or final not in self.finals or not pictures.is_whole(final):
            return False
        return final not in self.outdated or stamp(final) != self.outdated[final]

    def _brought_near(self, temp: Path, final: Path, name: str) -> Path:
        """Return the file in our folder beside the final: from there it can be moved in one step."""
        beside = self.temp_beside(final)
        if beside in temp.parents:
            return temp
        with _writing(final):
            make_folder(beside)
            self.temps.append(beside)
            try:
                return temp.rename(beside / name)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                return Path(shutil.copyfile(temp, beside / name))


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error
