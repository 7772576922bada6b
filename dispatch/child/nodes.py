# SPDX-License-Identifier: GPL-3.0-or-later
"""Compositor File Output nodes: find them, point them elsewhere, say where their files belong.

Knows both shapes: ``base_path`` (4.x) and ``directory`` (5.x). Since 4.5 a template may stand in the folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import paths
from .late import PutOff

_UP = 4
"""Levels of folders below a detour, so that ``..`` in a slot's path stays inside it."""


def file_outputs(scene: Any) -> Iterator[Any]:
    """Yield the File Output nodes that write when the scene renders, those in groups too."""
    tree = compositor_tree(scene)
    seen: set[Any] = set()
    waiting = [tree] if tree else []
    while waiting:
        tree = waiting.pop()
        if tree in seen:
            continue
        seen.add(tree)
        for node in tree.nodes:
            if node.mute:
                continue
            if node.bl_idname == "CompositorNodeOutputFile":
                yield node
            if getattr(node, "node_tree", None):
                waiting.append(node.node_tree)


def send_to(scene: Any, folder: str) -> None:
    """Let every File Output node write into a folder of its own below ``folder``."""
    for number, node in enumerate(file_outputs(scene), 1):
        setattr(node, setting(node), paths.literally(paths.join(paths.join(folder, str(number)), "")))


def compositor_tree(scene: Any) -> Any:
    """Return the node tree that composites the scene's frames, or None."""
    if not scene.render.use_compositing:
        return None
    if hasattr(scene, "compositing_node_group"):
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def target(node: Any) -> str:
    """Return the absolute folder into which a node writes, for people; as it is where the file was never saved."""
    path = paths.placed(getattr(node, setting(node)), library=node.id_data.library)
    if path.startswith("//") and paths.is_relative(path):
        return path
    return paths.absolute(paths.split(path)[0] or "." if _holds_name(node) else path)


def template(node: Any) -> str:
    """Return the node's folder or name as the artist wrote it."""
    return str(getattr(node, setting(node)))


def setting(node: Any) -> str:
    """Return which setting of the node holds its folder."""
    return "base_path" if hasattr(node, "base_path") else "directory"


@dataclass(slots=True)
class Detour:
    """One File Output node that writes below ``folder`` for a while."""

    node: Any
    name: str
    folder: Path
    base: Path
    """The folder below ``folder`` that stands for ``real``."""
    real: str
    original: str
    path: str
    """What the node is set to."""
    late: PutOff

    @classmethod
    def of(cls, node: Any, folder: Path, late: PutOff) -> Detour:
        """Point the node below ``folder``."""
        original = getattr(node, setting(node))
        base = folder.joinpath(*["d"] * _UP)
        named = paths.placed(original, library=node.id_data.library)
        place, rest = paths.split(named) if _holds_name(node) else (named, "")
        real = paths.absolute(place or ".")
        if paths.has_templates() and ("{" in place or "}" in place):
            # Blender itself shall expand the template: the whole path goes below the detour.
            drive, tail = os.path.splitdrive(real)
            real, rest = drive + os.sep, paths.join(tail.lstrip("/" + os.sep), rest)
        base.mkdir(parents=True)
        path = paths.literally(f"{base}{os.sep}") + rest
        setattr(node, setting(node), path)
        late.begin()
        return cls(node, f"{node.id_data.name}: {node.name}", folder, base, real, original, path, late)

    def insist(self) -> bool:
        """Point the node back where a script has changed it; return whether one had."""
        if getattr(self.node, setting(self.node)) == self.path:
            return False
        setattr(self.node, setting(self.node), self.path)
        return True

    def end(self) -> None:
        """Give the node its own settings back."""
        self.late.end()
        setattr(self.node, setting(self.node), self.original)

    def final(self, temp: Path) -> Path:
        """Return where a file that the node wrote belongs."""
        return Path(os.path.normpath(paths.join(self.real, os.path.relpath(temp, self.base))))


def _holds_name(node: Any) -> bool:
    """Whether the last part of the node's path is the start of the file's name (4.x, layers)."""
    return hasattr(node, "base_path") and node.format.file_format == "OPEN_EXR_MULTILAYER"
