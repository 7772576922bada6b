# SPDX-License-Identifier: GPL-3.0-or-later
"""From devices and the artist's choice to slots: who renders on what, with how many CPU threads. Pure.

Owns the meaning of the strategies. *Auto* here is the start that needs no measurement; what it learns while the job
runs (`auto`) answers with another `Layout`. A slot says where a worker *may* run: how many are started is the
machine's decision (never more than there are tasks).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .devices import display_names, gpus
from .model import Backend, Device, DispatchError, Layout, Slot, Strategy

CYCLES = "CYCLES"

_CPU_LANES = 2
"""One child evaluates and saves while the other renders; more of them only cost memory before it was measured."""

LEAST_THREADS = 2
"""With one thread and persistent data, a thread of Blender's task scheduler spins from the first frame on (`sched_yield`; 4.5.15 and
5.0.1, not 4.2.0; seen by a script that sleeps in each frame: one second of processor a second). Two such workers on two cores rendered 1.1 to
1.4 times slower than with two threads each."""

Named = list[tuple[str, tuple[Device, ...]]]


def plan(
    devices: Sequence[Device],
    *,
    strategy: Strategy = Strategy.AUTO,
    per_device: int = 1,
    threads: int = 0,
    cores: int = 1,
    tasks: int = 1,
    engine: str = CYCLES,
    in_order: bool = False,
) -> Layout:
    """Return the slots of a job, at least one.

    ``threads`` is per worker, 0: `share` of the ``cores``. ``in_order``: tasks depend on each other, one worker takes
    them all.

    Raises:
        DispatchError: no device for Cycles, or a combined device of several backends.
    """
    workers = 1 if in_order else max(1, tasks)
    if engine != CYCLES:
        return _slots(_unpinned(engine, min(max(1, per_device), workers)), threads, cores, workers)
    if not devices:
        raise DispatchError("There is no device to render on: name one with --devices.")
    if _combines(devices, strategy, max(1, tasks)):
        named = [(_combined_name(devices), tuple(devices))]
    else:
        copies = max(per_device, _lanes(devices, strategy, cores))
        named = _per_device(devices, copies, workers, kept=strategy is Strategy.AUTO)
    return _slots(named[:1] if in_order else named, threads, cores, workers)


def _combines(devices: Sequence[Device], strategy: Strategy, tasks: int) -> bool:
    backends = {device.backend for device in devices} - {Backend.CPU}
    if strategy is Strategy.COMBINED:
        if len(backends) > 1:
            kinds = " and ".join(sorted(backends))
            raise DispatchError(
                f"Devices of {kinds} cannot be one combined device: choose one backend with --backend, "
                "or --strategy per-device."
            )
        return True
    return strategy is Strategy.AUTO and tasks < len(devices) and len(backends) <= 1


def _lanes(devices: Sequence[Device], strategy: Strategy, cores: int) -> int:
    only_cpu = not gpus(devices)
    return _CPU_LANES if only_cpu and strategy is Strategy.AUTO and cores >= _CPU_LANES else 1


def _per_device(devices: Sequence[Device], per_device: int, tasks: int, kept: bool) -> Named:
    """``kept``: the first of a device has its bare name, so that it stays the same slot when another one joins it."""
    names = display_names(devices)
    copies = min(per_device, -(-tasks // len(devices)))
    numbered = not kept and copies > 1
    # all first copies come first: with few tasks each card gets one before any gets two
    return [
        (f"{names[device.id]} {copy}" if numbered else copy_name(names[device.id], copy), (device,))
        for copy in range(1, copies + 1)
        for device in devices
    ]


def copy_name(name: str, copy: int) -> str:
    """Return the slot name of a device's so-manieth worker, from 1, where workers may join while the job runs."""
    return name if copy == 1 else f"{name} {copy}"


def combined(devices: Sequence[Device], threads: int) -> Slot:
    """Return the one slot of all these devices together."""
    return Slot(_combined_name(devices), tuple(devices), threads)


def _combined_name(devices: Sequence[Device]) -> str:
    if len(devices) == 1:
        return display_names(devices)[devices[0].id]
    counts = Counter("CPU" if device.backend is Backend.CPU else device.name for device in devices)
    return " + ".join(f"{count} × {name}" if count > 1 else name for name, count in counts.items())


def _unpinned(engine: str, count: int) -> Named:
    name = engine.removeprefix("BLENDER_").removesuffix("_NEXT")
    return [(f"{name} {number}" if count > 1 else name, ()) for number in range(1, count + 1)]


def _slots(named: Named, threads: int, cores: int, workers: int) -> Layout:
    each = threads if threads > 0 else share([devices for _, devices in named], cores, workers)
    return tuple(Slot(name, devices, each) for name, devices in named)


def share(slots: Sequence[tuple[Device, ...]], cores: int, workers: int) -> int:
    """Return the CPU threads of each worker: the cores are shared by the cards, and by the workers without one.

    Workers on one card get its whole part each: they need the processor at different moments. On 4 H200 with 64 cores
    and 2 workers on each, 16 threads each rendered 14 and 17 % more frames of a scene that needs much preparation than
    8 did (`docs/performance.md`). So a card's workers come and go without a change, which costs a preparation anew.

    Args:
        slots: the devices of each.
        workers: how many there may be at once.
    """
    cards = {devices for devices in slots if gpus(devices)}
    parts = len(cards) + sum(not gpus(devices) for devices in slots)
    return max(LEAST_THREADS, cores // max(1, min(parts, workers)))
