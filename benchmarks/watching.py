# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watch costs while an artist works: 50 jobs in the folder, idle, then one with 16 workers and 100,000 frames.

python benchmarks/watching.py [SECONDS]
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1] / part) for part in (".", "tests")]

import dataclasses
import os
import tempfile
import threading
import time

from engine import make_job
from fake_scene import write_blend
from waiting import until

from dispatch import job
from dispatch.model import Outcome
from dispatch.snapshot import DeviceView, Message, Snapshot, WorkerView
from dispatch.watch import Watch


def snapshot(name: str, done: int, outcome: Outcome | None = None) -> Snapshot:
    workers = tuple(WorkerView(n, f"NVIDIA H200 ({n:02x}:00)", (f"d{n}",), "rendering", n, done) for n in range(16))
    devices = tuple(DeviceView(f"d{n}", f"NVIDIA H200 ({n:02x}:00)") for n in range(16))
    messages = tuple(
        Message("2026-11-21T00:00:00+00:00", "warning", "A sentence of some length. " * 3) for _ in range(20)
    )
    state = "ended" if outcome else "rendering"
    return Snapshot(name, name, state, 100_000, done, workers=workers, devices=devices, messages=messages,
                    outcome=outcome, pid=os.getpid())  # fmt: skip


def measure(watch: Watch, seconds: float, what: str) -> None:
    usage = f"/proc/self/task/{watch._thread.native_id}/stat"

    def used() -> float:
        fields = Path(usage).read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before, began = used(), time.monotonic()
    threading.Event().wait(seconds)
    print(f"{what}: {100 * (used() - before) / (time.monotonic() - began):.2f} % of a core")


def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as place:
        blend = write_blend(Path(place, "a.blend"))
        root = Path(place, "jobs")
        for n in range(50):
            folder = make_job(root, blend, f"/out{n}/####", "1-100000", name=f"shot {n}")
            job.write_snapshot(folder, snapshot(folder.name, 100_000, Outcome.COMPLETE))
        watch = Watch(root, package=Path(), interpreters=[], sites=[], blender="")
        watch.start()
        until(lambda: len(watch.seen.jobs) == 50)
        measure(watch, seconds, "50 jobs, none runs")
        with job.lock(folder):
            over = threading.Event()
            shown = snapshot(folder.name, 0)

            def render() -> None:
                done = 0
                while not over.wait(0.25):
                    done += 1
                    job.write_snapshot(folder, dataclasses.replace(shown, done=done))

            writer = threading.Thread(target=render)
            writer.start()
            measure(watch, seconds, "one runs, 16 workers, 100,000 frames")
            over.set()
            writer.join()
        watch.stop()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0)
