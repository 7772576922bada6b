# SPDX-License-Identifier: GPL-3.0-or-later
"""How a job comes to its cards: one after the other, standing in line where another job has one.

Owns the job's leases and its place in the line. Never waits: the dispatcher asks `ours` at every tick.
"""

from __future__ import annotations

import time

from . import leases
from .leases import HeldBy
from .model import Device, DispatchError, Job


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
            DispatchError: the state folder belongs to somebody else, has no locks or cannot be written.
        """
        while self._left and not self._sharing:
            if time.monotonic() < self._next_try:
                return False
            got = self._ask()
            if isinstance(got, HeldBy):
                self.behind, self._next_try = got, time.monotonic() + leases.RETRY
                return False
            self._leases.append(got)
            self._left.pop()
            self._place = None
        self._leave_place()
        return True

    def _ask(self) -> leases.Lease | HeldBy:
        card = self._left[-1][0]
        try:
            if self._place is None:
                self._place = leases.Line(card, self._job.id, self._job.name)
            return self._place.take()
        except OSError as error:
            place = error.filename or "this user's state folder"
            raise DispatchError(
                f"Whether another job renders on {self._left[-1][1].name} cannot be told: {place} cannot be written "
                f"({error.strerror or error}); make room or mend it, then resume."
            ) from error

    def ahead(self) -> bool:
        """Go one place to the front, and say whether there was one; whoever renders there goes on."""
        try:
            moved = self._place is not None and self._place.ahead()
        except OSError:
            return False  # it stays where it stands
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
