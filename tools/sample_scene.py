# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a small animated sample scene: glowing beads on a turning ring above a floor, with a camera that drifts.

    python tools/sample_scene.py FILE.blend [--frames 24] [--size 320x180] [--samples 4]

Needs a Python that can import bpy, 4.2 or newer.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import bpy

BEADS = 12
TURN = math.tau / 4


def main() -> None:
    """Parse the command line, build the scene, save it."""
    parser = argparse.ArgumentParser(description="Make a small animated sample scene.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--size", default="320x180")
    parser.add_argument("--samples", type=int, default=4)
    options = parser.parse_args()
    width, height = (int(part) for part in options.size.split("x"))

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    render_settings(scene, width, height, options.samples)
    scene.frame_start, scene.frame_end = 1, options.frames
    build(scene)
    options.file.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(options.file.resolve()), check_existing=False)
    sys.stdout.write(f"{options.file}: {options.frames} frames of {width} x {height}, {options.samples} samples\n")


def render_settings(scene: bpy.types.Scene, width: int, height: int, samples: int) -> None:
    """Cycles with a fixed number of samples: every frame costs about the same on every run."""
    scene.render.engine = "CYCLES"
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_denoising = False
    scene.cycles.max_bounces = 4
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.use_persistent_data = True
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = "//frames/####"


def build(scene: bpy.types.Scene) -> None:
    """Floor, ring of beads, lamp, camera."""
    world = bpy.data.worlds.new("Night")
    scene.world = world
    world.color = (0.02, 0.025, 0.04)

    bpy.ops.mesh.primitive_plane_add(size=30)
    bpy.context.object.data.materials.append(matte("Floor", (0.25, 0.25, 0.27)))

    hub = bpy.data.objects.new("Ring", None)
    scene.collection.objects.link(hub)
    for n in range(BEADS):
        bead(hub, n)
    turn(hub, "rotation_euler", 2, 0.0, TURN, scene)

    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "AREA"))
    lamp.data.energy, lamp.data.size = 400, 4
    lamp.location = (3, -4, 6)
    lamp.rotation_euler = (0.6, 0.35, 0)
    scene.collection.objects.link(lamp)

    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, -9.6, 5.2), (math.radians(62), 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    turn(camera, "location", 0, -0.6, 0.6, scene)


def bead(hub: bpy.types.Object, n: int) -> None:
    """One bead of the ring; every third one glows."""
    angle = math.tau * n / BEADS
    bpy.ops.mesh.primitive_uv_sphere_add(
        radius=0.45, segments=48, ring_count=24, location=(2.6 * math.cos(angle), 2.6 * math.sin(angle), 0.7)
    )
    ball = bpy.context.object
    ball.parent = hub
    bpy.ops.object.shade_smooth()
    colour = (0.5 + 0.5 * math.cos(angle), 0.5 + 0.5 * math.cos(angle + 2.1), 0.5 + 0.5 * math.cos(angle + 4.2))
    ball.data.materials.append(matte(f"Bead {n}", colour, glow=3.0 if n % 3 == 0 else 0.0))


def matte(name: str, colour: tuple[float, float, float], glow: float = 0.0) -> bpy.types.Material:
    """A plain material, glowing in its own colour where asked."""
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True  # from 5.0 on every material has nodes, and setting this is deprecated
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*colour, 1)
    shader.inputs["Emission Color"].default_value = (*colour, 1)
    shader.inputs["Emission Strength"].default_value = glow
    return material


def turn(thing: bpy.types.Object, path: str, index: int, start: float, end: float, scene: bpy.types.Scene) -> None:
    """Animate one channel over the scene's range."""
    for frame, value in ((scene.frame_start, start), (scene.frame_end, end)):
        getattr(thing, path)[index] = value
        thing.keyframe_insert(path, index=index, frame=frame)


if __name__ == "__main__":
    main()
