# SPDX-License-Identifier: GPL-3.0-or-later
"""What workers say, and what the machine makes of it.

A part of the machine with a file of its own, under the machine's rules: no clock, no process, no file. A report that
does not fit the records (late, doubled, of another attempt, out of turn) changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import lanes
from .events import Load, Send, WorkerSaid
from .lacking import Lacking
from .model import BlenderProgram, Fault
from .protocol import (
    VERSION,
    Begun,
    Broken,
    Checked,
    Commit,
    Committed,
    Discard,
    Failed,
    FolderNoted,
    FolderUsed,
    Hello,
    Left,
    Loaded,
    Progressed,
    Rendered,
    Skipped,
)
from .roster import AT_WORK, Attempt, Worker, WorkerState

if TYPE_CHECKING:
    from .machine import Machine


LOOKED_AT = 100
"""Claims of others that are looked at again within `Limits.claims` seconds."""


class Hearing:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._folders: set[str] = set()
        self._lacking = Lacking(machine)

    def know_folder(self, folder: str) -> None:
        """The journal of an earlier run knows this output folder already."""
        self._folders.add(folder)

    def hear(self, event: WorkerSaid) -> None:
        worker = self._machine.workers.get(event.worker)
        if worker is None or worker.state not in (*AT_WORK, WorkerState.LEAVING):
            return
        at, report = event.at, event.report
        match report:
            case Hello():
                self._on_hello(at, worker, report)
            case Loaded():
                self._on_loaded(at, worker, report)
            case FolderUsed():
                self._on_folder(worker, report.folder)
            case Broken():
                self._machine.kill(at, worker, report.fault, report.words)
            case Left():
                self._on_left(at, worker, report)
            case Checked() | Progressed() | Failed() if report.attempt == worker.check:
                self._on_check(at, worker, report)
            case Begun() | Progressed() | Rendered() | Committed() | Skipped() | Failed():
                attempt = worker.hand.get(report.attempt)
                if attempt is not None:
                    self._on_attempt(at, worker, attempt, report)
                elif isinstance(report, Rendered):
                    self._machine.command(Send(worker.id, Discard(report.attempt)))
            case _:
                pass  # Inspected: not asked for.

    def _on_hello(self, at: float, worker: Worker, hello: Hello) -> None:
        if worker.state is not WorkerState.STARTING:
            return
        if hello.protocol != VERSION:
            words = f"the child speaks protocol {hello.protocol}, not {VERSION}: the installation is mixed up"
            self._machine.kill(at, worker, Fault.CANNOT_START, words)
            return
        made_with = self._machine.blender
        if made_with is not None and _is_another(made_with, hello):
            # Two versions must not mix in one animation, nor two builds of one; and the next one would be no other.
            self._machine.close(worker.slot, _updated(made_with, hello), worker=worker.id)
            self._machine.dismiss_now(at, worker)
            return
        worker.state, worker.since = WorkerState.LOADING, at
        keeps = not self._machine.ladder.bare(worker.slot) and self._machine.trust.configured(worker)
        self._machine.command(Load(worker.id, worker.slot.slot, keeps))

    def _on_loaded(self, at: float, worker: Worker, loaded: Loaded) -> None:
        if worker.state is not WorkerState.LOADING or not self._right_devices(at, worker, loaded.devices):
            return
        worker.state, worker.since = WorkerState.READY, at
        self._machine.costs.loaded(at - worker.born)
        self._machine.ever_ready = True
        self._machine.checks.loaded(at, worker)
        for warning in loaded.warnings:
            self._machine.tell("warning", warning, once=True)

    def _right_devices(self, at: float, worker: Worker, devices: tuple[str, ...]) -> bool:
        """Whether Cycles uses what the slot has and nothing else; if not, the worker is ended: never a silent CPU render."""
        asked = {d.id for d in worker.slot.slot.devices}
        if not asked or set(devices) == asked:
            return True
        words = f"Cycles uses {', '.join(devices) or 'no device'} instead of {', '.join(sorted(asked))}"
        self._machine.kill(at, worker, Fault.WRONG_DEVICE, words)
        return False

    def _on_left(self, at: float, worker: Worker, left: Left) -> None:
        """It ends any moment now. What it never began waits again, so that only its end is waited for."""
        worker.since = at
        for number in left.dropped:
            attempt = worker.hand.get(number)
            if attempt is not None and not attempt.begun:
                del worker.hand[number]
                self._machine.ledger.give_back(attempt.task, at)

    def _on_folder(self, worker: Worker, folder: str) -> None:
        if folder not in self._folders:
            self._folders.add(folder)
            self._machine.record("folder", folder=folder)
        self._machine.command(Send(worker.id, FolderNoted(folder)))

    def _on_check(self, at: float, worker: Worker, report: Checked | Progressed | Failed) -> None:
        worker.since = at
        if isinstance(report, Checked):
            self._machine.checks.checked(at, worker, report)
        elif isinstance(report, Failed):
            self._machine.checks.failed(at, worker, report.words)

    def _on_attempt(
        self,
        at: float,
        worker: Worker,
        attempt: Attempt,
        report: Begun | Progressed | Rendered | Committed | Skipped | Failed,
    ) -> None:
        match report:
            case Begun():
                if not attempt.begun:
                    self._machine.trust.begun(worker, attempt)
                    self._machine.recycling.begun(at, worker)
                attempt.begun, attempt.begun_at, worker.since = True, at, at
            case Progressed():
                if report.sample != attempt.sample:
                    worker.since = at  # a frame may take hours: as long as samples come, it lives
                attempt.sample, attempt.samples = report.sample, report.samples
                self._machine.kernels.sampled(worker.id)
            case Rendered() if attempt.pictures is None:
                self._on_rendered(at, worker, attempt, report)
            case Committed() if attempt.pictures is not None:
                self._on_committed(at, worker, attempt, report)
            case Skipped() if attempt.pictures is None:
                self._on_skipped(at, worker, attempt, report)
            case Failed():
                del worker.hand[attempt.id]
                worker.since = at
                self._machine.kernels.gone(worker.id)
                self._machine.blame.attempt_failed(at, worker, attempt, report.fault, report.words)
            case _:
                pass  # doubled, or out of turn

    def _on_rendered(self, at: float, worker: Worker, attempt: Attempt, report: Rendered) -> None:
        if not self._right_devices(at, worker, report.devices):
            return
        if not attempt.begun:  # the word of its begin was lost
            attempt.begun, attempt.begun_at = True, at - report.phases.total
            self._machine.trust.begun(worker, attempt)
            self._machine.recycling.begun(at, worker)
        if self._lacking.refuses(at, worker, attempt, report.lacks):
            self._machine.command(Send(worker.id, Discard(attempt.id)))
            return
        attempt.pictures = report.pictures
        worker.since = at
        self._machine.kernels.finished(worker.id, worker.slot.slot)
        self._machine.pace.rendered(at - attempt.begun_at)
        self._machine.checks.rendered(at, worker, attempt, report.phases.total)
        self._machine.recycling.rendered(worker, report.memory)
        devices = [device.id for device in worker.slot.slot.devices]
        self._machine.timing.rendered(worker.id, devices, report.phases, sum(p.size for p in report.pictures))
        self._machine.verdict.rendered(at, worker, report.phases, sum(p.size for p in report.pictures))
        for warning in report.warnings:
            self._machine.tell("warning", warning, once=True)
        self._machine.record(
            "rendered",
            task=attempt.task,
            attempt=attempt.id,
            worker=worker.id,
            pictures=report.pictures,
            phases=report.phases,
            memory=report.memory,
            seconds=round(at - attempt.begun_at, 3),
            warm=attempt.warm,
        )
        self._machine.command(Send(worker.id, Commit(attempt.id)))
        if self._machine.auto:
            self._machine.auto.rendered(at, worker)

    def _on_committed(self, at: float, worker: Worker, attempt: Attempt, report: Committed) -> None:
        del worker.hand[attempt.id]
        devices = (device.id for device in worker.slot.slot.devices)
        seconds = self._machine.pace.finished(worker.id, at, attempt.begun_at, devices)
        crowd = lanes.busy(self._machine.workers.values())
        kind = lanes.kind(worker, crowd)
        self._machine.costs.finished(worker.id, kind, seconds, len(self._machine.workers))
        self._machine.recycling.finished(at, worker, kind, seconds)
        worker.finished += 1
        worker.since = at
        worker.slot.deaths = 0.0
        self._machine.blame.succeeded(worker)
        self._machine.ladder.fitted(at, worker, attempt.task)
        self._machine.in_place(at, attempt, report.lost_to_others)

    def _on_skipped(self, at: float, worker: Worker, attempt: Attempt, report: Skipped) -> None:
        del worker.hand[attempt.id]
        self._machine.kernels.gone(worker.id)
        worker.since = at
        if report.pictures:
            self._machine.ledger.done(attempt.task)
            self._machine.trust.again.discard(attempt.task)
            self._machine.found += 1
            self._machine.last_gain = at
            self._machine.last_picture = report.pictures[-1].path
            self._machine.record("found", task=attempt.task, pictures=report.pictures)
            for warning in report.warnings:
                self._machine.tell("warning", warning, once=True)
            return
        ledger, pause = self._machine.ledger, self._machine.limits.claims
        # However many there are, looking at them must leave time for frames that nobody has claimed.
        pause *= max(1.0, ledger.elsewhere / LOOKED_AT)
        ledger.claimed_elsewhere(attempt.task, report.owner, report.since, at + pause)


def _is_another(made_with: BlenderProgram, hello: Hello) -> bool:
    known = bool(made_with.build and hello.build)
    return hello.version != made_with.version or (known and hello.build != made_with.build)


def _updated(made_with: BlenderProgram, hello: Hello) -> str:
    now, then = (".".join(map(str, version)) for version in (hello.version, made_with.version))
    said = f"Blender {now} now, but the job was made with {then}"
    if now == then:
        said = f"another build of Blender {now} now ({hello.build}), but the job was made with build {made_with.build}"
    return f"{made_with.path} is {said}: put that one back and resume, or render it as a new job"
