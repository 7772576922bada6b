# SPDX-License-Identifier: GPL-3.0-or-later
"""What the interface costs Blender while a large job runs: one tick of the session's timer, one drawing of the panel.

    python benchmarks/panel.py                       with a Python that can import bpy
    blender --factory-startup --python benchmarks/panel.py      with a window

A job of 16 workers and 100,000 frames is pretended: its folder is real, its snapshot is replaced four times a second,
and the session's thread reads it as always. Prints milliseconds. Ends with status 1
where one of twenty took longer than the limit; the rarest ones are what else the machine does.
"""

from __future__ import annotations

import importlib.util
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import bpy

ROOT = Path(__file__).resolve().parents[1]
NAME = "multi_gpu_dispatcher"
WORKERS, FRAMES = 16, 100_000
SECONDS = 10.0
CONTEXT = ("scene", "preferences", "window_manager", "blend_data")
"""What our drawing asks of the context."""
LIMIT = 2.0
"""Milliseconds."""


def load_extension() -> ModuleType:
    """Load the extension as Blender would, without its root on sys.path."""
    spec = importlib.util.spec_from_file_location(NAME, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    module = sys.modules[NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def room(name: str) -> ModuleType:
    return importlib.import_module(f"{NAME}.{name}")


def pretend(root: Path) -> tuple[Path, Callable[[int], None]]:
    """Make the job; return its folder and what puts its picture at a number of finished frames in place."""
    model, job, snapshot = room("dispatch.model"), room("dispatch.job"), room("dispatch.snapshot")
    cards = [
        model.Device(f"CUDA_NVIDIA H200_0000:{n:02x}:00_OptiX", "NVIDIA H200", model.Backend.OPTIX) for n in range(8)
    ]
    made = model.Job(
        **{"id": job.new_id("large"), "name": "large", "created": "2026-01-01T00:00:00+00:00", "blend": "/large.blend"},
        **{"scene": "Scene", "frames": f"1-{FRAMES}", "output": "/out/####", "devices": tuple(cards)},
        blender=model.BlenderProgram("/blender", False, (5, 0, 1)),
    )
    folder = job.create(made, root)
    workers = [
        snapshot.WorkerView(
            n, f"NVIDIA H200 ({n // 2:02x}:00)", (cards[n // 2].id,), "rendering", 100 + n, n, 10, 30, 900, 1.6
        )
        for n in range(WORKERS)
    ]
    views = tuple(snapshot.DeviceView(d.id, d.name, "in use", 97.0, 9 << 30, 140 << 30, 61.0, 500.0) for d in cards)
    notes = tuple(
        snapshot.Message("2026-01-01T00:00:00+00:00", "warning", f"Worker {n} ended and was started again.", "/log")
        for n in range(8)
    )
    start = snapshot.Snapshot(made.id, made.name, "rendering", FRAMES, devices=views, messages=notes, pid=os.getpid())

    def show(done: int) -> None:
        at_work = tuple(replace(w, frame=done + w.worker, sample=done % 30) for w in workers)
        now = replace(start, done=done, workers=at_work, frames_per_second=12.7, seconds_left=(FRAMES - done) / 12.7)
        job.write_snapshot(folder, now)

    return folder, show


class Paper:
    """Takes whatever is drawn on it and keeps nothing: what is measured is ours, not Blender's own."""

    def __getattr__(self, _name: str) -> Callable[..., Paper]:
        return self._taken

    def _taken(self, *_: object, **__: object) -> Paper:
        return self


def drawing(everything: bool) -> Callable[[], None]:
    """Return what draws the panel once; with all its parts, or as it is while they are folded."""
    paper = Paper()
    context = SimpleNamespace(region=SimpleNamespace(width=248), **{n: getattr(bpy.context, n) for n in CONTEXT})
    context.scene.render.engine = "CYCLES"
    panels = [each for each in bpy.types.Panel.__subclasses__() if each.__module__.startswith(f"{NAME}.ui")]
    panels = [each for each in panels if getattr(each, "bl_context", "") == "render"]

    def draw() -> None:
        for each in panels:
            if not hasattr(each, "poll") or each.poll(context):
                parts = ["draw_header", "draw_header_preset"]
                parts += ["draw"] if everything or not hasattr(each, "bl_parent_id") else []
                for part in parts:
                    if part in vars(each):
                        getattr(each, part)(SimpleNamespace(layout=paper), context)

    return draw


def measure(call: Callable[[], object], pause: float, seconds: float) -> list[float]:
    """Call it for so long; return the milliseconds of each call."""
    taken, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
        time.sleep(pause)
    return taken


def say(what: str, taken: list[float]) -> bool:
    """Print the figures; return whether they are within the limit."""
    taken = sorted(taken)
    high, rare = taken[int(len(taken) * 0.95)], taken[int(len(taken) * 0.99)]
    figures = (
        f"median {statistics.median(taken):.3f} ms, 95 % {high:.3f} ms, 99 % {rare:.3f} ms, worst {taken[-1]:.3f} ms"
    )
    print(f"{what}: {figures} ({len(taken)} times)")
    return high < LIMIT


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_STATE_HOME"] = os.environ["LOCALAPPDATA"] = folder
        extension = load_extension()
        extension.register()
        try:
            return 0 if figures() else 1
        finally:
            extension.unregister()


def figures() -> bool:
    session, tick, job = room("operators.session"), room("operators.tick"), room("dispatch.job")
    root = room("operators.preferences").jobs_root()
    folder, show = pretend(root)
    over = threading.Event()

    def animate() -> None:
        done = 0
        while not over.wait(0.25):
            show(done := done + 3)

    show(0)
    began = time.perf_counter()
    tick.tick()
    print(f"first tick: {(time.perf_counter() - began) * 1000:.3f} ms")
    session.wants_devices()
    with job.lock(folder):
        beside = threading.Thread(target=animate)
        beside.start()
        try:
            while session.shown() is None or session.shown().state != "rendering":
                tick.tick()
                time.sleep(0.05)
            good = say("tick", measure(tick.tick, tick.RUNNING / 5, SECONDS))
            for what, everything in (("draw, parts folded", False), ("draw, all unfolded", True)):
                good = say(what, measure(drawing(everything), tick.RUNNING / 5, SECONDS / 2)) and good
        finally:
            over.set()
            beside.join()
    return good


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # the application's own end asks about unsaved changes
