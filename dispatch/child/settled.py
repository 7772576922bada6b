# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings that say which file comes of a frame: engine, size, format. They must not move while a frame renders.

A script that changes one in the middle of a job changes it for the frames that come later in the same Blender, and for
no others: which pictures come of it would hang on who renders what. So the change is taken back; where it would have
changed pictures of a plain animation render too, it is said.

The colours of the file are another matter: Blender takes them when it saves a picture (tried in 4.2 and 5.0), so what a
script sets in every frame is in every picture of a plain render too. Such a script is obeyed; one that sets them in some
frames only is refused like the others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
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
)
_COLOURS = ("color_mode", "color_depth", "exr_codec", "quality")

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


class Colours:
    """The colours of the file as the frames' scripts set them, in one child."""

    def __init__(self) -> None:
        self._scene: Any = None
        """While a frame is rendered."""
        self._own: dict[str, Any] = {}
        """As they were before the frame."""
        self._saved: dict[str, Any] = {}
        """As they were when the frame's picture was made, …"""
        self._left: dict[str, Any] = {}
        """… and after it."""
        self._first: dict[str, Any] | None = None
        """What the first frame was saved with."""

    @contextlib.contextmanager
    def around(self, scene: Any) -> Iterator[None]:
        """Render a frame; every frame begins with the scene's own colours."""
        self._scene, self._own = scene, _colours(scene)
        self._saved = self._own
        try:
            yield
        finally:
            self._scene, self._left = None, _colours(scene)
            for name, value in self._own.items():
                if self._left[name] != value:
                    setattr(scene.render.image_settings, name, value)

    def note(self) -> None:
        """The frame's scripts have run, and its picture comes next."""
        if self._scene is not None:
            self._saved = _colours(self._scene)

    def refused(self) -> str:
        """Return a sentence where other frames would be saved in another way than this one."""
        if self._left not in (self._own, self._saved):
            return _words(self._own, self._left, "while rendering: switch it off.")
        self._first = self._first or self._saved
        if self._saved == self._first:
            return ""
        return _words(self._first, self._saved, "in some frames only: switch it off, or let it set them in all.")

    def told(self) -> tuple[str, ...]:
        """Return what the artist should know of a frame that is not refused."""
        if self._saved == self._own:
            return ()
        return (_words(self._own, self._saved, "in each frame, and the pictures are saved that way."),)


def _colours(scene: Any) -> dict[str, Any]:
    image = scene.render.image_settings
    return {name: getattr(image, name) for name in _COLOURS if hasattr(image, name)}


def _words(before: dict[str, Any], after: dict[str, Any], end: str) -> str:
    name = next(name for name in before if before[name] != after[name])
    return f"A script sets the colours of the file ({before[name]} → {after[name]}) {end}"
