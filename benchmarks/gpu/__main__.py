# SPDX-License-Identifier: GPL-3.0-or-later
"""Our engine against the plain ways, on this machine, in one run.

    python -m benchmarks.gpu --out DIR [--scenes light,sync,heavy,extra] [--ways plain,1,2,2x8,auto] [--minutes 12]
                             [--repeats 1] [--go-on] [--cards N] [--work PERCENT]
                             [--longest SECONDS] [--tiny]

Run it from the repository with a Python that can import bpy. Writes DIR/results.json and DIR/table.md after each cell,
and DIR/recording-SCENE.json of the Auto jobs; goes on where results.json stops. A cell that would not fit into the
minutes any more is left out, and said. ``--tiny`` tries the program itself; without a GPU everything runs on the CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from dispatch import host

from . import gauge, keeping, measuring, plan, table
from .measuring import Measured
from .runs import ROOT, Card, Place, is_complete


def main(words: Sequence[str] | None = None) -> None:
    """Parse the command line, make the scenes, measure cell after cell."""
    options = arguments(words)
    options.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mgd-gpu-") as name:
        work = Path(name)
        os.environ["XDG_STATE_HOME"] = os.environ["LOCALAPPDATA"] = str(work / "state")
        listed = dispatch_devices()
        cards = cards_of(listed)[: options.cards or None]
        about = machine_words(listed["blender"], cards)
        say("\n".join(about))
        make_scenes(work / "scenes", options)
        say(f"scenes made, {time.monotonic() - began:.0f} s")
        place = Place(Path(), Path(), cards)
        run_all(options, work, place, about, began)
    results = read_results(options.out)
    say(table.page(results, about))


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, checked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scenes", default=",".join(plan.SCENES))
    parser.add_argument("--ways", default="", help="default: those of each scene, in the order of their worth")
    parser.add_argument("--minutes", type=float, default=12.0, help="for all scenes, making them included")
    parser.add_argument("--work", type=float, default=100.0, help="percent of the scenes' samples")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--go-on", action="store_true", help="later repeats of Auto resume the job of its first")
    parser.add_argument("--cards", type=int, default=0, help="the first N only; default: all")
    parser.add_argument(
        "--frames", type=int, default=0, help="of a job: Auto searches as long as they allow; default: each scene's own"
    )
    parser.add_argument(
        "--longest", type=float, default=0.0, help="seconds of a cell at most; default: each scene's own"
    )
    parser.add_argument("--tiny", action="store_true", help="small pictures, short cells")
    options = parser.parse_args(words)
    options.scenes = options.scenes.split(",")
    options.ways = [word for word in options.ways.split(",") if word]
    try:
        for text in options.ways:
            plan.way(text)
        unknown = [name for name in options.scenes if name not in plan.SCENES]
        if unknown:
            raise ValueError(f"There is no scene {unknown[0]}: there are {', '.join(plan.SCENES)}.")
    except ValueError as error:
        parser.error(str(error))
    return options


def run_all(options: argparse.Namespace, work: Path, place: Place, about: Sequence[str], began: float) -> None:
    """Measure every cell for which there is time; what one scene leaves over, the next ones have."""
    results = read_results(options.out)
    known = {result.key for result in results if result.rate}
    took = {result.key: result.took for result in results}
    end = began + 60 * options.minutes
    left = list(options.scenes)
    while left:
        share = plan.shares(left, (end - time.monotonic()) / 60)[left[0]]
        until = time.monotonic() + share
        scene = plan.SCENES[left.pop(0)]
        scene = plan.tiny(scene) if options.tiny else scene
        scene = replace(
            scene,
            frames=options.frames or scene.frames,
            most=options.longest or scene.most,
            a_frame=scene.a_frame * options.work / 100,
        )
        for cell in plan.cells(scene, options.ways, options.repeats, len(place.cards) or 2, options.go_on):
            if cell.key in known:
                continue
            seconds = until - time.monotonic()
            if seconds < 0.8 * plan.expected(cell, took):
                say(f"left out: {cell.key}, {seconds:.0f} s left for {scene.name}")
                continue
            here = measuring.place_of(cell, work / "scenes", work, place)
            if cell.resumes and is_complete(here):
                say(f"left out: {cell.key}, its job has all of its {scene.frames} frames")
                continue
            keep = partial(keeping.keep, options.out, list(about), place.cards)
            result = measuring.measure(cell, here, min(seconds + 10.0, end - time.monotonic()), keep)
            took[cell.key] = result.took
            results = [*(r for r in results if r.key != cell.key), result]
            write_results(options.out, results, about)
            say(f"{cell.key}: {result.rate:.3f} frames/s, {result.took:.0f} s {result.error[-400:]}")


def make_scenes(folder: Path, options: argparse.Namespace) -> None:
    """Write the .blend files, in a process of its own."""
    script = Path(__file__).with_name("scenes.py")
    argv = [sys.executable, "-W", "ignore", str(script), str(folder), ",".join(options.scenes), str(options.work)]
    done = subprocess.run([*argv, *["--tiny"] * options.tiny], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the scenes cannot be made:\n{done.stderr[-2000:]}")


def dispatch_devices() -> dict[str, Any]:
    """Return what our engine knows of this machine's devices."""
    argv = [sys.executable, "-m", "dispatch", "devices", "--json"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"no devices: {done.stderr[-2000:]}")
    listed: dict[str, Any] = json.loads(done.stdout)
    return listed


def cards_of(listed: dict[str, Any]) -> tuple[Card, ...]:
    """Return the GPUs, each once."""
    return tuple(
        Card(d["id"], d["name"], d["backend"], d["pci"] or "", d["uuid"] or "")
        for d in listed["devices"]
        if d["backend"] != "CPU"
    )


def machine_words(blender: str, cards: Sequence[Card]) -> list[str]:
    """Say when, where and with what is measured."""
    names = sorted({f"{card.name} ({card.backend})" for card in cards})
    gpus = f"{len(cards)} × {', '.join(names)}" if cards else "no GPU"
    commit = ""
    if shutil.which("git"):
        argv = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
        commit = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
    return [
        f"{datetime.now():%Y-%m-%d}, {gpus}, driver {gauge.driver() or 'none'}, {host.cores()} cores",
        f"{blender}, Python {platform.python_version()}, {platform.system()} {platform.release()}",
        f"this repository at {commit or 'an unknown commit'}, `python -m benchmarks.gpu {' '.join(sys.argv[1:])}`",
    ]


def read_results(out: Path) -> list[Measured]:
    """Return what earlier runs wrote there."""
    path = out / "results.json"
    if not path.exists():
        return []
    return [measuring.from_plain(data) for data in json.loads(path.read_text(encoding="utf-8"))["cells"]]


def write_results(out: Path, results: Sequence[Measured], about: Sequence[str]) -> None:
    """Write both files anew."""
    data = {"schema": 1, "about": list(about), "cells": [asdict(result) for result in results]}
    (out / "results.json").write_text(json.dumps(data, indent=1), encoding="utf-8")
    (out / "table.md").write_text(table.page(results, about), encoding="utf-8")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
