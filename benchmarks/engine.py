# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine itself costs: many fake children as real processes, tasks that take no time.

    python benchmarks/engine.py [--children 64] [--tasks 1000 10000 100000] [--paced-seconds 0.5]

Everything but the rendering is real: processes, pipes, protocol, journal, files under their final names, audit. Prints
for each number of tasks: tasks a second, CPU time of the dispatcher a task, its peak memory, and the gap in a child
between the end of one task and the start of the next. In these runs the dispatcher is the bottleneck; one more run
with tasks of `--paced-seconds` shows the gap where children do work.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in (".", "tests")]

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from datetime import datetime
from typing import Any

import engine
import psutil
from fake_scene import write_blend

from dispatch import journal
from dispatch.model import Limits

PATIENT = Limits(start=600.0, load=600.0, first=600.0, leave=60.0, die=60.0)


def measure(children: int, tasks: int, seconds: float) -> dict[str, Any]:
    """Run one job in a dispatcher of its own and return what it cost."""
    place = Path(tempfile.mkdtemp(prefix="mgd-engine-"))
    try:
        (place / "gaps").mkdir()
        blend = write_blend(place / "a.blend", pictures="link", seconds=seconds, gaps=str(place / "gaps"))
        output = str(place / "out" / "######")
        folder = engine.make_job(place / "jobs", blend, output, f"1-{tasks}", workers=children, limits=PATIENT)
        argv = [sys.executable, __file__, "--run", str(folder)]
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
        gaps = sorted(g for p in (place / "gaps").iterdir() for g in json.loads(p.read_text(encoding="utf-8")))
        own = json.loads(done.stdout.splitlines()[-1])
        return own | {"gaps": gaps, "wall": at_work(folder)}
    finally:
        shutil.rmtree(place)


def run_here(folder: Path) -> None:
    """Run the job in this process and print what it cost it."""
    outcome = engine.run(folder)
    cpu = time.process_time()
    memory = psutil.Process().memory_info()
    peak = getattr(memory, "peak_wset", 0) or _peak()
    sys.stdout.write(json.dumps({"outcome": outcome, "cpu": cpu, "peak": peak}) + "\n")


def _peak() -> int:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def at_work(folder: Path) -> float:
    """Seconds from the first task's end to the last one's: without start and end of the children."""
    times = [r["at"] for r in journal.read(folder / "journal.jsonl") if r["what"] == "committed"]
    first, last = (datetime.fromisoformat(t) for t in (times[0], times[-1]))
    return (last - first).total_seconds()


def show(tasks: int, found: dict[str, Any]) -> None:
    """Print one line of the table."""
    gaps = found["gaps"]
    cuts = statistics.quantiles(gaps, n=100)
    sys.stdout.write(
        f"{tasks:>8} {found['outcome']:>10} {tasks / found['wall']:>9.0f} {1e3 * found['cpu'] / tasks:>13.3f} "
        f"{found['peak'] / 2**20:>9.0f} {1e3 * cuts[49]:>9.2f} {1e3 * cuts[94]:>9.2f} {1e3 * gaps[-1]:>9.1f}\n"
    )
    sys.stdout.flush()


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description="What the engine itself costs a task.")
    parser.add_argument("--children", type=int, default=64)
    parser.add_argument("--tasks", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--paced-seconds", type=float, default=0.5)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run_here(options.run)
        return
    head = "   tasks    outcome   tasks/s CPU ms a task  peak MiB    gap ms: median    95 %   longest"
    sys.stdout.write(f"{options.children} children, tasks of 0 s\n{head}\n")
    costs = []
    for tasks in options.tasks:
        found = measure(options.children, tasks, 0.0)
        costs.append(found["cpu"] / tasks)
        show(tasks, found)
    growth = costs[-1] / costs[0]
    sys.stdout.write(f"CPU a task at {options.tasks[-1]} tasks / at {options.tasks[0]}: {growth:.2f}\n\n")
    paced = 30 * options.children
    sys.stdout.write(f"{options.children} children, tasks of {options.paced_seconds} s\n{head}\n")
    show(paced, measure(options.children, paced, options.paced_seconds))


if __name__ == "__main__":
    main()
