# SPDX-License-Identifier: GPL-3.0-or-later
"""The devices of Cycles: list them, pin the scene to some of them, say which are really enabled.

Lists with ``_cycles.available_devices``, which leaves the preferences alone. Pins in the preferences of this process,
which are never saved. Never falls back: what Cycles would do silently (render on the CPU because the card is not
there) is an error here.
"""

from __future__ import annotations

from typing import Any

from ..devices import from_cycles
from ..model import Backend, Device


class WrongDevice(Exception):
    """The devices asked for cannot be used. The text is a sentence."""


def list_devices() -> tuple[Device, ...]:
    """Return every device of every backend of this Blender, the CPU last; empty where it has no Cycles."""
    found = [device for backend in Backend if backend is not Backend.CPU for device in _of(backend)]
    return (*found, *_of(Backend.CPU))


def preferred() -> tuple[str, ...]:
    """Return the ids ticked in the preferences of this Blender."""
    preferences = _preferences()
    if preferences is None or preferences.compute_device_type not in list(Backend):
        return ()
    return _ticked(preferences)


def pin(scene: Any, backend: Backend, ids: tuple[str, ...]) -> None:
    """Make the scene render on exactly these devices.

    Raises:
        WrongDevice: this Blender does not have one of them.
    """
    if scene.render.engine != "CYCLES" or not ids:
        return
    preferences = _preferences()
    if preferences is None:
        raise WrongDevice("Cycles is switched off in this Blender: enable the add-on 'Cycles Render Engine'.")
    if backend is Backend.CPU:
        preferences.compute_device_type = "NONE"
        scene.cycles.device = "CPU"
        _require(ids, ("CPU",))
        return
    _require(ids, tuple(device.id for device in (*_of(backend), *_of(Backend.CPU))))
    preferences.compute_device_type = backend.value
    preferences.refresh_devices()
    for entry in preferences.devices:
        entry.use = entry.type in (backend.value, "CPU") and entry.id in ids
    scene.cycles.device = "GPU"


def enabled(scene: Any) -> tuple[str, ...]:
    """Return the ids on which Cycles would render the scene now, sorted; empty for another engine."""
    if scene.render.engine != "CYCLES":
        return ()
    preferences = _preferences()
    if preferences is None or scene.cycles.device != "GPU" or preferences.compute_device_type not in list(Backend):
        return ("CPU",)
    ticked = _ticked(preferences)
    # Without a card Cycles renders on the CPU and says nothing.
    return ticked if any(identifier != "CPU" for identifier in ticked) else ("CPU",)


def _ticked(preferences: Any) -> tuple[str, ...]:
    backend = Backend(preferences.compute_device_type)
    there = {(device.id, device.backend.value) for device in (*_of(backend), *_of(Backend.CPU))}
    return tuple(sorted({e.id for e in preferences.devices if e.use and (e.id, e.type) in there}))


def _require(wanted: tuple[str, ...], there: tuple[str, ...]) -> None:
    missing = [identifier for identifier in wanted if identifier not in there]
    if missing:
        raise WrongDevice(
            f"This Blender has no device {', '.join(map(repr, missing))}; it has {', '.join(map(repr, there))}: "
            "look after that card and its driver, or choose one of these."
        )


def _of(backend: Backend) -> list[Device]:
    try:
        import _cycles
    except ImportError:
        return []
    # Blender adds the CPU to every list, and fields to the tuples: only the first three are the same in all versions.
    found = (entry[:3] for entry in _cycles.available_devices(backend.value) if entry[1] == backend.value)
    devices = (from_cycles(identifier, name, kind) for name, kind, identifier in found)
    return [device for device in devices if device is not None]


def _preferences() -> Any:
    import bpy

    addon = bpy.context.preferences.addons.get("cycles")
    return addon.preferences if addon else None
