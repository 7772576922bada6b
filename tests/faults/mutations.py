# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaks one safeguard of the engine at a time, in a copy, and has a piece of the campaign look at it.

Owns the list of what is broken and which piece must notice. The text that a mutation replaces must be there: where a
room was changed, its mutation must be thought about again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

ENDS = 280.0
"""Seconds within which a piece says something, whatever the engine does."""


@dataclass(frozen=True)
class Mutation:
    """A safeguard taken away."""

    name: str
    room: str
    """File below ``dispatch/``."""
    text: str
    instead: str
    piece: str
    """Function of `pieces` that must notice."""
    others: tuple[tuple[str, str, str], ...] = ()
    """(room, text, instead) that go with it, where one safeguard alone would do without the others."""
    quick: bool = True
    """Belongs to the short campaign too."""


MUTATIONS = (
    Mutation(
        "claims are not exclusive",
        "working_folder.py",
        "os.O_CREAT | os.O_EXCL | os.O_WRONLY",
        "os.O_CREAT | os.O_WRONLY",
        "same_claim_at_the_same_instant",
    ),
    Mutation(
        "pictures are not synced",
        "holding.py",
        "                host.fsync_file(temp)\n",
        "                pass\n",
        "power_cut_after_the_last_frame",
    ),
    Mutation(
        "the journal is not synced before a picture is put in place",
        "dispatcher.py",
        "isinstance(command, Send) for command in commands",
        "False for command in commands",
        "power_cut_between_replace_and_report",
        others=(("dispatcher.py", "TICK = 0.25", "TICK = 600.0"),),  # else a look at the clock may sync it in time
    ),
    Mutation(
        "claims are not synced before their placeholders",
        "records.py",
        "    host.fsync_file(folder.record_file(name))\n    host.fsync_folder(folder.claims)\n",
        "",
        "power_cut_with_claims",
        quick=False,
    ),
    Mutation(
        "the output folder's name is not synced",
        "working_folder.py",
        "            host.fsync_folder(made.parent)\n",
        "            pass\n",
        "power_cut_after_the_last_frame",
        quick=False,
    ),
    Mutation(
        "the audit believes the journal",
        "history.py",
        "        if path.stat().st_size != picture.size:\n            return False\n",
        "        return True\n",
        "picture_removed_while_the_job_runs",
    ),
    Mutation(
        "pictures are put in place without a check",
        "pictures/__init__.py",
        "    name, found = _examine(path)\n    if expect_format",
        "    return\n    name, found = _examine(path)\n    if expect_format",
        "half_a_picture",
    ),
    Mutation(
        "a killed child's frame counts as in place",
        "recovery.py",
        "        if pictures and all(_is_there(presence, picture) for picture in pictures):\n",
        "        if pictures:\n",
        "killed_before_the_picture_is_in_place",
    ),
    Mutation(
        "no fence for one that was taken for dead",
        "holding.py",
        "            if not owners.is_here(final.parent, self.owner_id) or not self._is_ours(final):\n",
        "            if False:\n",
        "sleeper_wakes_in_the_others_frame",
        others=(
            ("owners.py", "    return remove_tree(place.temp_of(owner_id))\n", "    return True\n"),
            ("owners.py", "            remove_tree(path)\n", "            pass\n"),
            ("records.py", "        remove_tree(folder.temp_of(record.owner, record.attempt))\n", "        pass\n"),
        ),
        quick=False,
    ),
    Mutation(
        "a burial removes everybody's claims",
        "owners.py",
        "        if record.owner == owner_id:\n",
        "        if True:\n",
        "the_dead_ones_claims_only",
        quick=False,
    ),
    Mutation(
        "retries never end",
        "blame.py",
        "return self._machine.ledger.blamed(task) > self._retries",
        "return False",
        "poison_frame",
        quick=False,
    ),
)


def copied(folder: Path, mutation: Mutation | None) -> Path:
    """Copy engine and tests into the folder, with the mutation if there is one; return the copy.

    Raises:
        ValueError: its text is not there exactly once.
    """
    for name in ("dispatch", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("recorded", "images"))
    if mutation is not None:
        for room, text, instead in ((mutation.room, mutation.text, mutation.instead), *mutation.others):
            _replace(folder / "dispatch" / room, text, instead)
    return folder


def _replace(room: Path, text: str, instead: str) -> None:
    content = room.read_text(encoding="utf-8")
    if content.count(text) != 1:
        raise ValueError(f"{room.name} does not hold what the mutation replaces: {text}")
    room.write_text(content.replace(text, instead), encoding="utf-8")


def look(copy: Path, piece: str, folder: Path) -> list[str]:
    """Run a piece of the campaign on that copy; return what it finds wrong.

    Raises:
        AssertionError: it could not look.
    """
    argv = [sys.executable, copy / "tests" / "faults" / "pieces.py", piece, folder]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=ENDS, check=False)
    found = ran.stdout.splitlines()
    assert ran.returncode == bool(found), ran.stdout + ran.stderr
    return found
