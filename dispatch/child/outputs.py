# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a frame's files go: their final names, and the detour through the temporary folder.

Owns the rules by which Blender names files. While `redirected` holds, the main picture and all compositor File Output
nodes write into a temporary folder and nowhere else; `Redirection.pairs` says afterwards which file belongs where. It
takes what really appeared, because Blender's own naming (slots, views, previews) is the only authority.
Neither moves nor checks a file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import nodes, paths, settled, views
from .late import PutOff, formats_of


class NamesClash(Exception):
    """Outputs of the scene would overwrite each other, or Blender wrote other names. The text is a sentence."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One file that a frame produced."""

    temp: Path
    final: Path
    node: str = ""
    """The File Output node that wrote it; empty: the main output."""
    level: int = 0
    """Of zlib, by which its pixels are still to be compressed; 0: it is as it shall be."""


@dataclass(slots=True)
class Redirection:
    """The main output and the File Output nodes, pointed into one temporary folder."""

    scene: Any
    finals: tuple[Path, ...]
    main: Path
    filepath: str
    """What the main output is set to."""
    late: PutOff
    before: settled.Values
    """Settings that must not move, as they were."""
    sides: list[nodes.Detour] = field(default_factory=list)
    changed: str = ""
    """Sentence: a script changed an output path, or what kind of file is written, while the frame was rendered."""

    def insist(self) -> None:
        """Point everything back into the temporary folder where a script has changed it; remember that."""
        if self.scene.render.filepath != self.filepath:
            self.changed = (
                f"A script sets the output path while rendering ({self.scene.render.filepath}): switch it off."
            )
            self.scene.render.filepath = self.filepath
        for side in self.sides:
            if side.insist():
                self.changed = f"A script sets the path of '{side.name}' while rendering: switch it off."

    def settle(self) -> None:
        """Put back what a script has changed of the settings that must not move."""
        self.changed = settled.put_back(self.scene, self.before) or self.changed

    def pairs(self) -> tuple[list[Pair], list[Pair]]:
        """Return what was written: side files, and main pictures in the order of the views.

        Raises:
            NamesClash: two files have the same final name, or the main picture has another name than predicted.
        """
        there = {path.name: path for path in _files(self.main)}
        level = self.late.level
        mains = [Pair(there.pop(final.name), final, level=level) for final in self.finals if final.name in there]
        if there and len(mains) < len(self.finals):
            missing = next(final.name for final in self.finals if final.name not in {m.final.name for m in mains})
            raise NamesClash(
                f"Blender named the picture '{min(there)}', not '{missing}': switch off the script that sets another "
                "frame, or change the output path."
            )
        sides = [Pair(path, self.finals[-1].with_name(name)) for name, path in sorted(there.items())]
        for side in self.sides:
            sides += [Pair(path, side.final(path), side.name, side.late.level) for path in _files(side.folder)]
        _refuse_clashes([*sides, *mains])
        return sides, mains


@contextlib.contextmanager
def redirected(
    scene: Any, template: str, finals: tuple[Path, ...], temp: Path, *, literal: bool, late: Path | None = None
) -> Iterator[Redirection]:
    """Let the scene write into ``temp``.

    Args:
        literal: For ``render(write_still=True)``, which puts no frame number into the name.
        late: Folder for files whose compression is put off; None: Blender compresses all.
    """
    render = scene.render
    saved = render.filepath, render.use_overwrite, render.use_placeholder
    before = settled.of(scene)
    put_off = PutOff([render.image_settings] if late else ())
    main = ((put_off.level and late) or temp) / "main"
    main.mkdir()
    name = _plain_name(scene, finals[-1]) if literal else paths.split(template)[1]
    here = Redirection(scene, finals, main, paths.literally(f"{main}{os.sep}") + name, put_off, before)
    try:
        render.filepath = here.filepath
        render.use_overwrite, render.use_placeholder = True, False
        put_off.begin()
        for number, node in enumerate(nodes.file_outputs(scene)):
            here.sides.append(_detour(node, f"side{number}", temp, late))
        yield here
    finally:
        put_off.end()
        render.filepath, render.use_overwrite, render.use_placeholder = saved
        here.settle()
        for side in here.sides:
            side.end()


def final_names(scene: Any, template: str, frame: int) -> tuple[Path, ...]:
    """Return the final absolute names of a frame's main pictures, one for each view that has its own file.

    Raises:
        RuntimeError: the template has a variable that this Blender does not know (4.5 and later).
    """
    plain = plain_name(scene, template, frame)
    return tuple(plain.with_name(views.with_suffix(plain.name, s)) for s in views.suffixes(scene)) or (plain,)


def plain_name(scene: Any, template: str, frame: int) -> Path:
    """Return the name of a frame's picture without a view's suffix.

    Raises:
        RuntimeError: see `final_names`.
    """
    saved, camera = scene.render.filepath, scene.camera
    scene.render.filepath = template
    then = views.camera_at(scene, frame)
    if "{" in template and then != camera:
        # {camera_name} is the camera of that frame, which Blender switches only when it gets there.
        scene.camera = then
    try:
        return Path(paths.absolute(scene.render.frame_path(frame=frame)))
    finally:
        scene.render.filepath = saved
        if scene.camera != camera:
            scene.camera = camera


def _detour(node: Any, name: str, temp: Path, late: Path | None) -> nodes.Detour:
    put_off = PutOff(formats_of(node) if late else ())
    return nodes.Detour.of(node, ((put_off.level and late) or temp) / name, put_off)


def _plain_name(scene: Any, final: Path) -> str:
    """The main picture's name as it was before the view's suffix was put in."""
    suffixes = views.suffixes(scene)
    if not suffixes:
        return final.name
    stem, dot, ending = final.name.rpartition(".")
    return (stem if dot else ending).removesuffix(suffixes[-1]) + (dot + ending if dot else "")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _refuse_clashes(pairs: list[Pair]) -> None:
    seen: dict[Path, str] = {}
    for pair in pairs:
        if pair.final in seen:
            who = pair.node or seen[pair.final] or "the output"
            raise NamesClash(f"'{who}' and another output both write {pair.final}: give one of them another path.")
        seen[pair.final] = pair.node
