# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's judgement of failures: what counts against a task, a slot, a card, and what against nobody.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. It applies the
table in `faults`; it owns the hold (nothing can succeed), the strikes of cards and the memory of recent ends.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .faults import CARD_STRIKES, RULES, WRITE_STRIKES
from .model import Fault, Slot
from .roster import AT_WORK, Attempt, SlotRecord, Worker

if TYPE_CHECKING:
    from .machine import Machine

FORGOTTEN = 120.0
"""Seconds after which a new hold begins with a short pause again: a disk that is nearly full must not flap."""

EVENTS_IN_A_ROW = 3
"""Machine events without a finished frame in between that are believed."""


@dataclass(frozen=True, slots=True)
class RecentEnd:
    """A worker's unexpected end, kept until it is clear that it was no machine event."""

    at: float
    slot: SlotRecord
    deaths: float
    task: int | None
    weight: float


class Blame:
    def __init__(self, machine: Machine, retries: int) -> None:
        self._machine = machine
        self._retries = retries
        self._cards: Counter[str] = Counter()
        self._struck: dict[str, float] = {}
        self._ends: deque[RecentEnd] = deque()
        self._avoid: dict[int, str] = {}
        self._last_worker: dict[int, int] = {}
        """Task that failed → the worker that tried it last: its log tells more."""
        self._event_at = float("-inf")
        self._events = 0
        self._unwritten: set[int] = set()
        self._hold = ""
        self._hold_until = 0.0
        self._hold_pause = 0.0
        self._ever_succeeded = False

    # --- the hold: nothing can succeed until somebody mends it ----------------------------------------------------

    def holding(self) -> bool:
        """Whether one task at a time is tried, to see whether things have been mended."""
        return bool(self._hold)

    def held(self, at: float) -> bool:
        """Whether nothing is handed out at all."""
        return bool(self._hold) and at < self._hold_until

    @property
    def hold_words(self) -> str:
        return self._hold

    def succeeded(self) -> None:
        """A task was put in place."""
        self._unwritten.clear()
        self._events = 0
        self._ever_succeeded = True
        if self._hold:
            self._hold = ""
            self._machine.tell("note", "Going on: writing works again.")

    def _hold_on(self, at: float, worker: Worker, words: str) -> None:
        limits = self._machine.limits
        if at - self._hold_until > FORGOTTEN:
            self._hold_pause = 0.0
        self._hold_pause = min(max(2 * self._hold_pause, limits.backoff), limits.backoff_most)
        self._hold_until = at + self._hold_pause
        if not self._hold:
            said = f"Paused: {words.rstrip('.')}. The job goes on by itself when that is mended."
            self._machine.tell("error", said, worker=worker.id)
        self._hold = words

    # --- failed attempts ------------------------------------------------------------------------------------------

    def attempt_failed(self, at: float, worker: Worker, attempt: Attempt, fault: Fault, words: str) -> None:
        """A child reports that an attempt failed; it can render on."""
        machine, rule = self._machine, RULES[fault]
        machine.record("failed", task=attempt.task, attempt=attempt.id, worker=worker.id, fault=fault, words=words)
        self._unwritten = self._unwritten | {attempt.task} if fault is Fault.CANNOT_WRITE else set()
        if rule.hold or len(self._unwritten) >= WRITE_STRIKES or (self._hold and fault is Fault.CANNOT_WRITE):
            self._hold_on(at, worker, words)
            machine.ledger.give_back(attempt.task, self._hold_until)
            return
        if rule.fewer and self._close_sharing(at, worker, fault, words):
            machine.ledger.give_back(attempt.task, at)
            return
        # Whatever the kind: a try that costs nothing would be tried for ever.
        self._charge(attempt.task, worker, rule.task or 1.0, fault, words)
        if not self.too_often(attempt.task):
            where = f"{_capital(machine.label(attempt.task))} failed on {worker.slot.slot.name}"
            said = f"{where} ({fault}{_tail(words)}); it is tried again"
            machine.tell("warning", said, worker=worker.id)
        if rule.card:
            if worker.state in AT_WORK:
                self._strike_cards(at, worker.slot.slot, words)
            # A driver's error stays with the process: a fresh one must try next.
            worker.slot.not_before = at + machine.limits.backoff
            machine.dismiss(at, worker)
        machine.ledger.give_back(attempt.task, *self.next_try(at, attempt.task))

    def worker_ended(self, at: float, worker: Worker, fault: Fault, words: str) -> None:
        """A worker ended that was not asked to."""
        machine, rule, record = self._machine, RULES[fault], worker.slot
        current = worker.in_frame()
        where = f" in {machine.label(current.task)}" if current else ""
        follows = "the frame is tried again" if current else "another one is started"
        said = f"The worker on {record.slot.name} ended{where} ({fault}{_tail(words)}); {follows}"
        machine.tell("warning", said, worker=worker.id)
        if rule.hold:
            self._hold_on(at, worker, f"{fault}{_tail(words)}")
            return
        if rule.fewer and self._close_sharing(at, worker, fault, words):
            return
        record.deaths += rule.slot
        record.not_before = at + (self._pause(record.deaths) if worker.finished == 0 else 0.0)
        if current:
            self._charge(current.task, worker, rule.task, fault, words)
        if rule.card:
            self._strike_cards(at, record.slot, words)
        if worker.sentence is None and rule.together and self._ever_succeeded:
            self._ends.append(RecentEnd(at, record, rule.slot, current.task if current else None, rule.task))
            self._look_for_machine_event(at)
        if record.deaths >= machine.limits.deaths:
            why = f"Blender ended {record.deaths:.0f} times in a row there ({fault}{_tail(words)})"
            machine.close(record, why, worker=worker.id)

    def _look_for_machine_event(self, at: float) -> None:
        """Ends of several workers at once (driver reset, sleep, OOM killer) are no fault of frames or cards.

        A task that ended two workers is no coincidence, and a machine on which nothing succeeds any more is no event.
        """
        machine = self._machine
        while self._ends and at - self._ends[0].at > machine.limits.together:
            self._ends.popleft()
        tasks = Counter(e.task for e in self._ends if e.task is not None)
        ends = [e for e in self._ends if e.task is None or tasks[e.task] < 2]
        alive = sum(1 for w in machine.workers.values() if w.state in AT_WORK)
        slots = {id(e.slot) for e in ends}
        goes_on = at - self._event_at <= machine.limits.together
        if self._events >= EVENTS_IN_A_ROW or (not goes_on and (len(slots) < 2 or len(slots) < alive)):
            return
        if not goes_on:
            self._events += 1
            self._event_at = at
            machine.tell("warning", f"{len(slots)} workers ended together: blaming the machine, not the frames")
        for end in ends:
            end.slot.deaths = max(0.0, end.slot.deaths - end.deaths)
            end.slot.not_before = at + machine.limits.backoff
            self._forgive_cards(at, end.slot.slot)
            if end.task is not None:
                machine.ledger.forgive(end.task, end.weight)
            self._ends.remove(end)

    # --- tasks ----------------------------------------------------------------------------------------------------

    def _charge(self, task: int, worker: Worker, weight: float, fault: Fault, words: str) -> None:
        self._machine.ledger.blame(task, weight, f"{fault}{_tail(words)}")
        self._machine.record("blamed", task=task, weight=weight, fault=fault)
        if RULES[fault].elsewhere:
            self._avoid[task] = worker.slot.slot.name
        self._last_worker[task] = worker.id

    def next_try(self, at: float, task: int) -> tuple[float, str]:
        """Return when a failed task may be tried again, and which slot it should avoid.

        A task that has used up its tries waits until it is clear that no machine event was to blame.
        """
        limits = self._machine.limits
        if self.too_often(task):
            return at + limits.together, ""
        return at + self._pause(self._machine.ledger.blamed(task)), self._avoid.pop(task, "")

    def too_often(self, task: int) -> bool:
        return self._machine.ledger.blamed(task) > self._retries

    def give_up(self, task: int) -> None:
        machine = self._machine
        trouble = machine.ledger.trouble[task]
        machine.ledger.give_up(task)
        machine.record("given up", task=task, tries=trouble.tries, words=trouble.words)
        said = f"{_capital(machine.label(task))} is given up after {trouble.tries} tries: {trouble.words}"
        machine.tell("error", said, worker=self._last_worker.pop(task, None))

    def _pause(self, blame: float) -> float:
        limits = self._machine.limits
        return 0.0 if blame <= 0 else min(limits.backoff * 2.0 ** (blame - 1), limits.backoff_most)

    # --- slots and cards --------------------------------------------------------------------------------------------

    def _close_sharing(self, at: float, worker: Worker, fault: Fault, words: str) -> bool:
        """Out of memory: close this slot where another one shares the card (VRAM) or the machine (RAM)."""
        machine, record = self._machine, worker.slot
        cards = {d.card for d in record.slot.devices}
        others = [r for r in machine.open_slots() if r is not record]
        if fault is Fault.OUT_OF_VRAM:
            others = [r for r in others if cards & {d.card for d in r.slot.devices}]
        if not others or record.closed:
            return False
        machine.close(record, f"{fault}{_tail(words)}; fewer workers go on", level="warning", worker=worker.id)
        if worker.state in AT_WORK:
            machine.dismiss_now(at, worker)
        return True

    def _strike_cards(self, at: float, slot: Slot, words: str) -> None:
        """Quarantine a card at its second fault. A combined slot does not tell which of its cards it was."""
        machine = self._machine
        for device in slot.devices if len(slot.devices) == 1 else ():
            if at - self._struck.get(device.card, float("-inf")) <= machine.limits.together:
                continue  # one fault ends every worker on the card
            self._struck[device.card] = at
            self._cards[device.card] += 1
            if self._cards[device.card] < CARD_STRIKES:
                continue
            for record in machine.open_slots():
                if device.card in {d.card for d in record.slot.devices}:
                    machine.close(record, f"{device.name} failed {CARD_STRIKES} times{_tail(words)}")
                    if record.worker and record.worker.state in AT_WORK:
                        machine.dismiss_now(at, record.worker)

    def _forgive_cards(self, at: float, slot: Slot) -> None:
        """Take the strikes of a machine event back."""
        for device in slot.devices if len(slot.devices) == 1 else ():
            if at - self._struck.get(device.card, float("-inf")) <= self._machine.limits.together:
                del self._struck[device.card]
                self._cards[device.card] -= 1


def _tail(words: str) -> str:
    return f": {words}" if words else ""


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
