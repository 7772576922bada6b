# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain animation render, as ``blender -b FILE -a`` does it: runs in a Python with bpy, without our engine.

    python plain_blender.py '{"blend": …, "output": …, "marks": …, "backend": …, "devices": [ids] or null,
                              "placeholders": bool, "taster": bool}'

Everything is as in the file and as Blender has it. Appends ``loaded SECONDS``, ``warm SECONDS`` and for each
picture ``done SECONDS`` to the marks (seconds since the epoch).
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import bpy

TASTE = 16
"""Samples of the frame that warms up where one of all samples takes a minute."""


def main() -> None:
    """Render until the last frame, or until somebody ends it."""
    order = json.loads(sys.argv[1])
    marks = Path(order["marks"])

    def mark(what: str) -> None:
        with marks.open("a", encoding="utf-8") as file:
            file.write(f"{what} {time.time():.4f}\n")

    bpy.ops.wm.open_mainfile(filepath=order["blend"])
    scene = bpy.context.scene
    choose(scene, order["backend"], order["devices"])
    scene.render.filepath = order["output"]
    scene.render.use_overwrite, scene.render.use_placeholder = not order["placeholders"], order["placeholders"]
    mark("loaded")
    if order["taster"]:
        samples, scene.cycles.samples = scene.cycles.samples, TASTE
        bpy.ops.render.render()
        scene.cycles.samples = samples
        mark("warm")
    bpy.app.handlers.render_write.append(lambda *_: mark("done"))
    bpy.ops.render.render(animation=True)
    sys.stdout.flush()
    os._exit(0)  # Blender's own end of a module hangs at times


def choose(scene: bpy.types.Scene, backend: str, wanted: list[str] | None) -> None:
    """Tick devices as in Preferences > System; none named: all of that backend, without the CPU."""
    if backend == "CPU":
        scene.cycles.device = "CPU"
        return
    preferences = bpy.context.preferences.addons["cycles"].preferences
    preferences.compute_device_type = backend
    preferences.refresh_devices()
    for entry in preferences.devices:
        entry.use = entry.type == backend and (wanted is None or entry.id in wanted)
    ticked = [entry.id for entry in preferences.devices if entry.use]
    if not ticked:
        sys.exit(f"none of {wanted} among {[(e.type, e.id) for e in preferences.devices]}")
    sys.stdout.write(f"renders on {ticked}\n")
    scene.cycles.device = "GPU"


if __name__ == "__main__":
    main()
