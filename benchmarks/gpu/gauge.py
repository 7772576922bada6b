# SPDX-License-Identifier: GPL-3.0-or-later
"""How busy cards, processor and memory are while a cell runs: a thread that asks the driver five times a second.

Where there is no driver or library, there are no figures.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from .rate import mean_of

try:
    import psutil
except ImportError:
    psutil = None
try:
    import pynvml
except ImportError:
    pynvml = None

PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class Look:
    """One look. Percent and bytes, by place of the card among those that render."""

    at: float
    """Seconds since the epoch."""
    load: tuple[float, ...]
    vram: tuple[int, ...]
    cpu: float | None
    ram: int | None
    """In use."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Means over a stretch; empty or None: not told."""

    load: tuple[float, ...] = ()
    vram: tuple[int, ...] = ()
    """The most."""
    cpu: float | None = None
    ram: int | None = None
    """The most."""


@dataclass
class Gauge:
    """Use it with ``with``; ``uuids`` name the cards."""

    uuids: list[str]
    looks: list[Look] = field(default_factory=list)

    def __enter__(self) -> Gauge:
        self._over = threading.Event()
        self._handles = handles(self.uuids)
        if psutil is not None:
            psutil.cpu_percent(None)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def busy(self, since: float, until: float) -> Busy:
        """Return means of the looks in a stretch."""
        looks = [look for look in self.looks if since <= look.at <= until]
        if not looks:
            return Busy()
        cards = range(len(self._handles))
        ram = [look.ram for look in looks if look.ram is not None]
        return Busy(
            tuple(sum(look.load[n] for look in looks) / len(looks) for n in cards),
            tuple(max(look.vram[n] for look in looks) for n in cards),
            mean_of([look.cpu for look in looks]),
            max(ram, default=None),
        )

    def _run(self) -> None:
        while not self._over.wait(PAUSE):
            memory = [pynvml.nvmlDeviceGetMemoryInfo(handle).used for handle in self._handles]
            self.looks.append(
                Look(
                    time.time(),
                    tuple(float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu) for handle in self._handles),
                    tuple(int(used) for used in memory),
                    None if psutil is None else psutil.cpu_percent(None),
                    None if psutil is None else psutil.virtual_memory().used,
                )
            )


def handles(uuids: list[str]) -> list[Any]:
    """Return the driver's handles of cards; none where it is missing."""
    if pynvml is None or not uuids:
        return []
    try:
        pynvml.nvmlInit()
        return [pynvml.nvmlDeviceGetHandleByUUID(uuid) for uuid in uuids]
    except pynvml.NVMLError:
        return []


def driver() -> str:
    """Return the driver's version; empty without one."""
    if pynvml is None:
        return ""
    try:
        pynvml.nvmlInit()
        return str(pynvml.nvmlSystemGetDriverVersion())
    except pynvml.NVMLError:
        return ""
