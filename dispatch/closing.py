# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine does when a job has ended by itself: nothing, a notice, sleep, switching off.

Owns the countdown and the rule that nothing of this is done while another job of this user runs or waits. The wish may
change until the last moment (`job.Wish.THEN`, `STAY`); a failure is a sentence of the job.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from . import host, job, leases
from .job import Asked, Wish
from .model import DispatchError, Outcome, Then
from .view import Beside
from .voice import Voice

COUNTDOWN = 60.0
"""Seconds in which the artist can still say no."""

TICK = 0.25

_WORDS = {Then.SLEEP: "goes to sleep", Then.SHUT_DOWN: "switches itself off"}


def heed(asked: Asked, beside: Beside) -> None:
    """Take what was asked about the end."""
    match asked.wish:
        case Wish.STAY:
            beside.then = Then.NOTHING
        case Wish.STOP | Wish.STOP_NOW if beside.then_at:
            beside.then = Then.NOTHING
        case Wish.THEN if asked.value in list(Then):
            beside.then = Then(asked.value)


def carry_out(folder: Path, name: str, voice: Voice, show: Callable[[], None]) -> None:
    """Do what the artist wanted at the end of a job that was not stopped.

    Args:
        show: Replaces the snapshot.
    """
    beside = voice.beside
    if beside.outcome not in (Outcome.COMPLETE, Outcome.INCOMPLETE) or beside.then is Then.NOTHING:
        return
    words = f"{name}: {beside.audit}"
    if beside.then in _WORDS and _may(folder, voice):
        host.notify("Multi-GPU render", f"{words}. The machine {_WORDS[beside.then]} in a minute.")
        _count_down(folder, beside, show)
        if beside.then in _WORDS and _may(folder, voice):
            show()
            why = host.sleep_now() if beside.then is Then.SLEEP else host.shut_down()
            if why:
                voice.tell("error", f"The machine stays on: {why}.")
    if beside.then is Then.NOTIFY and (why := host.notify("Multi-GPU render", words)):
        voice.tell("note", f"No notice could be shown on the desktop: {why}.")
    show()


def _count_down(folder: Path, beside: Beside, show: Callable[[], None]) -> None:
    beside.then_at = time.time() + COUNTDOWN
    show()
    end = time.monotonic() + COUNTDOWN
    while beside.then in _WORDS and time.monotonic() < end:
        time.sleep(TICK)
        for asked in job.take_wishes(folder):  # last of all: what is asked at the very end counts too
            heed(asked, beside)
    beside.then_at = 0.0


def _may(folder: Path, voice: Voice) -> bool:
    """Whether nobody else renders; else it is said who."""
    other = _at_work(folder)
    if other:
        voice.tell("note", f"The machine stays on: the job '{other}' is not finished yet.")
    return not other


def _at_work(folder: Path) -> str:
    """Name of another job of this user that runs or waits; empty: none."""
    roots = dict.fromkeys((folder.parent, job.jobs_folder()))
    for other in (other for root in roots for other in job.folders(root)):
        if other == folder:
            continue
        running, snapshot = job.look(other, job.read_snapshot(other))
        if running and (snapshot is None or snapshot.outcome is None):  # else it only counts down, as we do
            return snapshot.name if snapshot else other.name
    try:
        return leases.in_use()
    except (OSError, DispatchError):
        return ""
