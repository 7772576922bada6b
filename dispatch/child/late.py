# SPDX-License-Identifier: GPL-3.0-or-later
"""Compression that is put off: Blender writes PNGs without it, and the porter packs them beside the next frame.

The setting is changed around the render call and given back. Owns which outputs that is fit for, and where their files
wait; `pictures.packing` does the work, and says why other formats stay as they are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .. import host
from ..claims import Claim
from ..pictures.packing import level_of
from ..working_folder import near_temp, remove_tree

_ROOM = 1 << 30
"""Bytes that must be free in a folder of ours outside the output folder."""


class PutOff:
    """The compression of one output's PNGs: 0 between `begin` and `end`."""

    def __init__(self, formats: Iterable[Any]) -> None:
        self._pngs = [each for each in formats if each.file_format == "PNG"]
        self._percents = [each.compression for each in self._pngs]
        # Which of several settings made a file cannot be told afterwards.
        self.level = level_of(self._percents[0]) if len(set(self._percents)) == 1 else 0
        """Of zlib, that the files still want; 0: they are as they shall be, and nothing is changed."""

    def begin(self) -> None:
        """Let Blender write without compression."""
        for each in self._pngs if self.level else ():
            each.compression = 0

    def end(self) -> None:
        """Give the setting back."""
        for each, percent in zip(self._pngs, self._percents, strict=True):
            if self.level:
                each.compression = percent


def formats_of(node: Any) -> Iterator[Any]:
    """Yield the settings by which a File Output node saves: its own, and those of slots that have some of theirs."""
    yield node.format
    if hasattr(node, "file_output_items"):  # 5.0
        yield from (item.format for item in node.file_output_items if item.override_node_format)
    else:
        yield from (slot.format for slot in node.file_slots if not slot.use_node_format)


def place(claim: Claim) -> Path | None:
    """Return the folder for files that are still to be packed; None: there is none, Blender packs them itself.

    It is the claim's own where that is on the same disk as our temporary files. Else it may be far away, and a
    stored file is several times as long: it waits here, and only the packed one travels. The claim removes it.
    """
    try:
        near = Path(tempfile.gettempdir())
        if near.stat().st_dev == claim.temp.stat().st_dev:
            return claim.temp
        if host.free_space(near) < _ROOM:
            return None
        folder = near_temp(near, claim.owner_id, claim.attempt)
        remove_tree(folder)
        folder.mkdir(mode=0o700)
    except OSError:
        return None
    claim.temps.append(folder)
    return folder
