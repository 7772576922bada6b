# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at every file of a job again and says in one sentence what is there.

Owns the comparison of journal and output folder; changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import frames, history, pictures, wording
from .history import History
from .model import Job, Outcome


@dataclass(frozen=True, slots=True)
class Audit:
    total: int
    complete: int
    doubled: int
    """Frames put in place twice by this job, or rendered although another program was faster."""
    retried: int
    again: int
    """Frames rendered again on purpose: persistent data had made them wrong."""
    given_up: tuple[int, ...]
    """Frame numbers."""
    missing: tuple[int, ...]
    """Frame numbers that were put in place and whose files are gone, changed or broken now."""
    missing_in: tuple[str, ...]
    """The folders of those files."""
    fewer_files: tuple[int, ...]
    """Frame numbers that left fewer files than the most frames did."""
    sentence: str


def audit(folder: Path, job: Job, *, look_into: bool, elsewhere: int = 0) -> Audit:
    """Compare the journal with the files.

    Args:
        look_into: Compare by content, not only by size.
        elsewhere: Frames that somebody else has claimed, for the sentence.
    """
    numbers = frames.arrange(frames.parse(job.frames), job.order)
    past = history.read(folder / "journal.jsonl", len(numbers), job.id)
    ours, theirs = _sort(past, look_into=look_into, shared=not job.overwrite)
    good = ours | theirs
    usual = Counter(len(made) for made in past.in_place.values()).most_common(1)
    files = usual[0][0] if usual else 1
    doubled = sum(1 for t, n in past.commits.items() if n > 1) + len(past.lost | theirs)
    retried = sum(1 for t in good if past.blamed[t])
    given_up = tuple(sorted(numbers[t] for t in past.given_up))
    lost = [t for t in past.in_place if t not in good]
    missing = tuple(sorted(numbers[t] for t in lost))
    return Audit(
        total=len(numbers),
        complete=len(good),
        doubled=doubled,
        retried=retried,
        again=len(past.renewed),
        given_up=given_up,
        missing=missing,
        missing_in=tuple(dict.fromkeys(_folders_of_lost(past, lost, look_into=look_into))),
        fewer_files=tuple(sorted(numbers[t] for t, made in past.in_place.items() if len(made) < files)),
        sentence=wording.audit(
            complete=len(good),
            total=len(numbers),
            doubled=doubled,
            retried=retried,
            again=len(past.renewed),
            given_up=len(given_up),
            claimed_elsewhere=elsewhere,
            missing=len(missing),
        ),
    )


def outcome_of(found: Audit, ended: Outcome, tell: Callable[[str, str], None]) -> Outcome:
    """Return the outcome of a job that ``ended`` so, by its files: somebody may have removed or broken some of them.

    ``tell(level, text)`` says which.
    """
    if found.missing:
        which = wording.names(frames.words(found.missing).split(","))
        one = len(found.missing) == 1
        said = f"Frame {which} was" if one else f"Frames {which} were"
        does = f"Resume renders {'it' if one else 'them'} again"
        where = f" in {wording.names(found.missing_in)}" if found.missing_in else ""
        tell("warning", f"{said} in place, but files{where} are gone or broken now: {does}.")
    return Outcome.INCOMPLETE if ended is Outcome.COMPLETE and found.complete < found.total else ended


def _folders_of_lost(past: History, tasks: Iterable[int], *, look_into: bool) -> Iterator[str]:
    """Yield where files of these tasks are gone: those of a File Output node lie elsewhere than the pictures."""
    for task in tasks:
        for picture in past.in_place[task]:
            if not history.holds(past, task, picture, look_into=look_into):
                yield str(Path(picture.path).parent)


def _sort(past: History, *, look_into: bool, shared: bool) -> tuple[set[int], set[int]]:
    """Return the tasks whose pictures are ours, and those where somebody else's whole picture lies over ours.

    The latter is what a plain Blender in a ``shared`` folder may do; elsewhere another picture counts as missing.
    """
    made = {task: files for task, files in past.in_place.items() if files}
    ours = {t for t, files in made.items() if all(history.holds(past, t, p, look_into=look_into) for p in files)}
    others = made.keys() - ours if shared else ()
    return ours, {t for t in others if all(pictures.is_whole(Path(p.path)) for p in made[t])}
