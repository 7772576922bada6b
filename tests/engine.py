# SPDX-License-Identifier: GPL-3.0-or-later
"""Job folders for tests, and running them: in this process, or in one of their own that can be killed.

python tests/engine.py JOBDIR ENTRY     runs a job folder as `dispatch run` does, with another child program;
                                        $MGD_TEST_HOST makes it pass for a dispatcher on another machine
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import contextlib
import importlib.metadata
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from typing import Any

from dispatch import dispatcher, host, job
from dispatch.model import EXIT_STATUS, Backend, BlenderProgram, Device, DispatchError, Job, Limits, Outcome, Strategy

TESTS = Path(__file__).resolve().parent
FAKE_ENTRY = TESTS / "fake_child.py"
REAL_ENTRY = TESTS.parent / "dispatch" / "child" / "entry.py"
FAKE = BlenderProgram(path=sys.executable, is_module=True, version=(5, 0, 1), build="fake")
CPU = Device("CPU", "Processor", Backend.CPU)

SHORT = Limits(
    start=120.0,
    load=120.0,
    load_per_gb=0.0,
    first=900.0,
    task=900.0,
    leave=2.0,
    die=60.0,
    backoff=0.02,
    backoff_most=0.1,
    together=0.2,
    claims=0.2,
    foreign=2.0,
    heartbeat=8.0,
    quarantine=0.5,
)
"""Fit for children that may have to wait for a busy machine; tests of hangs shorten what they are about."""


def this_blender() -> BlenderProgram:
    """This Python, which has bpy."""
    version = tuple(int(part) for part in importlib.metadata.version("bpy").split("."))
    return BlenderProgram(path=sys.executable, is_module=True, version=version)  # type: ignore[arg-type]


def make_job(root: Path, blend: Path, output: str, frames: str, workers: int = 2, **changes: Any) -> Path:
    """Make a job folder for that many CPU workers and return it."""
    values: dict[str, Any] = {
        **{"id": job.new_id(blend.stem), "name": blend.name, "created": "2026-01-01T00:00:00+00:00"},
        **{"blend": str(blend), "scene": "Scene", "frames": frames, "output": output, "blender": FAKE},
        **{"devices": (CPU,), "strategy": Strategy.PER_DEVICE, "per_device": workers, "share_devices": True},
        **{"blend_size": blend.stat().st_size, "blend_mtime_ns": blend.stat().st_mtime_ns, "limits": SHORT},
        **{"threads": 1, "overwrite": False},
        **changes,
    }
    return job.create(Job(**values), root)


def run(folder: Path, entry: Path = FAKE_ENTRY) -> Outcome:
    """Run the job in this process."""
    return dispatcher.run(folder, entry=entry)


@contextlib.contextmanager
def running(folder: Path, entry: Path = FAKE_ENTRY, machine: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Run the job in a process of its own, which is killed at the end of the block at the latest."""
    env = os.environ | {"MGD_TEST_HOST": machine}
    with (folder / "dispatcher.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, __file__, str(folder), str(entry)], stdout=log, stderr=log, env=env)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def records(folder: Path) -> list[dict[str, Any]]:
    """Return the journal, whole lines only."""
    path = folder / "journal.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def told(folder: Path) -> str:
    """Return all sentences for the artist."""
    return "\n".join(r["text"] for r in records(folder) if r["what"] == "told")


def commits(*folders: Path) -> Counter[int]:
    """Return how often each frame was put in place, from the journals of these jobs (they render the same frames)."""
    return Counter(r["task"] for folder in folders for r in records(folder) if r["what"] == "committed")


def renders(path: Path) -> Counter[int]:
    """Return how often each frame's render was finished, from the fake children's own record."""
    return Counter(int(line.split()[0]) for line in path.read_text(encoding="utf-8").splitlines())


def leftovers(output: Path) -> list[str]:
    """Return whatever in an output folder is no whole-looking picture."""
    return sorted(str(p.relative_to(output)) for p in output.rglob("*") if p.is_dir() or not p.stat().st_size)


def main(folder: str, entry: str) -> int:
    if machine := os.environ.get("MGD_TEST_HOST"):
        host.hostname = host.boot_id = lambda: machine
    try:
        return EXIT_STATUS[run(Path(folder), Path(entry))]
    except DispatchError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
