# SPDX-License-Identifier: GPL-3.0-or-later
"""What a finding is, and in whose words: a command line advises options, a panel advises what can be clicked. Pure.

Owns the levels, their order, and the rule that any error refuses the job. The sentences are those of the rooms that
find (`preflight`, `session_findings`); a key never changes, because a panel hangs its fix buttons on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from . import wording


class Level(StrEnum):
    """How much a finding matters."""

    NOTE = "note"
    """Good to know."""
    WARNING = "warning"
    """The pictures may not be what the artist expects."""
    ERROR = "error"
    """The job is refused."""


_IN_PANEL = {
    "--jobs-dir": "choose another jobs folder in the add-on's preferences",
    "--blender": "choose another Blender under Advanced or in the add-on's preferences",
    "--factory": "mend that, or render without add-ons (Advanced)",
    "--strategy": "choose Per GPU, or one backend for all of them",
    "--devices": "tick one under Devices",
    "'status'": "look at it in the list of jobs",
    "with -o": "make room there, or mend its permissions",
}
"""What helps inside Blender instead of an option or command of the command line; the last one that is named counts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the artist should know before the job starts."""

    level: Level
    key: str
    """Stable name in kebab-case."""
    text: str
    """One sentence: what it is and what to do, with command line options where one helps."""
    panel: str = ""
    """The same with what helps inside Blender; never empty, and never an option of the command line."""

    def __post_init__(self) -> None:
        if not self.panel:
            object.__setattr__(self, "panel", self.text)


def of(level: Level, key: str, fact: str, advice: str, panel: str = "") -> Finding:
    """Return a finding of one fact with two advices: for the command line, and for the panel (empty: the same)."""
    return Finding(level, key, f"{fact}{advice}", f"{fact}{panel or advice}")


def error(key: str, fact: str, advice: str = "", panel: str = "") -> Finding:
    return of(Level.ERROR, key, fact, advice, panel)


def warning(key: str, fact: str, advice: str = "", panel: str = "") -> Finding:
    return of(Level.WARNING, key, fact, advice, panel)


def note(key: str, fact: str, advice: str = "", panel: str = "") -> Finding:
    return of(Level.NOTE, key, fact, advice, panel)


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """Return the findings, errors first."""
    rank = {Level.ERROR: 0, Level.WARNING: 1, Level.NOTE: 2}
    return sorted(found, key=lambda finding: rank[finding.level])


def refused(found: Iterable[Finding]) -> bool:
    """Whether any finding forbids the job."""
    return any(finding.level is Level.ERROR for finding in found)


def in_panel(sentence: str) -> str:
    """Return the sentence of an error with an advice that helps inside Blender, where it advises an option."""
    sentence = wording.clean(sentence)  # also for the header and the console, where Blender reports it
    fact, colon, advice = sentence.rpartition(": ")
    named = max(_IN_PANEL, key=advice.rfind)
    return f"{fact}: {_IN_PANEL[named]}." if colon and named in advice else sentence
