# SPDX-License-Identifier: GPL-3.0-or-later
"""The last step of a job whose scene writes a movie: one more child makes it of the pictures that are in place.

Owns that child from its start to its end, and its deadlines. Takes the dispatcher's events and never waits. The
machine knows nothing of it: frames are done, and stay done whatever becomes of the movie.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import history, host
from .events import Event, StopAsked, TimePassed, WorkerEnded, WorkerSaid
from .history import History
from .journal import Journal
from .model import Job, Outcome, Slot
from .protocol import Broken, Hello, Leave, Loaded, MakeMovie, MovieMade
from .staff import Staff
from .voice import Voice

A_FRAME = 10.0
"""Seconds that one frame of the movie may take, on top of ``Limits.first``: far more than encoding needs."""


@dataclass(frozen=True, slots=True)
class Reel:
    """The pictures of a movie."""

    pictures: tuple[str, ...]
    first: int
    last: int

    @property
    def gaps(self) -> bool:
        """Whether frames between the first and the last are left out."""
        return self.last - self.first + 1 != len(self.pictures)


def reel(past: History, numbers: Sequence[int]) -> Reel:
    """Return the main pictures that are in place, in the order of their frames.

    Args:
        numbers: Frame numbers by task.
    """
    shown = sorted((numbers[task], made[-1].path) for task, made in past.in_place.items() if made)
    return Reel(tuple(path for _, path in shown), shown[0][0], shown[-1][0])


class MovieMaker:
    """The making of one movie, in a folder that the dispatcher has joined.

    ``outcome`` is the job's, once it is over and the child is gone.
    """

    def __init__(
        self, job: Job, folder: Path, staff: Staff, voice: Voice, record: Journal, taken: Collection[int]
    ) -> None:
        """``taken``: numbers of the workers so far."""
        self.outcome: Outcome | None = None
        self._job = job
        self._folder = folder
        self._staff = staff
        self._voice = voice
        self._journal = record
        self._worker = max(taken, default=0) + 1
        self._slot = Slot("movie", (), job.cores or max(1, host.cores() - host.has_display()))
        self._until = float("inf")
        self._late = ""
        """What is said when the deadline is over."""
        self._result: Outcome | None = None
        """Known, while the child still lives."""
        self._killed = False

    def begin(self, numbers: Sequence[int], obstacle: str = "") -> None:
        """Start the child, unless there is nothing to make.

        Args:
            numbers: Frame numbers by task.
            obstacle: A sentence on why no child may start.
        """
        past, final = history.read(self._folder / "journal.jsonl"), Path(self._job.movie)
        self._reel = reel(past, numbers)
        size, made_at = _look(final)
        if past.movie == (self._job.movie, size):
            self._voice.beside.movie, self.outcome = self._job.movie, Outcome.COMPLETE
        elif size and not self._job.overwrite and made_at >= max(_look(Path(p))[1] for p in self._reel.pictures):
            # Made of these pictures, by another machine that shares the folder for one.
            self._voice.tell("note", f"{final} is there already and newer than its pictures, so it was kept.")
            self._voice.beside.movie = self._job.movie
            self.outcome = Outcome.COMPLETE
        elif obstacle:
            self._fail(f"{obstacle}.")
            self._close()
        else:
            self._start(final.parent)

    def take(self, event: Event) -> None:
        """Go on as the event says."""
        match event:
            case WorkerSaid(at, worker, report) if worker == self._worker and self._result is None:
                self._hear(at, report)
            case WorkerEnded(_, worker, _, words) if worker == self._worker:
                if self._result is None:
                    self._fail(f"Blender ended while it made the movie ({words}): resume to try again.")
                self._journal.write("worker ended", {"worker": worker})
                self._close()
            case StopAsked():
                self._end(Outcome.STOPPED)
            case TimePassed(at, stood_still):
                self._until += stood_still
                if at > self._until:
                    self._overdue()

    def _start(self, folder: Path) -> None:
        self._voice.beside.writes_movie = True
        if self._reel.gaps:
            count = len(self._reel.pictures)
            words = f"The movie has the {count:,} frames of this job one after the other; its sound has no gaps."
            self._voice.tell("warning", words)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            child = self._staff.start(self._worker, self._slot)
        except OSError as error:
            self._fail(f"Blender cannot be started to make it in {folder} ({error.strerror or error}): mend that.")
            self._close()
            return
        identity = {"worker": self._worker, "pid": child.pid, "start_time": child.start_time or 0.0}
        self._journal.write("process", identity)
        self._wait(self._job.limits.start, "Blender did not start in time to make the movie")

    def _hear(self, at: float, report: object) -> None:
        limits, reel = self._job.limits, self._reel
        match report:
            case Hello():
                self._staff.configure(self._worker, self._slot)
                gigabytes = self._job.blend_size / 1e9
                self._wait(limits.load + gigabytes * limits.load_per_gb, "The scene did not load in time for its movie")
            case Loaded():
                request = MakeMovie(reel.pictures, (reel.first, reel.last), self._job.movie)
                self._staff.send(self._worker, request)
                self._wait(limits.first + A_FRAME * len(reel.pictures), "The movie did not get ready in time")
            case MovieMade(path, size):
                self._journal.write("movie made", {"path": path, "size": size})
                self._voice.beside.movie = path
                self._result = Outcome.COMPLETE
                self._staff.send(self._worker, Leave())
                self._wait(limits.leave, "")
            case Broken(_, words):
                self._fail(words)

    def _overdue(self) -> None:
        if self._result is None:
            self._fail(f"{self._late}: resume to try again.")
        elif not self._killed:
            self._end(self._result)
        else:
            self._close()  # it does not even die: the job ends without it

    def _fail(self, words: str) -> None:
        self._voice.tell("error", f"No movie: {words}", self._staff.log_of(self._worker))
        self._journal.write("movie failed", {"words": words})
        self._end(Outcome.INCOMPLETE)

    def _end(self, result: Outcome) -> None:
        """Kill the child; the end is over when it is gone."""
        self._result, self._killed = self._result or result, True
        self._staff.kill(self._worker)
        self._wait(self._job.limits.die, "")

    def _close(self) -> None:
        self._voice.beside.writes_movie = False
        self.outcome = self._result

    def _wait(self, seconds: float, late: str) -> None:
        self._until, self._late = time.monotonic() + seconds, late


def _look(path: Path) -> tuple[int, float]:
    """Return size and modification time; zeros where there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0.0
    return found.st_size, found.st_mtime
