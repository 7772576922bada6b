# SPDX-License-Identifier: GPL-3.0-or-later
"""Small jobs for faults: made ready, run by a dispatcher in a process of its own, and seen when they have ended."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coloured_scene
import engine
from case import Seen
from fake_scene import write_blend

ENDS = 240.0
"""Seconds within which a job of the campaign's size ends, however busy the machine is."""

HASTY = dataclasses.replace(engine.SHORT, start=20.0, load=20.0, first=6.0, task=6.0)
"""A hang is seen after a few seconds, and a healthy child on a busy machine is not taken for one."""


@dataclass(frozen=True)
class Prepared:
    """A job folder that has not run yet."""

    folder: Path
    output: Path
    frames: tuple[int, ...]
    entry: Path
    renders: Path | None = None

    def run(self, **seen: Any) -> Seen:
        """Run it to its end in a process of its own."""
        with engine.running(self.folder, self.entry) as dispatcher:
            status = dispatcher.wait(ENDS)
        return self.seen(status, **seen)

    def seen(self, status: int, **changes: Any) -> Seen:
        """Return what came of it; ``changes`` are further fields of `Seen`."""
        values = {"frames": self.frames, "jobs": (self.folder,), "renders": self.renders, **changes}
        return Seen(self.output, status=status, **values)


def fake_job(
    folder: Path,
    count: int = 12,
    *,
    rules: Sequence[dict[str, Any]] = (),
    script: dict[str, Any] | None = None,
    output: Path | None = None,
    jobs: str = "jobs",
    **changes: Any,
) -> Prepared:
    """Prepare frames 1 … ``count`` for fake children.

    Args:
        rules: How they misbehave (`fake_scene.Rule`), from their start on.
        script: Further keys of the fake scene.
        jobs: Name of the folder for job folders; a second job of the same case needs another one.
        changes: Fields of `Job`, and ``workers``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    renders, output = folder / "renders", output or folder / "out"
    blend = write_blend(folder / f"{jobs}.blend", **{"renders": str(renders), "seconds": 0.01, **(script or {})})
    # In the environment, since a child knows no scene at its start.
    environment = (
        {"BLENDER_FAKE_CHILD": json.dumps({"rules": list(rules), "counts": str(folder / "counts")})} if rules else {}
    )
    values = {"environment": environment, "limits": HASTY, **changes}
    made = engine.make_job(folder / jobs, blend, str(output / "####"), f"1-{count}", **values)
    return Prepared(made, output, tuple(range(1, count + 1)), engine.FAKE_ENTRY, renders)


def real_job(
    folder: Path,
    count: int = 6,
    *,
    script: str = "",
    seconds: float = 0.0,
    output: Path | None = None,
    jobs: str = "jobs",
    **changes: Any,
) -> Prepared:
    """Prepare frames 1 … ``count`` of a coloured scene for real Blender children.

    Args:
        script: Code that changes the scene before it is saved (`coloured_scene.make`).
        seconds: How long a frame lasts at least.
        changes: Fields of `Job`, and ``workers``.
    """
    output, blend = output or folder / "out", folder / "coloured.blend"
    if not blend.exists():
        coloured_scene.make(blend, 1, count, script, seconds)
    values = {"blender": engine.this_blender(), "autoexec": True, **changes}
    made = engine.make_job(folder / jobs, blend, str(output / "####"), f"1-{count}", **values)
    return Prepared(made, output, tuple(range(1, count + 1)), engine.REAL_ENTRY)
