# SPDX-License-Identifier: GPL-3.0-or-later
"""GPU kernels are compiled once: where none may be there yet, one worker of each kind of card goes first.

A kind is what shares compiled kernels: the backend and the name of the card. Compiling for one took 270 s, and all
workers at once would do it all at once. The others load meanwhile and wait for the first one's first sample, or for
its failure: then the next one goes first. A part of the machine under its rules: no clock, no process, no file.
What was known before the job, and keeping it for the next one, is `kernels_known`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .devices import gpus
from .model import Slot

WAIT_MOST = 900.0
"""Seconds after which the others wait no longer: the first one may hang."""

SAID_AFTER = 10.0
"""Seconds of waiting from which on the artist is told."""


def kinds(slot: Slot) -> frozenset[str]:
    """Return the kinds of card of a slot: ``OPTIX NVIDIA H200``. The CPU needs no kernels."""
    return frozenset(f"{d.backend} {d.name}" for d in gpus(slot.devices))


@dataclass(frozen=True, slots=True)
class _First:
    worker: int
    since: float


class Kernels:
    def __init__(self, known: Iterable[str] | None = None) -> None:
        """``known``: kinds whose kernels are there; None: nobody ever waits."""
        self._asks = known is not None
        self._there = set(known or ())
        self.rendered: set[str] = set()
        """Kinds that have rendered a frame in this job."""
        self._first: dict[str, _First] = {}
        """Who goes first, by kind."""
        self._waits: set[str] = set()
        """Kinds of which somebody has had to wait."""
        self._told: set[str] = set()

    def lets(self, at: float, worker: int, slot: Slot) -> bool:
        """Whether the worker may be given a task now."""
        if not self._asks:
            return True
        firsts = {kind: self._first[kind] for kind in kinds(slot) - self._there if kind in self._first}
        held = {k for k, first in firsts.items() if first.worker != worker and at - first.since < WAIT_MOST}
        self._waits |= held
        return not held

    def begins(self, at: float, worker: int, slot: Slot) -> None:
        """The worker has been given a task."""
        for kind in kinds(slot) - self._there if self._asks else ():
            self._first.setdefault(kind, _First(worker, at))

    def sampled(self, worker: int) -> None:
        """The worker has shown a sample: its kernels are there."""
        for kind in [kind for kind, first in self._first.items() if first.worker == worker]:
            self._there.add(kind)
            del self._first[kind]

    def finished(self, worker: int, slot: Slot) -> None:
        """The worker has rendered a frame."""
        self.sampled(worker)
        self.rendered |= kinds(slot)

    def gone(self, worker: int) -> None:
        """The worker's task has come to nothing, or the worker itself: another one goes first."""
        self._first = {kind: first for kind, first in self._first.items() if first.worker != worker}

    def sentence(self, at: float) -> str:
        """Return what the artist should know now; empty: nothing new."""
        late = {kind for kind, first in self._first.items() if at - first.since > SAID_AFTER}
        news = sorted(late & self._waits - self._told)
        if not news:
            return ""
        self._told.update(news)
        names = " and ".join(kind.split(" ", 1)[1] for kind in news)
        return f"Compiling GPU kernels for {names}: the other workers start when that is done."
