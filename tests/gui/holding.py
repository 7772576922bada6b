# SPDX-License-Identifier: GPL-3.0-or-later
"""An add-on of the artist's that keeps a real job at work until a test has seen what it wants to see."""

from __future__ import annotations

from pathlib import Path

ADD_ON = """
import os, time
import bpy
from bpy.app.handlers import persistent

@persistent
def hold(scene, *_):
    while bpy.app.background and scene.frame_current > {free} and not os.path.exists({gate!r}):
        time.sleep(0.01)

def register():
    bpy.app.handlers.render_pre.append(hold)

def unregister():
    bpy.app.handlers.render_pre.remove(hold)
"""


def holding_add_on(gate: Path, free: int) -> str:
    """Return an add-on: in the children, frames after ``free`` wait until the file is there."""
    return ADD_ON.format(gate=str(gate), free=free)
