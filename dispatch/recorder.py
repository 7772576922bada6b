# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps what telemetry saw of a job (``telemetry.jsonl`` in its folder), for the report.

Owns the file: one JSON object a line, never more than `MOST` of them however long the job is, since it is thinned to
half again and again. Called from the telemetry's thread only. What cannot be written is lost and said nowhere: no
figure is worth a frame. The reading of it is `report_data`'s.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from .gauges import Sample

NAME = "telemetry.jsonl"

MOST = 4000
"""Lines."""

SHORTEST = 2.0
"""Seconds between two lines at least, doubled each time the file is full."""


class Recorder:
    def __init__(self, path: Path, most: int = MOST) -> None:
        """Go on with the file of an earlier run where there is one."""
        self._path = path
        self._most = most
        self._every = 0.0
        self._last = 0.0
        self._lines = _count(path)
        self._torn = self._lines > 0  # the end of another run may be half a line

    def add(self, at: datetime, sample: Sample) -> None:
        """Append one look at the machine, unless the last one was a moment ago; ``at``: with its zone."""
        # A clock that was set back must not silence us until it has caught up.
        if 0 <= at.timestamp() - self._last < self._every:
            return
        line = json.dumps(plain(at, sample), separators=(",", ":")).encode() + b"\n"
        try:
            with self._path.open("ab") as file:
                torn, self._torn = self._torn, True
                file.write(b"\n" + line if torn else line)
            self._torn = False
            self._last = at.timestamp()
            self._lines += 1
            if self._lines > self._most:
                self._thin()
        except OSError:
            return  # a full disk: the next look may find room

    def _thin(self) -> None:
        """Keep at most half of the lines, evenly in time."""
        lines = [line for line in self._path.read_bytes().splitlines() if _at(line) is not None]
        while len(lines) > self._most // 2:
            self._every = max(SHORTEST, 2 * self._every)
            lines = _apart(lines, self._every)
        temp = self._path.with_name(f"{NAME}.new")
        temp.write_bytes(b"".join(line + b"\n" for line in lines))
        temp.replace(self._path)
        self._lines = len(lines)


def plain(at: datetime, sample: Sample) -> dict[str, Any]:
    """Return a sample as it stands in the file: what is not told is left out."""
    cards = {
        pci: _told(
            load=card.load, vram=card.vram_used, vram_total=card.vram_total, temp=card.temperature, power=card.power
        )
        for pci, card in sample.cards.items()
    }
    workers = {str(n): _told(memory=seen.memory, cpu=seen.cpu, vram=seen.vram) for n, seen in sample.workers.items()}
    machine = _told(ram=sample.ram_available, ram_total=sample.ram_total, cpu=sample.cpu)
    return {"at": at.isoformat(timespec="milliseconds"), "cards": cards, "workers": workers, **machine}


def _told(**values: float | None) -> dict[str, float]:
    return {name: value for name, value in values.items() if value is not None}


def _apart(lines: list[bytes], seconds: float) -> list[bytes]:
    """Return those lines that follow the last one kept after that long, or before it (a clock set back)."""
    kept: list[bytes] = []
    last = 0.0
    for line in lines:
        at = _at(line) or 0.0
        if not 0 <= at - last < seconds:
            kept.append(line)
            last = at
    return kept


def _at(line: bytes) -> float | None:
    try:
        return datetime.fromisoformat(json.loads(line)["at"]).timestamp()
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None


def _count(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(1 for _ in file)
    except OSError:
        return 0
