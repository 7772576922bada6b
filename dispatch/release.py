# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes stale placeholders away, on request: empty files of other programs where this job's frames should be.

Owns the search for them. Never touches a file with a byte in it, nor one that a living dispatcher has claimed
(`claims.release_foreign` sees to both); what one of our own dead dispatchers left is buried as always.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import claims, frames, history, job, owners
from .model import Job
from .owners import Owner


def release(folder: Path, older_than: float = 0.0) -> int:
    """Remove the placeholders of others among a job's missing frames; return how many there were.

    Args:
        older_than: Seconds by the file server's clock; younger ones stay, somebody may be rendering there.

    Raises:
        DispatchError: the job cannot be read, or an output folder cannot be written.
    """
    task = job.load_to_run(folder)
    numbers = frames.arrange(frames.parse(task.frames), task.order)
    past = history.read(folder / "journal.jsonl", len(numbers), task.id)
    missing = {number for place, number in enumerate(numbers) if place not in past.in_place}
    known = [(numbers[place], p.path) for place, made in past.in_place.items() if place < len(numbers) for p in made]
    removed = 0
    me = Owner.new(task.id)
    for place, patterns in _patterns(task, known).items():
        if not place.is_dir():
            continue
        owners.join(place, me)
        try:
            owners.bury_dead(place, me, task.limits.heartbeat, also=past.owners if not job.is_running(folder) else ())
            for final in _empty(place, patterns, missing):
                removed += claims.release_foreign(final, me.id, older_than)
        finally:
            owners.leave(place, me.id)
    return removed


def _patterns(task: Job, known: Iterable[tuple[int, str]]) -> dict[Path, set[re.Pattern[str]]]:
    """Return folder → how names of this job's pictures look there; the first group is the frame."""
    found: dict[Path, set[re.Pattern[str]]] = {}
    if "{" not in task.output:  # only Blender knows what a variable stands for
        place, name = os.path.split(task.output)
        name = name if "#" in name else f"{name}####"
        end = name.rindex("#") + 1
        head, tail = name[:end].rstrip("#"), name[end:]
        width = end - len(head)
        found[Path(place)] = {re.compile(rf"{re.escape(head)}(-?\d{{{width},}}){re.escape(tail)}.*", re.DOTALL)}
    for number, path in known:
        place, name = os.path.split(path)
        for token in reversed([*re.finditer(r"-?\d+", name)]):
            if int(token[0]) == number:
                head, tail = re.escape(name[: token.start()]), re.escape(name[token.end() :])
                found.setdefault(Path(place), set()).add(re.compile(rf"{head}(-?\d+){tail}", re.DOTALL))
                break
    return found


def _empty(place: Path, patterns: set[re.Pattern[str]], missing: set[int]) -> Iterator[Path]:
    """Yield the empty files whose names are those of missing frames."""
    with os.scandir(place) as entries:
        for entry in entries:
            matches = (pattern.fullmatch(entry.name) for pattern in patterns)
            wanted = any(match and int(match[1]) in missing for match in matches)
            if wanted and entry.is_file(follow_symlinks=False) and not entry.stat(follow_symlinks=False).st_size:
                yield Path(entry.path)
