# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets: named choices in the .blend, and Blender's own preset files of this user.

Owns the operators that change presets, all undoable, and what the user's preset files hold. A preset of the file
holds every choice. A preset of the user holds no devices and no frames: it is for any shot on any machine.
It must not draw (``ui/presets.py``), and nothing here runs by itself but `apply_default`.
"""

import bpy
from bl_operators.presets import AddPresetBase
from bpy.props import IntProperty, StringProperty
from bpy.types import Context, Operator, Scene

from . import settings

USER_SUBDIR = "multi_gpu"
"""Folder of the user's preset files, below ``scripts/presets``; ``preset_subdir`` of the pop-over."""
USER_MENU = "MULTI_GPU_MT_presets"
"""The class that lists the user's presets; Blender's preset operators write its label."""
ONE_SHOT_ONLY = frozenset({"use_frames", "frames"})

UNDOABLE = {"REGISTER", "UNDO"}


def apply_default(scene: Scene) -> bool:
    """Apply the preset that the file names as its default, if it has one; say whether. For a file just opened."""
    found = settings.of(scene)
    preset = found.presets.get(found.default_preset) if found.default_preset else None
    if preset is None or not scene.is_editable:
        return False
    settings.copy(preset, found)
    return True


def may_change(cls: type[Operator], context: Context) -> bool:
    """Whether the scene's settings may be changed; a grey button says why not."""
    scene = context.scene
    if scene is None:
        cls.poll_message_set("There is no scene")
        return False
    if not scene.is_editable:
        cls.poll_message_set("This scene is linked from another file: change its presets there")
        return False
    return True


def _may_change_one(cls: type[Operator], context: Context) -> bool:
    if not may_change(cls, context):
        return False
    if not settings.of(context).presets:
        cls.poll_message_set("There is no preset in this file yet: add one")
        return False
    return True


class _OnePreset:
    """An operator on one preset: the one named, else the one at the index, else the selected one."""

    name: StringProperty(name="Name", description="The preset's name. Empty: the selected one", options={"SKIP_SAVE"})
    index: IntProperty(
        name="Index",
        description="The preset's place in the list. -1: the selected one",
        default=-1,
        options={"SKIP_SAVE"},
    )
    poll = classmethod(_may_change_one)

    def place(self, found: settings.SceneSettings) -> int:
        """Return the preset's index, or -1 with a report when there is none such."""
        index = self.index if self.index >= 0 else found.active_preset
        if self.name:
            index = found.presets.find(self.name)
        if 0 <= index < len(found.presets):
            return index
        wanted = f"no preset named “{self.name}”" if self.name else "no preset selected"
        self.report({"ERROR"}, f"There is {wanted} in this file: choose one of the list")
        return -1

    def execute(self, context: Context) -> set[str]:
        found = settings.of(context)
        index = self.place(found)
        if index < 0:
            return {"CANCELLED"}
        self.act(found, index)
        return {"FINISHED"}


class MULTI_GPU_OT_preset_add(Operator):
    bl_idname = "multi_gpu.preset_add"
    bl_label = "Add Preset to File"
    bl_description = "Save the settings of Multi-GPU Dispatcher as a preset in this file"
    bl_options = UNDOABLE

    name: StringProperty(name="Name", description="The new preset's name", default="Preset", options={"SKIP_SAVE"})
    poll = classmethod(may_change)

    def execute(self, context: Context) -> set[str]:
        found = settings.of(context)
        preset = found.presets.add()
        preset.name = self.name
        settings.copy(found, preset)
        found.active_preset = len(found.presets) - 1
        return {"FINISHED"}


class MULTI_GPU_OT_preset_apply(_OnePreset, Operator):
    bl_idname = "multi_gpu.preset_apply"
    bl_label = "Apply Preset of File"
    bl_description = "Use the settings of this preset"
    bl_options = UNDOABLE

    def act(self, found: settings.SceneSettings, index: int) -> None:
        settings.copy(found.presets[index], found)
        found.active_preset = index


class MULTI_GPU_OT_preset_update(_OnePreset, Operator):
    bl_idname = "multi_gpu.preset_update"
    bl_label = "Update Preset of File"
    bl_description = "Save the present settings into this preset"
    bl_options = UNDOABLE

    def act(self, found: settings.SceneSettings, index: int) -> None:
        settings.copy(found, found.presets[index])


class MULTI_GPU_OT_preset_remove(_OnePreset, Operator):
    bl_idname = "multi_gpu.preset_remove"
    bl_label = "Remove Preset from File"
    bl_description = "Remove this preset from this file. The present settings stay"
    bl_options = UNDOABLE

    def act(self, found: settings.SceneSettings, index: int) -> None:
        if found.default_preset == found.presets[index].name:
            found.default_preset = ""
        found.presets.remove(index)
        if found.active_preset > index or found.active_preset >= len(found.presets):
            found.active_preset = max(found.active_preset - 1, 0)


class MULTI_GPU_OT_preset_default(_OnePreset, Operator):
    bl_idname = "multi_gpu.preset_default"
    bl_label = "Default Preset of File"
    bl_description = "Apply this preset whenever this file is opened. Once more takes that back"
    bl_options = UNDOABLE

    def act(self, found: settings.SceneSettings, index: int) -> None:
        name = found.presets[index].name
        found.default_preset = "" if found.default_preset == name else name


class MULTI_GPU_OT_user_preset_add(AddPresetBase, Operator):
    bl_idname = "multi_gpu.user_preset_add"
    bl_label = "Add User Preset"
    bl_description = "Save the settings of Multi-GPU Dispatcher as a preset for all files, or remove that preset"
    preset_menu = USER_MENU
    preset_subdir = USER_SUBDIR
    preset_defines = ("settings = bpy.context.scene.multi_gpu",)
    preset_values = tuple(f"settings.{name}" for name in settings.NAMES if name not in ONE_SHOT_ONLY)


class MULTI_GPU_OT_user_preset_apply(Operator):
    """Blender's own operator makes no undo step; without one the next undo would throw the preset away."""

    bl_idname = "multi_gpu.user_preset_apply"
    bl_label = "Apply User Preset"
    bl_description = "Use the settings of this preset"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    menu_idname: StringProperty(default=USER_MENU, options={"SKIP_SAVE"})
    poll = classmethod(may_change)

    def execute(self, _context: Context) -> set[str]:
        return bpy.ops.script.execute_preset(filepath=self.filepath, menu_idname=self.menu_idname)


CLASSES = (
    MULTI_GPU_OT_preset_add,
    MULTI_GPU_OT_preset_apply,
    MULTI_GPU_OT_preset_update,
    MULTI_GPU_OT_preset_remove,
    MULTI_GPU_OT_preset_default,
    MULTI_GPU_OT_user_preset_add,
    MULTI_GPU_OT_user_preset_apply,
)
