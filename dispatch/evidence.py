# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured of a running job, gathered for `bottleneck`: phases, loads and memory of the present layout.

Owns the shape of the evidence and how it is read off the machine's records; pure. Judges nothing: what cannot be told
is None.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from . import devices as device_room
from .model import Backend, Device, Phases
from .roster import SlotRecord, WorkerState
from .timing import Means, Timing

if TYPE_CHECKING:
    from .machine import Machine

ENOUGH = 3
"""Frames that count (`timing.WARM_UP`) on each device before anything is said of it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The present layout at work. Seconds, bytes, percent."""

    devices: tuple[str, ...]
    """Names for people of those that the rest is about: the GPUs, or the CPU of a job that has none."""
    on_cpu: bool
    combined: bool
    """One worker renders on several of them together."""
    each: int
    """Workers per device."""
    auto: bool
    """Auto looks for the number of workers by itself."""
    frames: int
    """Frames of this run."""
    phases: Phases
    """Means of one frame in one worker."""
    size: float = 0.0
    """Mean bytes of the pictures of one frame."""
    kind: str = ""
    """Their format, as their ending says: ``PNG``; empty: unknown."""
    load: float | None = None
    """Mean of the cards' load; of a CPU that of all its cores."""
    cpu: float | None = None
    """Of all cores."""
    worker_cpu: float | None = None
    """Mean over the workers, percent of one core."""
    need_ram: int | None = None
    """What the largest worker has."""
    free_ram: int | None = None
    need_vram: int | None = None
    free_vram: int | None = None
    """On the fullest card."""


def at_work(machine: Machine) -> tuple[SlotRecord, ...]:
    """Return the slots whose workers render now."""
    ready = (WorkerState.READY, WorkerState.LEAVING)
    return tuple(r for r in machine.slots.values() if r.worker and r.worker.state in ready and not r.resting)


def judged(devices: Iterable[Device]) -> tuple[Device, ...]:
    """Return the devices that matter, each once: beside a GPU the CPU does not."""
    every = tuple(dict.fromkeys(devices))
    return tuple(device_room.gpus(every)) or every


def counted(machine: Machine, timing: Timing) -> int:
    """Return how many frames count on the device that has the fewest."""
    slots = at_work(machine)
    known = _means(timing, slots, judged(device for record in slots for device in record.slot.devices))
    return min((each.frames if each else 0 for each in known), default=0)


def gather(machine: Machine, timing: Timing, since: float) -> Evidence | None:
    """Return what is known since then; None while a device has too few frames for a word.

    Args:
        timing: Of the present layout.
        since: Monotonic seconds from which gauges count.
    """
    slots = at_work(machine)
    devices = judged(device for record in slots for device in record.slot.devices)
    means = _means(timing, slots, devices)
    known = [each for each in means if each is not None and each.frames >= ENOUGH]
    if not known or len(known) < len(means):
        return None
    on_cpu = bool(devices) and all(device.backend is Backend.CPU for device in devices)
    workers = [record.worker.id for record in slots if record.worker]
    cpu = machine.readings.cpu(since)
    names = device_room.display_names(devices)
    return Evidence(
        devices=tuple(names.values()),
        on_cpu=on_cpu,
        combined=any(len(record.slot.devices) > 1 for record in slots),
        each=max(1, round(len(slots) / max(1, len(devices)))),
        auto=machine.auto is not None,
        frames=machine.ledger.count - machine.found,
        phases=_together(known),
        size=_mean([each.size for each in known]) or 0.0,
        kind=PurePath(machine.last_picture).suffix.lstrip(".").upper(),
        load=cpu if on_cpu else _mean([machine.readings.load(d.pci, since) for d in devices if d.pci]),
        cpu=cpu,
        worker_cpu=_worker_cpu(machine, workers, since),
        **_memory(machine, workers, devices),
    )


def _means(timing: Timing, slots: tuple[SlotRecord, ...], devices: tuple[Device, ...]) -> list[Means | None]:
    """By device; by worker where the engine chooses its device itself."""
    if devices:
        return [timing.of_device(device.id) for device in devices]
    return [timing.of_worker(record.worker.id) for record in slots if record.worker]


def _together(means: list[Means]) -> Phases:
    """Weigh each device by its frames: a fast card renders most of the job."""
    frames = sum(each.frames for each in means)

    def mean(name: str) -> float:
        return sum(float(getattr(each.phases, name)) * each.frames for each in means) / frames

    return Phases(*(mean(name) for name in ("evaluate", "sync", "render", "write", "carry")))


def _worker_cpu(machine: Machine, workers: list[int], since: float) -> float | None:
    return _mean([s.workers[w].cpu for s in machine.readings.since(since) for w in workers if w in s.workers])


def _memory(machine: Machine, workers: list[int], devices: tuple[Device, ...]) -> dict[str, int | None]:
    last = machine.readings.last
    if last is None:
        return {}
    own = [last.workers[worker] for worker in workers if worker in last.workers]
    cards = [last.cards[device.pci] for device in devices if device.pci and device.pci in last.cards]
    return {
        "need_ram": max((each.memory for each in own if each.memory), default=None),
        "free_ram": last.ram_available,
        "need_vram": max((each.vram for each in own if each.vram), default=None),
        "free_vram": min(
            (c.vram_total - c.vram_used for c in cards if c.vram_total is not None and c.vram_used is not None),
            default=None,
        ),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return sum(told) / len(told) if told else None
