# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be rendered: the scene's own settings joined with what the artist chose in the panel.

Owns the kinds of render and the way from ``scene.multi_gpu`` and the preferences to the engine's nouns. Reads both and
changes nothing; whether it can be rendered is for `preflight` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache

import bpy

from ..dispatch import frames, host
from ..dispatch.model import Job, Limits, Order, Strategy, Then
from ..dispatch.preparation import Wishes
from ..dispatch.protocol import SceneFacts
from . import preferences, settings


class Kind(StrEnum):
    """What a button asks for."""

    ANIMATION = "animation"
    FRAME = "frame"
    """The current frame alone, under the name that it has in the animation."""
    MISSING = "missing frames"
    """The animation without what is there already."""


def frames_of(scene: bpy.types.Scene, kind: Kind = Kind.ANIMATION) -> Sequence[int]:
    """Return the frames to render; cheap enough for draw().

    Raises:
        DispatchError: the artist's own frames cannot be read.
    """
    if kind is Kind.FRAME:
        return (scene.frame_current,)
    chosen = settings.of(scene)
    if chosen.use_frames and chosen.frames.strip():
        wanted: Sequence[int] = _parsed(chosen.frames)
    else:
        wanted = range(scene.frame_start, scene.frame_end + 1, max(1, scene.frame_step))
    return wanted[:: chosen.step] if chosen.use_test else wanted


def overwrites(facts: SceneFacts, kind: Kind) -> bool:
    """Whether pictures that are there are rendered again: as the scene says, and never where the missing are meant."""
    return facts.use_overwrite and kind is not Kind.MISSING


def wishes(scene: bpy.types.Scene, facts: SceneFacts, kind: Kind, blend: str) -> Wishes:
    """Return the choices as `preparation.draft` takes them.

    Raises:
        DispatchError: see `frames_of`.
    """
    chosen = settings.of(scene)
    return Wishes(
        blend=blend,
        scene=facts.scene,
        frames=frames.words(frames_of(scene, kind)),
        # Auto gives one frame to all devices together, where they can.
        strategy=Strategy.AUTO if kind is Kind.FRAME else Strategy(_engine_name(chosen.strategy)),
        per_device=chosen.per_device,
        threads=chosen.threads,
        overwrite=overwrites(facts, kind),
        order=Order(_engine_name(chosen.order)),
        factory=factory(scene),
        autoexec=facts.autoexec,
        allow_unbaked=chosen.allow_unbaked,
        sequence=True,
        persistent_data=_engine_name(chosen.persistent_data),
        share_devices=chosen.share_devices,
        retries=chosen.retries,
        last_resort=settings.RESORTS[chosen.last_resort],
        recycle=chosen.recycle,
        resolution=chosen.resolution if chosen.use_test else 0,
        samples=float(chosen.samples) if chosen.use_test else 0.0,
        limits=limits(),
    )


def finished(job: Job, scene: bpy.types.Scene, kind: Kind) -> Job:
    """Return the drafted job with what only a job of the panel has: its end, and a core that stays with the artist."""
    return replace(
        job,
        fps=scene.render.fps / scene.render.fps_base,
        # One frame is looked at at once: the machine must not sleep after it.
        then=Then.NOTHING if kind is Kind.FRAME else then(scene),
        cores=0 if bpy.app.background else max(1, host.cores() - 1),
    )


def movie(scene: bpy.types.Scene, facts: SceneFacts, kind: Kind = Kind.ANIMATION) -> str:
    """Return the movie that is made of the pictures at the end; empty: none."""
    return facts.movie_path if settings.of(scene).make_movie and kind is not Kind.FRAME else ""


def then(scene: bpy.types.Scene) -> Then:
    """Return what happens at the end: the artist's choice, and a notice where the preferences ask for one."""
    chosen = Then(_engine_name(settings.of(scene).then))
    return Then.NOTIFY if chosen is Then.NOTHING and preferences.get().notice_desktop else chosen


def factory(scene: bpy.types.Scene) -> bool:
    """Whether children run without add-ons: on request, or because this Blender does."""
    return bool(settings.of(scene).clean_children or (bpy.app.factory_startup and bpy.app.binary_path))


def limits() -> Limits:
    """Return the deadlines: those of the preferences (minutes), else the built-in ones."""
    chosen = preferences.get()
    minutes = {name: getattr(chosen, f"limit_{name}") for name in ("start", "load", "first", "task")}
    return replace(Limits(), **{name: 60.0 * value for name, value in minutes.items() if value})


def _engine_name(identifier: str) -> str:
    """``coarse-to-fine`` for ``COARSE_TO_FINE``."""
    return identifier.lower().replace("_", "-")


@lru_cache(maxsize=8)
def _parsed(text: str) -> tuple[int, ...]:
    return tuple(frames.parse(text))
