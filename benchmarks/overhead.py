# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frame costs through the engine, against one plain animation render of the same scene.

    python benchmarks/overhead.py [--rounds 5] [--frames 40] [--size 320x180] [--samples 8] [--threads N]

Both run one Blender on the CPU with the same threads, the same priority and persistent data on; the rounds are
interleaved, because other work on the machine comes and goes. A rate counts from the first picture on disk to the
last one, so that start and load stay out. Prints the rates, their ratio, and what passes between two frames: the time
of a frame's period that no phase of the render accounts for. Run it with a Python that can import bpy.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import argparse
import os
import statistics
import subprocess
import tempfile
from collections.abc import Sequence

from dispatch import host, journal

ROOT = Path(__file__).resolve().parents[1]

PLAIN = """
import os, sys
sys.path.insert(0, sys.argv[4])
from dispatch import host
import bpy
host.lower_priority()
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
render = bpy.context.scene.render
render.filepath, render.use_persistent_data = sys.argv[2], True
render.threads_mode, render.threads = "FIXED", int(sys.argv[3])
bpy.ops.render.render(animation=True)
sys.stdout.flush()
os._exit(0)
"""


def plain(blend: Path, output: Path, threads: int) -> None:
    """Render the whole animation in one Blender."""
    argv = [sys.executable, "-c", PLAIN, str(blend), str(output / "####"), str(threads), str(ROOT)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def through_the_engine(blend: Path, output: Path, threads: int, jobs: Path) -> float:
    """Render it with one worker; return the mean seconds a frame that its phases account for."""
    argv = [sys.executable, "-m", "dispatch", "render", str(blend), "--output", str(output / "####"), "-q", "--json"]
    layout = ["--devices", "cpu", "--strategy", "per-device", "--per-device", "1", "--threads", str(threads)]
    subprocess.run([*argv, *layout, "--jobs-dir", str(jobs)], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    (record,) = jobs.glob("*/journal.jsonl")
    phases = [r["phases"] for r in journal.read(record) if r["what"] == "rendered"]
    # What is done with the file beside the next frame takes no time of its own.
    return statistics.mean(sum(seconds for name, seconds in p.items() if name != "carry") for p in phases[1:])


def period(output: Path) -> float:
    """Seconds from one picture to the next, over all but the first."""
    times = sorted(path.stat().st_mtime for path in output.glob("*.png"))
    return (times[-1] - times[0]) / (len(times) - 1)


def measure(blend: Path, place: Path, rounds: int, threads: int) -> tuple[list[float], list[float], list[float]]:
    """Return the periods of the plain renders, those through the engine, and the gaps of the latter."""
    ones, others, gaps = [], [], []
    for number in range(rounds):
        for kind in ("plain", "engine") if number % 2 == 0 else ("engine", "plain"):
            output = place / f"{kind}-{number}"
            if kind == "plain":
                plain(blend, output, threads)
                ones.append(period(output))
            else:
                work = through_the_engine(blend, output, threads, place / f"jobs-{number}")
                others.append(period(output))
                gaps.append(others[-1] - work)
        sys.stdout.write(f"round {number + 1}: plain {ones[-1]:.4f} s a frame, engine {others[-1]:.4f}, ")
        sys.stdout.write(f"ratio {ones[-1] / others[-1]:.4f}, between frames {1e3 * gaps[-1]:.1f} ms\n")
        sys.stdout.flush()
    return ones, others, gaps


def main(words: Sequence[str] | None = None) -> None:
    """Parse the command line, make the scene, measure, print."""
    parser = argparse.ArgumentParser(description="What a frame costs through the engine.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--size", default="320x180")
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--threads", type=int, default=max(1, host.cores()))
    options = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="mgd-overhead-") as name:
        place = Path(name)
        os.environ["XDG_STATE_HOME"] = os.environ["LOCALAPPDATA"] = str(place / "state")
        blend = place / "sample.blend"
        scene = ["--frames", str(options.frames), "--size", options.size, "--samples", str(options.samples)]
        argv = [sys.executable, str(ROOT / "tools" / "sample_scene.py"), str(blend), *scene]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
        ones, others, gaps = measure(blend, place, options.rounds, options.threads)
    ratio = statistics.median(a / b for a, b in zip(ones, others, strict=True))
    sys.stdout.write(
        f"{options.rounds} rounds of {options.frames} frames, {options.threads} threads: "
        f"plain {1 / statistics.median(ones):.3f} frames/s, engine {1 / statistics.median(others):.3f} frames/s, "
        f"ratio (median of rounds) {ratio:.4f}, between frames {1e3 * statistics.median(gaps):.1f} ms\n"
    )


if __name__ == "__main__":
    main()
