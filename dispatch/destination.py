# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the place that pictures shall go to: can it be written, how much room is there, who works there already?

Adapter for `preflight`. It leaves nothing behind: a refused job must not have made folders.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from . import host, job, owners, pictures, player
from .model import DispatchError
from .preflight import Destination
from .working_folder import WorkingFolder

_ENOUGH = 5.0
"""Seconds for looking at pictures: whoever waits for it can as well let a child look."""

_RECENT = 300.0
"""Seconds since the last heartbeat within which an owner of another machine counts as alive, clocks being unequal."""


def look(folder: Path) -> Destination:
    """Say what stands in the way of writing into a folder, which need not be there yet."""
    ground = _nearest(folder)
    if not ground.is_dir():
        return Destination(str(folder), f"'{ground}' is not a folder")
    try:
        # Only trying tells the truth: permission bits do not know read-only disks, quotas or Windows rules.
        with tempfile.TemporaryFile(dir=ground):
            pass
    except OSError as error:
        return Destination(str(folder), f"{(error.strerror or str(error)).lower()} in '{ground}'")
    try:
        return Destination(str(folder), free=host.free_space(ground))
    except OSError:
        return Destination(str(folder))


def all_there(template: str, like: str, numbers: Sequence[int]) -> bool:
    """Whether a whole picture of each of these frames is there; False too where a slow disk does not tell in time.

    Args:
        template: The output, '#' and all.
        like: The path of any of the pictures, there or not.
    """
    until = time.monotonic() + _ENOUGH
    for number in numbers:
        if time.monotonic() > until or not pictures.is_whole(Path(player.picture(template, like, number))):
            return False
    return True


def at_work(folder: Path) -> tuple[str, ...]:
    """Return words for the dispatchers that seem to work in a folder, without joining them.

    Only advice: an owner of another machine is judged by our own clock here. Claims do not depend on it.
    """
    me = owners.Owner.new("")
    found = []
    for file in sorted(WorkingFolder(folder).owners.glob("*.json")):
        owner = owners.find(folder, file.stem)
        if (owner.host, owner.boot, owner.namespace) == (me.host, me.boot, me.namespace):
            lives = host.is_alive(owner.pid, owner.start_time)
        else:
            lives = _age(file) < _RECENT
        if lives:
            found.append(f"'{owner.job}' on {owner.words}" if owner.job else owner.words)
    return tuple(found)


def writer_of(output: str, root: Path) -> str:
    """Return the name of a running job among those of a jobs folder that writes the same output; empty: none."""
    wanted = os.path.normcase(output)
    for folder in reversed(job.folders(root)):
        try:
            other = job.load(folder)
        except DispatchError:
            continue
        if os.path.normcase(other.output) != wanted:
            continue
        running, snapshot = job.look(folder, job.read_snapshot(folder))
        if running and (snapshot is None or snapshot.outcome is None):  # else it only counts down to its end
            return folder.name
    return ""


def _age(file: Path) -> float:
    try:
        return time.time() - file.stat().st_mtime
    except OSError:
        return _RECENT


def _nearest(folder: Path) -> Path:
    """Return the folder itself or its nearest parent that is there."""
    for place in (folder, *folder.parents):
        try:
            place.lstat()
        except OSError:
            continue
        return place
    return folder
