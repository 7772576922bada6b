# SPDX-License-Identifier: GPL-3.0-or-later
"""What telemetry reads off the machine: nouns only, so that pure rooms can reckon with them.

What cannot be told is None. Sizes are bytes, loads percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ProcessSample:
    """One worker: its process and everything below it (a Blender may be started by a wrapper)."""

    memory: int | None = None
    """Resident bytes."""
    cpu: float | None = None
    """Percent of one core since the last sample."""
    vram: int | None = None
    """Bytes on all cards; None: the driver does not tell it by process (Windows, containers)."""


@dataclass(frozen=True, slots=True)
class CardSample:
    """One NVIDIA card."""

    load: float | None = None
    """Percent of the time in which a kernel ran."""
    vram_used: int | None = None
    vram_total: int | None = None
    temperature: float | None = None
    """°C."""
    power: float | None = None
    """Watts."""
    vram_of: Mapping[int, int] = field(default_factory=dict)
    """Process id → bytes, for every process that computes there."""
    display: bool | None = None
    """A desktop runs on it, screen or not."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the machine."""

    workers: Mapping[int, ProcessSample]
    """By worker number, for all that were asked for."""
    cards: Mapping[str, CardSample]
    """By PCI address (`Device.pci`)."""
    ram_total: int | None = None
    """Read anew each time: a virtual machine's memory may change."""
    ram_available: int | None = None
    cpu: float | None = None
    """Percent of all cores since the last sample."""
    oom_kills: int | None = None
    """Processes that the system has killed for want of memory since it started."""
