# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the small scene that ``doctor`` renders on each device: a cube, a lamp, a camera, 64 × 64 pixels.

A script of its own, started by ``blender --python`` or a Python with bpy, with the file's name as its last word. Prints
one JSON object: this Blender's Python. Needs nothing of the package.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

SIZE = 64
SAMPLES = 16
CORNERS = [(x, y, z) for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def build() -> None:
    """Make the scene; equal samples and no denoising, so that devices can be compared."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    _settings(scene)
    scene.world = bpy.data.worlds.new("World")
    mesh = bpy.data.meshes.new("Cube")
    mesh.from_pydata(CORNERS, [], SIDES)
    mesh.update()
    _add(bpy, mesh)
    lamp = bpy.data.lights.new("Lamp", "SUN")
    lamp.energy = 4.0
    _add(bpy, lamp).rotation_euler = (0.6, 0.3, 0.0)
    camera = _add(bpy, bpy.data.cameras.new("Camera"))
    camera.location = (4.0, -4.0, 3.2)
    camera.rotation_euler = (1.05, 0.0, 0.785)
    scene.camera = camera


def _settings(scene: Any) -> None:
    scene.render.engine = "CYCLES"
    scene.cycles.device = "GPU"
    scene.cycles.samples = SAMPLES
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_denoising = False
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    scene.render.image_settings.color_depth = "8"
    scene.frame_start = scene.frame_end = 1


def _add(bpy: Any, data: Any) -> Any:
    thing = bpy.data.objects.new(data.name, data)
    bpy.context.scene.collection.objects.link(thing)
    return thing


def main(path: str) -> None:
    """Make the scene, save it, and end without Blender's normal end, which was seen to hang."""
    import bpy

    build()
    bpy.ops.wm.save_as_mainfile(filepath=path, check_existing=False)
    sys.stdout.write("\n" + json.dumps({"python": platform.python_version()}) + "\n")
    sys.stdout.flush()
    with contextlib.suppress(OSError):
        Path(bpy.app.tempdir).rmdir()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[-1])
