# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at what a job left behind, from the outside: files, journal, processes, sentences. The same for every fault.

Imports nothing of the engine: its mistakes must not excuse themselves here. Changes nothing. What is wrong is returned
as sentences; none: nothing was lost, doubled or quietly wrong.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import seen_pictures
import seen_records
from case import Seen
from seen_records import STATUS, JobRecords

PATIENCE = 30.0
"""Seconds that the last processes may take to end after their dispatcher."""


@dataclass(frozen=True)
class Counted:
    """The figures of one run."""

    lost: int
    """Frames that should be there and are not."""
    corrupt: int
    """Pictures that are broken, or show another frame."""
    committed_twice: int
    rendered_twice: int
    """Finished renders beyond the first of a frame: their first picture never came to its place."""
    left_over: int
    """Files and folders in the output folder that nobody asked for."""
    processes: int


def told(seen: Seen) -> list[str]:
    """Return every sentence for the artist."""
    return [*seen.said, *(words for folder in seen.jobs for words in seen_records.read(folder).sentences())]


def problems(seen: Seen) -> list[str]:
    """Return everything that is wrong."""
    jobs = [seen_records.read(folder) for folder in seen.jobs]
    return [
        *_wrong_pictures(seen),
        *(f"{name} is left over" for name in _strangers(seen)),
        *(f"{name} was there before and is gone" for name in seen.kept if not (seen.output / name).exists()),
        *_doubled(seen, jobs),
        *(f"process {process} still lives" for process in _alive(seen.mark)),
        *_ends(seen, jobs),
        *(words for job in jobs for words in _damaged(seen, job)),
    ]


def counted(seen: Seen) -> Counted:
    """Return the figures for a table; `problems` says which of them are wrong."""
    jobs = [seen_records.read(folder) for folder in seen.jobs]
    wanted = set(seen.frames) - set(seen.given_up)
    there = _pictures(seen.output)
    corrupt = sum(1 for frame, paths in there.items() for path in paths if _fault_of(path, frame))
    return Counted(
        lost=len(wanted - there.keys()),
        corrupt=corrupt,
        committed_twice=sum(times - 1 for times in _commits(jobs).values()),
        rendered_twice=sum(times - 1 for times in (_renders(seen) or _noted_renders(jobs)).values()),
        left_over=len(list(_strangers(seen))),
        processes=len(list(_alive(seen.mark))),
    )


def committed(seen: Seen) -> set[int]:
    """Return the frames that the jobs put in place."""
    names = _commits([seen_records.read(folder) for folder in seen.jobs])
    return {frame for name in names if (frame := _number(Path(name))) is not None}


# --- pictures -----------------------------------------------------------------------------------------------------


def _wrong_pictures(seen: Seen) -> Iterator[str]:
    there = _pictures(seen.output)
    if lost := [frame for frame in seen.frames if frame not in there and frame not in seen.given_up]:
        yield f"{len(lost)} frames are lost: {', '.join(map(str, lost[:10]))}{' …' if lost[10:] else ''}"
    for frame in seen.frames:
        for path in there.get(frame, ()):
            if frame in seen.given_up:
                yield f"frame {frame} cannot be rendered, and yet there is {path.name}"
            elif words := _fault_of(path, frame):
                yield f"{path.name} {words}"


def _pictures(output: Path) -> dict[int, list[Path]]:
    """Frame → the files that bear its number."""
    found: dict[int, list[Path]] = {}
    for path in sorted(output.glob("*.png")):
        if (frame := _number(path)) is not None:
            found.setdefault(frame, []).append(path)
    return found


def _number(path: Path) -> int | None:
    whole = re.fullmatch(r"-?\d+", path.stem) or re.search(r"\d+$", path.stem)
    return int(whole[0]) if whole else None


def _fault_of(path: Path, frame: int) -> str:
    try:
        shown = seen_pictures.frame_of(seen_pictures.read(path))
    except (seen_pictures.NotWhole, OSError) as error:
        return str(error)
    return "" if shown == frame else f"shows frame {shown}" if shown is not None else "does not say which frame it is"


def _strangers(seen: Seen) -> Iterator[str]:
    """What is in the output folder and neither a wanted picture nor was there before."""
    kept = {Path(name) for name in seen.kept}
    wanted = set(seen.frames)
    for path in sorted(seen.output.rglob("*")):
        name = path.relative_to(seen.output)
        if name in kept or kept & set(name.parents) or any(name in each.parents for each in kept):
            continue
        if len(name.parts) == 1 and path.suffix == ".png" and path.is_file() and _number(path) in wanted:
            continue
        yield str(name)


# --- records ------------------------------------------------------------------------------------------------------


def _doubled(seen: Seen, jobs: list[JobRecords]) -> Iterator[str]:
    for name, times in _commits(jobs).items():
        if times > 1 + (_number(Path(name)) in seen.twice):
            yield f"{Path(name).name} was put in place {times} times"
    for frame, times in _renders(seen).items() if seen.most_renders else ():
        if times > seen.most_renders:
            yield f"frame {frame} was rendered {times} times"


def _commits(jobs: list[JobRecords]) -> Counter[str]:
    return sum((job.commits()[0] for job in jobs), Counter())


def _renders(seen: Seen) -> Counter[int]:
    if seen.renders is None or not seen.renders.exists():
        return Counter()
    return Counter(int(line.split()[0]) for line in seen.renders.read_text("utf-8").splitlines())


def _noted_renders(jobs: list[JobRecords]) -> Counter[str]:
    """The same from the journals, where the children keep no record; without what they had no time to say."""
    return sum((job.renders() for job in jobs), Counter())


def _ends(seen: Seen, jobs: list[JobRecords]) -> Iterator[str]:
    if seen.status != seen.expected_status:
        yield f"exit status {seen.status} instead of {seen.expected_status}: {'; '.join(told(seen)[-3:])}"
    if jobs and seen.expected_status in (0, 1) and not any(job.end for job in jobs):
        yield "no job has a closing record"
    if len(jobs) == 1 and jobs[0].end and STATUS.get(jobs[0].end["outcome"]) != seen.status:
        yield f"exit status {seen.status} after the outcome '{jobs[0].end['outcome']}'"
    for job in jobs:
        if job.end:
            yield from _ended_job(seen, job, job.end["outcome"], job.end["audit"])


def _ended_job(seen: Seen, job: JobRecords, outcome: str, audit: str) -> Iterator[str]:
    name = job.folder.name
    if outcome == "complete":
        yield from (
            f"{name} keeps its {copy}" for copy in ("scene", "engine", "config") if (job.folder / copy).exists()
        )
    try:
        snapshot = json.loads((job.folder / "snapshot.json").read_text("utf-8"))
        if snapshot["outcome"] != outcome or snapshot["audit"] != audit:
            yield f"the snapshot of {name} says '{snapshot['outcome']}: {snapshot['audit']}' at the end"
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"the snapshot of {name} cannot be read: {error}"
    yield from (f"{words} ({name}: {audit})" for words in _wrong_audit(seen, job, audit))


def _wrong_audit(seen: Seen, job: JobRecords, audit: str) -> Iterator[str]:
    said = seen_records.audit_numbers(audit)
    if "complete" not in said:
        yield "the audit gives no numbers"
        return
    there = _pictures(seen.output)
    frames = job.frames or seen.frames
    whole = [f for f in frames if f in there and not any(_fault_of(path, f) for path in there[f])]
    times, again, lost = job.commits()
    twice = sum(1 for n in times.values() if n > 1)
    others = sum(1 for name in times if _number(Path(name)) in seen.by_others)
    unfinished = _given_up(job)
    for words, mine, most in (
        ("total", len(frames), len(frames)),
        ("given up", len(unfinished), len(unfinished)),
        ("retried", len(job.blamed() & job.finished() - unfinished), len(job.blamed() & job.finished() - unfinished)),
        ("rendered again", len(again), len(again)),
        ("rendered twice", twice + len(lost), twice + len(lost) + others),
    ):
        if not mine <= said[words] <= most:
            yield f"the audit says {said[words]} '{words}', but it is {mine}"
    # The frames of a job that ended before the others may have been finished by these.
    last_word = len(seen.jobs) == 1 or (job.end or {})["outcome"] == "complete"
    if last_word and not said["claimed elsewhere"] and said["complete"] != len(whole):
        yield f"the audit says {said['complete']} complete, but {len(whole)} are"


def _given_up(job: JobRecords) -> set[int]:
    tasks: set[int] = set()
    for record in job.records:
        if record["what"] == "given up":
            tasks.add(record["task"])
        elif record["what"] in ("committed", "found"):
            tasks.discard(record["task"])
    return tasks


def _damaged(seen: Seen, job: JobRecords) -> Iterator[str]:
    if len(job.broken) > seen.damaged:
        yield f"lines {job.broken[:5]} of the journal of {job.folder.name} are no records"
    if job.torn and job.end:
        yield f"the journal of {job.folder.name} ends in the middle of a line"


# --- processes ----------------------------------------------------------------------------------------------------


def _alive(mark: str) -> list[str]:
    """Return the processes with this in their environment, once the last ones have had time to end."""
    deadline = time.monotonic() + PATIENCE
    while (found := list(_marked(mark.encode()))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _marked(mark: bytes) -> Iterator[str]:
    for path in Path("/proc").glob("[0-9]*/environ") if mark else ():
        if int(path.parent.name) == os.getpid():
            continue
        try:
            if mark in path.read_bytes().split(b"\0"):
                command = (path.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                if command:  # a dead one that nobody has collected has none
                    yield f"{path.parent.name} ({command.strip()})"
        except OSError:
            continue
