# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of a job and can only be known inside the artist's running Blender. Pure.

Owns the sentences and keys for the state of the session: unsaved file, busy viewports, a render of this Blender's
own, a linked scene. What a scene itself tells is `preflight`'s. These sentences are for the panel alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import findings, wording
from .findings import Finding


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What the artist's Blender is doing, as plain data."""

    scene: str
    saved: bool = True
    """Whether the file has a place on the disk."""
    relative: tuple[str, ...] = ()
    """Words for what is relative to that place: ``the output``, a node's name."""
    rendered_views: int = 0
    """3D viewports in Rendered mode, in all windows."""
    rendering: bool = False
    """Whether this Blender itself renders now."""
    library: str = ""
    """File from which the scene is linked; empty: it is the file's own."""
    unsaved_addons: tuple[str, ...] = ()
    """Add-ons enabled since the preferences were saved last; empty where the children get none anyhow."""
    replaced: str = ""
    """A picture that is there already and that a test render would replace; empty: none."""


def check(facts: SessionFacts) -> list[Finding]:
    """Return what there is to say, errors first."""
    return findings.in_order([*_place(facts), *_scene(facts), *_addons(facts), *_test(facts), *_busy(facts)])


def _place(facts: SessionFacts) -> Iterator[Finding]:
    if facts.saved:
        return
    if facts.relative:
        yield findings.error(
            "never-saved",
            f"The file was never saved, so {wording.names(facts.relative)}, set beside the file with '//', has no folder: "
            "save the file, or choose another folder.",
        )
    else:
        yield findings.note(
            "never-saved",
            "The file was never saved: a copy of it renders as it is now, and only the pictures stay when Blender is "
            "closed; save it to keep the scene.",
        )


def _scene(facts: SessionFacts) -> Iterator[Finding]:
    if facts.library:
        yield findings.error(
            "linked-scene",
            f"Scene '{facts.scene}' is linked from '{facts.library}': render it in that file, or choose a scene of "
            "this one.",
        )


def _addons(facts: SessionFacts) -> Iterator[Finding]:
    if facts.unsaved_addons:
        what, were = ("Add-on", "was") if len(facts.unsaved_addons) == 1 else ("Add-ons", "were")
        yield findings.warning(
            "unsaved-addons",
            f"{what} {wording.names(facts.unsaved_addons)} {were} enabled since the preferences were saved, so the workers "
            "start without: save the preferences.",
        )


def _test(facts: SessionFacts) -> Iterator[Finding]:
    if facts.replaced:
        yield findings.warning(
            "test-replaces",
            f"The test render replaces pictures that are there, such as '{facts.replaced}': choose another output to "
            "keep them.",
        )


def _busy(facts: SessionFacts) -> Iterator[Finding]:
    if facts.rendering:
        yield findings.warning(
            "render-running",
            "This Blender is rendering by itself, on the same GPUs and with the same memory: let it finish, or stop "
            "it with Esc.",
        )
    if facts.rendered_views:
        views = wording.count(facts.rendered_views, "3D viewport is", "3D viewports are")
        yield findings.warning(
            "rendered-viewport",
            f"{views} in Rendered mode and takes GPU time and memory from the render: switch to Solid."
            if facts.rendered_views == 1
            else f"{views} in Rendered mode and take GPU time and memory from the render: switch them to Solid.",
        )
