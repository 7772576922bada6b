# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel says of a machine that ``doctor`` looked at, read from what it printed. Pure.

Owns the order (what cannot work first), the words for inside Blender, and that what is good is only counted. The
sentences themselves are those of `doctor`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from . import findings, wording
from .codec import from_plain
from .doctor_nouns import Diagnosis, Grade
from .findings import Finding, Level
from .model import SCHEMA

_LEVELS = {Grade.ERROR: Level.ERROR, Grade.WARNING: Level.WARNING}


@dataclass(frozen=True, slots=True)
class Checked:
    """A machine that was looked at."""

    findings: tuple[Finding, ...]
    """What is not good, errors first."""
    good: int
    """How many things are good."""
    every: tuple[Diagnosis, ...]
    """All of it, in the words and the order of the doctor."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What ``doctor --json`` prints, as far as the panel wants it."""

    schema: int
    checks: tuple[Diagnosis, ...]


def read(lines: Iterable[str]) -> Checked | None:
    """Return what the doctor found, out of everything that was printed; None: that is no answer of a doctor."""
    answers = (_answer(line) for line in lines if line.startswith("{"))  # a Blender prints other things too
    return next((_checked(answer.checks) for answer in answers if answer is not None and answer.checks), None)


def _answer(line: str) -> _Answer | None:
    try:
        answer = from_plain(_Answer, json.loads(line))
    except (ValueError, RecursionError):
        return None
    return answer if answer.schema == SCHEMA else None


def _checked(every: tuple[Diagnosis, ...]) -> Checked:
    found = [
        Finding(_LEVELS[each.grade], each.key, each.text, findings.in_panel(each.text))
        for each in every
        if each.grade in _LEVELS
    ]
    return Checked(tuple(findings.in_order(found)), len(every) - len(found), every)


def in_short(checked: Checked) -> str:
    """How many there are of the worst: ``1 error``, ``2 warnings``, or ``good``. It fits into a header."""
    worst = checked.findings[0].level if checked.findings else None
    alike = [each for each in checked.findings if each.level is worst]
    return wording.count(len(alike), str(worst)) if worst else "good"


def good_line(checked: Checked) -> str:
    """The one line about all that is good; empty: nothing is."""
    if not checked.good:
        return ""
    said = wording.count(checked.good, "thing is good.", "things are good.")
    return said if checked.findings else f"This machine can render: {said}"
