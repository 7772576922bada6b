# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that do not fit into memory climb a ladder (`rungs`), and the others go on beside them.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. Owns where such
tasks wait and who may take them. No rung counts as a try of the task: each comes once, so the ladder ends by itself.
A job whose tasks all fit pays nothing for it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from . import fit_words
from .climbed import Climbed
from .devices import display_names, gpus
from .ledger import ORDINARY, TaskState
from .memory_told import MemoryTold
from .model import Device, Fault
from .own_slot import OwnSlot, Resort, cards, devices_of, ordinary
from .roster import AT_WORK, SlotRecord, Worker
from .rungs import ALONE, ALONE_IN_RAM, CPU, NOWHERE, RESORTS, TOGETHER, Climb, next_place, serves
from .small_cards import SmallCards

if TYPE_CHECKING:
    from .machine import Machine

BARE_ENOUGH = 3
"""Frames that fitted only into a fresh Blender without kept data, until no worker keeps any."""


class Ladder:
    def __init__(self, machine: Machine, resort: Resort) -> None:
        self._machine = machine
        self._resort = resort
        self.memory = MemoryTold(machine.readings)
        self._small = SmallCards(self.memory)
        self.own = OwnSlot(machine, resort, self.memory, self._small)
        self._climbs: dict[int, Climb] = {}
        self._returned: set[str] = set()
        """Slots that were closed for a task that then needed the whole card, and were opened again."""
        self._closed_at: dict[str, float] = {}
        """Card, or empty for RAM → when there was one worker fewer."""
        self._bare = 0
        self._earlier: dict[int, str] = {}
        """Task → where it waited when the job was interrupted."""

    # --- who may take what ----------------------------------------------------------------------------------------

    def places(self, record: SlotRecord) -> tuple[str, ...]:
        """Return the places whose tasks this slot may take now, the heaviest first."""
        if record.place:
            return (record.place,)
        devices = record.slot.devices
        heavy = [place for place in self._machine.ledger.places() if serves(place, devices, self.memory.room)]
        return (*heavy, *(() if self._rests(devices) else (ORDINARY,)))

    def is_ordinary(self, record: SlotRecord) -> bool:
        """Whether this slot takes any task now."""
        return not record.place and not self._rests(record.slot.devices) and not self.own.aside(record)

    def waiting(self, record: SlotRecord) -> int:
        """Return how many tasks wait only for this slot and others like it."""
        return sum(self._machine.ledger.waiting_at(place) for place in self.places(record) if place != ORDINARY)

    def helps(self, record: SlotRecord) -> bool:
        """Whether a task that has too little RAM in this slot may have more elsewhere."""
        return self._resort.climbs and record.place != ALONE_IN_RAM

    def bare(self, record: SlotRecord) -> bool:
        """Whether a worker in this slot keeps no data between frames."""
        return bool(record.place) or self._bare >= BARE_ENOUGH

    def handed(self, record: SlotRecord) -> None:
        """A task was handed to a worker there."""
        for card in gpus(record.slot.devices):
            self._small.handed(card, self._settled())

    def _rests(self, devices: tuple[Device, ...]) -> bool:
        """Whether frames do not fit there at present, and cards with more room are at work for them."""
        here = gpus(devices) if self._small.known else []  # asked of every slot at every event
        if len(here) != 1 or not self._small.rests(here[0], self._settled()):
            return False
        if self._machine.ledger.settled():
            return False  # what is left is a check of its own frames
        return self._is_small(here[0])

    def _is_small(self, card: Device) -> bool:
        room = self.memory.room
        return any(room(other) > room(card) for other in gpus(devices_of(self._machine)))

    def _settled(self) -> int:
        counts = self._machine.ledger.counts
        return counts[TaskState.DONE] + counts[TaskState.GIVEN_UP]

    # --- what did not fit -----------------------------------------------------------------------------------------

    def failed(self, at: float, worker: Worker, task: int, fault: Fault, words: str) -> bool:
        """A task ran out of memory: choose where it waits when it is given back. False: it is a failure like others."""
        record = worker.slot
        if fault is Fault.OUT_OF_VRAM and not gpus(record.slot.devices):
            return False
        if not record.place and self._just_fewer(at, record, fault):
            return True  # it began before
        if not self._resort.climbs:
            return self.fewer(at, worker, fault, words)
        climb = self._climbs.setdefault(task, Climb())
        climb.fault, climb.words = fault, words
        if not climb.fewer and self.fewer(at, worker, fault, words):
            climb.fewer = record.slot.name
            return True
        self._note(climb, worker, task)
        place = self._next(climb)
        self._send(task, climb, place)
        if place != NOWHERE:
            said = fit_words.tried_next(self._machine.label(task), record.slot.name, climb, place)
            self._machine.tell("warning", said, like=f"does not fit: {place}", worker=worker.id)
        return True

    def fewer(self, at: float, worker: Worker, fault: Fault, words: str) -> bool:
        """Close this slot where another one shares the card (VRAM) or the machine (RAM); return whether one was closed.

        Several that run out of memory at once do so for one reason.
        """
        machine, record = self._machine, worker.slot
        if record.closed or record.place:
            return False
        if self._just_fewer(at, record, fault):
            return True
        if not self._sharing(record, fault):
            return False
        machine.close(record, f"{fault}{fit_words.tail(words)}; fewer workers go on", level="warning", worker=worker.id)
        for where in _where(record, fault):
            self._closed_at[where] = at
        if worker.state in AT_WORK:
            machine.dismiss_now(at, worker)
        return True

    def _sharing(self, record: SlotRecord, fault: Fault) -> list[SlotRecord]:
        others = [other for other in ordinary(self._machine) if other is not record]
        if fault is not Fault.OUT_OF_VRAM:
            return others
        return [other for other in others if cards(other.slot) & cards(record.slot)]

    def _just_fewer(self, at: float, record: SlotRecord, fault: Fault) -> bool:
        long_ago = at - self._machine.limits.together
        return any(self._closed_at.get(where, float("-inf")) >= long_ago for where in _where(record, fault))

    def _note(self, climb: Climb, worker: Worker, task: int) -> None:
        """Remember where the task did not fit."""
        record, here = worker.slot, gpus(worker.slot.slot.devices)
        own = record.place or (TOGETHER if len(here) > 1 else "")
        # Rooms change: where it came from a place like "over 8 GB", it is not sent there again.
        climb.done |= {own or self._machine.ledger.place(task)} - {ORDINARY}
        if climb.fault is not Fault.OUT_OF_VRAM:
            return
        room, everywhere = self.memory.room, gpus(devices_of(self._machine))
        card = min(here, key=room)
        total = self.memory.total(card)
        if room(card) >= climb.over and record.place != TOGETHER:
            climb.over, climb.total, climb.name = room(card), total, card.name
            climb.free = min(self.memory.was_free(card, worker.born), total - self.memory.others(card))
            climb.biggest = all(self.memory.total(other) <= total for other in everywhere)
        if not record.place and len(here) == 1:
            self._small.too_big(card)
        if record.place or len(here) > 1 or self._sharing(record, climb.fault):
            return
        climb.unshared = card
        alone = ALONE + card.name
        if self.bare(record) and self.own.devices(alone) in ((card,), ()):
            climb.done.add(alone)  # nor is there a better one of the name
        if self._is_small(card) and self._small.failed(card, self._settled()):
            self._say_too_small(card, everywhere)

    def _say_too_small(self, card: Device, everywhere: list[Device]) -> None:
        total, others = self.memory.total(card), self.memory.others(card)
        is_like_others = total and self.memory.room(card) == total
        name = card.name if is_like_others else display_names([*everywhere, card])[card.id]
        self._machine.tell("warning", fit_words.too_small(name, total, others))

    def _next(self, climb: Climb) -> str:
        devices = [*devices_of(self._machine), *self._machine.blame.cards.coming()]
        return next_place(climb, devices, self.memory.room, self._resort.allowed)

    def _send(self, task: int, climb: Climb, place: str) -> None:
        self._machine.ledger.assign(task, place)
        self._machine.record("rung", task=task, place=place, fault=climb.fault)
        if place in (*RESORTS, NOWHERE):
            self._take_back(climb)

    def _take_back(self, climb: Climb) -> None:
        """One worker fewer did not help this task: have the slot back. Once, or tasks like it would take turns."""
        machine, name = self._machine, climb.fewer
        record = machine.slots.get(name)
        if record is None or not record.closed or name in self._returned:
            return
        self._returned.add(name)
        if machine.auto:
            machine.auto.may_return(record.slot.devices, "VRAM" if climb.fault is Fault.OUT_OF_VRAM else "RAM")
        else:
            machine.reopen(record)

    # --- what did fit, and what never will --------------------------------------------------------------------------

    def fitted(self, at: float, worker: Worker, task: int) -> None:
        """A task was put in place."""
        record = worker.slot
        here = gpus(record.slot.devices)
        for card in here if not record.place else ():
            self._small.fitted(card)
        climb = self._climbs.pop(task, None)
        if climb is None or not record.place.startswith(ALONE):
            return
        self._take_back(climb)
        before = climb.unshared
        if before and self._bare < BARE_ENOUGH and not any(self._small.explains(before, card) for card in here):
            self._bare += 1
            if self._bare == BARE_ENOUGH:
                self._keep_nothing(at)

    def _keep_nothing(self, at: float) -> None:
        """What helped these frames may help all: begin them anew, wherever there is room."""
        machine = self._machine
        machine.tell("warning", fit_words.kept_nothing(BARE_ENOUGH))
        for worker in list(machine.workers.values()):
            if not worker.slot.place:
                machine.dismiss(at, worker)
        for place in [place for place in machine.ledger.places() if place.startswith(ALONE)]:
            for task in machine.ledger.drain(place):
                self._send(task, self._climbs.setdefault(task, Climb()), ORDINARY)
                machine.ledger.give_back(task, at)

    def go_on(self, at: float) -> None:
        """Look after the tasks that wait for a place of their own, after every event."""
        ledger = self._machine.ledger
        self.memory.look(at, self._machine.workers.values())
        if self._earlier and self._machine.readings.last:
            self._go_back()
        places = ledger.places()
        here = ordinary(self._machine) if places else []
        for place in places if here else ():
            if place == NOWHERE:
                for task in ledger.drain(place):
                    self._give_up(task)
            elif self._is_stranded(at, place, here):
                for task in ledger.drain(place):
                    climb = self._climbs.setdefault(task, Climb())
                    climb.done.add(place)
                    self._send(task, climb, self._next(climb))
                    ledger.give_back(task, at)
        if places or self.own.record:
            self.own.go_on(at)

    def recall(self, climbed: Climbed) -> None:
        """What did not fit in an earlier run of this job goes on where it was, as soon as cards can tell their memory.

        Until then those tasks are like others: nobody waits for a driver that may be in trouble.
        """
        waiting = [task for task in climbed.places if self._machine.ledger.state(task) is TaskState.WAITING]
        self._earlier = {task: climbed.places[task] for task in waiting}
        self._climbs = {task: climbed.climbs[task] for task in waiting}

    def _go_back(self) -> None:
        ledger, earlier, room = self._machine.ledger, self._earlier, self.memory.room
        self._earlier = {}
        sent = [t for t in earlier if ledger.state(t) is TaskState.WAITING and ledger.place(t) == ORDINARY]
        here = gpus(devices_of(self._machine)) if sent else []
        for task in sent:
            ledger.send(task, earlier[task])
            climb = self._climbs.setdefault(task, Climb())
            # What did not fit alone needs no try beside others.
            climb.over = max(climb.over, *(room(card) for card in here if ALONE + card.name in climb.done), -1)
        if sent:
            self._machine.tell("note", fit_words.went_on(len(sent)))

    def _is_stranded(self, at: float, place: str, here: list[SlotRecord]) -> bool:
        """Whether nobody is there any more, or ever will be, who serves this place."""
        own = self.own.record
        if (own and own.place == place) or self.own.devices(place):
            return False
        coming = self._machine.blame.cards.coming()  # a card that is left out comes back
        room = partial(self.memory.lately, at)
        if any(place == ALONE + device.name or serves(place, (device,), room) for device in coming):
            return False
        return not any(serves(place, record.slot.devices, room) for record in here)

    def _give_up(self, task: int) -> None:
        climb = self._climbs.pop(task, None) or Climb()
        allowed = CPU in self._resort.allowed or CPU in climb.done
        label = self._machine.label(task)
        self._machine.blame.give_up(task, fit_words.given_up(label, climb, self.memory.ram(), cpu_allowed=allowed))


def _where(record: SlotRecord, fault: Fault) -> set[str]:
    return cards(record.slot) if fault is Fault.OUT_OF_VRAM else {""}
