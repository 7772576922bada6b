# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a simulation of geometry nodes is baked into the file itself, as bakes are by default since 4.3.

Blender tells scripts nothing about that, and without it every such bake would count as missing. So this room alone
reads one struct of Blender's own, in versions where its shape was looked up, and believes it only where everything
that scripts can see of it agrees. It changes nothing.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

_BAKE = struct.Struct("i20xii16xP")
"""`NodesModifierBake` (`DNA_modifier_types.h`): its number, first and last frame, where the packed data are (0: none)."""

_SINCE, _BEFORE = (4, 3, 0), (5, 3, 0)
"""Versions in which the struct has this shape."""


def is_packed(bake: Any) -> bool:
    """Return whether the bake lies in the file; what cannot be known counts as no."""
    import bpy

    if not _SINCE <= bpy.app.version < _BEFORE or not bake.as_pointer():
        return False
    number, start, end, packed = _BAKE.unpack(ctypes.string_at(bake.as_pointer(), _BAKE.size))
    return (number, start, end) == (bake.bake_id, bake.frame_start, bake.frame_end) and packed != 0
