# SPDX-License-Identifier: GPL-3.0-or-later
"""One way to render a scene, as a thing that is started, looked at and ended: plain Blenders, or our engine.

Each says at which moments (seconds since the epoch) its sources finished pictures. Nothing runs on after `end`.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from dispatch import job

from .plan import Cell

ROOT = Path(__file__).resolve().parents[2]
LEAVE = 45.0
"""Seconds for our engine to end by itself after it was asked to."""


@dataclass(frozen=True, slots=True)
class Card:
    """A device as ``dispatch devices --json`` tells it."""

    id: str
    name: str
    backend: str
    pci: str = ""
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cell works."""

    blend: Path
    folder: Path
    """Empty; removed afterwards."""
    cards: tuple[Card, ...]
    """Empty: on the CPU, in as many plain Blenders as `lanes`."""
    lanes: int = 2


class PlainRun:
    """Plain Blenders."""

    def __init__(self, cell: Cell, place: Place) -> None:
        self.start = time.time()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._marks: list[Path] = []
        self._log = place.folder / "plain.log"
        cards: list[tuple[Card, ...]] = [place.cards[:1]] if cell.way.one_card else [place.cards]
        if cell.way.name == "plain":
            cards = [(card,) for card in place.cards] or [()] * place.lanes
        for number, chosen in enumerate(cards):
            self._begin(cell, place, number, chosen)

    def _begin(self, cell: Cell, place: Place, number: int, cards: tuple[Card, ...]) -> None:
        marks = place.folder / f"marks-{number}"
        marks.touch()
        order = {
            "blend": str(place.blend),
            "output": str(place.folder / "pictures" / "f_####"),
            "marks": str(marks),
            "backend": cards[0].backend if cards else "CPU",
            "devices": [card.id for card in cards],
            "placeholders": cell.way.name == "plain",
            "taster": cell.scene.taster,
        }
        argv = [sys.executable, str(Path(__file__).with_name("plain_blender.py")), json.dumps(order)]
        masked = {"CUDA_VISIBLE_DEVICES": ",".join(card.uuid for card in cards)} if all(c.uuid for c in cards) else {}
        env = {**os.environ, **(masked if cards else {})}
        with self._log.open("ab") as log:
            self._processes.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env))
        self._marks.append(marks)

    def moments(self) -> dict[str, list[float]]:
        """By Blender; the warm-up, where there is one, stands for the first picture."""
        return {str(n): [at for what, at in _marks(path) if what != "loaded"] for n, path in enumerate(self._marks)}

    @property
    def spare(self) -> float:
        """Seconds that went into warm-ups that a real render would not have."""
        spent = [0.0]
        for path in self._marks:
            at = dict(reversed(_marks(path)))
            spent.append(at["warm"] - at["loaded"] if "warm" in at else 0.0)
        return max(spent)

    def alive(self) -> bool:
        return any(process.poll() is None for process in self._processes)

    def end(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()

    def trouble(self) -> str:
        """The end of what they printed."""
        return _tail(self._log)


def _marks(path: Path) -> list[tuple[str, float]]:
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]  # the last one may be half written
    return [(line.split()[0], float(line.split()[1])) for line in lines]


@dataclass
class Follow:
    """The records of a journal, read on as it grows; ``at`` becomes seconds since the epoch."""

    path: Path
    records: list[dict[str, Any]] = field(default_factory=list)
    _offset: int = 0

    def read(self) -> list[dict[str, Any]]:
        """Return all records so far."""
        with self.path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.splitlines():
            record = json.loads(line)
            record["at"] = datetime.fromisoformat(record["at"]).timestamp()
            self.records.append(record)
        return self.records


class EngineRun:
    """Our engine, from the command line to its end."""

    spare = 0.0

    def __init__(self, cell: Cell, place: Place) -> None:
        self.start = time.time()
        self.jobs = place.folder / "jobs"
        self._log = place.folder / "engine.log"
        self._follow: Follow | None = None
        argv = [sys.executable, "-m", "dispatch"]
        if cell.resumes and (folder := self.folder):
            argv += ["resume", str(folder), "-q"]
        else:
            argv += ["render", str(place.blend), "--jobs-dir", str(self.jobs), "-q", "--overwrite"]
            argv += ["-o", str(place.folder / "pictures" / "f_####"), "-f", f"1-{cell.scene.frames}"]
            argv += layout_words(cell, place.cards)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def folder(self) -> Path | None:
        """The job's, once it is there."""
        return _job_in(self.jobs)

    def records(self) -> list[dict[str, Any]]:
        """Return the journal's records of this run so far."""
        if self._follow is None and (folder := self.folder):
            self._follow = Follow(folder / "journal.jsonl")
        return [record for record in self._follow.read() if record["at"] >= self.start] if self._follow else []

    def moments(self) -> dict[str, list[float]]:
        """By slot: when its pictures were in place."""
        return moments(self.records())

    def alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        if self.alive() and (folder := self.folder):
            job.ask(folder, job.Wish.STOP_NOW)
            with contextlib.suppress(subprocess.TimeoutExpired):  # its children die with it
                self._process.wait(LEAVE)
        self._process.kill()
        self._process.wait()

    def trouble(self) -> str:
        """The end of what its Blenders printed, then of what it printed itself, then of a fault's report."""
        logs = sorted(self.folder.glob("workers/*.log")) if self.folder else []
        faults = sorted(Path(os.environ.get("XDG_STATE_HOME", os.devnull)).glob("*/faults/*.txt"))
        ours = [path for path in faults if path.stat().st_mtime >= self.start]
        return "\n".join(filter(None, map(_tail, (*logs[:2], self._log, *ours[-1:]))))


def _job_in(jobs: Path) -> Path | None:
    return next((path.parent for path in jobs.glob("*/journal.jsonl")), None)


def is_complete(place: Place) -> bool:
    """Whether the engine's job there has all its frames, so that there is nothing to resume."""
    folder = _job_in(place.folder / "jobs")
    records = Follow(folder / "journal.jsonl").read() if folder else []
    return any(record["what"] == "job ended" and record["outcome"] == "complete" for record in records)


def layout_words(cell: Cell, cards: tuple[Card, ...]) -> list[str]:
    """Return the options of ``render`` for a way."""
    chosen = cards[:1] if cell.way.one_card else cards
    words = ["--devices", ",".join(card.id for card in chosen) or "cpu"]
    if chosen:
        words += ["--backend", chosen[0].backend.lower()]
    if cell.way.name in ("auto", "combined"):
        return [*words, "--strategy", cell.way.name]
    words += ["--strategy", "per-device", "--per-device", str(cell.way.per_device)]
    return [*words, "--threads", str(cell.way.threads)]


def pictures(records: list[dict[str, Any]]) -> dict[str, list[tuple[float, int]]]:
    """Return when pictures were in place, and by which worker, by slot."""
    slot_of: dict[int, str] = {}
    by: dict[int, int] = {}
    """Attempt → worker."""
    found: dict[str, list[tuple[float, int]]] = {}
    for record in records:
        if record["what"] == "spawn":
            slot_of[record["worker"]] = record["slot"]
        elif record["what"] == "rendered":
            by[record["attempt"]] = record["worker"]
        elif record["what"] == "committed" and record["attempt"] in by:
            worker = by[record["attempt"]]
            found.setdefault(slot_of[worker], []).append((record["at"], worker))
    return found


def moments(records: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Return when pictures were in place, by slot: while a worker follows another one there, nothing is rendered."""
    return {slot: [at for at, _ in seen] for slot, seen in pictures(records).items()}


def checks(records: list[dict[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """Return by slot from which picture to which its workers changed for a check of persistent data.

    Checks take one percent of a job at most, but some seconds of a worker each, which is several percent of a cell. A
    given layout has its first one after a few frames, Auto's comparisons put theirs off until after the decision.
    """
    checked = {record["worker"] for record in records if record["what"] == "check"}
    return {
        slot: [(a, b) for (a, old), (b, new) in pairwise(seen) if new != old and new in checked]
        for slot, seen in pictures(records).items()
    }


def phases(records: list[dict[str, Any]], since: float, until: float) -> Mapping[str, float]:
    """Return the mean seconds of a frame's phases, and of the whole (``seconds``), over a stretch."""
    sums: dict[str, float] = {}
    count = 0
    for record in records:
        if record["what"] == "rendered" and since <= record["at"] <= until:
            count += 1
            for name, value in (*record["phases"].items(), ("seconds", record.get("seconds", 0.0))):
                sums[name] = sums.get(name, 0.0) + value
    return {name: value / count for name, value in sums.items()} if count else {}


def _tail(path: Path, most: int = 600) -> str:
    try:
        return path.read_bytes()[-most:].decode("utf-8", "replace").strip()
    except OSError:
        return ""
