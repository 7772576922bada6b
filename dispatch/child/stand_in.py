# SPDX-License-Identifier: GPL-3.0-or-later
"""An empty scene in whose place the render operator is called, so that Blender evaluates each frame once.

Around every render call Blender brings the *context's* scene up to date for a viewport, and after it back to the frame
it stood at. In the background nobody looks at that, and with 24 subdivided meshes it took a quarter of a frame's time
with the GPU idle. With an empty scene in the context it costs nothing, and the rendered scene stands as in one
plain render of the whole range, which does not go back between frames either. 4.2 to 5.2 alike.

Scripts could notice (``bpy.context.scene``), and so could what depends on earlier evaluations: where there is any of
these, `fits` says no and the scene itself stays in the context. Owns that judgement and the empty scene.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from . import handlers, simulations, views

NAME = "Multi-GPU Dispatcher: nothing"


def fits(scene: Any, drivers: Iterator[Any]) -> bool:
    """Whether nothing in the file can tell the difference.

    Args:
        drivers: The animation curves of all drivers of the file.
    """
    render = scene.render
    return (
        render.engine == "CYCLES"
        and scene.library is None
        and not (render.use_freestyle or render.use_single_layer)
        and views.needs_camera(scene)
        and not _is_animated(scene)
        and all(curve.driver.type != "SCRIPTED" or curve.driver.is_simple_expression for curve in drivers)
        and not simulations.unbaked(scene)
    )


def set_up(scene: Any, *, fits: bool) -> dict[str, str]:
    """Put the empty scene, or where that does not fit the scene itself, into the context; return what the render
    operator must be told.

    By the window and not by `temp_override`: with that a child crashed about every 100th frame on a CPU and every 30th
    on GPUs, while our thread carried the last picture home. It stays there: going back evaluates the scene once more.

    Args:
        fits: The answer of `fits`. Handlers are looked at here: a script may hang one in at any time.
    """
    import bpy

    window = bpy.context.window
    if window is None:
        return {}
    if not fits or handlers.watched():
        _show(window, scene)
        return {}
    empty = bpy.data.scenes.get(NAME) or bpy.data.scenes.new(NAME)
    if (empty.frame_current, empty.frame_subframe) != (scene.frame_current, scene.frame_subframe):
        # The operator sets the rendered scene to the frame of the context's.
        empty.frame_set(scene.frame_current, subframe=scene.frame_subframe)
    _show(window, empty)
    return {"scene": scene.name}


def _show(window: Any, scene: Any) -> None:
    if window.scene != scene:
        window.scene = scene


def _is_animated(scene: Any) -> bool:
    """Whether the scene's own settings move: Blender would begin a frame with those of the frame before."""
    animation = scene.animation_data
    if animation is None:
        return False
    moving = any(curve.data_path.startswith("render") for curve in animation.drivers)
    return moving or animation.action is not None or bool(animation.nla_tracks)
