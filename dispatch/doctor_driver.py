# SPDX-License-Identifier: GPL-3.0-or-later
"""What NVIDIA's driver tells of its cards' health: memory errors, heat, PCIe, other programs.

Owns NVML's names and oddities for ``doctor``; `telemetry` has those of a running job. Never raises: what an old driver or
a small card does not tell is None. Judges nothing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from .devices import pci_address
from .doctor_nouns import Card, Driver, OnCard

SLOWED = (
    (0x08, "hardware slowdown"),
    (0x20, "heat, by the driver"),
    (0x40, "heat, by the hardware"),
    (0x80, "power supply"),
)
"""Bits of ``nvmlDeviceGetCurrentClocksThrottleReasons`` that somebody should look after."""
_UNCORRECTED, _SINCE_START = 1, 0


def look() -> Driver:
    """Ask the driver once. May take seconds where the driver is in trouble."""
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
    except Exception as error:  # noqa: BLE001 - no library, NVMLError, or whatever a broken driver library raises
        return Driver(
            why=f"NVIDIA's driver tells nothing ({_text(error)}); without an NVIDIA card that is as it should be."
        )
    ask = _asker(nvml)
    try:
        handles = [ask("nvmlDeviceGetHandleByIndex", index) for index in range(ask("nvmlDeviceGetCount") or 0)]
        cards = tuple(_card(ask, handle) for handle in handles if handle is not None)
        version = _text(ask("nvmlSystemGetDriverVersion") or "")
        return Driver("", version, _cuda(ask("nvmlSystemGetCudaDriverVersion")), cards)
    finally:
        ask("nvmlShutdown")


def _asker(nvml: Any) -> Callable[..., Any]:
    def ask(function: str, *arguments: object) -> Any:
        """Return the answer, None where this card, driver or library does not give one."""
        try:
            return getattr(nvml, function)(*arguments)
        except Exception:  # noqa: BLE001 - NVMLError of any kind, a function that an old driver lacks
            return None

    return ask


def _card(ask: Callable[..., Any], handle: object) -> Card:
    bus = _text(getattr(ask("nvmlDeviceGetPciInfo", handle), "busId", ""))
    memory = ask("nvmlDeviceGetMemoryInfo", handle)
    slowed = ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle) or 0
    display = ask("nvmlDeviceGetDisplayActive", handle)
    return Card(
        pci=pci_address(bus) or bus,
        name=_text(ask("nvmlDeviceGetName", handle) or "an NVIDIA card"),
        vram_total=getattr(memory, "total", None),
        vram_used=getattr(memory, "used", None),
        capability=_pair(ask("nvmlDeviceGetCudaComputeCapability", handle)),
        split=bool((ask("nvmlDeviceGetMigMode", handle) or [0])[0]),
        display=None if display is None else bool(display),
        link_width=ask("nvmlDeviceGetCurrPcieLinkWidth", handle),
        link_width_most=ask("nvmlDeviceGetMaxPcieLinkWidth", handle),
        link_generation=ask("nvmlDeviceGetCurrPcieLinkGeneration", handle),
        link_generation_most=ask("nvmlDeviceGetMaxPcieLinkGeneration", handle),
        ecc_errors=ask("nvmlDeviceGetTotalEccErrors", handle, _UNCORRECTED, _SINCE_START),
        slowed=tuple(words for bit, words in SLOWED if slowed & bit),
        temperature=ask("nvmlDeviceGetTemperature", handle, 0),  # 0: the sensor in the GPU
        programs=_programs(ask, handle),
    )


def _programs(ask: Callable[..., Any], handle: object) -> tuple[OnCard, ...]:
    found = {}
    for function in ("nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses"):
        for process in ask(function, handle) or ():
            found[int(process.pid)] = getattr(process, "usedGpuMemory", None)
    return tuple(OnCard(pid, _name(pid), vram) for pid, vram in sorted(found.items()))


def _name(pid: int) -> str:
    try:
        return str(importlib.import_module("psutil").Process(pid).name())
    except Exception:  # noqa: BLE001 - no psutil, another user's process, one in another container
        return f"process {pid}"


def _pair(value: Any) -> tuple[int, int] | None:
    return None if value is None else (int(value[0]), int(value[1]))


def _cuda(version: int | None) -> str:
    """12040 → ``12.4``; empty: unknown."""
    return f"{version // 1000}.{version % 1000 // 10}" if version else ""


def _text(value: object) -> str:
    """NVML answered in bytes before its Python 3 bindings settled."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
