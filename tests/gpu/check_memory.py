# SPDX-License-Identifier: GPL-3.0-or-later
"""On a machine with NVIDIA GPUs: real want of VRAM, and what the engine makes of it.

    python tests/gpu/check_memory.py OUTFOLDER

Run it with a Python that can import bpy, psutil and pynvml. Another program (this one again) takes most of the cards'
memory, by plain allocations, while jobs of the benchmark's *light* scene run: a worker of it takes 4.5 GB. A picture
counts where it looks like the one that was rendered before, with all memory free. Prints a table and what the jobs
said, writes it to OUTFOLDER/table.md, ends with ``N passed, N failed``.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from check_devices import ROOT, Checks, dispatch

sys.path.insert(0, str(ROOT))
from dispatch.child.check import difference

GB = 1 << 30
PIECE = 256 << 20
FRAMES = 24
FREE = "free"
"""The job that has all memory."""


def take(cards: list[int], leave: int) -> None:
    """Allocate on each card until so many bytes are free, say so, and hold them until the input closes."""
    cuda = ctypes.CDLL("libcuda.so.1")

    def call(name: str, *arguments: object) -> None:
        if error := getattr(cuda, name)(*arguments):
            raise OSError(f"{name}: error {error}")

    call("cuInit", 0)
    for card in cards:
        device, context = ctypes.c_int(), ctypes.c_void_p()
        call("cuDeviceGet", ctypes.byref(device), card)
        call("cuCtxCreate_v2", ctypes.byref(context), 0, device)
        free, total, piece = ctypes.c_size_t(), ctypes.c_size_t(), ctypes.c_void_p()
        while True:
            call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
            size = min(PIECE << 4, free.value - leave)
            if size < PIECE // 8:
                break
            call("cuMemAlloc_v2", ctypes.byref(piece), ctypes.c_size_t(size))
    print("taken", flush=True)
    sys.stdin.read()


@contextmanager
def taken(cards: list[int], leave: float) -> Iterator[None]:
    """Leave so many GB on those cards."""
    command = [sys.executable, __file__, "--take", ",".join(map(str, cards)), str(int(leave * GB))]
    hog = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert hog.stdout is not None
        assert hog.stdout.readline() == "taken\n", "the cards' memory cannot be taken"
        yield
    finally:
        hog.communicate()


class Jobs:
    def __init__(self, out: Path, blend: Path) -> None:
        self.out, self.blend = out, blend
        self.checks = Checks(out)

    def render(self, name: str, *options: str, frames: int = FRAMES) -> tuple[int, int, str]:
        """Render; return the exit status, the number of right pictures and what was said beside the progress."""
        where = self.out / name
        words = ("render", str(self.blend), "-o", str(where / "f_####"), "-f", f"1-{frames}", "--devices", "gpu")
        return self._result(name, dispatch(*words, "--jobs-dir", str(self.out / "jobs" / name), *options))

    def resume(self, name: str) -> tuple[int, int, str]:
        return self._result(name, dispatch("resume", "last", "--jobs-dir", str(self.out / "jobs" / name)))

    def _result(self, name: str, done: subprocess.CompletedProcess[str]) -> tuple[int, int, str]:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if " frames, " not in line]
        print(f"--- {name}", *lines[-25:], sep="\n", flush=True)
        return done.returncode, sum(map(self._is_right, (self.out / name).glob("f_*.png"))), "\n".join(lines)

    def _is_right(self, picture: Path) -> bool:
        """Whether it is no blank one, as Cycles leaves them where it goes on after an error."""
        found = difference(picture, self.out / FREE / picture.name)
        if found and found[1]:
            return True
        print(f"{picture} is wrong: {found}", flush=True)
        return False

    def rungs(self, name: str) -> dict[str, int]:
        """Return where tasks were sent that did not fit, as the journal has it."""
        counts: dict[str, int] = {}
        for path in (self.out / "jobs" / name).rglob("journal.jsonl"):
            for record in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
                if record["what"] == "rung":
                    counts[record["place"]] = counts.get(record["place"], 0) + 1
        return counts

    def note(self, name: str, what: str, result: tuple[int, int, str], holds: bool, began: float) -> None:
        status, pictures, _ = result
        seconds = time.monotonic() - began
        self.checks.note(
            what, holds, f"exit {status}, {pictures} right pictures, {seconds:.0f} s, rungs {self.rungs(name)}"
        )


def main() -> int:
    out = Path(sys.argv[1]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_STATE_HOME"] = str(out / "state")
    command = [sys.executable, str(ROOT / "benchmarks/gpu/scenes.py"), str(out), "light", "100"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    jobs = Jobs(out, out / "light.blend")
    listed = json.loads(dispatch("devices", "--json").stdout)["devices"]
    everyone = list(range(len([device for device in listed if device["backend"] != "CPU"])))

    began = time.monotonic()
    result = jobs.render(FREE, "--strategy", "per-device")
    jobs.note(FREE, "all memory free", result, result[:2] == (0, FRAMES), began)

    if len(everyone) > 1:
        began = time.monotonic()
        with taken(everyone[:1], 0.4):
            result = jobs.render("one", "--strategy", "per-device")
        jobs.note("one", "one card is full: the others render its frames", result, result[:2] == (0, FRAMES), began)

    began = time.monotonic()
    with taken(everyone, 7.0):
        result = jobs.render("two", "--strategy", "per-device", "--per-device", "2")
    fewer = "fewer workers" in result[2]
    jobs.note("two", "room for one of two workers: one goes on", result, result[:2] == (0, FRAMES) and fewer, began)

    began = time.monotonic()
    with taken(everyone, 1.0):
        result = jobs.render("none", "--strategy", "per-device", frames=4)
    nothing = not list((out / "none").glob("f_*.png"))
    jobs.note("none", "no room on any card: given up in words", result, result[0] in (1, 4) and nothing, began)
    result = jobs.resume("none")
    jobs.note("none", "… and complete when it is resumed with room", result, result[:2] == (0, 4), began)

    began = time.monotonic()
    with taken(everyone, 1.0):
        result = jobs.render("cpu", "--strategy", "per-device", "--last-resort", "cpu", frames=4)
    jobs.note("cpu", "no room on any card, the processor is allowed", result, result[:2] == (0, 4), began)

    print(f"{jobs.checks.passed} passed, {jobs.checks.failed} failed")
    return 1 if jobs.checks.failed else 0


if __name__ == "__main__":
    if sys.argv[1] == "--take":
        take([int(card) for card in sys.argv[2].split(",")], int(sys.argv[3]))
    else:
        status = main()
        sys.stdout.flush()
        os._exit(status)  # bpy does not survive every end of Python
