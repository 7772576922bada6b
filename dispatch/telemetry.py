# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine is doing: processes and memory by psutil, NVIDIA cards by NVML.

Owns the two libraries and their oddities; both may be missing. `Telemetry.sample` never raises: what cannot be told is
None, and `Telemetry.why` says it in a sentence. Decides nothing. A driver in trouble can take seconds to answer, so
call it from a thread of its own, and from one thread only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from . import host
from .devices import NvmlDevice, pci_address
from .gauges import CardSample, ProcessSample, Sample


class Telemetry:
    """Open libraries and what must be remembered from sample to sample; `close` it at the end."""

    def __init__(self) -> None:
        self._psutil, without_psutil = _library("psutil", "processes and memory")
        self._nvml, without_nvml = _library("pynvml", "NVIDIA cards")
        self._processes: dict[int, Any] = {}
        self._cards: dict[str, Any] = {}
        self._loads: dict[str, list[float]] = {}
        """Of each card since the last sample."""
        if self._nvml is not None:
            without_nvml = self._open()
        self.why = " ".join(filter(None, (without_psutil, without_nvml)))
        """What is not available and why, in sentences; empty when everything is."""
        self._machine_cpu()  # the first answer is always 0: it only starts the measurement

    def nvml_devices(self) -> tuple[NvmlDevice, ...]:
        """Return the cards that NVIDIA's driver knows; empty without one."""
        return tuple(self._nvml_device(pci, handle) for pci, handle in self._cards.items())

    def driver(self) -> str:
        """Return the version of NVIDIA's driver; empty where there is none."""
        return _text(self._ask("nvmlSystemGetDriverVersion") or "") if self._cards else ""

    def glance(self) -> None:
        """Note how busy the cards are; the next sample tells the mean.

        The driver speaks of the last second at most, of a sixth of it on some cards (``nvmlUtilization_t``): between
        two samples a frame's whole work may have come and gone.
        """
        for pci, handle in self._cards.items():
            load = _number(getattr(self._ask("nvmlDeviceGetUtilizationRates", handle), "gpu", None))
            self._loads[pci] = [] if load is None else [*self._loads.get(pci, ()), load]

    def sample(self, pids: Mapping[int, int]) -> Sample:
        """Look once; ``pids`` maps worker number to process id."""
        self.glance()
        cards = {pci: self._card(handle, self._loads[pci]) for pci, handle in self._cards.items()}
        self._loads = {}
        if cards and all(card == CardSample() for card in cards.values()):
            self._reopen()  # after a driver reset every old handle is dead
        children = self._children() if pids else {}
        trees = {worker: _below(pid, children) for worker, pid in pids.items()}
        workers = {worker: self._worker(tree, cards) for worker, tree in trees.items()}
        alive = set().union(*trees.values())
        self._processes = {pid: process for pid, process in self._processes.items() if pid in alive}
        memory = self._ask_psutil(lambda ps: ps.virtual_memory())
        allowed = host.memory_allowed()
        return Sample(
            workers,
            cards,
            ram_total=least(getattr(memory, "total", None), allowed.total),
            ram_available=least(getattr(memory, "available", None), allowed.free),
            cpu=self._machine_cpu(),
            oom_kills=allowed.kills,
        )

    def close(self) -> None:
        """Let go of the driver; the object gives no more cards."""
        if self._cards:
            self._cards = {}
            self._ask("nvmlShutdown")

    # --- NVML ---------------------------------------------------------------------------------------------------

    def _open(self) -> str:
        """Return why there are no cards; empty when there are some."""
        try:
            self._nvml.nvmlInit()
        except Exception as error:  # noqa: BLE001 - NVMLError, or whatever a broken driver library raises at load
            return f"Load, memory and temperature of NVIDIA cards are not available: {_text(error)}."
        for index in range(self._ask("nvmlDeviceGetCount") or 0):
            handle = self._ask("nvmlDeviceGetHandleByIndex", index)
            bus = getattr(self._ask("nvmlDeviceGetPciInfo", handle), "busId", "")
            pci = pci_address(_text(bus))
            if handle is not None and pci is not None:
                self._cards[pci] = handle
        return "" if self._cards else "Load, memory and temperature of cards are not available: NVML lists no card."

    def _reopen(self) -> None:
        handles = dict(self._cards)
        self._ask("nvmlShutdown")
        if self._open():
            self._cards = handles  # keep the names, so that the next sample tries again

    def _ask(self, function: str, *arguments: object) -> Any:
        """Return the answer, None where this card, driver or library does not give one."""
        try:
            return getattr(self._nvml, function)(*arguments)
        except Exception:  # noqa: BLE001 - NVMLError of any kind, a function that an old driver lacks
            return None

    def _nvml_device(self, pci: str, handle: object) -> NvmlDevice:
        split = (self._ask("nvmlDeviceGetMigMode", handle) or [0])[0]
        return NvmlDevice(
            pci,
            "" if split else _text(self._ask("nvmlDeviceGetUUID", handle) or ""),
            _text(self._ask("nvmlDeviceGetName", handle) or ""),
            getattr(self._ask("nvmlDeviceGetMemoryInfo", handle), "total", None),
        )

    def _card(self, handle: object, loads: Sequence[float]) -> CardSample:
        memory = self._ask("nvmlDeviceGetMemoryInfo", handle)
        milliwatts = self._ask("nvmlDeviceGetPowerUsage", handle)
        processes = self._ask("nvmlDeviceGetComputeRunningProcesses", handle) or ()
        return CardSample(
            load=round(fmean(loads), 1) if loads else None,
            vram_used=getattr(memory, "used", None),
            vram_total=getattr(memory, "total", None),
            temperature=_number(self._ask("nvmlDeviceGetTemperature", handle, 0)),  # 0: the sensor in the GPU
            power=None if milliwatts is None else milliwatts / 1000,
            display=self._display(handle),
            vram_of={int(p.pid): int(p.usedGpuMemory) for p in processes if p.usedGpuMemory},
        )

    def _display(self, handle: object) -> bool | None:
        # "Display mode" is 1 on an H200 without any screen (tried); "active" tells whether a desktop runs on the card.
        active = self._ask("nvmlDeviceGetDisplayActive", handle)
        return None if active is None else bool(active)

    # --- psutil -------------------------------------------------------------------------------------------------

    def _ask_psutil(self, question: Callable[[Any], Any]) -> Any:
        try:
            return question(self._psutil) if self._psutil is not None else None
        except Exception:  # noqa: BLE001 - a process that ended meanwhile, a system file that cannot be read
            return None

    def _machine_cpu(self) -> float | None:
        return _number(self._ask_psutil(lambda ps: ps.cpu_percent(None)))

    def _children(self) -> dict[int, list[int]]:
        """Return parent → children for the whole machine: one pass, however many workers there are."""
        children: dict[int, list[int]] = {}
        for process in self._ask_psutil(lambda ps: list(ps.process_iter(["ppid"]))) or ():
            children.setdefault(process.info["ppid"] or 0, []).append(process.pid)
        return children

    def _worker(self, pids: set[int], cards: Mapping[str, CardSample]) -> ProcessSample:
        found = [(memory, cpu) for memory, cpu in map(self._process, pids) if memory is not None]
        vram = [card.vram_of[pid] for card in cards.values() for pid in pids if pid in card.vram_of]
        return ProcessSample(
            memory=sum(memory for memory, _ in found) if found else None,
            cpu=sum(cpu or 0.0 for _, cpu in found) if found else None,
            vram=sum(vram) if vram else None,
        )

    def _process(self, pid: int) -> tuple[int | None, float | None]:
        known: Any = self._processes.get(pid)
        if known is None or not self._ask_psutil(lambda _: known.is_running()):  # the number may be another's by now
            known = self._processes[pid] = self._ask_psutil(lambda ps: ps.Process(pid))
        memory = self._ask_psutil(lambda _: known.memory_info().rss)
        if memory is None:
            return None, None
        return memory, _number(self._ask_psutil(lambda _: known.cpu_percent(None)))


def _library(name: str, about: str) -> tuple[Any, str]:
    try:
        return importlib.import_module(name), ""
    except Exception as error:  # noqa: BLE001 - also a wheel for another Python or system
        return None, f"Numbers of {about} are not available: {_text(error)}."


def _below(pid: int, children: Mapping[int, Iterable[int]]) -> set[int]:
    seen = {pid}
    todo = [pid]
    while todo:
        for child in children.get(todo.pop(), ()):
            if child not in seen:
                seen.add(child)
                todo.append(child)
    return seen


def least(*told: int | None) -> int | None:
    return min((value for value in told if value is not None), default=None)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _text(value: object) -> str:
    """NVML answered in bytes before its Python 3 bindings settled, and still does for some fields."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
