# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the artist's file, opened somewhere else: what is still relative is made to mean the artist's folder.

Saving a copy with ``relative_remap`` mends most paths (textures, libraries, sounds, clips, fonts, OSL, IES, Alembic and
USD files, volumes, mesh caches, ocean and fluid caches, strips). Tried in 4.2, 4.5, 5.0 and 5.2, it leaves alone: File
Output nodes, external point caches, bakes of simulation nodes, layers of cache files, and paths in geometry nodes'
inputs; which of them differs from version to version. What cannot be known from outside stays: a script that
builds a path from ``//`` gets the copy's folder. Linked data are relative to their library and need nothing.

Runs in the child. Changes nothing on disk.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import nodes, paths

Slot = tuple[Any, str]
"""One of Blender's structs, and which of its settings holds a path."""


@contextlib.contextmanager
def settling(home: str) -> Iterator[None]:
    """Settle the file that is opened meanwhile, before Blender evaluates it: a bake that it has not found once is not
    looked for again.
    """
    import bpy
    from bpy.app.handlers import persistent

    failed: list[Exception] = []

    def loaded(*_: Any) -> None:
        try:
            settle(home)
        except Exception as error:  # noqa: BLE001  (Blender would print it and go on)
            failed.append(error)

    handler, handlers = persistent(loaded), bpy.app.handlers.load_post
    handlers.insert(0, handler)
    try:
        yield
    finally:
        if handler in handlers:
            handlers.remove(handler)
    if failed:
        raise failed[0]


def settle(home: str) -> None:
    """Make absolute what is relative to ``home``, the artist's own file; nothing where that is empty."""
    if not home:
        return
    folder = str(Path(home).parent)
    for node in _file_outputs():
        _settle_output(node, folder)
    for struct, name in (*_caches(), *_sockets()):
        if path := _found(getattr(struct, name), folder):
            setattr(struct, name, path)
    for modifier in _node_modifiers():
        _settle_inputs(modifier, folder)


def _settle_output(node: Any, folder: str) -> None:
    name = nodes.setting(node)
    path = getattr(node, name)
    if path.startswith("//"):
        path = paths.join(paths.literally(folder), path[2:])
    path = paths.placed(path, folder, node.id_data.library)
    if path != getattr(node, name):
        setattr(node, name, path)


def _found(path: str, folder: str) -> str:
    """Return where a relative path leads from the folder; empty where that is nowhere, or where it was mended."""
    # Below the copy's own folder there is nothing of the artist's, so what leads elsewhere from there was mended.
    if not path.startswith("//") or (path.startswith("//..") and os.path.lexists(paths.absolute(path))):
        return ""
    there = os.path.normpath(paths.join(folder, path[2:]))
    return there if os.path.lexists(there) else ""


def _file_outputs() -> Iterator[Any]:
    """All of them, muted ones too: a script may switch them on."""
    import bpy

    embedded = (
        getattr(scene, "node_tree", None) for scene in bpy.data.scenes if not hasattr(scene, "compositing_node_group")
    )
    for tree in (*bpy.data.node_groups, *embedded):
        for node in getattr(tree, "nodes", ()):
            if node.bl_idname == "CompositorNodeOutputFile":
                yield node


def _caches() -> Iterator[Slot]:
    import bpy

    for scene in bpy.data.scenes:
        if scene.library is None and scene.rigidbody_world and scene.rigidbody_world.point_cache:
            yield from _point_cache(scene.rigidbody_world.point_cache)
    for thing in bpy.data.objects:
        if thing.library is None:
            for system in thing.particle_systems:
                yield from _point_cache(system.point_cache)
            for modifier in thing.modifiers:
                yield from _of_modifier(modifier)
    for file in bpy.data.cache_files:
        if file.library is None:
            yield from ((layer, "filepath") for layer in getattr(file, "layers", ()))


def _of_modifier(modifier: Any) -> Iterator[Slot]:
    match modifier.type:
        case "CLOTH" | "SOFT_BODY":
            yield from _point_cache(modifier.point_cache)
        case "DYNAMIC_PAINT" if modifier.canvas_settings:
            for surface in modifier.canvas_settings.canvas_surfaces:
                yield from _point_cache(surface.point_cache)
        case "NODES":
            yield modifier, "bake_directory"
            yield from ((bake, "directory") for bake in modifier.bakes)


def _point_cache(cache: Any) -> Iterator[Slot]:
    if cache is not None and cache.use_external:
        yield cache, "filepath"


def _sockets() -> Iterator[Slot]:
    """Paths that stand in the nodes themselves (since 4.5; mended since 5.0)."""
    import bpy

    for tree in bpy.data.node_groups:
        if tree.library is None and tree.bl_idname == "GeometryNodeTree":
            for node in tree.nodes:
                yield from ((s, "default_value") for s in node.inputs if s.bl_idname == "NodeSocketStringFilePath")


def _node_modifiers() -> Iterator[Any]:
    import bpy

    for thing in bpy.data.objects:
        if thing.library is None:
            yield from (modifier for modifier in thing.modifiers if modifier.type == "NODES" and modifier.node_group)


def _settle_inputs(modifier: Any, folder: str) -> None:
    """Texts that were typed into the modifier: each that leads to something from the artist's folder is a path."""
    names = [item.identifier for item in modifier.node_group.interface.items_tree if _is_text_input(item)]
    for name in names:
        if hasattr(modifier, "properties"):  # 5.2
            given: Any = getattr(modifier.properties.inputs, name, None)
            if path := _found(str(getattr(given, "value", "")), folder):
                given.value = path
        elif path := _found(str(modifier.get(name, "")), folder):
            modifier[name] = path


def _is_text_input(item: Any) -> bool:
    return bool(
        item.item_type == "SOCKET" and item.in_out == "INPUT" and item.socket_type.startswith("NodeSocketString")
    )
