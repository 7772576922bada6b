# SPDX-License-Identifier: GPL-3.0-or-later
"""The fix buttons beside findings: each mends one thing with one click.

Owns nothing of its own: Blender's operators do the work, and the finding goes away. What changes the file can
be undone; a bake can be freed.
"""

from __future__ import annotations

from typing import Any

import bpy
from bpy.types import Context, Operator

from ..dispatch.child import files, simulations
from . import scene_facts, settings


class MULTI_GPU_OT_pack_images(Operator):
    bl_idname = "multi_gpu.pack_images"
    bl_label = "Pack Painted Images"
    bl_description = "Pack images with unsaved paint into this file, so that the render has them"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, _context: Context) -> bool:
        return _needed(cls, files.unsaved_paint(), "No image has unsaved paint")

    def execute(self, _context: Context) -> set[str]:
        painted = files.unsaved_paint()
        for name in painted:
            bpy.data.images[name].pack()
        scene_facts.mended("unpacked-paint")
        self.report({"INFO"}, f"Packed {', '.join(painted)}")
        return {"FINISHED"}


class MULTI_GPU_OT_bake(Operator):
    bl_idname = "multi_gpu.bake"
    bl_label = "Bake Simulations"
    bl_description = "Bake what is not baked, one kind after another: cloth and particles, simulation nodes, fluids"
    bl_options = {"REGISTER"}  # an undo step would be written while Blender's own job bakes beside it

    @classmethod
    def poll(cls, context: Context) -> bool:
        return _needed(cls, context.scene, "There is no scene")

    def invoke(self, context: Context, _event: Any) -> set[str]:
        return self._bake(context, "INVOKE_DEFAULT")

    def execute(self, context: Context) -> set[str]:
        return self._bake(context, "EXEC_DEFAULT")

    def _bake(self, context: Context, how: str) -> set[str]:
        left = simulations.unbaked(context.scene)
        nodes, fluids = (
            [bpy.data.objects[name] for name, kind in left if kind == which] for which in ("SIM_NODES", "FLUID")
        )
        point_caches = len(left) > len(nodes) + len(fluids)
        if sum(map(bool, (point_caches, nodes, fluids))) < 2:
            scene_facts.mended("unbaked-simulation")  # else the button stays for what is next
        try:
            if point_caches:
                done = bpy.ops.ptcache.bake_all(how, True, bake=True)
            elif nodes:
                done = _bake_nodes(context, how, nodes)
            elif fluids:
                thing = fluids[0]
                with context.temp_override(object=thing, active_object=thing):
                    done = bpy.ops.fluid.bake_all(how)
            else:
                done = {"FINISHED"}
                self.report({"INFO"}, "Everything is baked")
        except RuntimeError as error:
            self.report({"ERROR"}, f"Baking failed ({str(error).removeprefix('Error: ').strip()}): bake by hand.")
            return {"CANCELLED"}
        # Blender's own job bakes from now on: at an end of ours the scene would be evaluated beside it, and crash.
        return {"INTERFACE"} if "RUNNING_MODAL" in done else {"FINISHED"}


def _bake_nodes(context: Context, how: str, things: list[Any]) -> set[str]:
    if how == "INVOKE_DEFAULT":  # one job of Blender's own for all of them
        with context.temp_override(selected_objects=things):
            return set(bpy.ops.object.simulation_nodes_cache_bake(how, selected=True))
    for thing in things:  # at once that operator bakes nothing in 4.2 where no folder is set
        for modifier in (each for each in thing.modifiers if each.type == "NODES"):
            for bake in modifier.bakes:
                bpy.ops.object.geometry_node_bake_single(
                    how, session_uid=thing.session_uid, modifier_name=modifier.name, bake_id=bake.bake_id
                )
    return {"FINISHED"}


class MULTI_GPU_OT_allow_unbaked(Operator):
    bl_idname = "multi_gpu.allow_unbaked"
    bl_label = "Render in Order"
    bl_description = "Render simulations that are not baked: one Blender renders all frames in order"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return _needed(cls, context.scene and context.scene.is_editable, "This scene is linked from another file")

    def execute(self, context: Context) -> set[str]:
        settings.of(context).allow_unbaked = True
        scene_facts.mended("unbaked-simulation")
        return {"FINISHED"}


class MULTI_GPU_OT_solid_view(Operator):
    bl_idname = "multi_gpu.solid_view"
    bl_label = "Switch Viewports to Solid"
    bl_description = "Switch 3D viewports from Rendered to Solid, so that the GPUs are free for the render"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        return _needed(cls, scene_facts.rendered_views(context), "No 3D viewport is in Rendered mode")

    def execute(self, context: Context) -> set[str]:
        for view in scene_facts.rendered_views(context):
            view.shading.type = "SOLID"
        return {"FINISHED"}


class MULTI_GPU_OT_save(Operator):
    bl_idname = "multi_gpu.save"
    bl_label = "Save File"
    bl_description = "Save this file; where it never was, choose a place for it"
    bl_options = {"REGISTER"}

    def execute(self, _context: Context) -> set[str]:
        return _handed(bpy.ops.wm.save_mainfile("INVOKE_DEFAULT"))


class MULTI_GPU_OT_find_files(Operator):
    bl_idname = "multi_gpu.find_files"
    bl_label = "Find Missing Files"
    bl_description = "Look for missing files in a folder that you choose, and in the folders below it"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, _context: Context) -> set[str]:
        scene_facts.mended("missing-files")
        return _handed(bpy.ops.file.find_missing_files("INVOKE_DEFAULT"))


def _needed(cls: type[Operator], what: object, why_not: str) -> bool:
    if not what:
        cls.poll_message_set(why_not)
    return bool(what)


def _handed(result: set[str]) -> set[str]:
    """Another operator goes on by itself, with a file browser."""
    return {"FINISHED"} if "CANCELLED" not in result else {"CANCELLED"}


CLASSES = (
    MULTI_GPU_OT_pack_images,
    MULTI_GPU_OT_bake,
    MULTI_GPU_OT_allow_unbaked,
    MULTI_GPU_OT_solid_view,
    MULTI_GPU_OT_save,
    MULTI_GPU_OT_find_files,
)
