# SPDX-License-Identifier: GPL-3.0-or-later
"""One try of more workers: started, warmed, compared in turns, then kept or taken back.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. Whether to try
is for `auto` to say; what the comparison says is `trial`'s. Owns the one try that runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import auto_words
from .berths import Berths, ready
from .blocks import Rate
from .kinds import Kind
from .model import Device
from .roster import SlotRecord, WorkerState
from .trial import EACH, LONGEST, MOST_PAIRS, Answer, Compared, Trial

if TYPE_CHECKING:
    from .machine import Machine
    from .squeeze import Decide, Squeeze

PATIENCE = 3.0
"""A try that takes so many times as long as was reckoned is given up …"""

SLACK = 60.0
"""… and so many seconds."""

SEARCH = 0.1
"""Part of what is left of the job that a comparison may take: little is lost in it, and the longer it is the surer."""

BLOCKS = 8
"""Blocks of a comparison, mostly; where there is time for more of them, more may be compared."""

FEW = 2
"""Frames that each worker finishes in a block where there are several cards …"""

ENOUGH = 8
"""… but so many at least on all cards together, for each worker that one of them has …"""

LONG = 2.0
"""… and half of that where a worker's frame takes so many seconds: within half a minute the machine itself changes. On two
H200 (*sync*, eight seconds a frame) the first two frames of each block said in each comparison what all four did."""

RESTARTS = 3
"""How often a comparison begins anew because a worker ended in its middle."""

DOUBT = 1 / 3
"""Several workers that gain less than this part of what as many of the first ones do: the last may be of no use."""

MATTERS = 0.1
"""Devices that render less than this part of the frames do not hold up a comparison."""

PAUSE = 4.0
"""So many times its length passes until a comparison that told nothing is made again."""


@dataclass(slots=True)
class Try:
    """More workers on trial."""

    kind: Kind
    level: int
    """Workers on each device with them."""
    records: list[SlotRecord]
    crew: list[SlotRecord]
    """All slots of their devices, them among these."""
    devices: frozenset[str]
    """Ids of the devices that have one worker more."""
    began: float
    reckoned: float
    """Seconds that it should take."""
    cost: float
    """Device seconds of a frame before it."""
    more: int
    """Of them that joined each device."""
    each: int
    """Frames that each worker finishes in a block of the comparison."""
    longer: float
    """So many times as many pairs of blocks as usual may be compared."""
    before: Rate | None
    """How fast their devices were without them just before."""
    doubt: bool = False
    """Whether the workers were there before."""
    trial: Trial | None = None
    """None: the workers are not warm yet."""
    restarts: int = 0


class Tries:
    def __init__(
        self,
        machine: Machine,
        kinds: Sequence[Kind],
        berths: Berths,
        squeeze: Squeeze,
        warm: Callable[[SlotRecord], bool],
        decide: Decide,
    ) -> None:
        """``warm``: whether a slot's worker has rendered the frames that do not count."""
        self._machine = machine
        self._kinds = kinds
        self._berths = berths
        self._squeeze = squeeze
        self._warm = warm
        self._decide = decide
        self._run: Try | None = None
        self.kept_at = 0.0
        """When workers were found to pay last."""

    @property
    def running(self) -> bool:
        return self._run is not None

    def begin(
        self,
        at: float,
        kind: Kind,
        records: list[SlotRecord],
        cost: float,
        *,
        load: float,
        left: float,
        more: int = 1,
        doubt: bool = False,
    ) -> None:
        """Put these slots' workers, ``more`` of them on each of their devices, on trial.

        Args:
            cost: Device seconds of a frame.
            load: Seconds until they have rendered their first frame.
            left: Seconds until the job ends at today's pace.
            doubt: They were there before, and stay unless they are found to be of no use.
        """
        devices = frozenset(device.id for record in records for device in record.slot.devices)
        interval = cost * (kind.level + more)
        each = frames_each(len(devices) * more, interval)
        longer = max(1.0, min(LONGEST, SEARCH * left / (BLOCKS * interval * each)))
        reckoned = load + 2 * MOST_PAIRS * longer * each * interval
        crew = [record for d in kind.devices if d.id in devices for record in self._berths.of(d)]
        others = len(crew) - len(records)
        before = kind.window.rate({kind.noun}) if kind.window and kind.window.workers == others else None
        level = kind.level + more
        self._run = Try(kind, level, records, crew, devices, at, reckoned, cost, more, each, longer, before, doubt)

    def finished(self, at: float, worker: int) -> None:
        """A worker has finished a frame."""
        if self._run and self._run.trial:
            self._run.trial.finished(at, worker)
            self.look(at)

    def look(self, at: float) -> None:
        """See how the try goes on."""
        run = self._run
        if run is None or self._machine.stopping:
            return
        if closed := [record for record in run.crew if record.closed]:
            self._drop(at, run, auto_words.not_loaded(run.level - run.more, run.kind.noun, run.more, closed[0].closed))
        elif self._late(at, run):
            self.give_up(at)
        elif run.trial is None:
            self._start_trial(run)
        elif not self._complete(run.trial):
            self._berths.rest(run.records, resting=False)
            run.trial, run.restarts = None, run.restarts + 1
            if run.restarts > RESTARTS:
                self.give_up(at)
        else:
            self._go_on(at, run, run.trial)

    def _late(self, at: float, run: Try) -> bool:
        end_is_near = self._machine.ledger.waiting() < len(self._machine.workers)
        return end_is_near or at - run.began > PATIENCE * run.reckoned + SLACK

    def _complete(self, trial: Trial) -> bool:
        workers = self._machine.workers
        return all(id in workers and workers[id].state is WorkerState.READY for id in trial.workers)

    def _start_trial(self, run: Try) -> None:
        """Begin to compare once every worker that takes part is warm."""
        total = sum(kind.rate for kind in self._kinds)
        groups: dict[int, tuple[str, bool]] = {}
        compared = [kind for kind in self._kinds if kind is run.kind or kind.rate > MATTERS * total]
        for kind in compared:
            for device in kind.devices:
                records = self._berths.of(device)
                if not all(ready(record) and self._warm(record) for record in records):
                    return
                groups |= {r.worker.id: (kind.noun, device.id in run.devices) for r in records if r.worker}
        extra = frozenset(record.worker.id for record in run.records if record.worker)
        before = run.before if compared == [run.kind] else None
        run.trial = Trial(groups, extra, (run.kind.noun, True), each=run.each, longer=run.longer, before=before)
        run.trial.settled()

    def _go_on(self, at: float, run: Try, trial: Trial) -> None:
        answer = trial.answer()
        if answer is Answer.KEEP:
            self._keep(at, run, trial)
        elif answer is Answer.DROP:
            self._drop(at, run)
        else:
            self._berths.rest(run.records, resting=not trial.with_extra)
            if trial.with_extra or not any(record.worker and record.worker.hand for record in run.records):
                trial.settled()

    def _keep(self, at: float, run: Try, trial: Trial) -> None:
        found = trial.compared()
        assert found is not None
        self._end(run, found, kept=True)
        kind, there = run.kind, self._there(run.kind)
        kind.level, self.kept_at = run.level, at
        kind.doubtful = run.more > 1 and found.gain < DOUBT * run.more / (run.level - run.more)
        words = auto_words.keep(run.level, kind.noun, auto_words.part(len(run.records), len(there)), found)
        self._decide("keep", words, level=run.level, **_figures(at, run))
        self._squeeze.may_join(at, (d for d in there if len(self._berths.of(d)) < kind.level), "memory")
        self._berths.share_threads(at)

    def _drop(self, at: float, run: Try, words: str = "") -> None:
        kind, found = run.kind, run.trial.compared() if run.trial else None
        self._end(run, found, kept=False)
        kind.failed(at + PAUSE * (at - run.began) if found and found.gain > 0 else None, run.more)
        self._remove(at, run)
        if found:
            words = words or auto_words.drop(kind.level, kind.noun, run.more, found)
        self._decide("drop", words, level=kind.level, **_figures(at, run))

    def give_up(self, at: float, *, failed: bool = True) -> None:
        """The try cannot be finished: what did good so far stays. ``failed``: it counts as a failure."""
        if (run := self._run) is None:
            return
        kind, found = run.kind, run.trial.compared() if run.trial else None
        good = found.gain > 0 if found else run.doubt
        self._end(run, found, kept=good)
        if failed:
            kind.failed(None, run.more)
        if good:
            kind.level = run.level
            kind.doubtful = run.doubt and not failed
        else:
            self._remove(at, run)
        words = auto_words.cut_short(kind.level, kind.noun, run.more, kept=good)
        self._decide("give up", words, level=kind.level, **_figures(at, run))

    def _remove(self, at: float, run: Try) -> None:
        """Take the workers back, but none that has taken the place of another one on its device."""
        gone: list[SlotRecord] = []
        for device in (d for d in run.kind.devices if d.id in run.devices):
            there = self._berths.of(device)
            ours = [record for record in there if record in run.records]
            excess = len(there) - run.kind.level
            gone += ours[-excess:] if excess > 0 else []
        self._berths.remove(at, gone)

    def _there(self, kind: Kind) -> list[Device]:
        return [device for device in kind.devices if self._berths.of(device)]

    def _end(self, run: Try, found: Compared | None, *, kept: bool) -> None:
        rested = [record.worker.id for record in run.records if record.resting and record.worker]
        self._berths.rest(run.records, resting=False)
        self._run = None
        rate = 0.0 if found is None else found.with_extra if kept else found.without
        run.kind.decided(len(run.devices) / rate if rate else run.cost)
        for kind in self._kinds:
            kind.disturbed(rested)


def frames_each(devices: int, interval: float) -> int:
    """Return how many frames each worker finishes in a block.

    Args:
        devices: That are alike, once for each extra worker that they have.
        interval: Seconds from one finish of a worker to its next.
    """
    enough = ENOUGH if interval < LONG else ENOUGH // 2
    return max(FEW, min(EACH, -(-enough // devices)))


def _figures(at: float, run: Try) -> dict[str, object]:
    found = run.trial.compared() if run.trial else None
    figures: dict[str, object] = {"kind": run.kind.name, "seconds": round(at - run.began, 1)}
    figures["devices"] = len(run.devices)
    figures |= {"more": run.more} if run.more > 1 else {}
    if found:
        figures |= {"gain": found.gain, "error": found.error, "pairs": found.pairs, "without": found.without}
    return figures
