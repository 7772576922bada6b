# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries rendered frames home on a thread of its own, while the next frame renders.

Packs, checks and hashes the pictures, says `Rendered`, waits for the dispatcher's `Commit`, puts them in place, says
`Committed`. Owns every attempt from the end of its rendering to its end. It must not touch bpy, and what goes wrong
with one attempt must not hurt another.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .. import host, owners, pictures
from ..claims import Claim, TakenOver
from ..model import DispatchError, Fault, Phases, Picture
from ..overheard import end_of
from ..pictures.packing import pack_png
from ..protocol import Commit, Committed, Discard, Failed, Rendered, Report
from ..working_folder import CannotWrite, cannot_write
from .folders import Folders
from .outputs import Pair

_WAITING = 2
"""Frames that may wait to be packed and checked: their uncompressed files take room."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One rendered frame, still in its temporary folder."""

    attempt: int
    frame: int
    claim: Claim
    sides: tuple[Pair, ...]
    mains: tuple[Pair, ...]
    size: tuple[int, int]
    """Pixels that a main picture must have."""
    phases: Phases
    devices: tuple[str, ...]
    warnings: tuple[str, ...]
    lacks: str
    """Script that got no RAM."""

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return (*self.sides, *self.mains)


class Porter:
    """One thread and its queue. `take`, `hear` and `finish` may be called on any thread."""

    def __init__(self, tell: Callable[[Report], None], folders: Folders) -> None:
        self._tell = tell
        self._folders = folders
        self._work: queue.SimpleQueue[Parcel | Commit | Discard | None] = queue.SimpleQueue()
        self._room = threading.BoundedSemaphore(_WAITING)
        self._waiting: dict[int, Parcel] = {}
        self._discarded: set[int] = set()
        self._written: dict[Path, int] = {}
        """Side file → the frame that wrote it: another frame must not overwrite it."""
        self._log = os.dup(2)
        """Of our own: a script may replace sys.stderr, or close fd 2, which a picture then gets."""
        self._thread = threading.Thread(target=self._run, name="porter", daemon=True)
        self._thread.start()

    def take(self, parcel: Parcel) -> None:
        """Take over a rendered frame; wait for earlier ones where too many lie here."""
        with contextlib.suppress(OSError):
            os.write(self._log, f"{end_of(parcel.attempt)}\n".encode())
        begun = time.monotonic()
        self._room.acquire()
        waited = time.monotonic() - begun
        phases = dataclasses.replace(parcel.phases, write=parcel.phases.write + waited)
        self._work.put(dataclasses.replace(parcel, phases=phases))

    def hear(self, request: Commit | Discard) -> None:
        """Take the dispatcher's word about an attempt."""
        if isinstance(request, Discard):
            self._discarded.add(request.attempt)
        self._work.put(request)

    def is_discarded(self, attempt: int) -> bool:
        """Whether the dispatcher has given the attempt up."""
        return attempt in self._discarded

    def finish(self) -> None:
        """Return when every attempt taken over has ended."""
        self._work.put(None)
        self._thread.join()
        os.close(self._log)

    def _run(self) -> None:
        closing = False
        while not (closing and not self._waiting):
            item = self._work.get()
            if item is None:
                closing = True
            elif isinstance(item, Parcel):
                self._guard(item, self._check)
                self._room.release()
            elif (parcel := self._waiting.pop(item.attempt, None)) is not None:
                self._guard(parcel, self._commit if isinstance(item, Commit) else _release)

    def _guard(self, parcel: Parcel, step: Callable[[Parcel], None]) -> None:
        try:
            step(parcel)
        except Exception as error:  # noqa: BLE001  (one attempt's trouble is a report, never the end of this thread)
            fault, words = _explain(error, parcel)
            _release(parcel)
            self._tell(Failed(parcel.attempt, fault, words))

    def _check(self, parcel: Parcel) -> None:
        if self.is_discarded(parcel.attempt):
            _release(parcel)
            return
        begun = time.monotonic()
        self._refuse_overwriting(parcel)
        _pack(parcel)
        for pair in parcel.sides:
            pictures.check(pair.temp)
        there = {pair.final for pair in parcel.mains}
        for final in parcel.claim.finals:
            if final not in there and final not in parcel.claim.kept:
                raise pictures.BrokenPicture(
                    f"Blender said that it had finished, but wrote no {final.name}: try again."
                )
        for pair in parcel.mains:
            pictures.check(pair.temp, size=parcel.size)
        for folder in dict.fromkeys(pair.final.parent for pair in parcel.pairs):
            if not owners.is_here(folder, parcel.claim.owner_id):
                self._folders.forget(folder)  # somebody removed it: the dispatcher says so and makes it again
            self._folders.wait(folder, begun=True)
        found = tuple(_picture(pair, kept=pair.final in parcel.claim.kept) for pair in parcel.pairs)
        self._waiting[parcel.attempt] = parcel
        memory = host.peak_memory()
        phases = dataclasses.replace(parcel.phases, carry=time.monotonic() - begun)
        self._tell(Rendered(parcel.attempt, found, phases, memory, parcel.devices, parcel.warnings, parcel.lacks))

    def _commit(self, parcel: Parcel) -> None:
        lost = parcel.claim.commit([(pair.temp, pair.final) for pair in parcel.pairs])
        self._tell(Committed(parcel.attempt, lost))

    def _refuse_overwriting(self, parcel: Parcel) -> None:
        for pair in parcel.sides:
            frame = self._written.setdefault(pair.final, parcel.frame)
            if frame != parcel.frame:
                raise _Overwrites(
                    f"'{pair.node or 'the output'}' writes {pair.final} for frame {frame} and for frame "
                    f"{parcel.frame}: put #### into its path."
                )


class _Overwrites(Exception):
    """Frames of this scene overwrite each other's files."""


def _pack(parcel: Parcel) -> None:
    """Compress what Blender was not let compress. What cannot be packed stays as Blender wrote it."""
    for pair in parcel.pairs:
        if pair.level and pair.final not in parcel.claim.kept:
            try:
                pack_png(pair.temp, pair.level)
            except (OSError, pictures.BrokenPicture) as error:
                print(f"not packed: {error}", file=sys.stderr)  # noqa: T201  (the log)


def _picture(pair: Pair, *, kept: bool) -> Picture:
    """Return what will lie under the final name: a view that was there already stays."""
    return dataclasses.replace(pictures.digest(pair.final if kept else pair.temp), path=str(pair.final))


def _release(parcel: Parcel) -> None:
    parcel.claim.release()


def _explain(error: Exception, parcel: Parcel) -> tuple[Fault, str]:
    match error:
        case pictures.BrokenPicture():
            return _broken(str(error), parcel)
        case CannotWrite():
            return error.fault, str(error)
        case OSError():
            refused = cannot_write(parcel.claim.finals[-1], error)
            return refused.fault, str(refused)
        case _Overwrites():
            return Fault.SCENE, str(error)
        case TakenOver() | DispatchError():
            return Fault.UNKNOWN, str(error)
        case _:
            traceback.print_exception(error, file=sys.stderr)
            return Fault.UNKNOWN, f"The child failed at frame {parcel.frame} ({error!r}): see the worker's log."


def _broken(words: str, parcel: Parcel) -> tuple[Fault, str]:
    """Blender truncates files on a full disk and says nothing."""
    try:
        if host.free_space(parcel.claim.temp) < (1 << 20):
            return Fault.DISK_FULL, f"The disk of {parcel.claim.finals[-1].parent} is full: make room."
    except OSError:
        pass
    return Fault.BAD_OUTPUT, words
