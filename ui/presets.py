# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets: the folded list of this file's, and the pop-over behind Blender's preset icon, which has both kinds.

Owns their look. `operators.presets` changes them; it also names the menu class that Blender's own preset operators want.
"""

from typing import Any

import bpy
from bl_ui.utils import PresetPanel
from bpy.types import Context, Menu, Panel, UILayout, UIList

from ..operators import presets, settings
from .guard import guarded
from .panel import Folded


class MULTI_GPU_UL_presets(UIList):
    def draw_item(  # Blender asks for these parameters, in this order
        self,
        _context: Context,
        layout: UILayout,
        data: Any,
        item: Any,
        _icon: int,
        _active_data: Any,
        _active_property: str,
    ) -> None:
        row = layout.row(align=True)
        row.prop(item, "name", text="", emboss=False, icon="PRESET")
        if data.default_preset == item.name:
            row.label(text="", icon="SOLO_ON")


class MULTI_GPU_MT_presets(Menu):
    """The presets of this user, for all files."""

    bl_label = "Presets"
    preset_subdir = presets.USER_SUBDIR
    preset_operator = "multi_gpu.user_preset_apply"
    draw = Menu.draw_preset


class MULTI_GPU_PT_preset_popover(PresetPanel, Panel):
    """Behind the preset icon, where Blender has its own."""

    bl_label = "Presets"
    preset_subdir = presets.USER_SUBDIR
    preset_operator = "multi_gpu.user_preset_apply"
    preset_add_operator = "multi_gpu.user_preset_add"

    @guarded
    def draw(self, context: Context) -> None:
        layout, found = self.layout, settings.of(context)
        layout.emboss = "PULLDOWN_MENU"
        layout.operator_context = "EXEC_DEFAULT"
        layout.label(text="In This File")
        column = layout.column(align=True)
        for index, preset in enumerate(found.presets):
            row = column.row(align=True)
            row.operator("multi_gpu.preset_apply", text=preset.name).index = index
            row.operator("multi_gpu.preset_remove", text="", icon="REMOVE").index = index
        _add(layout, "multi_gpu.preset_add", context)
        layout.separator()
        layout.label(text="For All Files")
        if bpy.utils.preset_paths(self.preset_subdir):
            Menu.draw_preset(self, context)
        else:  # Blender would say "Missing Paths"
            _add(layout, self.preset_add_operator, context)


def _add(layout: UILayout, operator: str, context: Context) -> None:
    """Draw a name and a plus, as below Blender's own presets."""
    row = layout.row()
    named = row.row()
    named.emboss = "NORMAL"
    manager = context.window_manager
    named.prop(manager, "preset_name", text="")
    row.operator(operator, text="", icon="ADD").name = manager.preset_name


class MULTI_GPU_PT_presets(Folded, Panel):
    bl_label = "Presets in This File"
    bl_order = 6

    @guarded
    def draw(self, context: Context) -> None:
        layout, found = self.layout, settings.of(context)
        row = layout.row()
        row.template_list("MULTI_GPU_UL_presets", "", found, "presets", found, "active_preset", rows=3)
        side = row.column(align=True)
        side.operator("multi_gpu.preset_add", text="", icon="ADD")
        side.operator("multi_gpu.preset_remove", text="", icon="REMOVE")
        if not found.presets:
            return
        row = layout.row(align=True)
        row.operator("multi_gpu.preset_apply", text="Apply")
        row.operator("multi_gpu.preset_update", text="Update")
        row.operator("multi_gpu.preset_default", text="Default")


CLASSES = (MULTI_GPU_UL_presets, MULTI_GPU_MT_presets, MULTI_GPU_PT_preset_popover, MULTI_GPU_PT_presets)
