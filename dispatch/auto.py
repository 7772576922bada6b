# SPDX-License-Identifier: GPL-3.0-or-later
"""How many workers a device gets while the job runs: foreseen, tried, compared, kept or taken back.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. One try at a
time (`tries`), for all devices of one kind: more workers are started beside those that render, and compared in turns.
Nothing is tried that cannot pay before the job ends (`prospect`), and nothing that does not fit (`capacity`); where
memory runs short, there is one less (`squeeze`). Every decision is a record and a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import auto_words, events, prospect
from .berths import MOST, Berths, Given, ready
from .capacity import UNKNOWN, Capacity
from .copies import Copies
from .gauges import Sample
from .kinds import Kind, kinds
from .ledger import TaskState
from .model import Device
from .prospect import LIKELY, Cores, Prospect, worth_it
from .roster import SlotRecord, Worker, WorkerState
from .squeeze import BACK, Squeeze
from .timing import WARM_UP
from .tries import Tries, frames_each

if TYPE_CHECKING:
    from .machine import Machine

LEFT = "left"
"""Why nothing is tried: too few frames are left."""

RECALL = 4.0
"""So many times as long as a worker takes to load, the job must go on for more of them to be started again."""

FIRST = 60.0
"""Seconds for which everything else waits until the next decision, where there is likely more to gain: early is best."""


class Auto:
    def __init__(self, machine: Machine, given: Given) -> None:
        self.words = ""
        """What was decided last, in a sentence …"""
        self._decided = ""
        """… and in a word."""
        self._machine = machine
        self._given = given
        self._kinds = kinds(given.devices)
        self._of = {device.id: kind for kind in self._kinds for device in kind.devices}
        self._berths = Berths(machine, given)
        self._capacity = Capacity()
        self._copies = Copies(machine, given, self._berths, self._capacity, self.decide)
        self._squeeze = Squeeze(machine, self._kinds, self._berths, self._capacity, self.decide)
        self._frames: dict[int, int] = {}
        """Worker → frames that it has finished."""
        self._load = 0.0
        """Seconds from a worker's start to its first frame, the last one seen."""
        self._began = 0.0
        self._tries = Tries(machine, self._kinds, self._berths, self._squeeze, self._warm, self.decide)
        for kind in self._kinds:
            most = max(len(self._berths.of(device)) for device in kind.devices)
            kind.begin(max(1, most), given.searched.get(kind.name))

    def is_measuring(self, at: float) -> bool:
        """Whether a worker that does something else would disturb: a comparison runs, or is likely to come soon."""
        if self._tries.running:
            return True
        since = {"": self._began, "keep": self._tries.kept_at}.get(self._decided)
        return since is not None and at - since < FIRST and not self._machine.checks.overdue(at)

    # --- what the machine tells -----------------------------------------------------------------------------------

    def look(self, event: events.Event) -> None:
        """An event has come; what it changes elsewhere is done."""
        match event:
            case events.Started():
                self._began = event.at
                if not self._combined():
                    self._copies.begin(event.at)
            case events.Gauged() if self._machine.started and not self._machine.stopping and not self._combined():
                self._gauged(event.at, event.sample)
            case events.TimePassed() | events.WorkerEnded():
                self._tries.look(event.at)
                self._copies.lose_patience(event.at)

    def rendered(self, at: float, worker: Worker) -> None:
        """A worker has finished a frame."""
        self._frames[worker.id] = self._frames.get(worker.id, 0) + 1
        if self._frames[worker.id] == 1:
            self._load = at - worker.born
        if len(worker.slot.slot.devices) == 1 and (kind := self._of.get(worker.slot.slot.devices[0].id)):
            kind.finished(at, worker.id)
        self._tries.finished(at, worker.id)

    def decide(self, decision: str, words: str, **figures: object) -> None:
        """Put a decision into the journal and say it."""
        self.words, self._decided = words, decision
        rounded = {name: round(f, 4) if isinstance(f, float) else f for name, f in figures.items()}
        self._machine.record("auto", decision=decision, words=words, **rounded)
        self._machine.tell("note", words)

    def may_return(self, devices: Iterable[Device], memory: str) -> None:
        """These devices lost a worker to a task that it did not help: one may join them where there is room."""
        self._squeeze.may_join(0.0, devices, memory)

    # --- every two seconds ------------------------------------------------------------------------------------------

    def _gauged(self, at: float, sample: Sample) -> None:
        machine = self._machine
        self._frames = {worker: count for worker, count in self._frames.items() if worker in machine.workers}
        self._capacity.learn_empty(sample, (d for d in self._given.devices if not self._loaded_on(d)))
        loaded = {w.id: w.slot.slot.devices[0] for w in machine.workers.values() if self._counts(w)}
        self._capacity.learn(sample, loaded)
        held = machine.blame.hold.words and not self._copies.waiting
        if machine.paused or held or machine.ladder.own.record:
            self._tries.give_up(at, failed=False)
            self._disturbed()
        elif self._copies.waiting:
            self._copies.look(at, sample, self._frames)
            self._squeeze.may_join(at + BACK, self._copies.kept_out, "RAM")
        elif self._squeeze.look(at, sample, trying=self._tries.running):
            self._tries.give_up(at)
            self._disturbed()
        elif self._tries.running:
            self._tries.look(at)
        else:
            self._consider(at, sample)

    def _counts(self, worker: Worker) -> bool:
        return worker.state in (WorkerState.READY, WorkerState.LEAVING) and worker.slot.slot.devices != ()

    def _loaded_on(self, device: Device) -> bool:
        workers = self._machine.workers.values()
        coming = (WorkerState.STARTING, WorkerState.LOADING)  # the card gets the scene with the first frame
        return any(device in w.slot.slot.devices and w.state not in coming for w in workers)

    def _combined(self) -> bool:
        """Whether there is nothing to decide: all devices render as one."""
        return any(len(record.slot.devices) != 1 for record in self._machine.open_slots())

    def _disturbed(self) -> None:
        for kind in self._kinds:
            kind.disturbed()

    # --- whether to try ---------------------------------------------------------------------------------------------

    def _consider(self, at: float, sample: Sample) -> None:
        """Look for a kind of device that would gain by one more worker, the fastest first."""
        if not all(ready(record) for record in self._machine.open_slots()):
            self._disturbed()
            return
        for kind in self._kinds:
            there = [record for device in kind.devices for record in self._berths.of(device)]
            if all(self._warm(record) for record in there):
                kind.look(at, [record.worker.id for record in there if record.worker])
        for kind in sorted(self._kinds, key=lambda kind: -kind.rate / len(kind.devices)):
            here = [device for device in kind.devices if self._berths.of(device)]
            if here and kind.steady(sum(len(self._berths.of(device)) for device in here)):
                self._decide(at, kind, here, sample)
                if self._tries.running:
                    return

    def _warm(self, record: SlotRecord) -> bool:
        return record.worker is not None and self._frames.get(record.worker.id, 0) >= WARM_UP

    def _decide(self, at: float, kind: Kind, here: list[Device], sample: Sample) -> None:
        full = [device for device in here if len(self._berths.of(device)) >= kind.level]
        if kind.found > kind.level:
            if len(full) == len(here):
                self._recall(at, kind, here, sample)
            return
        cost = kind.cost(len(here))
        if kind.became_others(cost):
            return
        if kind.doubtful:
            self._doubt(at, kind, here, cost)
            return
        if not kind.may_try(at):
            return
        seen = self._foresee(kind, here, self._room(kind, here, sample))
        if not seen.worth_a_try:
            words = auto_words.no_gain(kind.level, kind.noun, seen)
            self._hold(kind, "gain", words, most=seen.most, busy=seen.busy, cpu=seen.cpu)
            return
        if len(full) < len(here):
            return  # the others come first, once they have room
        if kind.level >= MOST:
            self._hold(kind, "most", auto_words.most(kind.level, kind.noun))
            return
        fits = [device for device in full if self._capacity.more_in_vram(sample, device)]
        chosen = fits[: self._capacity.more_in_ram(sample)]
        if not chosen:
            memory, need = ("RAM", self._capacity.ram) if fits else ("VRAM", self._capacity.vram(here[0]))
            self._hold(kind, memory, auto_words.no_room(kind.level, kind.noun, memory, need), need=need)
            return
        if not self._worth(kind, here, seen.likely, self._load, part=len(chosen) / len(here), more=seen.more):
            self._hold(kind, LEFT, auto_words.too_short(kind.level, kind.noun, seen), most=seen.most)
            return
        joined = self._berths.add(at, chosen * seen.more)
        self._tries.begin(at, kind, joined, cost, load=self._load, left=self._left(), more=seen.more)
        level = kind.level + seen.more
        words = auto_words.try_more(level, kind.noun, auto_words.part(len(chosen), len(here)), seen)
        figures = {"most": seen.most, "busy": seen.busy, "cpu": seen.cpu, "limit": seen.limit, "load": self._load}
        self.decide("try", words, level=level, devices=len(chosen), **figures)

    def _room(self, kind: Kind, here: list[Device], sample: Sample) -> int:
        """Return how many workers may be tried at once on each device: one where nobody tells what fits.

        No more than half of what fits: what one of them needs is known from a few frames.
        """
        ram = self._capacity.more_in_ram(sample)
        rooms = [ram, *(self._capacity.more_in_vram(sample, device) for device in here if not kind.on_cpu)]
        if kind.single or UNKNOWN in rooms:
            return 1
        return max(1, min(MOST - kind.level, min(ram // len(here), *rooms) // 2))

    def _recall(self, at: float, kind: Kind, here: list[Device], sample: Sample) -> None:
        """Start at once what an earlier run of the job has found to pay, as far as it fits; the rest is tried anew."""
        room = min(
            self._capacity.more_in_ram(sample) // len(here), *(self._capacity.more_in_vram(sample, d) for d in here)
        )
        more = min(kind.found, MOST) - kind.level
        kind.found = 0
        if room < more:
            kind.failures = 0
        if (count := min(more, room)) > 0 and self._left() > RECALL * self._load:
            for _ in range(count):
                self._berths.add(at, here)
            kind.level += count
            kind.disturbed()
            self.decide("recall", auto_words.recall(kind.level, kind.noun), kind=kind.name, level=kind.level)

    def _foresee(self, kind: Kind, here: list[Device], room: int) -> Prospect:
        machine, since = self._machine, kind.since or 0.0
        loads = [load for d in here if (load := machine.readings.load(d.pci or "", since)) is not None]
        means = [means for d in here if (means := machine.timing.of_device(d.id))]
        render = sum(m.phases.render for m in means) / len(means) if means else 0.0
        workers = {r.worker.id for d in here for r in self._berths.of(d) if r.worker}
        used = [
            sum((s.workers[w].cpu or 0.0) for w in workers if w in s.workers) / 100.0
            for s in machine.readings.since(since)
        ]
        return prospect.prospect(
            workers=kind.level,
            devices=len(here),
            load=sum(loads) / len(loads) if loads else None,
            render_share=kind.rate / len(here) * render,
            cores=Cores(self._given.cores, machine.readings.cpu(since), sum(used) / len(used) if used else None),
            on_cpu=kind.on_cpu,
            room=room,
        )

    def _worth(self, kind: Kind, here: list[Device], gain: float, load: float, *, part: float, more: int = 1) -> bool:
        total = sum(other.rate for other in self._kinds)
        workers = sum(len(self._berths.of(device)) for device in here)
        interval = workers / kind.rate
        return worth_it(
            gain,
            workers=kind.level,
            left=self._left(),
            load=load,
            interval=interval,
            each=frames_each(len(here) * more, interval),
            share=part * kind.rate / total,
            more=more,
        )

    def _doubt(self, at: float, kind: Kind, here: list[Device], cost: float) -> None:
        """Whether the last worker of each device still pays: frames are others now, or it was never measured."""
        records = [found[-1] for device in here if len(found := self._berths.of(device)) == kind.level]
        if records and self._worth(kind, here, LIKELY / kind.level, 0.0, part=len(records) / len(here)):
            kind.level -= 1
            self._tries.begin(at, kind, records, cost, load=self._load, left=self._left(), doubt=True)
            words = auto_words.try_fewer(kind.level + 1, kind.noun, others=kind.others)
            self.decide("doubt", words, level=kind.level + 1, cost=cost)

    def _left(self) -> float:
        """Return the seconds until the job ends at today's pace."""
        ledger = self._machine.ledger
        return (ledger.waiting() + ledger.counts[TaskState.OUT]) / sum(kind.rate for kind in self._kinds)

    def _hold(self, kind: Kind, why: str, words: str, **figures: object) -> None:
        """Say once at each level why nothing is tried; that few frames are left says nothing new later."""
        if why not in kind.said and LEFT not in kind.said and not (why == LEFT and kind.said):
            kind.said.add(why)
            self.decide("hold", words, kind=kind.name, level=kind.level, why=why, **figures)
