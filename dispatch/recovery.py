# SPDX-License-Identifier: GPL-3.0-or-later
"""Clearing up after the dead: children of an earlier run, attempts of a child that ended, a job that is complete.

Owns nothing lasting. Removes only what is ours: processes by pid and start time, files by owner and attempt.
"""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from . import history, host
from .history import History, still_there
from .layout import CYCLES
from .model import Job, Picture
from .presence import Presence
from .trust import Belief
from .working_folder import near_temp, remove_tree


def end_leftovers(past: History) -> None:
    """End children of earlier runs that still live. They end by themselves with their stdin; this makes sure."""
    if past.boot != host.boot_id():
        return
    for pid, start_time in past.processes:
        if start_time and host.is_alive(pid, start_time):
            host.kill_tree(pid, start_time, wait=5.0)


def settle(past: History, write: Callable[..., None]) -> list[int]:
    """Return the tasks that are done. Those whose commit an earlier run did not live to record are recorded now."""
    done = list(history.done(past))
    for task in done:
        if task not in past.in_place:
            write("committed", task=task, attempt=0, lost_to_others=())
    return done


def belief(task: Job, past: History) -> Belief:
    """Return what is known of the job's persistent data: checked where nobody has chosen, and only where it could matter.

    Frames that depend on each other come out differently in a fresh Blender anyway.
    """
    checked = task.persistent_data == "auto" and task.engine == CYCLES and not task.in_order
    return Belief(
        share=task.limits.check if checked else 0.0,
        seed=zlib.crc32(task.id.encode()),
        off=past.persistent_data_off,
        warm=tuple(past.warm),
        again=tuple(past.again),
    )


def recover(presence: Presence, attempts: Sequence[tuple[int, tuple[Picture, ...]]], temp: Path) -> tuple[int, ...]:
    """Remove the claims and temporary files of a dead child's attempts; return those whose pictures are in place.

    Args:
        temp: The children's folder for temporary files.
    """
    in_place = []
    for attempt, pictures in attempts:
        # Where the folder does not answer they count as not there: to render again loses nothing.
        if pictures and all(_is_there(presence, picture) for picture in pictures):
            in_place.append(attempt)
        presence.recover(attempt)
        remove_tree(near_temp(temp, presence.owner.id, attempt))
    return tuple(in_place)


def _is_there(presence: Presence, picture: Picture) -> bool:
    return presence.ask(picture.path, lambda: still_there(picture, look_into=True), False)


def tidy(folder: Path) -> None:
    """Remove from a complete job's folder what only a resume would need."""
    for name in ("engine", "config", "scene"):
        shutil.rmtree(folder / name, ignore_errors=True)
