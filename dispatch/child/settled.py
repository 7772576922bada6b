# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that say which file comes of a frame: engine, size, format. They must not move while a frame renders.

A script that changes one in the middle of a job changes it for the frames that come later in the same Blender, and for
no others: which pictures come of it would hang on who renders what. So the change is taken back; where it would have
changed pictures of a plain animation render too, it is said.
"""

from __future__ import annotations

from typing import Any

_RENDER = (
    ("render engine", ("engine",)),
    ("resolution", ("resolution_x", "resolution_y", "resolution_percentage")),
    (
        "render region",
        ("use_border", "use_crop_to_border", "border_min_x", "border_max_x", "border_min_y", "border_max_y"),
    ),
    ("views", ("use_multiview", "views_format")),
    ("file extension", ("use_file_extension",)),
)
_IMAGE = (
    # The kind of medium (5.0) before the format, the format before what belongs to it.
    ("file format", ("media_type", "file_format", "views_format")),
    ("colours of the file", ("color_mode", "color_depth", "exr_codec", "quality")),
)

_TAKEN_ONCE = ("render engine", "resolution", "render region")
"""Blender takes these when an animation begins (tried in 4.2 and 5.0): scripts that set them for each frame are no rare
thing, and change nothing there."""

Values = dict[tuple[str, str], Any]
"""(``render`` or ``image``, name) → value."""


def of(scene: Any) -> Values:
    """Return the settings as they are now."""
    return {
        (where, name): getattr(owner, name)
        for where, owner, groups in _owners(scene)
        for _, names in groups
        for name in names
        if hasattr(owner, name)
    }


def put_back(scene: Any, before: Values) -> str:
    """Put back what is no longer as it was; return a sentence about the first setting that matters, or nothing."""
    words = ""
    for where, owner, groups in _owners(scene):
        for what, names in groups:
            for name in names:
                value, now = before.get((where, name)), getattr(owner, name, None)
                if value != now:
                    setattr(owner, name, value)
                    if what not in _TAKEN_ONCE:
                        words = (
                            words or f"A script changes the {what} while rendering ({value} → {now}): switch it off."
                        )
    return words


def _owners(scene: Any) -> tuple[tuple[str, Any, tuple[tuple[str, tuple[str, ...]], ...]], ...]:
    return ("render", scene.render, _RENDER), ("image", scene.render.image_settings, _IMAGE)
