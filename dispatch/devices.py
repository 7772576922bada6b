# SPDX-License-Identifier: GPL-3.0-or-later
"""Which devices there are, what they are called, and which of them the user means. Pure.

Owns a device's identity: Cycles tells it by an id that mostly carries the PCI address, NVML by PCI address and UUID;
an index is never used, since masks and drivers renumber cards. Asks no driver: the lists come from a child
(`Inspected.devices`) and from `telemetry.Telemetry.nvml_devices`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .model import Backend, Device, DispatchError

_BEST = tuple(Backend)  # the enum is written best first
_PCI = re.compile(r"(?:^|_)([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})(?:\.[0-9a-f])?(?:_[A-Za-z]+)?$", re.IGNORECASE)

# Neither Cycles nor NVML says which GPU sits in the processor, so their makers' names must.
_INTEGRATED_AMD = re.compile(r"Radeon(\(TM\))?( R\d| Vega| RX Vega)?( \d+)? Graphics$|Radeon(\(TM\))? \d{3}M\b")
_DISCRETE_INTEL = re.compile(r"\b(Arc\b.*\b[A-Z]\d{2,3}M?\b|Flex|Max|Data Center)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NvmlDevice:
    """One card as NVIDIA's driver knows it."""

    pci: str
    """Like `Device.pci`."""
    uuid: str
    """``GPU-…``; empty where the card is split (MIG) and so must not be named as a whole."""
    name: str
    vram_total: int | None = None
    """Bytes."""


def pci_address(text: str) -> str | None:
    """Return ``0000:3b:00`` for any spelling at the end of a Cycles id or in NVML's bus id, None where there is none.

    ``CUDA_NVIDIA H200_0000:3b:00_OptiX``, ``ONEAPI_…_0000:03:00.0``, ``00000000:3B:00.0``.
    """
    found = _PCI.search(text)
    if found is None:
        return None
    domain, bus, slot = (int(part, 16) for part in found.groups())
    return f"{domain:04x}:{bus:02x}:{slot:02x}"


def from_cycles(id: str, name: str, kind: str) -> Device | None:
    """Return the device for one entry of Cycles' list, None for a kind that we do not know."""
    try:
        backend = Backend(kind)
    except ValueError:
        return None
    return Device(id, name, backend, None if backend is Backend.CPU else pci_address(id))


def unique(devices: Iterable[Device], backend: Backend | None = None) -> tuple[Device, ...]:
    """Return each physical device once, by its best backend or by the one that is asked for; the CPU comes last."""
    cards: dict[str, Device] = {}
    for device in map(_with_pci, devices):
        if backend not in (None, device.backend) and device.backend is not Backend.CPU:
            continue
        known = cards.get(device.card)
        if known is None or _BEST.index(device.backend) < _BEST.index(known.backend):
            cards[device.card] = device
    return tuple(sorted(cards.values(), key=lambda device: device.backend is Backend.CPU))


def ways(devices: Iterable[Device]) -> dict[str, tuple[Device, ...]]:
    """Return card → every way in which Cycles can drive it, best first."""
    cards: dict[str, list[Device]] = {}
    for device in sorted(map(_with_pci, devices), key=lambda device: _BEST.index(device.backend)):
        cards.setdefault(device.card, []).append(device)
    return {card: tuple(found) for card, found in cards.items()}


def with_uuids(devices: Iterable[Device], nvml: Iterable[NvmlDevice]) -> tuple[Device, ...]:
    """Add NVML's UUIDs, joined by PCI address."""
    uuids = {card.pci: card.uuid for card in nvml if card.uuid}
    return tuple(
        replace(device, uuid=uuids.get(device.pci or "", device.uuid))
        if device.backend in (Backend.OPTIX, Backend.CUDA)
        else device
        for device in map(_with_pci, devices)
    )


def is_integrated(device: Device) -> bool:
    """Return whether the GPU sits in the processor and shares its memory with the desktop (by its name)."""
    if device.backend is Backend.HIP:
        return _INTEGRATED_AMD.search(device.name) is not None
    return device.backend is Backend.ONEAPI and _DISCRETE_INTEL.search(device.name) is None


def choose(
    devices: Sequence[Device], preferred: Sequence[str], spec: str | None, backend: Backend | None = None
) -> tuple[Device, ...]:
    """Return the devices that ``spec`` names, each card once.

    ``spec``: ``all`` (every GPU; the CPU where there is none), ``gpu``, ``cpu``, or a comma-separated list of these
    and of ids, PCI addresses or unambiguous parts of an id or a name. None: what is ticked in Preferences
    (``preferred``: Cycles ids), else ``all``. GPUs inside the processor come only by name, or where there is no other.

    Raises:
        DispatchError: a named device does not exist, is ambiguous, or is not of the backend asked for.
    """
    here = unique(devices, backend)
    if backend is Backend.CPU:
        here = tuple(device for device in here if device.backend is Backend.CPU)
    if spec is None:
        return _ticked(here, preferred) or _named("all", here, backend)
    every = [device for device in map(_with_pci, devices) if backend in (None, device.backend)]
    exact = _exact(spec.strip(), every)
    if exact:  # an id may hold a comma
        return exact
    picked: dict[str, Device] = {}
    for word in filter(None, map(str.strip, spec.split(","))):
        for device in _exact(word, every) or _named(word, here, backend):
            picked.setdefault(device.card, device)
    if not picked:
        raise DispatchError(f"No device is named. {_listed(here)}")
    return tuple(picked.values())


def gpus(devices: Iterable[Device]) -> list[Device]:
    """Return those that are not the processor."""
    return [device for device in devices if device.backend is not Backend.CPU]


def display_names(devices: Sequence[Device]) -> dict[str, str]:
    """Return id → a short name for people that is unique in this list; cards of one name get their PCI address."""
    shown = ["CPU" if device.backend is Backend.CPU else device.name for device in devices]
    names: dict[str, str] = {}
    for device, name in zip(devices, shown, strict=True):
        same = [other for other, its in zip(devices, shown, strict=True) if its == name]
        if len(same) == 1:
            names[device.id] = name
        elif device.pci and all(other.pci for other in same):
            tails = {(other.pci or "")[5:] for other in same}
            names[device.id] = f"{name} ({device.pci[-5:] if len(tails) == len(same) else device.pci})"
        else:
            names[device.id] = f"{name} ({same.index(device) + 1})"
    return names


def _with_pci(device: Device) -> Device:
    if device.pci is None and device.backend is not Backend.CPU:
        return replace(device, pci=pci_address(device.id))
    return device


def _best_gpus(here: Sequence[Device]) -> tuple[Device, ...]:
    every = tuple(gpus(here))
    return tuple(device for device in every if not is_integrated(device)) or every


def _ticked(here: Sequence[Device], preferred: Sequence[str]) -> tuple[Device, ...]:
    """Blender ticks each GPU it finds by itself, so a tick on an integrated one is no wish. The CPU stays off.

    The ticks are about cards: Preferences may say CUDA where we take OptiX.
    """
    cards = {pci_address(id) or id for id in preferred}
    return _best_gpus([device for device in here if device.card in cards])


def _exact(word: str, every: Iterable[Device]) -> tuple[Device, ...]:
    return tuple(device for device in every if device.id == word)[:1]


def _named(word: str, here: Sequence[Device], backend: Backend | None) -> tuple[Device, ...]:
    lower = word.lower()
    cpu = tuple(device for device in here if device.backend is Backend.CPU)
    if lower == "cpu" and cpu:
        return cpu
    if lower in ("gpu", "all"):
        found = _best_gpus(here) or (cpu if lower == "all" and backend in (None, Backend.CPU) else ())
        if found:
            return found
        kind = f"{backend.value} device" if backend else "GPU" if lower == "gpu" else "device"
        advice = "Is the card's driver installed, and new enough for this Blender?"
        raise DispatchError(f"Cycles finds no {kind} here. {_listed(here)} {advice}")
    fits = tuple(device for device in here if lower == device.pci) or tuple(
        device for device in here if lower in device.id.lower() or lower in device.name.lower()
    )
    if not fits:
        raise DispatchError(f"There is no device '{word}' here. {_listed(here)}")
    if len(fits) > 1:
        raise DispatchError(f"'{word}' fits {len(fits)} devices, so name one by its id or PCI address. {_listed(fits)}")
    return fits


def _listed(here: Sequence[Device]) -> str:
    names = display_names(here)
    return f"Devices: {', '.join(f'{names[device.id]} [{device.id}]' for device in here) or 'none'}."
