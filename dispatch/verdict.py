# SPDX-License-Identifier: GPL-3.0-or-later
"""When the job is judged, and what is kept of it: the sentence why it is not faster, while it runs and at its end.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. Owns the timing
of the present layout and when each device finished last. What the limits are is for `bottleneck` to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import bottleneck
from . import devices as device_room
from .bottleneck import Bottleneck, Kind
from .evidence import Evidence, at_work, counted, gather, judged
from .ledger import TaskState
from .model import Backend, Device, Phases
from .roster import Worker
from .timing import Timing

if TYPE_CHECKING:
    from .machine import Machine

RECENT = 600.0
"""Seconds of gauges that count: scenes change on the way, and the phases are those of the last frames too."""
TAIL = 0.1
"""Part of the devices' time that they must have waited at the end for that to be the answer."""
START = 0.4
"""The same of the whole run, for starting and loading."""
SLOWER = 1.25
"""A card that needs so many times as long as the others is a slow one."""


class Verdict:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._found: Bottleneck | None = None
        self._seen: Evidence | None = None
        self._timing = Timing()
        self._layout: tuple[int, ...] = ()
        """Workers that the evidence is about."""
        self._since: float | None = None
        self._started: float | None = None
        self._first: tuple[float, float] | None = None
        """When the first frame was finished, and how long it took."""
        self._last: dict[Device, float] = {}

    @property
    def words(self) -> str:
        """The sentence; empty while nothing is known."""
        return self._found.words if self._found else ""

    @property
    def kind(self) -> str:
        """What the limit is (`bottleneck.Kind`); empty while nothing is known."""
        return self._found.kind if self._found else ""

    def begin(self, at: float) -> None:
        """The cards are ours: workers are started from now on."""
        self._started = at

    def rendered(self, at: float, worker: Worker, phases: Phases, size: int) -> None:
        """Note one frame."""
        if self._first is None:
            self._first = at, phases.total
        devices = worker.slot.slot.devices
        for device in devices:
            self._last[device] = at
        self._timing.rendered(worker.id, [device.id for device in devices], phases, size)

    def look(self, at: float) -> None:
        """Judge anew; the telemetry's gauges come every two seconds, more often is of no use."""
        machine = self._machine
        if not machine.started or machine.stopping or machine.paused:
            return
        waiting, busy = machine.ledger.waiting(), any(w.in_frame() for w in machine.workers.values())
        if machine.ledger.elsewhere and not waiting and not busy:
            self._found = bottleneck.claims(machine.ledger.elsewhere)
        elif few := self._few_frames():
            self._found = few
        elif waiting >= len(machine.workers):  # else some have nothing to do, and say nothing about the others
            self._judge(at)

    def end(self, at: float) -> None:
        """Say what the limit was; the journal keeps it with its figures."""
        self._found = self._at_the_end(at) or self._found
        if self._found is None and self._seen is None:
            return
        facts: dict[str, object] = {"kind": self.kind, "words": self.words}
        if seen := self._seen:
            facts |= {"phases": seen.phases, "load": seen.load, "cpu": seen.cpu, "workers_per_device": seen.each}
        self._machine.record("bottleneck", **facts)

    def _judge(self, at: float) -> None:
        layout = tuple(record.worker.id for record in at_work(self._machine) if record.worker)
        if layout != self._layout:
            # What was rendered before the first look is of this layout too, as far as anybody knows.
            self._timing = Timing() if self._layout else self._timing
            self._layout, self._since = layout, None
        if self._since is None and counted(self._machine, self._timing):
            self._since = at  # gauges of the time in which scenes are loaded and kernels compiled say nothing
        seen = gather(self._machine, self._timing, max(self._since or at, at - RECENT))
        if seen is not None:
            self._seen = seen
            self._found = bottleneck.steady(seen)

    def _few_frames(self) -> Bottleneck | None:
        machine = self._machine
        devices = judged(device for record in machine.open_slots() for device in record.slot.devices)
        frames = machine.ledger.count - machine.found
        together = any(len(record.slot.devices) > 1 for record in machine.open_slots())
        kinds = {device.backend for device in devices}
        if Backend.CPU in kinds or together or not 0 < frames < len(devices):
            return None
        return bottleneck.few_frames(frames, len(devices), can_combine=len(kinds) == 1)

    def _at_the_end(self, at: float) -> Bottleneck | None:
        """Return what the end or the start cost, where that is more than anything else; None: it was the steady state."""
        if self._first is None or self._started is None or (self._found and self._found.kind is Kind.FEW_FRAMES):
            return None
        first, its = self._first
        # What the first frame took longer than others was loading too: kernels, textures.
        usual = min(its, self._seen.phases.total) if self._seen else its
        whole, start = at - self._started, first - usual - self._started
        early = start / whole if whole > 0 else 0.0
        ledger = self._machine.ledger
        late, tail = self._tail() if ledger.counts[TaskState.DONE] == ledger.count else (0.0, None)
        if early >= max(START, late):
            return bottleneck.loading(start, whole)
        return tail if late >= TAIL else None

    def _tail(self) -> tuple[float, Bottleneck | None]:
        """Return the part of the devices' time that was waited at the end, and why."""
        here = {device for record in self._machine.open_slots() for device in record.slot.devices}
        devices = judged(device for device in self._last if device in here)  # one that was left out waited for nobody
        if len(devices) < 2 or self._first is None:
            return 0.0, None
        end = max(self._last[device] for device in devices)
        last = next(device for device in devices if self._last[device] == end)
        waited = [end - self._last[device] for device in devices if device is not last]
        seconds = {device: self._machine.pace.of_device(device.id)[1] for device in devices}
        others = [seconds[device] for device in devices if device is not last and seconds[device] > 0]
        share = sum(waited) / (len(devices) * max(end - self._first[0] + self._first[1], 1e-6))
        mean = sum(waited) / len(waited)
        if others and (factor := seconds[last] * len(others) / sum(others)) >= SLOWER:
            names = device_room.display_names(devices)
            return share, bottleneck.slow_card(names[last.id], factor, len(waited), mean)
        return share, bottleneck.uneven_end(sum(each > 0 for each in waited), len(devices), mean)
