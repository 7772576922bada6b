# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frame shows and how large it is: views, cameras bound to markers, size in pixels.

Blender's own rules, which it does not offer to scripts. Reads the scene and changes nothing.
"""

from __future__ import annotations

import struct
from typing import Any


def suffixes(scene: Any) -> tuple[str, ...]:
    """Return the file name suffixes of individually saved views, in order; empty: one file per frame."""
    active = _active(scene)
    if len(active) < 2 or scene.render.image_settings.views_format != "INDIVIDUAL":
        return ()
    return tuple(view.file_suffix for view in active)


def first_suffix(scene: Any) -> str:
    """Return what this Blender puts into the name of a movie that packs several views: the first one's, or nothing."""
    import bpy

    if bpy.app.version >= (5, 1, 0):
        return ""
    active = _active(scene)
    return active[0].file_suffix if len(active) > 1 and not suffixes(scene) else ""


def with_suffix(name: str, suffix: str) -> str:
    """Put a view's suffix before the last dot of a file name (at the end where there is none)."""
    stem, dot, ending = name.rpartition(".")
    return f"{stem}{suffix}.{ending}" if dot else f"{name}{suffix}"


def size(scene: Any) -> tuple[int, int]:
    """Return width and height of a picture in pixels, after resolution %, border crop and stereo layout."""
    render = scene.render
    width = render.resolution_x * render.resolution_percentage // 100
    height = render.resolution_y * render.resolution_percentage // 100
    if render.use_border and render.use_crop_to_border:
        left, right = _single(render.border_min_x * width), _single(render.border_max_x * width)
        low, high = _single(render.border_min_y * height), _single(render.border_max_y * height)
        width, height = int(right) - int(left), int(high) - int(low)
    if len(_active(scene)) > 1 and render.image_settings.views_format == "STEREO_3D":
        stereo = render.image_settings.stereo_3d_format
        if not stereo.use_squeezed_frame:
            width *= 2 if stereo.display_mode == "SIDEBYSIDE" else 1
            height *= 2 if stereo.display_mode == "TOPBOTTOM" else 1
    return width, height


def camera_at(scene: Any, frame: int) -> Any:
    """Return the camera that Blender uses at the frame: that of the last marker, else the scene's own."""
    bound = sorted((m for m in scene.timeline_markers if m.camera and not m.camera.hide_render), key=lambda m: m.frame)
    if not bound:
        return scene.camera
    # Before the first marker Blender takes the first marker's camera.
    return next((m.camera for m in reversed(bound) if m.frame <= frame), bound[0].camera)


def needs_camera(scene: Any) -> bool:
    """Whether a render needs one: not where the pictures come from the video sequencer."""
    editor = scene.sequence_editor if scene.render.use_sequencer else None
    if editor is None:
        return True
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences  # before 4.4
    return not any(strip.type != "SOUND" and not strip.mute for strip in strips)


def _active(scene: Any) -> list[Any]:
    render = scene.render
    if not render.use_multiview:
        return []
    stereo = render.views_format == "STEREO_3D"
    return [view for view in render.views if view.use and (not stereo or view.name in ("left", "right"))]


def _single(value: float) -> float:
    """Round as C's float does: Blender computes the border with these."""
    (rounded,) = struct.unpack("f", struct.pack("f", value))
    return float(rounded)
