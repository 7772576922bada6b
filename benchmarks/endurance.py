# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a long job stays flat: memory and open files of the dispatcher, memory of its children, sizes of its files.

    python benchmarks/endurance.py --real FILE.blend [--frames 2000] [--workers 1] [--recycle N] [--autoexec]
    python benchmarks/endurance.py --leak 1 [--frames 100000] [--workers 2] [--growth 50] [--seconds 0]

The first renders with real children (run it with a Python that has bpy). The second has fake children that really keep
so many megabytes of each frame: 20,000 frames are eight hours of frames of 1.4 s. Prints one line a tenth of the job:
the most that was seen in it.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in (".", "tests")]

import argparse
import contextlib
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import replace

import engine
import psutil
from fake_scene import write_blend

from dispatch import job
from dispatch.model import Limits
from dispatch.snapshot import Snapshot

MB = 1 << 20
LOOK = 1.0
"""Seconds between two looks."""


def make(place: Path, options: argparse.Namespace) -> tuple[Path, Path]:
    """Return the job's folder and the program of its children."""
    limits = replace(Limits(), growth=options.growth / 1000, renewal=options.renewal, check=0.0)
    values = {
        "workers": options.workers,
        "limits": limits,
        "recycle": options.recycle,
        "overwrite": True,
        "autoexec": options.autoexec,
    }
    frames = f"1-{options.frames}"
    if options.real:
        output = str(place / "out" / "####")
        blend = Path(options.real).resolve()
        folder = engine.make_job(place, blend, output, frames, blender=engine.this_blender(), factory=True, **values)
        return folder, engine.REAL_ENTRY
    script = {"leak": int(options.leak * MB), "seconds": options.seconds, "pictures": "link"}
    blend = write_blend(place / "a.blend", **script)
    return engine.make_job(place, blend, str(place / "out" / "######"), frames, **values), engine.FAKE_ENTRY


def look(folder: Path, dispatcher: psutil.Process) -> dict[str, float]:
    """Return what the dispatcher and its children have now."""
    children = [child.memory_info().rss / MB for child in dispatcher.children()]
    sizes = {name: _size(folder / name) for name in ("journal.jsonl", "telemetry.jsonl", "snapshot.json")}
    own = dispatcher.memory_info().rss / MB
    return {
        "own": own,
        "open": dispatcher.num_fds(),
        "threads": dispatcher.num_threads(),
        "largest": max(children, default=0.0),
        "all": sum(children),
        "logs": sum(1 for _ in (folder / "workers").iterdir()),
        **sizes,
    }


def _size(path: Path) -> float:
    try:
        return path.stat().st_size / MB
    except OSError:
        return 0.0


HEAD = "   done  seconds  dispatcher MiB  open files  threads  children MiB  largest  journal MiB  telemetry  snapshot KiB  logs"


def show(done: int, seconds: float, most: dict[str, float]) -> None:
    sys.stdout.write(
        f"{done:>7} {seconds:>8.0f} {most['own']:>15.1f} {most['open']:>11.0f} {most['threads']:>8.0f} {most['all']:>13.0f} "
        f"{most['largest']:>8.0f} {most['journal.jsonl']:>12.1f} {most['telemetry.jsonl']:>10.2f} "
        f"{1024 * most['snapshot.json']:>13.1f} {most['logs']:>5.0f}\n"
    )
    sys.stdout.flush()


def watch(folder: Path, entry: Path, frames: int) -> int:
    """Run the job; print the most that was seen in each tenth of it. Return the exit status."""
    began, step, most = time.monotonic(), 1, dict[str, float]()
    sys.stdout.write(f"{HEAD}\n")
    with engine.running(folder, entry) as process:
        dispatcher = psutil.Process(process.pid)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error, OSError):
                now = look(folder, dispatcher)
                most = {name: max(value, most.get(name, 0.0)) for name, value in now.items()}
            snapshot = job.read_snapshot(folder)
            done = snapshot.done if isinstance(snapshot, Snapshot) else 0
            if most and done >= frames * step / 10:
                show(done, time.monotonic() - began, most)
                step, most = int(10 * done / frames) + 1, {}
            time.sleep(LOOK)
        return int(process.returncode)


def main() -> None:
    """Parse the command line, run, print."""
    parser = argparse.ArgumentParser(description="Whether a long job stays flat.")
    parser.add_argument("--real", metavar="FILE.blend")
    parser.add_argument("--leak", metavar="MB", type=float, default=0.0)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.0, help="of a fake child's frame")
    parser.add_argument(
        "--growth", metavar="MB", type=float, default=1000.0, help="after which a worker may start afresh"
    )
    parser.add_argument("--renewal", type=float, default=0.02, help="share of the time that starts may take")
    parser.add_argument("--recycle", type=int, default=0)
    parser.add_argument("--autoexec", action="store_true", help="run scripts in the file")
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="mgd-endurance-"))
    try:
        os.environ["XDG_STATE_HOME"] = str(place / "state")
        folder, entry = make(place, options)
        status = watch(folder, entry, options.frames)
        records = engine.records(folder)
        renewed = Counter(record["cause"] for record in records if record["what"] == "renew")
        commits = Counter(record["task"] for record in records if record["what"] == "committed")
        told = [record["text"] for record in records if record["what"] == "told"]
        found = {
            "status": status,
            "frames": len(commits),
            "twice": sum(n > 1 for n in commits.values()),
            "afresh": renewed,
        }
        sys.stdout.write(f"{json.dumps(found)}\n" + "".join(f"{text}\n" for text in told))
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
