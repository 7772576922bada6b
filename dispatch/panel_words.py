# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel says before there is a job: names of devices, what the button and the strategy would do here.

Pure. Owns the panel's short lines (made for a column of about 40 letters), with `job_words`, which has those of a job
that runs or has ended. It must not draw, measure, look at a clock, or decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from . import layout, wording
from .model import Backend, Device, DispatchError, Strategy, Then

DOT = " · "

_MAKERS = re.compile(r"\b(NVIDIA|AMD|Intel|GeForce|Radeon(?= RX\b| PRO\b| Pro\b)|Apple(?= M\d))\b|\((R|TM)\)")
_BACKENDS = {Backend.OPTIX: "OptiX", Backend.ONEAPI: "oneAPI", Backend.METAL: "Metal"}
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
_THEN = {Then.NOTHING: "Nothing", Then.NOTIFY: "Notify Me", Then.SLEEP: "Sleep", Then.SHUT_DOWN: "Shut Down"}


# ---------------------------------------------------------------- names


@lru_cache(maxsize=256)
def device_name(name: str) -> str:
    """Shorten a card's name to what tells it apart: ``RTX 4090 (3b:00)`` for ``NVIDIA GeForce RTX 4090 (3b:00)``."""
    short = " ".join(_MAKERS.sub(" ", name).split())
    return short if short and short != "Graphics" else name


def engine_name(engine: str) -> str:
    """``EEVEE`` for ``BLENDER_EEVEE_NEXT``; Cycles as artists write it."""
    plain = engine.removeprefix("BLENDER_").removesuffix("_NEXT")
    return plain if plain == "EEVEE" else plain.replace("_", " ").title()


def backend_name(backend: str) -> str:
    """``OptiX`` for ``OPTIX``."""
    try:
        return _BACKENDS.get(Backend(backend), backend)
    except ValueError:
        return backend


def then_name(then: str) -> str:
    """The label of a choice of what happens at the end."""
    try:
        return _THEN[Then(then)]
    except ValueError:
        return then


# ---------------------------------------------------------------- before a job


def then_line(then: Then) -> str:
    """What this computer will do to itself at the end: a choice that the file carries from day to day; empty: nothing."""
    words = {Then.SLEEP: "Then this computer goes to sleep", Then.SHUT_DOWN: "Then this computer shuts down"}
    return words.get(then, "")


def on_devices(devices: Sequence[Device], engine: str = layout.CYCLES) -> str:
    """``on 4 GPUs``, ``on 1 GPU and the CPU``, ``with EEVEE``."""
    if engine != layout.CYCLES:
        return f"with {engine_name(engine)}"
    gpus = sum(device.backend is not Backend.CPU for device in devices)
    said = [wording.count(gpus, "GPU")] if gpus else []
    said += ["the CPU"] if gpus < len(devices) else []
    return f"on {' and '.join(said)}" if said else "on no device"


def will_render(count: int, devices: Sequence[Device], engine: str = layout.CYCLES) -> str:
    """``250 frames on 4 GPUs``."""
    return f"{wording.count(count, 'frame')} {on_devices(devices, engine)}"


def test_render(resolution: int, samples: float, step: int) -> str:
    """What a test render changes: ``Test: 25 % size, 25 % samples, every 2nd frame``; empty: nothing."""
    said = [f"{resolution} % size"] if 0 < resolution != 100 else []
    said += [f"{samples:.0f} % samples"] if 0 < samples != 100 else []
    ordinal = {2: "2nd", 3: "3rd"}.get(step, f"{step}th")
    said += [f"every {ordinal} frame"] if step > 1 else []
    return f"Test: {', '.join(said)}" if said else ""


def strategy(
    devices: Sequence[Device],
    chosen: Strategy,
    *,
    per_device: int = 1,
    cores: int = 1,
    tasks: int = 1,
    engine: str = layout.CYCLES,
) -> str:
    """What the strategy would do here: ``4 workers: one per GPU``."""
    if engine == layout.CYCLES and not devices:
        return "No device is chosen: tick one under Devices"
    kinds = [kind for kind in Backend if any(d.backend is kind for d in devices) and kind is not Backend.CPU]
    try:
        slots = layout.plan(
            devices, strategy=chosen, per_device=per_device, cores=cores, tasks=max(1, tasks), engine=engine
        )
    except DispatchError:
        return f"{wording.names([backend_name(kind) for kind in kinds])} cannot be one device: choose Per GPU"
    workers = min(len(slots), max(1, tasks))
    if engine != layout.CYCLES:
        return f"{wording.count(workers, 'worker')}: {engine_name(engine)} picks its GPU itself"
    if len(slots[0].devices) > 1:
        together = f"{'both' if len(devices) == 2 else f'all {len(devices)}'} {_unit(devices)}s"
        return f"1 worker: {together} on each frame"
    more = ", more where that is faster" if chosen is Strategy.AUTO and kinds else ""
    if workers == 1 and len(devices) == 1:
        return f"1 worker on the {'GPU' if kinds else 'CPU'}{more if tasks > 1 else ''}"
    words = f"{wording.count(workers, 'worker')}: {_each(devices, workers)}{more if workers >= len(devices) else ''}"
    return f"{words} ({wording.names([backend_name(kind) for kind in kinds])})" if len(kinds) > 1 else words


def _unit(devices: Sequence[Device]) -> str:
    return "device" if any(device.backend is Backend.CPU for device in devices) else "GPU"


def _each(devices: Sequence[Device], workers: int) -> str:
    if all(device.backend is Backend.CPU for device in devices):
        return "they share the CPU"
    each, rest = divmod(workers, len(devices))
    if not each:
        return "one per frame"
    most = each + bool(rest)
    number = _NUMBERS[most] if most < len(_NUMBERS) else str(most)
    return f"{'up to ' * bool(rest)}{number} per {_unit(devices)}"


# ---------------------------------------------------------------- devices


def chosen_of(chosen: int, here: int) -> str:
    """``2 of 4``; empty where there is nothing to choose from."""
    return f"{chosen} of {here}" if here else ""


def memory(used: int | None, total: int | None) -> str:
    """``2.1 of 24 GiB``, as far as it is known."""
    if not total:
        return ""
    power = max(p for p in range(5) if p == 0 or total >= 1024**p)
    unit = ("B", "KiB", "MiB", "GiB", "TiB")[power]
    whole = f"{total / 1024**power:.0f} {unit}"
    return whole if used is None else f"{used / 1024**power:.1f} of {whole}"


def load(percent: float | None, temperature: float | None) -> str:
    """``98 %  61 °C``, as far as it is known."""
    said = [f"{percent:.0f} %"] if percent is not None else []
    said += [f"{temperature:.0f} °C"] if temperature is not None else []
    return "  ".join(said)
