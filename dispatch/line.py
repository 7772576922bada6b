# SPDX-License-Identifier: GPL-3.0-or-later
"""How a job comes to its cards: one after the other, standing in line where another job has one.

Owns the job's leases and its place in the line. Never waits: the dispatcher asks `ours` at every tick.
"""

from __future__ import annotations

import time

from . import leases
from .leases import HeldBy
from .model import Device, Job


class InLine:
    def __init__(self, job: Job) -> None:
        self._job = job
        # Always in the same order of cards, so that two jobs never wait for each other.
        self._left = sorted({d.card: d for d in job.devices}.items(), reverse=True)
        self._leases: list[leases.Lease] = []
        self._place: leases.Line | None = None
        self._sharing = job.share_devices
        self._next_try = 0.0
        self.behind: HeldBy | None = None
        """Who has the card that this job waits for; None: it waits for none."""

    @property
    def waits_for(self) -> tuple[Device, ...]:
        """The device that another job still has."""
        return (self._left[-1][1],) if self.behind else ()

    def ours(self) -> bool:
        """Whether the job may render now: every card is ours, or shared on purpose.

        Raises:
            DispatchError: the state folder belongs to somebody else or has no locks.
            OSError: it cannot be written.
        """
        while self._left and not self._sharing:
            if time.monotonic() < self._next_try:
                return False
            if self._place is None:
                self._place = leases.Line(self._left[-1][0], self._job.id, self._job.name)
            got = self._place.take()
            if isinstance(got, HeldBy):
                self.behind, self._next_try = got, time.monotonic() + leases.RETRY
                return False
            self._leases.append(got)
            self._left.pop()
            self._place = None
        self._leave_place()
        return True

    def ahead(self) -> bool:
        """Go one place to the front, and say whether there was one; whoever renders there goes on."""
        moved = self._place is not None and self._place.ahead()
        if moved:
            self._next_try = 0.0
        return moved

    def share(self) -> None:
        """Wait no longer: use the cards together with whoever has them."""
        self._sharing = True

    def leave(self) -> None:
        """Give back every card and the place."""
        self._leave_place()
        for lease in self._leases:
            lease.release()
        self._leases.clear()

    def _leave_place(self) -> None:
        self.behind = None
        if self._place is not None:
            self._place.leave()
            self._place = None
