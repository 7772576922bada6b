# SPDX-License-Identifier: GPL-3.0-or-later
"""The long campaigns of `make faults`: prints their table; exit status 1 when anything was lost, doubled or wrong.

python tests/faults/campaign_long.py [--seeds 5] [--only fake,mixed,shared,real,cases] [--tasks N] [--write FILE.md]

fake    10,000 tasks, fake children, kill -9 of one every 0.2 s and of the dispatcher every 10 s
mixed   1,000 tasks under crashes, hangs, garbled and lost messages, kills and a full disk at the same time
shared  two dispatchers on one folder, killed and stopped, with fake children; with real ones a plain Blender joins
real    500 tasks, real Blender children, kill -9 of one every 3 s and of the dispatcher every 60 s
cases   every single fault once, for the table in docs/reliability.md (--write replaces it there)
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import argparse
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable

import engine
import kills
import mixed
import played
import shared
import table
from case import Case
from kills import Pace, Result
from prepared import fake_job, real_job


def fake(folder: Path, seed: int, tasks: int) -> list[Result]:
    tasks = tasks or 10_000
    job = fake_job(folder, tasks, workers=6, script={"seconds": 0.03}, limits=engine.SHORT)
    return [kills.run("fake children", job, Pace(0.2, 10.0), seed)]


def mix(folder: Path, seed: int, tasks: int) -> list[Result]:
    tasks = tasks or 1000
    return [mixed.run(folder, tasks, seed, rules=tasks // 10, pace=Pace(0.5, 20.0))]


def share(folder: Path, seed: int, tasks: int) -> list[Result]:
    return [
        shared.run_fake(folder / "fake", tasks or 800, seed, pace=2.0),
        shared.run_real(folder / "real", tasks // 4 or 200, seed, pace=6.0),
    ]


def real(folder: Path, seed: int, tasks: int) -> list[Result]:
    tasks = tasks or 500
    # A frame lasts as long as a light real one, so that there is time for 40 kills.
    job = real_job(folder, tasks, workers=3, seconds=0.8, limits=engine.SHORT)
    return [kills.run("real Blender children", job, Pace(3.0, 60.0), seed)]


FAILURES = (AssertionError, OSError, subprocess.SubprocessError)
"""A campaign that could not be brought to its end: it counts as wrong, the others are run."""

CAMPAIGNS: dict[str, Callable[[Path, int, int], list[Result]]] = {
    "fake": fake,
    "mixed": mix,
    "shared": share,
    "real": real,
}


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="seeds 1 … N (5)")
    parser.add_argument("--first-seed", type=int, default=1, metavar="N")
    parser.add_argument("--only", default="fake,mixed,shared,real,cases", help="some of them, separated by commas")
    parser.add_argument("--tasks", type=int, default=0, help="fewer or more of them")
    parser.add_argument("--write", type=Path, metavar="FILE.md", help="replace the table of faults in it")
    options = parser.parse_args(words)
    wanted = options.only.split(",")
    if unknown := set(wanted) - {*CAMPAIGNS, "cases"}:
        parser.error(f"there is no campaign {', '.join(sorted(unknown))}")
    good = True
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="mgd-faults-state-")
    print(kills.header(), flush=True)
    for name in (name for name in CAMPAIGNS if name in wanted):
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            good &= _campaign(CAMPAIGNS[name], seed, options.tasks)
    if "cases" in wanted:
        good &= _cases(options.write)
    return 0 if good else 1


def _campaign(campaign: Callable[[Path, int, int], list[Result]], seed: int, tasks: int) -> bool:
    """Run it in an empty folder, which stays when something is wrong."""
    folder = Path(tempfile.mkdtemp(prefix="mgd-faults-"))
    try:
        results = campaign(folder, seed, tasks)
    except FAILURES as error:
        print(f"  WRONG: seed {seed}: {error}; see {folder}", flush=True)
        return False
    for result in results:
        print(kills.row(result), flush=True)
        for words in result.problems:
            print(f"  WRONG: {words}", flush=True)
    good = not any(result.problems for result in results)
    if good:
        shutil.rmtree(folder)
    else:
        print(f"  see {folder}", flush=True)
    return good


def _cases(document: Path | None) -> bool:
    played_ones = [(case, _sentence(case)) for case in played.cases()]
    lines = [(case, sentence) for case, sentence in played_ones if sentence is not None]
    good = len(lines) == len(played_ones)
    print(f"\n{len(played_ones)} faults, {len(played_ones) - len(lines)} of them not well\n")
    if document is None:
        print(table.markdown(lines))
    elif good:
        document.write_text(table.put(document.read_text("utf-8"), table.markdown(lines)), encoding="utf-8")
    return good


def _sentence(case: Case) -> str | None:
    """Play a case in an empty folder, which stays when something is wrong (None)."""
    folder = Path(tempfile.mkdtemp(prefix="mgd-fault-"))
    try:
        result = played.play(case, folder)
        problems = result.problems
    except FAILURES as error:
        problems = (str(error),)
    print(f"{'WRONG' if problems else 'good '} {case.group}: {case.name}", flush=True)
    for words in problems:
        print(f"  {words}", flush=True)
    if problems:
        print(f"  see {folder}", flush=True)
        return None
    shutil.rmtree(folder, ignore_errors=True)
    return table.shown(result.sentence, folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
