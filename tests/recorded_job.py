# SPDX-License-Identifier: GPL-3.0-or-later
"""Job folders with a journal and telemetry as a job on several cards would leave them, without rendering anything.

python tests/recorded_job.py FOLDER [FRAMES] [CARDS] [WORKERS_PER_CARD]     makes one and prints where it is
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from datetime import UTC, datetime, timedelta
from typing import Any

from dispatch import job, layout
from dispatch.model import Backend, BlenderProgram, Device, Job, Strategy

BLENDER = BlenderProgram("/opt/blender/blender", False, (5, 0, 1))
BEGIN = datetime(2026, 11, 21, 8, 0, 0, tzinfo=UTC)


def cards(count: int) -> tuple[Device, ...]:
    return tuple(
        Device(f"CUDA_NVIDIA H200_0000:{16 + n:02x}:00_OptiX", "NVIDIA H200", Backend.OPTIX, f"0000:{16 + n:02x}:00")
        for n in range(count)
    )


def make(root: Path, frames: int = 250, count: int = 4, each: int = 2, **changes: Any) -> Path:
    """Make the folder; ``each`` workers a card, the second of each from a third of the job on, as Auto would."""
    devices = cards(count)
    values: dict[str, Any] = {
        **{"id": "20261121-080000-forest-00aa", "name": "forest.blend", "created": BEGIN.isoformat(), "scene": "Scene"},
        **{"blend": "/scenes/forest.blend", "frames": f"1-{frames}", "output": "/pictures/####", "blender": BLENDER},
        **{"devices": devices, "strategy": Strategy.AUTO},
        **changes,
    }
    task = Job(**values)
    folder = job.create(task, root)
    slots = [(slot.name, slot.devices) for slot in layout.plan(devices, per_device=1, cores=64, tasks=frames)]
    slots += [(f"{name} 2", of) for name, of in slots[: count * (each - 1)]]
    _write(folder, frames, slots, count, random.Random(7))
    return folder


class Writer:
    """Lines with their moments, to be put in order at the end."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, str]] = []

    def record(self, at: float, what: str, **facts: Any) -> None:
        moment = (BEGIN + timedelta(seconds=at)).isoformat(timespec="milliseconds")
        self.lines.append((at, json.dumps({"what": what, "at": moment, **facts})))

    def text(self) -> str:
        return "".join(f"{line}\n" for _, line in sorted(self.lines, key=lambda one: one[0]))


def _write(
    folder: Path, frames: int, slots: list[tuple[str, tuple[Device, ...]]], count: int, dice: random.Random
) -> None:
    journal = Writer()
    journal.record(0.0, "opened", owner="o1", boot="b", pid=1, start=1.0)
    second = frames * 0.48 / count / 3
    free: list[tuple[float, int]] = []
    for worker, (name, devices) in enumerate(slots, 1):
        begin = 0.0 if worker <= count else second
        journal.record(begin, "spawn", worker=worker, slot=name, devices=[d.id for d in devices])
        free.append((begin + dice.uniform(2.5, 3.5), worker))
    for task in range(frames):
        free.sort()
        at, worker = free.pop(0)
        shared = 1.0 if at < second + 3 else 1.3
        cost = (1.0 + 0.4 * (task / frames)) * dice.uniform(0.93, 1.07) * shared
        phases = {"evaluate": 0.03, "sync": 0.06 * cost, "render": 0.3 * cost, "write": 0.09, "carry": 0.07}
        if task % 83 == 17:
            phases["sync"] += 1.4
        total = sum(phases.values()) - phases["carry"]
        done = at + total + 0.07
        facts = {"task": task, "attempt": task + 1, "worker": worker}
        if task % 120 == 50:
            journal.record(at + 0.3, "failed", **facts, fault="out of VRAM", words="CUDA out of memory <in> cuMemAlloc")
            at += 0.4
            done += 0.4
        pictures = [{"path": f"/pictures/{task + 1:04d}.png", "size": 2_400_000, "hash": "00"}]
        journal.record(
            done, "rendered", **facts, pictures=pictures, phases=phases, memory=1 << 30, seconds=round(total + 0.07, 3)
        )
        journal.record(done + 0.01, "committed", task=task, attempt=task + 1, lost_to_others=False)
        free.append((at + total + 0.01, worker))
    end = max(at for at, _ in free) + 0.3
    _words(journal, second, end, frames)
    (folder / "journal.jsonl").write_text(journal.text(), encoding="utf-8")
    _telemetry(folder, end, second, count, dice)


def _words(journal: Writer, second: float, end: float, frames: int) -> None:
    journal.record(
        second,
        "auto",
        decision="try",
        words="GPUs are 62 % busy: a second worker per GPU may gain up to 1.6×; it is tried.",
    )
    journal.record(
        second + 6, "auto", decision="keep", words="Two workers per GPU render 11.9 frames/s against 8.1: kept."
    )
    journal.record(
        second + 2,
        "told",
        level="warning",
        text="Frame 51 failed on NVIDIA H200 (11:00) (out of VRAM); it is tried again.",
    )
    audit = f"{frames} of {frames} frames complete, 0 rendered twice, 2 retried"
    journal.record(end, "job ended", outcome="complete", audit=audit)


def _telemetry(folder: Path, end: float, second: float, count: int, dice: random.Random) -> None:
    lines = Writer()
    at = 0.5
    while at < end:
        two = at > second + 3
        seen = {
            f"0000:{16 + n:02x}:00": {
                **{"load": 0.0 if at < 3 else dice.uniform(80, 96) if two else dice.uniform(52, 70)},
                **{"vram": int((9.5 if two else 5.2) * 2**30), "vram_total": 140 << 30, "temp": 55.0, "power": 300.0},
            }
            for n in range(count)
        }
        memory = {str(n): {"memory": int(1.6 * 2**30)} for n in range(1, count * (2 if two else 1) + 1)}
        lines.record(
            at, "", cards=seen, workers=memory, ram=(900 << 30) - (at > second) * (12 << 30), ram_total=1024 << 30,
            cpu=dice.uniform(20, 30) * (1.7 if two else 1),
        )  # fmt: skip
        at += 2.0 if end < 600 else end / 1000
    (folder / "telemetry.jsonl").write_text(lines.text(), encoding="utf-8")


if __name__ == "__main__":
    sys.stdout.write(f"{make(Path(sys.argv[1]), *map(int, sys.argv[2:]))}\n")
