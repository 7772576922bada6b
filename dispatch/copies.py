# SPDX-License-Identifier: GPL-3.0-or-later
"""The start with a big scene: one worker first, to see how many copies of it the machine's RAM holds.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from . import auto_words
from .berths import Berths, Given
from .capacity import RAM_KEPT, Capacity
from .gauges import Sample
from .model import Backend, Device
from .roster import SlotRecord

if TYPE_CHECKING:
    from .machine import Machine
    from .squeeze import Decide

GROWS = 8
"""A loaded scene may need so many times the size of its (mostly compressed) file."""

CAREFUL = 4 << 30
"""Bytes that all copies may need by this reckoning before anything is asked."""

PATIENCE = 60.0
"""Seconds without a word about the machine's memory after which nobody waits for it: a driver in trouble says nothing."""


class Copies:
    def __init__(self, machine: Machine, given: Given, berths: Berths, capacity: Capacity, decide: Decide) -> None:
        self._machine = machine
        self._given = given
        self._berths = berths
        self._capacity = capacity
        self._decide = decide
        self._held: list[SlotRecord] = []
        self._began = 0.0
        self._said = False
        self.kept_out: tuple[Device, ...] = ()
        """Devices without a worker, because its copy does not fit."""

    @property
    def waiting(self) -> bool:
        return bool(self._held)

    def begin(self, at: float) -> None:
        """Hold all workers back but one where they may not fit; the first sample of the machine's memory decides."""
        records = self._machine.open_slots()
        if len(records) * GROWS * self._given.blend_size > CAREFUL:
            self._held, self._began = records[1:], at
            for record in self._held:
                record.not_before = float("inf")

    def look(self, at: float, sample: Sample, frames: Mapping[int, int]) -> None:
        """Go on as soon as it is known what fits."""
        records = self._machine.open_slots()
        count, free = len(records), sample.ram_available
        first = next((record for record in records if record not in self._held), None)
        stuck = self._machine.ledger.places()  # frames that do not fit where it is wait for one of the others
        if free is None or not sample.ram_total or first is None or first.deaths or stuck:
            self._release(self._held)  # nothing can be learned
        elif not self._said and self._small(count, sample):
            self._release(self._held)
        elif not self._said:
            self._said = True
            words = auto_words.one_first(count, self._given.blend_size)
            self._decide("one first", words, workers=count, blend=self._given.blend_size, free=free)
        elif first.worker and frames.get(first.worker.id) and self._capacity.ram:
            self._fit(at, sample, count, free)

    def lose_patience(self, at: float) -> None:
        """Let everybody go on where the readings have stopped."""
        told = any(self._machine.readings.since(at - PATIENCE))
        if self._held and not told and at - self._began > PATIENCE:
            self._decide("all", auto_words.nobody_tells(), workers=1 + len(self._held))
            self._release(self._held)

    def _small(self, count: int, sample: Sample) -> bool:
        """Whether so many copies fit for certain."""
        free = (sample.ram_available or 0) - RAM_KEPT * (sample.ram_total or 0)
        return count * GROWS * self._given.blend_size <= free

    def _fit(self, at: float, sample: Sample, count: int, free: int) -> None:
        need = self._capacity.ram
        fit = min(count, 1 + self._capacity.more_in_ram(sample))
        figures = {"workers": count, "fit": fit, "need": need, "free": free}
        if fit == count:
            self._decide("all", auto_words.all_fit(count, need), **figures)
            self._release(self._held)
        elif fit == 1 and self._can_combine():
            self._decide("combined", auto_words.combined(need, free), **figures)
            self._held = []
            self._berths.combine(at)
        else:
            self._decide("some", auto_words.some_fit(fit, count, need, free), **figures)
            out = self._held[fit - 1 :]
            self._release(self._held[: fit - 1])
            self._held = []
            self.kept_out = tuple(record.slot.devices[0] for record in out)
            self._berths.remove(at, out)

    def _can_combine(self) -> bool:
        backends = {device.backend for device in self._given.devices}
        return len(self._given.devices) > 1 and len(backends) == 1 and Backend.CPU not in backends

    def _release(self, records: list[SlotRecord]) -> None:
        for record in records:
            record.not_before = 0.0
        self._held = []
