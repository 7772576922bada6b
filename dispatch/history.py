# SPDX-License-Identifier: GPL-3.0-or-later
"""What the journal says happened so far, and which of it still holds: the ground of resume and audit.

Owns the reading of records (their writing is spread over machine and dispatcher). Reads pictures, changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import journal, pictures
from .climbed import Climbed
from .codec import from_plain
from .frames import MOST_FRAMES
from .kinds import Searched
from .model import DispatchError, Fault, Picture

LOOKED_INTO = 64
"""Pictures put in place last that are compared by content, not only by size: a power cut may have taken those."""

Pictures = tuple[Picture, ...]


@dataclass(slots=True)
class History:
    """The journal, read from its beginning to its end."""

    owners: list[str] = field(default_factory=list)
    """Owner ids of earlier runs of this job."""
    boot: str = ""
    """Boot id of the machine at the last run: pids and start times mean nothing under another one."""
    folders: list[str] = field(default_factory=list)
    """Output folders that children were allowed to use."""
    processes: dict[tuple[int, float], int] = field(default_factory=dict)
    """(pid, start time) of children whose end is not recorded → worker."""
    in_place: dict[int, Pictures] = field(default_factory=dict)
    """Task → pictures that were put in place, or found there; the latest last."""
    permitted: dict[int, Pictures] = field(default_factory=dict)
    """Task → pictures that may be in place: allowed, but no commit recorded."""
    commits: Counter[int] = field(default_factory=Counter)
    lost: set[int] = field(default_factory=set)
    """Tasks for which somebody else's picture was kept."""
    blamed: Counter[int] = field(default_factory=Counter)
    """Task → tries that failed by its own or its worker's doing (a full disk blames nobody)."""
    given_up: dict[int, str] = field(default_factory=dict)
    """Task → why, unless it was finished later."""
    warm: set[int] = field(default_factory=set)
    """Tasks that were rendered last by a Blender that had kept its data from other frames."""
    again: set[int] = field(default_factory=set)
    """Tasks whose pictures in place were found to be no good and have not been replaced yet."""
    renewed: set[int] = field(default_factory=set)
    """Tasks that were rendered again because of that."""
    persistent_data_off: bool = False
    """It was found to render wrong pictures."""
    climbed: Climbed = field(default_factory=Climbed)
    """Where the tasks wait that do not fit into memory."""
    searched: dict[str, Searched] = field(default_factory=dict)
    """Name of a device → what Auto has found for those of that name."""
    job: str = ""
    """Whose journal it must be; empty: anybody's."""
    tasks: int = MOST_FRAMES
    """How many the job has; a damaged record may name others, and counts for none."""
    movie: tuple[str, int] | None = None
    """Path and size of the movie that was made of the pictures in place."""
    _run: dict[int, tuple[int, Pictures]] = field(default_factory=dict)
    _workers: dict[int, tuple[int, float]] = field(default_factory=dict)


class AnotherJobs(DispatchError):
    """The journal was written for another job."""


def read(path: Path, tasks: int = MOST_FRAMES, job: str = "") -> History:
    """Read the journal of a job of so many tasks; damaged records are passed over.

    Args:
        job: The job's id, where somebody might have put another one's journal in its place.

    Raises:
        AnotherJobs: it is another job's: what that one has in place says nothing about this one.
    """
    history = History(tasks=tasks, job=job)
    for record in journal.read(path):
        try:
            _take(history, record)
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
            continue
    return history


def _take(history: History, record: dict[str, Any]) -> None:
    match record["what"]:
        case "opened":
            _opened(history, record)
        case "folder":
            if record["folder"] not in history.folders:
                history.folders.append(str(record["folder"]))
        case "process":
            identity = int(record["pid"]), float(record["start_time"])
            history._workers[int(record["worker"])] = identity
            history.processes[identity] = int(record["worker"])
        case "worker ended":
            identity = history._workers.pop(int(record["worker"]), (0, 0.0))
            history.processes.pop(identity, None)
        case "rendered":
            made = from_plain(Pictures, record["pictures"], "pictures")
            task = _task(history, record["task"])
            history._run[int(record["attempt"])] = task, made
            history.permitted[task] = made
            _mark(history.warm, task, bool(record.get("warm")))
            _drop_spoiled(history)
        case "committed":
            _committed(history, record)
        case "found":
            task = _task(history, record["task"])
            history.in_place[task] = from_plain(Pictures, record["pictures"], "pictures")
            history.given_up.pop(task, None)
            history.climbed.forget(task)
            history.warm.discard(task)
            history.again.discard(task)
        case "blamed":
            history.blamed[_task(history, record["task"])] += 1
        case "failed":
            history.climbed.failed(_task(history, record["task"]), Fault(record["fault"]))
        case "rung":
            history.climbed.sent(_task(history, record["task"]), str(record["place"]), Fault(record["fault"]))
        case "given up":
            history.given_up[_task(history, record["task"])] = str(record["words"])
            history.climbed.forget(_task(history, record["task"]))
        case "again":
            _no_good(history, [_task(history, task) for task in record["tasks"]])
        case "auto" if "kind" in record:
            _searched(history, record)
        case "movie made":
            history.movie = str(record["path"]), int(record["size"])


def _searched(history: History, record: dict[str, Any]) -> None:
    if record["decision"] not in ("try", "doubt"):  # which are no answers yet
        name = str(record["kind"])
        known = history.searched.get(name, Searched(0))
        dropped = record["decision"] == "drop" and "gain" in record  # without: it was not possible
        several = "more" in record  # fewer may do good: no failure of one more
        failures = known.failures + (dropped and not several)
        history.searched[name] = Searched(int(record["level"]), failures, known.single or (dropped and several))


def _opened(history: History, record: dict[str, Any]) -> None:
    if history.job and record.get("job", history.job) != history.job:
        raise AnotherJobs(
            f"The journal of job {history.job} belongs to another job ({record['job']}): "
            "put the right one back, or render the scene as a new job."
        )
    history.owners.append(str(record["owner"]))
    if record.get("boot") != history.boot:
        history.boot = str(record.get("boot", ""))
        history.processes.clear()
    history._run.clear()
    history._workers.clear()


def _task(history: History, number: Any) -> int:
    if not 0 <= int(number) < history.tasks:
        raise ValueError
    return int(number)


def _committed(history: History, record: dict[str, Any]) -> None:
    task = _task(history, record["task"])
    _, made = history._run.pop(int(record["attempt"]), (task, history.permitted.get(task, ())))
    history.in_place.pop(task, None)
    history.in_place[task] = made
    history.permitted.pop(task, None)
    if task not in history.again:
        history.commits[task] += 1
    elif task not in history.warm or record.get("lost_to_others"):
        history.again.discard(task)
        history.renewed.add(task)
    else:
        del history.in_place[task]
    history.movie = None  # made of an older picture
    history.given_up.pop(task, None)
    history.climbed.forget(task)
    if record.get("lost_to_others"):
        history.lost.add(task)
        history.warm.discard(task)


def _no_good(history: History, tasks: list[int]) -> None:
    """What these tasks left in place does not count any more; it lies there until it is replaced."""
    history.persistent_data_off = True
    history.movie = None
    history.again.update(tasks)
    history.warm.difference_update(tasks)
    for task in tasks:
        history.in_place.pop(task, None)
        history.permitted.pop(task, None)
    _drop_spoiled(history)


def _drop_spoiled(history: History) -> None:
    """What was on its way to its place when persistent data was found wrong is no good either."""
    for task in history.warm & history.permitted.keys() if history.persistent_data_off else ():
        history.again.add(task)
        del history.permitted[task]


def _mark(marked: set[int], task: int, yes: bool) -> None:
    marked.add(task) if yes else marked.discard(task)


def still_there(picture: Picture, *, look_into: bool) -> bool:
    """Whether the file is the one that was put in place: by its size, or by its content too."""
    path = Path(picture.path)
    try:
        if path.stat().st_size != picture.size:
            return False
        return not look_into or pictures.digest(path).hash == picture.hash
    except (OSError, ValueError):  # a name that no file system knows
        return False


def holds(history: History, task: int, picture: Picture, *, look_into: bool) -> bool:
    """Whether a picture of a task is still good. Somebody else's that was kept is judged by its form alone."""
    if task in history.lost:
        return pictures.is_whole(Path(picture.path))
    return still_there(picture, look_into=look_into)


def done(history: History) -> Iterator[int]:
    """Yield the tasks whose pictures of this job are in place now.

    Those that were allowed but whose commit was not recorded are compared by content: yesterday's picture under the
    same name, of the same size even, is not ours.
    """
    recent = len(history.in_place) - LOOKED_INTO
    for number, (task, made) in enumerate(history.in_place.items()):
        if made and all(holds(history, task, p, look_into=number >= recent) for p in made):
            yield task
    for task, made in history.permitted.items():
        if task not in history.in_place and made and all(still_there(p, look_into=True) for p in made):
            yield task


def last_picture(history: History) -> str:
    """Path of the main picture that was put in place last; empty: none."""
    made = next(reversed(history.in_place.values()), ())
    return made[-1].path if made else ""
