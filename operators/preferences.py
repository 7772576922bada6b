# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artist chose for every file: Edit, Preferences, Add-ons, Multi-GPU Dispatcher.

Owns the properties and the answers where the add-on has none (tests, another program that imports us).
``ui/preferences.py`` draws them. It must not write a preference, but to make a path absolute that was just chosen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty
from bpy.types import AddonPreferences

from ..dispatch import job, measure

ROOT_PACKAGE = __package__.rpartition(".")[0]
"""The extension's own name in Blender, such as ``bl_ext.user_default.multi_gpu_dispatcher``."""


@dataclass(frozen=True)
class Defaults:
    """The preferences of a factory-new Blender."""

    blender: str = ""
    jobs_folder: str = ""
    keep_days: int = 30
    strategy: str = "AUTO"
    notice_blender: bool = True
    notice_desktop: bool = True
    resume_by_itself: bool = False
    limit_start: int = 0
    limit_load: int = 0
    limit_first: int = 0
    limit_task: int = 0


_new = Defaults()

STRATEGIES = (
    ("AUTO", "Auto", "Starts one Blender per GPU, measures while it renders, and adds more where that is faster", 0),
    ("PER_DEVICE", "Per GPU", "Each GPU renders frames of its own. The fastest way for animations", 1),
    ("COMBINED", "Combined", "All GPUs render each frame together. For single, heavy pictures", 2),
)
"""Identifier, name, tooltip and stored number; ``operators.settings`` offers the same for each file."""


def _minutes(name: str, what: str) -> object:
    return IntProperty(name=name, description=f"{what}, in minutes. 0 is the built-in limit", default=0, min=0)


def _absolute(name: str) -> Callable[[Any, Any], None]:
    def changed(self: Any, _context: Any) -> None:
        """What the artist chose holds for every file: a path from the file that is open now would wander with it."""
        path = getattr(self, name)
        if path.startswith("//"):
            setattr(self, name, bpy.path.abspath(path))

    return changed


class Preferences(AddonPreferences):
    """The extension's own preferences."""

    bl_idname = ROOT_PACKAGE

    blender: StringProperty(
        name="Blender",
        description="The Blender that renders. Empty: the one that is running",
        subtype="FILE_PATH",
        default=_new.blender,
        update=_absolute("blender"),
    )
    jobs_folder: StringProperty(
        name="Jobs Folder",
        description="Where jobs are kept: a copy of the scene, logs and the state. Empty: your own state folder. "
        "Jobs in the folder that was chosen before go on, and are listed again when it is chosen again",
        subtype="DIR_PATH",
        default=_new.jobs_folder,
        update=_absolute("jobs_folder"),
    )
    keep_days: IntProperty(
        name="Keep Jobs",
        description="Jobs that ended this many days ago are removed when Blender starts, and by Clean Up. "
        "The rendered frames stay. 0 keeps jobs for ever",
        default=_new.keep_days,
        min=0,
    )
    strategy: EnumProperty(
        name="Strategy",
        description="The strategy of every file in which none was chosen",
        items=STRATEGIES,
        default=_new.strategy,
    )
    notice_blender: BoolProperty(
        name="In Blender",
        description="Show a notice in Blender when a job has ended",
        default=_new.notice_blender,
    )
    notice_desktop: BoolProperty(
        name="On the Desktop",
        description="Show a notice on the desktop when a job has ended",
        default=_new.notice_desktop,
    )
    resume_by_itself: BoolProperty(
        name="Resume by Itself",
        description="Go on with jobs that a logout or a power cut interrupted, as soon as Blender starts",
        default=_new.resume_by_itself,
    )
    limit_start: _minutes("Start", "How long a Blender may take to start")
    limit_load: _minutes("Load", "How long a Blender may take to load the scene")
    limit_first: _minutes("First Frame", "How long the first frame on a GPU may take; it may compile kernels")
    limit_task: _minutes("Frame", "How long any further frame may take")

    def draw(self, context: bpy.types.Context) -> None:
        from ..ui import preferences as drawing

        drawing.draw(self, context)


def get() -> Preferences | Defaults:
    """Return the preferences, or their defaults where this is not an enabled add-on."""
    enabled = bpy.context.preferences.addons.get(ROOT_PACKAGE)
    return (enabled and enabled.preferences) or _new


def jobs_root() -> Path:
    """Return the folder that holds the jobs."""
    return job.jobs_folder(bpy.path.abspath(get().jobs_folder))


def measurements_root() -> Path:
    """Return the folder that holds the measurements."""
    return measure.root(bpy.path.abspath(get().jobs_folder))


CLASSES = (Preferences,)
