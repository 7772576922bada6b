# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a job folder as `tests/engine.py` does, on a machine that plays tricks, and prints each sentence once.

python tests/faults/crooked.py JOBDIR ENTRY     $MGD_TRICKS: see `tricks`
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[n]) for n in (0, 1, 2)]

import engine
import tricks

from dispatch import dispatcher
from dispatch.model import Outcome
from dispatch.snapshot import Snapshot

said: set[tuple[str, str]] = set()


def say(snapshot: Snapshot) -> None:
    """Print what was not printed yet, as a terminal shows it."""
    for message in snapshot.messages:
        if (message.at, message.text) not in said:
            said.add((message.at, message.text))
            sys.stdout.write(f"{message.text}\n")
            sys.stdout.flush()


def run(folder: Path, entry: Path) -> Outcome:
    return dispatcher.run(folder, say, entry)


if __name__ == "__main__":
    tricks.play(child=False)
    engine.run = run
    sys.exit(engine.main(*sys.argv[1:3]))
