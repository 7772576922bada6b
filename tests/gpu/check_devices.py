# SPDX-License-Identifier: GPL-3.0-or-later
"""On a machine with two or more NVIDIA GPUs: the engine renders on exactly the devices that it is asked for.

    python tests/gpu/check_devices.py OUTFOLDER [FILE.blend]

Run it with a Python that can import bpy, psutil and pynvml. What is true is asked of NVIDIA's driver while the jobs
run, not of the engine: which cards are busy and whose memory grows. Prints a table, writes it to OUTFOLDER/table.md,
ends with ``N passed, N failed``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pynvml

ROOT = Path(__file__).resolve().parents[2]
BUSY = 5
"""Percent of load on average that counts as rendering."""
GREW = 200 << 20
"""Bytes of memory that a Cycles context takes at least."""


@dataclass
class Watched:
    """What the driver said while one job ran, by card."""

    load: dict[int, list[int]] = field(default_factory=dict)
    grew: dict[int, int] = field(default_factory=dict)
    pids: dict[int, set[int]] = field(default_factory=dict)

    def used(self) -> list[int]:
        """Cards that rendered."""
        return [n for n, loads in self.load.items() if sum(loads) / max(1, len(loads)) >= BUSY]

    def touched(self) -> list[int]:
        """Cards on which anybody took memory."""
        return [n for n, size in self.grew.items() if size >= GREW]


class Watch:
    """Asks the driver five times a second."""

    def __init__(self) -> None:
        self.seen = Watched()
        self._handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        self._before = [pynvml.nvmlDeviceGetMemoryInfo(h).used for h in self._handles]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self.seen

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.2):
            for n, handle in enumerate(self._handles):
                self.seen.load.setdefault(n, []).append(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
                used = pynvml.nvmlDeviceGetMemoryInfo(handle).used - self._before[n]
                self.seen.grew[n] = max(self.seen.grew.get(n, 0), used)
                procs = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
                self.seen.pids.setdefault(n, set()).update(p.pid for p in procs)


def make_scene(path: Path) -> None:
    """Write a scene that keeps a big card busy for about a second a frame."""
    code = (
        "import bpy, sys\n"
        "bpy.ops.wm.read_factory_settings()\n"
        "s = bpy.context.scene\n"
        "s.render.engine = 'CYCLES'; s.cycles.samples = 2048; s.cycles.use_adaptive_sampling = False\n"
        "s.cycles.use_denoising = False\n"
        "s.render.resolution_x, s.render.resolution_y = 1920, 1080\n"
        "for i in range(6): bpy.ops.mesh.primitive_monkey_add(location=(i - 3, i % 3, 0))\n"
        "o = bpy.context.object; o.keyframe_insert('rotation_euler', frame=1)\n"
        "o.rotation_euler.z = 3; o.keyframe_insert('rotation_euler', frame=50)\n"
        "s.frame_end = 50\n"
        "bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, stdout=subprocess.DEVNULL)


def dispatch(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dispatch", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=500)


class Checks:
    def __init__(self, out: Path) -> None:
        self.rows: list[str] = []
        self.passed = self.failed = 0
        self.table = out / "table.md"

    def note(self, what: str, holds: bool, figures: str) -> None:
        self.passed += holds
        self.failed += not holds
        self.rows.append(f"| {what} | {'yes' if holds else '**NO**'} | {figures} |")
        print(self.rows[-1], flush=True)
        head = "| what | holds | figures |\n|---|---|---|\n"
        self.table.write_text(head + "\n".join(self.rows) + "\n", encoding="utf-8")


def main() -> int:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_STATE_HOME"] = str(out / "state")
    pynvml.nvmlInit()
    checks = Checks(out)
    blend = Path(sys.argv[2]) if len(sys.argv) > 2 else out / "scene.blend"
    if not blend.exists():
        make_scene(blend)

    listed = dispatch("devices", "--json")
    data = json.loads(listed.stdout)
    gpus = [d for d in data["devices"] if d["backend"] != "CPU"]
    names = [pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(n)) for n in range(pynvml.nvmlDeviceGetCount())]
    checks.note("devices lists each card once", len({d["pci"] for d in gpus}) == len(names), f"{names}; {gpus}")
    by_pci = {pynvml.nvmlDeviceGetPciInfo(pynvml.nvmlDeviceGetHandleByIndex(n)).busId: n for n in range(len(names))}
    number = {d["id"]: next(n for bus, n in by_pci.items() if d["pci"][5:10] in str(bus).lower()) for d in gpus}

    def job(what: str, expected: list[int], workers: int, *options: str) -> None:
        began = time.monotonic()
        with Watch() as seen:
            done = dispatch("render", str(blend), "-o", f"{out}/{what.replace(' ', '_')}/f_####", "-f", "1-8", *options)
        seconds = time.monotonic() - began
        shots = len(list((out / what.replace(" ", "_")).glob("f_*.png")))
        loads = {n: round(sum(v) / max(1, len(v))) for n, v in seen.load.items()}
        figures = (
            f"exit {done.returncode}, {shots} pictures, {seconds:.0f} s, load % {loads}, "
            f"memory taken MB { {n: s >> 20 for n, s in seen.grew.items()} }, processes by card {seen.pids}"
        )
        holds = done.returncode == 0 and shots == 8 and seen.used() == expected and seen.touched() == expected
        checks.note(what, holds, figures)
        if done.returncode:
            print(done.stdout[-1500:], done.stderr[-1500:])

    everyone = sorted(number.values())
    first = gpus[0]["id"]
    job("one device", [number[first]], 1, "--devices", first, "--strategy", "per-device")
    last = gpus[-1]["id"]
    job("another device", [number[last]], 1, "--devices", last, "--strategy", "per-device")
    job("per device", everyone, len(gpus), "--devices", "gpu", "--strategy", "per-device")
    job("combined", everyone, 1, "--devices", "gpu", "--strategy", "combined")
    job("cuda per device", everyone, len(gpus), "--devices", "gpu", "--strategy", "per-device", "--backend", "cuda")

    refused = dispatch("render", str(blend), "-o", f"{out}/no/f_####", "--devices", "CUDA_No_Such_Card_0000:99:00")
    checks.note("an id that does not exist is refused", refused.returncode == 2, refused.stderr.strip()[-300:])
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
