# SPDX-License-Identifier: GPL-3.0-or-later
"""Un-baked simulations: their state depends on the frames rendered before, so frames cannot be spread over children.

Only names them. Reads the scene and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import packed_bakes, paths

_SIMULATION = "GeometryNodeSimulationOutput"


def unbaked(scene: Any) -> tuple[tuple[str, str], ...]:
    """Return (object, kind) of every simulation that would run while the scene renders.

    Objects that are hidden in renders count too: a hidden cage moves what is seen. Objects of instanced collections
    count; those that only a geometry node brings in are not found.
    """
    found = [(scene.name, "RIGID_BODY")] if _rigid_world_runs(scene) else []
    for thing in _objects(scene):
        for modifier in thing.modifiers:
            found += [(thing.name, kind) for kind in _of_modifier(modifier)]
    return tuple(sorted(set(found)))


def _objects(scene: Any) -> Iterator[Any]:
    layers = [layer for layer in scene.view_layers if layer.use]
    waiting = [thing for layer in layers for thing in layer.objects]
    seen: set[Any] = set()
    while waiting:
        thing = waiting.pop()
        if thing in seen:
            continue
        seen.add(thing)
        yield thing
        if thing.instance_type == "COLLECTION" and thing.instance_collection:
            waiting += thing.instance_collection.all_objects


def _of_modifier(modifier: Any) -> Iterator[str]:
    kind = modifier.type
    if kind == "PARTICLE_SYSTEM":
        system = modifier.particle_system
        moves = system.settings.type != "HAIR" or system.use_hair_dynamics
        if moves and system.settings.physics_type != "NO" and not _is_kept(system.point_cache):
            yield "PARTICLES"
    elif not modifier.show_render:
        return
    elif kind in ("CLOTH", "SOFT_BODY"):
        if not _is_kept(modifier.point_cache):
            yield kind
    elif kind == "DYNAMIC_PAINT" and modifier.canvas_settings:
        if any(s.is_active and not _is_painted(s) for s in modifier.canvas_settings.canvas_surfaces):
            yield kind
    elif kind == "FLUID" and modifier.fluid_type == "DOMAIN":
        domain = modifier.domain_settings
        if domain.cache_type == "REPLAY" or not domain.has_cache_baked_data:
            yield kind
    elif kind == "NODES" and _simulates(modifier.node_group, set()) and not _is_baked(modifier):
        yield "SIM_NODES"


def _rigid_world_runs(scene: Any) -> bool:
    world = scene.rigidbody_world
    return bool(
        world
        and world.enabled
        and world.collection
        and any(thing.rigid_body for thing in world.collection.all_objects)
        and not _is_kept(world.point_cache)
    )


def _is_kept(cache: Any) -> bool:
    return cache is None or cache.is_baked or cache.use_external


def _is_painted(surface: Any) -> bool:
    return surface.surface_format == "IMAGE" or _is_kept(surface.point_cache)


def _simulates(group: Any, seen: set[Any]) -> bool:
    if group is None or group in seen:
        return False
    seen.add(group)
    return any(
        node.bl_idname == _SIMULATION or _simulates(getattr(node, "node_tree", None), seen) for node in group.nodes
    )


def _is_baked(modifier: Any) -> bool:
    """Whether every simulation of the modifier lies on disk or in the file."""
    bakes = [bake for bake in modifier.bakes if bake.node is None or bake.node.bl_idname == _SIMULATION]
    return bool(bakes) and all(packed_bakes.is_packed(bake) or _has_folder(modifier, bake) for bake in bakes)


def _has_folder(modifier: Any, bake: Any) -> bool:
    folder = bake.directory or modifier.bake_directory
    return bool(folder) and Path(paths.absolute(folder)).is_dir()
