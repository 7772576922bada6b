# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds the rooms of ``operators`` and ``ui`` to Blender: all of them, or none.

Owns their order and the way back. A room offers ``CLASSES`` (a tuple of classes, in order) and, for what is no class
(menus, timers, handlers, properties), ``register()`` with ``unregister()``. A room's ``unregister()`` is also called
when its ``register()`` raised: it must bear what was never added. This room must not know what a room does.
"""

import importlib
import logging
from collections.abc import Callable
from functools import partial

import bpy

ROOMS = (
    "operators.settings",
    "operators.preferences",
    "operators.presets",
    "operators.devices",
    "operators.render",
    "operators.mend",
    "operators.steer",
    "operators.jobs",
    "operators.look",
    "operators.measurements",
    "operators.reports",
    "operators.checking",
    "operators.session",
    "operators.doctor",
    "operators.support",
    "operators.notices",
    "operators.tick",
    "operators.commandline",
    "ui.panel",
    "ui.devices",
    "ui.doctor",
    "ui.output",
    "ui.measuring",
    "ui.strategy",
    "ui.jobs",
    "ui.presets",
    "ui.menus",
    "ui.statusbar",
)
"""Every room, in the order of registration; the way back is the other way round. One that is missing is a fault."""

_log = logging.getLogger(__name__)
_ways_back: list[tuple[str, Callable[[], object]]] = []
"""What takes back each thing that is registered now, in the order in which it was added."""


def register() -> None:
    """Register every room.

    Raises:
        Exception: whatever a room raised; what was registered before it is taken back.
    """
    if _ways_back:
        unregister()
    try:
        for name in ROOMS:
            _register_room(name)
    except BaseException:
        unregister()
        raise


def unregister() -> None:
    """Take everything back, last first. A fault on the way is logged and does not keep the rest."""
    while _ways_back:
        name, back = _ways_back.pop()
        try:
            back()
        except Exception:  # noqa: BLE001 - one room must not keep the others in Blender
            _log.exception("Multi-GPU Dispatcher could not take back %s; restart Blender", name)


def _register_room(name: str) -> None:
    room = importlib.import_module(f"..{name}", __package__)
    for each in room.CLASSES:
        bpy.utils.register_class(each)
        _ways_back.append((each.__name__, partial(bpy.utils.unregister_class, each)))
    if hasattr(room, "register"):
        _ways_back.append((name, room.unregister))
        room.register()
