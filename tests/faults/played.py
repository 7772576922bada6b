# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays a case: provokes its fault in an empty folder, then looks from the outside. For tests and `make faults` alike.

Owns the mark by which the processes of one case are known, and the list of the modules with cases.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import outside
from case import ALL, Case, Seen

MARK = "MGD_FAULTS"
STATE = ("XDG_STATE_HOME", "LOCALAPPDATA")
"""Where our private state lies: every case has its own."""


@dataclass(frozen=True)
class Played:
    """What came of a case."""

    seen: Seen
    problems: tuple[str, ...]
    """Empty: all is well."""
    sentence: str
    """What the artist reads about it; empty: nothing was to be said."""


def cases() -> list[Case]:
    """Return all cases of all modules ``cases_*.py`` beside this one."""
    for path in sorted(Path(__file__).parent.glob("cases_*.py")):
        importlib.import_module(path.stem)
    return ALL


@contextlib.contextmanager
def marked() -> Iterator[str]:
    """Mark every process that is started in the block by its environment."""
    word = os.environ[MARK] = secrets.token_hex(8)
    try:
        yield f"{MARK}={word}"
    finally:
        del os.environ[MARK]


def play(case: Case, folder: Path) -> Played:
    """Provoke the fault and judge what is left."""
    with marked() as mark, mock.patch.dict(os.environ, dict.fromkeys(STATE, str(folder / "state"))):
        seen = case.provoke(folder)
    seen = dataclasses.replace(seen, mark=seen.mark or mark)
    found = outside.problems(seen)
    told = outside.told(seen)
    sentence = next((words for words in told if case.reads and re.search(case.reads, words)), "")
    if case.reads and not sentence:
        found.append(f"nobody said /{case.reads}/, only: {told}")
    return Played(seen, tuple(found), sentence)
