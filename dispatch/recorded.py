# SPDX-License-Identifier: GPL-3.0-or-later
"""What the recorder kept of a job, as one series a gauge, in the job's own seconds.

Owns the reading of ``telemetry.jsonl`` lines and their thinning. Pure; damaged lines are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .job_clock import JobClock

MOST = 800
"""Points of one series in a page."""


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@dataclass(slots=True)
class Gauge:
    """One figure over time."""

    at: list[float] = field(default_factory=list)
    value: list[float] = field(default_factory=list)

    def add(self, at: float, value: Any) -> None:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self.at.append(at)
            self.value.append(float(value))

    def thinned(self, of: Callable[[Sequence[float]], float] = mean, most: int = MOST) -> Gauge:
        """Return at most that many points; ``of`` makes one value of several."""
        step = -(-len(self.at) // most) or 1
        if step == 1:
            return self
        begins = range(0, len(self.at), step)
        return Gauge([self.at[i] for i in begins], [of(self.value[i : i + step]) for i in begins])


@dataclass(slots=True)
class Gauges:
    """The telemetry of a job."""

    load: dict[str, Gauge] = field(default_factory=dict)
    """Percent, by PCI address."""
    vram: dict[str, Gauge] = field(default_factory=dict)
    """Bytes."""
    vram_total: dict[str, float] = field(default_factory=dict)
    cpu: Gauge = field(default_factory=Gauge)
    """Percent of all cores."""
    ram: Gauge = field(default_factory=Gauge)
    """Bytes in use on the machine."""
    workers: Gauge = field(default_factory=Gauge)
    """Bytes that the job's workers have."""


def gauges(clock: JobClock, lines: Iterable[Any]) -> Gauges:
    """Read telemetry lines (`recorder`); what is damaged, and what was seen between runs, is passed over."""
    found = Gauges()
    for line in lines:
        try:
            at = clock.when(line["at"])
            if at is None:
                continue
            for pci, card in line.get("cards", {}).items():
                found.load.setdefault(pci, Gauge()).add(at, card.get("load"))
                found.vram.setdefault(pci, Gauge()).add(at, card.get("vram"))
                if isinstance(card.get("vram_total"), int):
                    found.vram_total[pci] = max(card["vram_total"], found.vram_total.get(pci, 0.0))
            found.cpu.add(at, line.get("cpu"))
            if isinstance(line.get("ram"), int) and isinstance(line.get("ram_total"), int):
                found.ram.add(at, line["ram_total"] - line["ram"])
            memory = [worker["memory"] for worker in line.get("workers", {}).values() if "memory" in worker]
            found.workers.add(at, sum(memory) if memory else None)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            continue
    return found
