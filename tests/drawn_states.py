# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand-made views of every state in which a panel may find jobs and devices, for tests, benchmarks and screenshots.

`states` makes `watch.Seen` objects of the extension's own classes; nothing runs and no file is read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

GIB = 1 << 30
CARD = "NVIDIA GeForce RTX 4090"
OTHER = "AMD Radeon RX 7900 XTX"


class Made:
    """Makes nouns of one copy of the engine; ``room`` returns its modules by name."""

    def __init__(self, room: Callable[[str], ModuleType]) -> None:
        self.model, self.snapshot = room("dispatch.model"), room("dispatch.snapshot")
        self.watch, self.listing = room("dispatch.watch"), room("dispatch.listing")
        self.measurement = room("dispatch.measurement")

    def card(self, number: int) -> Any:
        pci = f"0000:{0x1B + 16 * number:02x}:00"
        device, backend = self.model.Device, self.model.Backend
        ways = (
            device(f"CUDA_{CARD}_{pci}_OptiX", CARD, backend.OPTIX, pci),
            device(f"CUDA_{CARD}_{pci}", CARD, backend.CUDA, pci),
        )
        figures = {"vram_used": (2 + number) * GIB, "vram_total": 24 * GIB, "load": 96.0, "temperature": 61.0}
        return self.listing.DeviceFound(
            ways[0].id,
            f"{CARD} ({pci[5:]})",
            ways[0].backend,
            pci,
            None,
            True,
            display=number == 0,
            backends=ways,
            **figures,
        )

    def found(self, cards: int, *, mixed: bool = False) -> Any:
        backend = self.model.Backend
        every = [self.card(number) for number in range(cards)]
        if mixed:
            amd = self.model.Device(f"HIP_{OTHER}_0000:03:00", OTHER, backend.HIP, "0000:03:00")
            every.append(self.listing.DeviceFound(amd.id, OTHER, amd.backend, amd.pci, None, False, backends=(amd,)))
        cpu = self.model.Device("CPU", "AMD Ryzen Threadripper PRO 7995WX 96-Cores", backend.CPU)
        every.append(self.listing.DeviceFound("CPU", "CPU", backend.CPU, None, None, False, backends=(cpu,)))
        return self.listing.DevicesFound("Blender 5.2.2", "/blender", tuple(every), "")

    def worker(self, number: int, each: int = 1, **changes: Any) -> Any:
        pci = f"{0x1B + 16 * (number // each):02x}:00"
        usual = {
            "worker": number,
            "slot": f"{CARD} ({pci})" + (f" {number % each + 1}" if each > 1 else ""),
            "devices": (f"CUDA_{CARD}_0000:{pci}_OptiX",),
            "state": "rendering",
            "frame": 12_345 + number,
            "sample": (37 * number + 11) % 1024,
            "samples": 1024,
            "done": 3,
            "seconds_per_frame": 128.4,
            "memory": 2 * GIB,
            "vram": 9 * GIB,
        }
        return self.snapshot.WorkerView(**{**usual, **changes})

    def running(self, cards: int = 2, each: int = 1, **changes: Any) -> Any:
        views = tuple(
            self.snapshot.DeviceView(found.id, CARD, "in use", 97.0, 9 * GIB, 24 * GIB, 66.0, 310.0, 6, 128.4)
            for found in map(self.card, range(cards))
        )
        usual = {
            "job": "id-shot_010",
            "name": "shot_010",
            "state": "rendering",
            "total": 100_000,
            "done": 12_345,
            "frames_per_second": 0.47,
            "seconds_left": 186_500.0,
            "elapsed": 26_000.0,
            "output": "/render/shot_010/####",
            "workers": tuple(self.worker(number, each) for number in range(cards * each)),
            "devices": views,
            "last_picture": "/render/shot_010/0012.png",
            "auto": "Two workers per GPU: 24.1 instead of 12.5 frames/s (+93 %, 5 comparisons).",
            "bottleneck": "GPUs 79 % busy: 0.31 of 0.52 s a frame is scene preparation on one CPU thread.",
        }
        return self.snapshot.Snapshot(**{**usual, **changes})

    def job(self, snapshot: Any, name: str = "shot_010", **changes: Any) -> Any:
        usual = {"folder": f"/jobs/{name}", "id": f"id-{name}", "name": name, "running": True, "snapshot": snapshot}
        return self.watch.JobSeen(
            **{**usual, "blend": "/shots/shot_010.blend", "engine": "CYCLES", "output": "/render/####", **changes}
        )

    def ended(self, outcome: str, audit: str, **changes: Any) -> Any:
        at_end = {"state": "ended", "outcome": self.model.Outcome(outcome), "audit": audit, "workers": ()}
        return self.running(**{**at_end, **changes})

    def measured(self, state: str, advice: Any = None, **changes: Any) -> Any:
        """A measurement of an old file that is not open: it matters while it runs, and as `session.measured`."""
        noun, device = self.measurement, self.model.Device
        cards = tuple(device(self.card(n).id, CARD, self.model.Backend.OPTIX) for n in range(2))
        found = noun.Measurement(
            *("id", "2026-11-21T06:01:00+00:00", noun.State(state), "/shots/shot_010.blend", "Scene", "shot_010"),
            *("Blender 5.2.2", cards),
            recommendation=advice,
            **changes,
        )
        running = found.state in (noun.State.RUNNING, noun.State.WAITING)
        return self.watch.MeasurementSeen("/measurements/id", running, found)

    def advice(self) -> Any:
        reason = (
            "2 per GPU: 24.1 frames/s, 93 % more than 1 per GPU, 5.2 times as fast as combined, and as fast as 3 per GPU "
            "within the noise. A worker takes 2.1 GiB of RAM and 3.4 GiB of VRAM."
        )
        return self.measurement.Recommendation(self.model.Strategy.PER_DEVICE, 2, 16, reason)

    def failures(self) -> tuple[Any, ...]:
        at, message = "2026-11-21T06:01:00+00:00", self.snapshot.Message
        first = f"{CARD} (3b:00) ran out of GPU memory at frame 17: fewer workers run there now."
        second = f"The worker on {CARD} (2b:00) crashed at frame 14; the frame goes to another one."
        return (message(at, "error", first, "/jobs/2.log"), message(at, "warning", second, "/jobs/1.log"))


def states(room: Callable[[str], ModuleType]) -> dict[str, Any]:
    """Return `watch.Seen` by the name of the state."""
    made = Made(room)
    two, seen = made.found(2), made.watch.Seen
    return {
        "idle": seen(1, (), two),
        "idle, two makers": seen(1, (), made.found(2, mixed=True)),
        "idle, CPU only": seen(1, (), made.found(0)),
        "idle, looking": seen(1, (), None, True),
        "idle, no answer": seen(
            1, (), None, False, "Blender did not say which GPUs there are: look at the drivers and press Refresh."
        ),
        **{name: seen(2, jobs, two) for name, jobs in _at_work(made).items()},
        **{name: seen(2, jobs, two) for name, jobs in _at_rest(made).items()},
        **{name: replace(seen(1, (), two), measurements=(each,)) for name, each in _measured(made).items()},
        "running on 8": seen(3, (made.job(made.running(8)),), made.found(8)),
        "running, 16 workers": seen(3, (made.job(made.running(8, 2)),), made.found(8)),
    }


def _measured(made: Made) -> dict[str, Any]:
    current = {"current": "3 per GPU on 2 GPUs", "done": 12, "planned": 40, "seconds_left": 380.0}
    notes = ("Nothing could render: Cycles uses no device instead of the chosen ones. See what the worker's log says.",)
    return {
        "measuring": made.measured("running", **current),
        "measuring, at its start": made.measured("waiting"),
        "measured": made.measured("complete", made.advice()),
        "measured in part": made.measured("stopped", made.advice()),
        "measured without result": made.measured("failed", notes=notes),
    }


def _at_work(made: Made) -> dict[str, tuple[Any, ...]]:
    calm = {"seconds_left": None, "frames_per_second": 0.0}
    loads = (made.worker(0), made.worker(1, state="loading", frame=None))
    line = {"state": "waiting", "done": 0, "behind": "shot_010", "behind_job": "id-shot_010", "ahead": 1, "workers": ()}
    return {
        "running": (made.job(made.running()),),
        "failed worker": (made.job(made.running(messages=made.failures(), retried=2, failed=1, workers=loads)),),
        "starting": (made.job(None, running=False, starting=True),),
        "waiting": (made.job(made.running(**line, **calm), "a shot with quite a long name"), made.job(made.running())),
        "running, costs vary": (made.job(made.running(seconds_left_range=(150_000.0, 250_000.0))),),
        "paused": (made.job(made.running(state="paused", workers=(), **calm)),),
        "stopping": (made.job(made.running(state="stopping", **calm)),),
        "writing movie": (made.job(made.running(state="writing movie", done=100_000, workers=(), **calm)),),
    }


def _at_rest(made: Made) -> dict[str, tuple[Any, ...]]:
    whole = "100,000 of 100,000 frames complete, 0 rendered twice, 2 retried"
    short = "99,986 of 100,000 frames complete, 0 rendered twice, 2 retried, 2 given up, 12 claimed elsewhere"
    done = {"done": 100_000}
    counting = {"then": "shut-down", "then_at": time.time() + 42}
    parts = made.ended("incomplete", short, done=99_986, failed=2, elsewhere=12, messages=made.failures())
    old = made.ended("complete", whole, **done)
    many = tuple(made.job(old, f"a rather long name of an older shot {n:03}", running=False) for n in range(14))
    return {
        "countdown": (made.job(made.ended("complete", whole, **done, **counting)),),
        "finished": (made.job(old, running=False),),
        "incomplete": (made.job(parts, running=False),),
        "stopped": (made.job(made.ended("stopped", "12,345 of 100,000 frames complete"), running=False),),
        "interrupted": (made.job(made.running(), running=False), *many),
        "never started": (made.job(None, running=False, error="The dispatcher ended at once: look at its log."),),
    }
