# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the extension's panels on a `recording_layout`, in a state of `drawn_states`. Runs inside a Python with bpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import recording_layout

REGION = 248
"""Pixels of the region in a properties editor of 280: its tabs take the rest."""
COLUMN = 214
"""Pixels of a panel's content there."""


class Context:
    """Blender's context as it is while a region is drawn."""

    def __init__(self, width: int = REGION) -> None:
        self.region = SimpleNamespace(width=width)

    def __getattr__(self, name: str) -> Any:
        return getattr(bpy.context, name)


class Drawn:
    """Stands in for a panel, menu or header whose draw is called outside of Blender's own drawing."""

    def __init__(self, kind: Any, layout: Any) -> None:
        self.kind, self.layout = kind, layout

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.kind, name)
        return value.__get__(self) if hasattr(value, "__get__") and callable(value) else value


def pretend(session: ModuleType, rules: ModuleType) -> Callable[[Any], None]:
    """Take the watch out of the session; return what makes it see a state."""
    now: dict[str, Any] = {}

    def show(seen: Any) -> None:
        now["seen"] = seen

    session.seen = lambda: now["seen"]
    # the first one: where one waits and one renders, it is the waiting one
    session.shown = lambda: rules.find(now["seen"].jobs, now["seen"].jobs[0].folder) if now["seen"].jobs else None
    session.wants_devices = session.wants_destination = session.wants_size = lambda *_, **__: None
    return show


def ours(module: str, base: Any = bpy.types.Panel) -> list[Any]:
    """Return our registered classes, in the order in which they are drawn."""
    found = [each for each in base.__subclasses__() if each.__module__.startswith(module) and hasattr(each, "bl_rna")]
    return sorted(found, key=lambda each: getattr(each, "bl_order", 0))


def parts(kind: Any) -> Iterator[str]:
    yield from (part for part in ("draw_header", "draw_header_preset", "draw") if part in vars(kind))


def draw(kind: Any, context: Context) -> recording_layout.Layout | None:
    """Draw one class with its header; None where it is not shown now."""
    if "poll" in vars(kind) and not kind.poll(context):
        return None
    layout = recording_layout.Layout()
    for part in parts(kind):
        layout.use_property_split = False
        getattr(kind, part)(Drawn(kind, layout), context)
    return layout
