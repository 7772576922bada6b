# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the snapshot: the machine's records, the job's words and the last telemetry, as one frozen view.

Owns the translation only; reads the machine and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .gauges import Sample
from .leases import HeldBy
from .ledger import TaskState
from .machine import Machine
from .model import Device, Job, Outcome, Then
from .roster import Worker, WorkerState
from .snapshot import DeviceView, Message, Snapshot, WorkerView
from .time_left import time_left


@dataclass(slots=True)
class Beside:
    """What a snapshot tells beside the machine's records; the dispatcher keeps it up to date."""

    then: Then = Then.NOTHING
    then_at: float = 0.0
    waits_for: tuple[Device, ...] = ()
    """Devices that another job still has."""
    behind: HeldBy | None = None
    movie: str = ""
    """Path of the movie, once it is in place."""
    writes_movie: bool = False
    outcome: Outcome | None = None
    audit: str = ""


def snapshot(
    job: Job,
    machine: Machine,
    frames: Sequence[int],
    *,
    now: float,
    elapsed: float,
    pid: int,
    messages: Sequence[Message],
    sample: Sample | None,
    beside: Beside,
) -> Snapshot:
    """Return the job at this moment."""
    seconds_left, seconds_left_range = time_left(machine, now)
    return Snapshot(
        job=job.id,
        name=job.name,
        state=_state(machine, beside),
        **_counts(machine),
        frames_per_second=machine.pace.frames_per_second(now),
        seconds_left=seconds_left,
        seconds_left_range=seconds_left_range,
        bottleneck=machine.verdict.words,
        auto=machine.auto.words if machine.auto else "",
        elapsed=elapsed,
        output=job.output,
        workers=tuple(_worker(w, machine, frames, now, sample) for w in machine.workers.values()),
        devices=tuple(_device(d, machine, sample, d in beside.waits_for) for d in job.devices),
        messages=tuple(messages),
        outcome=beside.outcome,
        audit=beside.audit,
        **_line(beside.behind),
        last_picture=machine.last_picture,
        movie=beside.movie,
        then=beside.then,
        then_at=beside.then_at,
        ram_available=(sample.ram_available or 0) if sample else 0,
        pid=pid,
        updated=datetime.now().astimezone().isoformat(timespec="seconds"),
    )


def _counts(machine: Machine) -> dict[str, Any]:
    ledger = machine.ledger
    return {
        "total": ledger.count,
        "done": ledger.counts[TaskState.DONE],
        "found": machine.found,
        "failed": ledger.counts[TaskState.GIVEN_UP],
        "elsewhere": ledger.elsewhere,
        "retried": ledger.retried,
        "doubled": machine.doubled,
    }


def _line(behind: HeldBy | None) -> dict[str, Any]:
    return {"behind": behind.name, "behind_job": behind.job_id, "ahead": behind.ahead} if behind else {}


def _state(machine: Machine, beside: Beside) -> str:
    if beside.outcome:
        return "ended"
    if beside.writes_movie:
        return "writing movie"
    if machine.stopping or machine.outcome is not None:
        return "stopping"  # at the latter's end the files are still to be looked at
    if beside.behind:
        return "waiting"
    if machine.paused or machine.blame.hold.words:
        return "paused"
    return "rendering" if machine.ever_ready else "starting"


def _worker(worker: Worker, machine: Machine, frames: Sequence[int], now: float, sample: Sample | None) -> WorkerView:
    attempt = worker.in_frame()
    seen = sample.workers.get(worker.id) if sample else None
    state = worker.state.value
    if worker.state is WorkerState.READY:
        state = "rendering" if attempt else "checking" if worker.check else state
    return WorkerView(
        worker=worker.id,
        slot=worker.slot.slot.name,
        devices=tuple(d.id for d in worker.slot.slot.devices),
        state=state,
        pid=worker.pid,
        frame=frames[attempt.task] if attempt else None,
        sample=attempt.sample if attempt else 0,
        samples=attempt.samples if attempt else 0,
        done=worker.finished,
        seconds_per_frame=machine.pace.seconds_per_frame(worker.id),
        seconds_in_frame=now - attempt.begun_at if attempt else 0.0,
        memory=(seen.memory or 0) if seen else 0,
        vram=(seen.vram or 0) if seen else 0,
    )


def _device(device: Device, machine: Machine, sample: Sample | None, waiting: bool) -> DeviceView:
    slots = [r for r in machine.slots.values() if device in r.slot.devices]
    state = "waiting" if waiting else "in use" if not slots or any(not r.closed for r in slots) else "left out"
    card = sample.cards.get(device.pci) if sample and device.pci else None
    done, seconds = machine.pace.of_device(device.id)
    return DeviceView(
        id=device.id,
        name=device.name,
        state=state,
        load=card.load if card else None,
        vram_used=card.vram_used if card else None,
        vram_total=card.vram_total if card else None,
        temperature=card.temperature if card else None,
        power=card.power if card else None,
        done=done,
        seconds_per_frame=seconds,
    )
