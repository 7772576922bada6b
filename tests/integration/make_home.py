# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes an artist's file whose paths a saved copy does not keep, the copy, and what a plain render makes of the file.

``make_home.py make FOLDER`` or ``make_home.py settle COPY HOME`` (prints the paths as JSON) inside a Blender.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import bpy

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]
NEW = bpy.app.version >= (5, 0)
FOLDER = "directory" if NEW else "base_path"


def base() -> Any:
    bpy.ops.wm.read_factory_settings(use_empty=False)
    scene = bpy.context.scene
    render = scene.render
    render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    render.resolution_x, render.resolution_y, render.resolution_percentage = 64, 36, 100
    render.compositor_device = "CPU"
    scene.frame_start, scene.frame_end = 1, 4
    return scene


def rising() -> Any:
    """A node group that lifts what it gets a little with each frame."""
    group = bpy.data.node_groups.new("Rising", "GeometryNodeTree")
    for direction in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Geometry", in_out=direction, socket_type="NodeSocketGeometry")
    start, end = (group.nodes.new(f"GeometryNodeSimulation{word}") for word in ("Input", "Output"))
    start.pair_with_output(end)
    move = group.nodes.new("GeometryNodeSetPosition")
    move.inputs["Offset"].default_value = (0, 0, 0.5)
    there, back = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    group.links.new(there.outputs[0], start.inputs["Geometry"])
    group.links.new(start.outputs["Geometry"], move.inputs["Geometry"])
    group.links.new(move.outputs[0], end.inputs["Geometry"])
    group.links.new(end.outputs["Geometry"], back.inputs[0])
    return group


def file_outputs(scene: Any) -> None:
    """One in the scene's compositor; one in a group, with a variable for the file's folder where there is one."""
    if NEW:
        tree = scene.compositing_node_group = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        out = tree.nodes.new("NodeGroupOutput")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        out = tree.nodes.new("CompositorNodeComposite")
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs[0], out.inputs[0])
    node = tree.nodes.new("CompositorNodeOutputFile")
    setattr(node, FOLDER, "//../sides/{blend_name}" if bpy.app.version >= (4, 5, 0) else "//../sides/shot")
    if NEW:
        node.format.media_type = "IMAGE"
        node.file_output_items.new("RGBA", "s_")
    else:
        node.file_slots[0].path = "s_"
    node.format.file_format = "PNG"
    tree.links.new(layers.outputs[0], node.inputs[0])
    group = bpy.data.node_groups.new("Inside", "CompositorNodeTree")
    group.use_fake_user = True
    setattr(group.nodes.new("CompositorNodeOutputFile"), FOLDER, "{blend_dir}/deep" if NEW else "//deep/")


def caches(thing: Any) -> None:
    for kind, word in (("CLOTH", "cloth"), ("SOFT_BODY", "soft")):
        cache = thing.modifiers.new(kind, kind).point_cache
        cache.use_external = True
        cache.filepath = f"//caches/{word}"
    thing.modifiers.new("Particles", "PARTICLE_SYSTEM")
    cache = thing.particle_systems[0].point_cache
    cache.use_external = True
    cache.filepath = "//../far/particles"
    for modifier in thing.modifiers:
        modifier.show_render = modifier.show_viewport = False


def make(folder: Path) -> None:
    art = folder / "project" / "art"
    (art / "caches" / "cloth").mkdir(parents=True)
    (art / "caches" / "soft").mkdir()
    (folder / "project" / "far" / "particles").mkdir(parents=True)
    scene = base()
    bpy.ops.wm.save_as_mainfile(filepath=str(art / "shot.blend"))
    cube = bpy.data.objects["Cube"]
    modifier = cube.modifiers.new("Rising", "NODES")
    modifier.node_group, modifier.bake_directory = rising(), "//simulation"
    if hasattr(modifier, "bake_target"):
        modifier.bake_target = "DISK"
    bpy.context.view_layer.objects.active = cube
    bpy.ops.object.simulation_nodes_cache_bake(selected=False)
    assert list((art / "simulation").rglob("*.json")), "nothing was baked"
    bpy.ops.mesh.primitive_plane_add(location=(50, 0, 0))
    caches(bpy.context.object)
    file_outputs(scene)
    bpy.ops.wm.save_as_mainfile(filepath=str(art / "shot.blend"))
    copy = folder / "jobs" / "one" / "scene" / "shot.blend"
    copy.parent.mkdir(parents=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True, relative_remap=True)
    scene.render.filepath = str(folder / "plain" / "x_####")
    bpy.ops.render.render(animation=True)


def settle(copy: str, home: str) -> None:
    from dispatch.child import home as room

    bpy.ops.wm.open_mainfile(filepath=copy)
    room.settle(home)
    found = {}
    trees = [*bpy.data.node_groups, *([] if NEW else [bpy.context.scene.node_tree])]
    for tree in trees:
        for node in tree.nodes:
            if node.bl_idname == "CompositorNodeOutputFile":
                found[tree.name] = getattr(node, FOLDER)
    for thing in bpy.data.objects:
        for modifier in thing.modifiers:
            if modifier.type in ("CLOTH", "SOFT_BODY"):
                found[modifier.type] = modifier.point_cache.filepath
            elif modifier.type == "NODES":
                found["NODES"] = modifier.bake_directory
        for system in thing.particle_systems:
            found["PARTICLES"] = system.point_cache.filepath
    os.write(1, json.dumps(found).encode() + b"\n")


try:
    if "make" in sys.argv:
        make(Path(sys.argv[-1]))
        os.write(1, b"MADE\n")
    else:
        settle(*sys.argv[-2:])
    os._exit(0)
finally:
    traceback.print_exc()
    os._exit(1)
