# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scene that writes a movie writes: the movie's own name, and the pictures that are rendered instead of it.

Owns the change from movie to pictures and back: what it changes it also gives back, to the last setting. In the
artist's own session only `movie_path` and `pictures_template` are used, which change nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from . import paths, views

MOVIE_ENDINGS = frozenset(
    [
        *("mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "mts"),
        *("dvd", "vob", "ogv", "ogg", "flv", "dv", "wmv", "3gp"),
    ]
)
"""Endings that artists give a movie's name: the pictures' names do without."""

_KINDS = ("BOOLEAN", "INT", "FLOAT", "STRING", "ENUM")


def movie_path(scene: Any) -> str:
    """Return where this Blender would write the movie of the whole range; empty where it writes no single movie."""
    if not scene.render.is_movie_format or views.suffixes(scene):
        return ""
    try:
        folder, name = paths.split(paths.absolute(scene.render.frame_path(frame=scene.frame_start)))
    except RuntimeError:
        return ""  # a variable that it does not know: preflight says so of the pictures' names
    return paths.join(folder, views.with_suffix(name, views.first_suffix(scene)))


def movie_path_with(scene: Any, template: str) -> str:
    """Return `movie_path` with another output template, which the scene has only for a moment."""
    saved = scene.render.filepath
    scene.render.filepath = template
    try:
        return movie_path(scene)
    finally:
        scene.render.filepath = saved


def pictures_template(scene: Any, template: str) -> str:
    """Return the output template for the pictures of a movie: ``//shot.mp4`` gives ``//shot_####``."""
    start, _, ending = template.rpartition(".")
    if not scene.render.is_movie_format or ending.lower() not in MOVIE_ENDINGS or not paths.split(start)[1]:
        return template
    return start if "#" in paths.split(start)[1] else f"{start}_####"


def to_pictures(scene: Any) -> Callable[[], None]:
    """Let a scene that writes a movie write PNG pictures, in this process; return what gives the movie back."""
    image, film = scene.render.image_settings, scene.render.ffmpeg
    if not scene.render.is_movie_format:
        return lambda: None
    kept, kept_film = settings(image), settings(film)
    deep = image.color_depth != "8"
    if hasattr(image, "media_type"):  # 5.0 sorts the formats by kind
        image.media_type = "IMAGE"
    image.file_format = "PNG"
    if deep:
        image.color_depth = "16"

    def back() -> None:
        restore(image, kept)
        restore(film, kept_film)

    return back


@contextlib.contextmanager
def pictures(scene: Any, wanted: bool) -> Iterator[None]:
    """Let a scene that writes a movie write pictures for a moment, where that is wanted."""
    back = to_pictures(scene) if wanted else lambda: None
    try:
        yield
    finally:
        back()


def settings(struct: Any) -> dict[str, Any]:
    """Return every plain setting of one of Blender's structs, in Blender's order."""
    plain = (p for p in struct.bl_rna.properties if p.type in _KINDS and not p.is_readonly)
    return {p.identifier: getattr(struct, p.identifier) for p in plain if not getattr(p, "is_array", False)}


def restore(struct: Any, kept: dict[str, Any]) -> None:
    """Set what differs from ``kept``. What allows the most comes first: the kind of medium, then the format."""
    first = [name for name in ("media_type", "file_format") if name in kept]
    for name in (*first, *kept):
        if getattr(struct, name) != kept[name]:
            setattr(struct, name, kept[name])
