# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the scenes of the benchmark: runs in a Python with bpy, writes one .blend for each name.

    python benchmarks/gpu/scenes.py FOLDER light,sync,heavy,extra,serial PERCENT [--tiny]

PERCENT: of the scenes' samples.

No hair, point clouds, motion blur, bevel or ambient occlusion nodes: OptiX would compile other kernels for them, which
takes minutes the first time and is not what is measured here.
"""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

import bpy

LOOP = 40
"""Frames of one turn, and of the camera's way there: a cell of *light* sees them all."""
SWAY = 0.5
"""How far the camera goes, in metres: on a longer way it sees more of the scene here than there."""
FRAMES = 4000


def main() -> None:
    """Make what is asked for."""
    folder, names = Path(sys.argv[1]), sys.argv[2].split(",")
    tiny = "--tiny" in sys.argv
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        scene = bpy.context.scene
        settings(scene, tiny)
        MAKERS[name](scene, tiny)
        scene.cycles.samples = max(1, round(scene.cycles.samples * float(sys.argv[3]) / 100))
        if tiny:
            scene.cycles.samples = min(scene.cycles.samples, 4)
            scene.render.resolution_percentage = 10
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / f"{name}.blend"), check_existing=False)


def settings(scene: bpy.types.Scene, tiny: bool) -> None:
    """Cycles on the GPU, denoised there; everything else as Blender has it: PNG, no persistent data."""
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU" if tiny else "GPU"
    scene.cycles.use_denoising = not tiny
    scene.cycles.denoiser = "OPENIMAGEDENOISE"
    if hasattr(scene.cycles, "denoising_use_gpu"):
        scene.cycles.denoising_use_gpu = True
    scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    scene.frame_start, scene.frame_end = 1, FRAMES


def light(scene: bpy.types.Scene, tiny: bool) -> None:
    """Twelve monkeys, part of them turning, and a camera that moves to and fro."""
    size(scene, 1280, 1024, 30)
    for n in range(12):
        monkey = add_monkey(((n % 4) * 2.5 - 4, (n // 4) * 2.5 - 2.5, 0), 1 if tiny else 3)
        if n % 3 == 0:
            turning(monkey)
    stage(scene)


def heavy(scene: bpy.types.Scene, tiny: bool) -> None:
    """The same, with frames that take a big card most of a minute: adaptive sampling would end them after seconds."""
    light(scene, tiny)
    size(scene, 1920, 1080, 2048)
    scene.cycles.use_adaptive_sampling = False


def sync(scene: bpy.types.Scene, tiny: bool) -> None:
    """Meshes that are made anew for each frame: most of it is preparation on the CPU."""
    size(scene, 1280, 720, 32)
    for n in range(4 if tiny else 24):
        monkey = add_monkey(((n % 6) * 2.2 - 5.5, (n // 6) * 2.2 - 3.3, 0), 1 if tiny else 5)
        wave = monkey.modifiers.new("Wave", "WAVE")
        wave.time_offset, wave.height, wave.width = -10.0 * n, 0.1, 0.6
    stage(scene)


def serial(scene: bpy.types.Scene, tiny: bool) -> None:
    """A mesh that one thread thins out for each frame, as rigs and geometry nodes often are: cards and cores idle."""
    size(scene, 1280, 720, 32)
    monkey = add_monkey((0, 0, 0), 1 if tiny else 4)
    monkey.scale = (4,) * 3
    wave = monkey.modifiers.new("Wave", "WAVE")
    wave.height, wave.width = 0.1, 0.6
    monkey.modifiers.new("Decimate", "DECIMATE").ratio = 0.1
    stage(scene)


def extra(scene: bpy.types.Scene, tiny: bool) -> None:
    """Instances, textures, glass and fog: a scene as people have them."""
    size(scene, 1920, 1080, 32)
    dice = random.Random(4)
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=100, y_subdivisions=100, size=40)
    ground = bpy.context.object
    bump = ground.modifiers.new("Ground", "DISPLACE")
    bump.texture = bpy.data.textures.new("Clouds", "CLOUDS")
    bump.strength = 0.8
    ground.data.materials.append(textured(512 if tiny else 4096))
    kinds = [baked(add_monkey((0, 0, -50 - n), 1 if tiny else 2)) for n in range(6)]
    materials = [coloured(dice, n == 0) for n in range(6)]
    for kind, material in zip(kinds, materials, strict=True):
        kind.data.materials.append(material)
    for n in range(40 if tiny else 2000):
        copy = kinds[n % 6].copy()
        copy.location = (dice.uniform(-18, 18), dice.uniform(-6, 30), dice.uniform(0.3, 1.2))
        copy.rotation_euler.z = dice.uniform(0, math.tau)
        copy.scale = (0.35,) * 3
        scene.collection.objects.link(copy)
        if n % 20 == 0:
            turning(copy)
    bpy.ops.mesh.primitive_cube_add(size=1, location=(0, 8, 2))
    fog = bpy.context.object
    fog.scale = (40, 30, 6)
    fog.data.materials.append(volume())
    stage(scene)


def size(scene: bpy.types.Scene, width: int, height: int, samples: int) -> None:
    scene.render.resolution_x, scene.render.resolution_y, scene.cycles.samples = width, height, samples


def add_monkey(at: tuple[float, float, float], level: int) -> bpy.types.Object:
    """Subdivided when rendered only: the file is made quickly."""
    bpy.ops.mesh.primitive_monkey_add(location=at)
    monkey = bpy.context.object
    modifier = monkey.modifiers.new("Subdivision", "SUBSURF")
    modifier.levels, modifier.render_levels = 0, level
    return monkey


def baked(thing: bpy.types.Object) -> bpy.types.Object:
    """Put the modifier's mesh in the file: only objects without modifiers that share a mesh become instances."""
    modifier = thing.modifiers[0]
    modifier.levels = modifier.render_levels
    bpy.ops.object.modifier_apply(modifier=modifier.name)
    return thing


def turning(thing: bpy.types.Object) -> None:
    """One turn in each loop, for all frames: a scene that stands still would be no test of persistent data."""
    start = thing.rotation_euler.z
    thing.keyframe_insert("rotation_euler", frame=1)
    thing.rotation_euler.z = start + math.tau * FRAMES / LOOP
    thing.keyframe_insert("rotation_euler", frame=FRAMES + 1)


def stage(scene: bpy.types.Scene) -> None:
    """Sun, and a camera that is somewhere else in each frame of a turn."""
    bpy.ops.object.light_add(type="SUN", location=(0, 0, 10))
    bpy.context.object.data.energy = 3
    bpy.ops.object.camera_add(location=(0, -14, 9), rotation=(1.0, 0, 0))
    scene.camera = camera = bpy.context.object
    for turn in range(FRAMES // LOOP + 1):
        camera.location.x = SWAY * (turn % 2)
        camera.keyframe_insert("location", frame=1 + LOOP * turn)


def textured(pixels: int) -> bpy.types.Material:
    """An image and procedural noise; the image is made by Blender, so that the file stays small."""
    material = bpy.data.materials.new("Ground")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    image = bpy.data.images.new("Grid", pixels, pixels)
    image.generated_type = "COLOR_GRID"
    picture, noise, mixed = (nodes.new(f"ShaderNode{kind}") for kind in ("TexImage", "TexNoise", "MixRGB"))
    picture.image = image
    noise.inputs["Scale"].default_value = 30.0
    links.new(picture.outputs["Color"], mixed.inputs[1])
    links.new(noise.outputs[0], mixed.inputs[2])
    links.new(mixed.outputs[0], nodes["Principled BSDF"].inputs["Base Color"])
    return material


def coloured(dice: random.Random, glass: bool) -> bpy.types.Material:
    material = bpy.data.materials.new("Glass" if glass else "Paint")
    material.use_nodes = True
    inputs = material.node_tree.nodes["Principled BSDF"].inputs
    inputs["Base Color"].default_value = (dice.random(), dice.random(), dice.random(), 1)
    inputs["Roughness"].default_value = 0.05 if glass else dice.uniform(0.1, 0.6)
    inputs["Transmission Weight"].default_value = 1.0 if glass else 0.0
    return material


def volume() -> bpy.types.Material:
    """Thin even fog."""
    material = bpy.data.materials.new("Fog")
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    fog, out = tree.nodes.new("ShaderNodeVolumePrincipled"), tree.nodes.new("ShaderNodeOutputMaterial")
    fog.inputs["Density"].default_value = 0.01
    tree.links.new(fog.outputs[0], out.inputs["Volume"])
    return material


MAKERS = {"light": light, "sync": sync, "heavy": heavy, "extra": extra, "serial": serial}

if __name__ == "__main__":
    main()
