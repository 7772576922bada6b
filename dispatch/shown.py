# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the jobs a panel shows, which of them an order is meant for, and which ends are news. Pure.

Owns these rules and nothing else. The jobs come newest first, as the watch lists them; a job is known by its folder.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeVar

from .model import Outcome
from .snapshot import Snapshot

AT_REST = frozenset({"ended", "interrupted", "not started"})
"""States in which nothing is rendered."""


class Listed(Protocol):
    """What the rules look at (`watch.JobSeen`)."""

    @property
    def folder(self) -> str: ...
    @property
    def running(self) -> bool: ...
    @property
    def starting(self) -> bool: ...
    @property
    def dismissed(self) -> bool: ...
    @property
    def state(self) -> str: ...
    @property
    def snapshot(self) -> Snapshot | None: ...


T = TypeVar("T", bound=Listed)


def pick(jobs: Sequence[T], wanted: str = "") -> T | None:
    """Return the job to show.

    The wanted one (a folder); else the newest that renders, else the newest that waits in line; else the newest that
    ended or was interrupted. One that was dismissed comes only when it is wanted or runs again, and it hides the ends
    before it: nobody wants to dismiss last week's jobs one by one. It hides no interrupted job: that one can go on.
    """
    if named := find(jobs, wanted):
        return named
    active = [job for job in jobs if job.running or job.starting]
    if active:
        return next((job for job in active if job.state not in ("waiting", "ended")), active[0])
    last = next((job for job in jobs if job.state != "interrupted" or not job.dismissed), None)
    if last is not None and not last.dismissed:
        return last
    return next((job for job in jobs if job.state == "interrupted" and not job.dismissed), None)


def find(jobs: Sequence[T], folder: str) -> T | None:
    """Return the job of that folder."""
    return next((job for job in jobs if folder and job.folder == folder), None)


def meant(jobs: Sequence[T], shown: T | None, fits: Callable[[T], bool]) -> T | None:
    """Return the job that an order without a name is for: the shown one, else the only other one that it fits."""
    if shown is not None and fits(shown):
        return shown
    others = [job for job in jobs if fits(job)]
    return others[0] if len(others) == 1 else None


def at_work(jobs: Sequence[Listed]) -> frozenset[str]:
    """Return the folders of the jobs for which something is done now, or is about to be."""
    return frozenset(job.folder for job in jobs if job.state not in AT_REST)


def ends(before: Collection[str], jobs: Sequence[T]) -> tuple[T, ...]:
    """Return the jobs that came to an end by themselves since they were seen at work (``before``)."""
    return tuple(job for job in jobs if job.folder in before and job.state in AT_REST and not _was_stopped(job))


def interrupted(jobs: Sequence[T]) -> tuple[T, ...]:
    """Return the jobs that a crash, a logout or a power cut ended, oldest first; not those that were dismissed."""
    return tuple(job for job in reversed(jobs) if job.state == "interrupted" and not job.dismissed)


def _was_stopped(job: Listed) -> bool:
    """Whoever stopped it knows."""
    return job.snapshot is not None and job.snapshot.outcome is Outcome.STOPPED
