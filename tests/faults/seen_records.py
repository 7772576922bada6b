# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a job folder as a stranger would who has only the README: journal, snapshot, sentences, audit.

Owns its own reading of these files; shares nothing with the engine.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STATUS = {"complete": 0, "incomplete": 1, "refused": 2, "stopped": 3, "impossible": 4}
"""Outcome of a job → exit status."""


@dataclass
class JobRecords:
    """One job folder."""

    folder: Path
    frames: tuple[int, ...] = ()
    """In the order of their numbers; empty: its job file cannot be read."""
    records: list[dict[str, Any]] = field(default_factory=list)
    broken: list[int] = field(default_factory=list)
    """Numbers of the journal's lines that are none."""
    torn: bool = False
    """The journal ends in the middle of a line."""

    @property
    def end(self) -> dict[str, Any] | None:
        """The closing record of its last run; None: it did not live to write one."""
        for record in reversed(self.records):
            if record["what"] in ("job ended", "opened"):
                return record if record["what"] == "job ended" else None
        return None

    def commits(self) -> tuple[Counter[str], set[str], set[str]]:
        """How often each main picture was put in place; those rendered again on purpose; those lost to others."""
        made: dict[int, str] = {}
        latest: dict[int, str] = {}
        again: set[int] = set()
        times: Counter[str] = Counter()
        on_purpose: set[str] = set()
        lost: set[str] = set()
        for record in self.records:
            match record["what"]:
                case "opened":
                    made.clear()
                case "again":
                    again.update(record["tasks"])
                case "rendered" if record["pictures"]:
                    name = record["pictures"][-1]["path"]
                    made[record["attempt"]] = latest[record["task"]] = name
                case "committed":
                    name = made.pop(record["attempt"], latest.get(record["task"], f"task {record['task']}"))
                    if record["task"] in again:
                        on_purpose.add(name)
                    elif record.get("lost_to_others"):
                        lost.add(name)
                    else:
                        times[name] += 1
        return times, on_purpose, lost

    def renders(self) -> Counter[str]:
        """How often each main picture was rendered, as far as the children said so."""
        made = (record["pictures"] for record in self.records if record["what"] == "rendered")
        return Counter(pictures[-1]["path"] for pictures in made if pictures)

    def blamed(self) -> set[int]:
        """Tasks that failed at least once by their own or their worker's doing."""
        return {record["task"] for record in self.records if record["what"] == "blamed"}

    def finished(self) -> set[int]:
        """Tasks whose pictures are in place."""
        return {record["task"] for record in self.records if record["what"] in ("committed", "found")}

    def sentences(self) -> list[str]:
        """Everything that the artist read, and the closing sentence."""
        said = [record["text"] for record in self.records if record["what"] == "told"]
        said += [record["audit"] for record in self.records if record["what"] == "job ended"]
        log = self.folder / "dispatcher.log"
        if log.exists():
            lines = log.read_text("utf-8", "replace").splitlines()
            said += [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        return said


def read(folder: Path) -> JobRecords:
    """Read a job folder; what is damaged is noted, not raised."""
    job = JobRecords(folder)
    try:
        plain = json.loads((folder / "job.json").read_text("utf-8"))["job"]
        job.frames = frames(plain["frames"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    path = folder / "journal.jsonl"
    lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    job.torn = bool(lines.pop())
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            usable = isinstance(record["what"], str) and isinstance(record["at"], str)
        except (ValueError, KeyError, TypeError, RecursionError):
            usable = False
        if usable:
            job.records.append(record)
        else:
            job.broken.append(number)
    return job


def frames(text: str) -> tuple[int, ...]:
    """Read ``1-250``, ``1,5,10-20``, ``1-9x2``; the campaign asks for nothing else."""
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?\s*", part)
        if match is None:
            raise ValueError(text)
        first = int(match[1])
        found.update(range(first, int(match[2] or first) + 1, int(match[3] or 1)))
    return tuple(sorted(found))


def audit_numbers(sentence: str) -> dict[str, int]:
    """Take the numbers out of ``250 of 250 frames complete, 0 rendered twice, 2 retried, 1 given up``."""
    numbers = {}
    if found := re.match(r"([\d,]+) of ([\d,]+) frames? complete", sentence):
        numbers = {"complete": _number(found[1]), "total": _number(found[2])}
    for words in ("rendered twice", "retried", "rendered again", "given up", "claimed elsewhere", "missing or broken"):
        found = re.search(rf"([\d,]+) {words}", sentence)
        numbers[words] = _number(found[1]) if found else 0
    return numbers


def _number(text: str) -> int:
    return int(text.replace(",", ""))
