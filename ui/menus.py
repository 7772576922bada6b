# SPDX-License-Identifier: GPL-3.0-or-later
"""Menus: the entries of Blender's Render menu, by which F3 finds us, and the small ones of the panel.

Owns their words: those an artist would type. Some entries are there only while they can do something.
"""

import bpy
from bpy.types import Context, Menu

from ..dispatch import panel_words
from ..dispatch.model import Then
from ..operators import session
from .guard import guarded


class MULTI_GPU_MT_stop(Menu):
    bl_label = "Stop"
    bl_description = "Stop the render; Resume goes on later"

    @guarded
    def draw(self, _context: Context) -> None:
        job = session.shown()
        for operator, label, icon in (
            ("multi_gpu.stop", "Stop After Current Frames", "NONE"),
            ("multi_gpu.stop_now", "Stop Now", "CANCEL"),
        ):
            # The job that is shown now: at the click it may be another one.
            self.layout.operator(operator, text=label, icon=icon).folder = job.folder if job else ""


class MULTI_GPU_MT_then(Menu):
    bl_label = "When Finished"
    bl_description = "What this computer does when the render has finished"

    @guarded
    def draw(self, _context: Context) -> None:
        job = session.shown()
        now = job.snapshot.then if job and job.snapshot else ""
        for then in Then:
            icon = "RADIOBUT_ON" if then == now else "RADIOBUT_OFF"
            choice = self.layout.operator("multi_gpu.then", text=panel_words.then_name(then), icon=icon)
            choice.action, choice.folder = then.name, job.folder if job else ""


@guarded
def render_menu(self: Menu, _context: Context) -> None:
    """Append our entries to TOPBAR_MT_render. All stay listed, grey where they cannot work: F3 and the eye find them."""
    layout = self.layout
    layout.separator()
    layout.operator("multi_gpu.render_animation", text="Render Animation on All GPUs", icon="RENDER_ANIMATION")
    layout.operator("multi_gpu.render_frame", text="Render Frame on All GPUs", icon="RENDER_STILL")
    layout.operator("multi_gpu.render_missing", text="Render Missing Frames on All GPUs")
    layout.separator()
    job = session.shown()
    if job and job.state == "paused":
        layout.operator("multi_gpu.go_on", text="Go On with Render on All GPUs", icon="PLAY")
    else:
        layout.operator("multi_gpu.pause", text="Pause Render on All GPUs", icon="PAUSE")
    layout.operator("multi_gpu.stop", text="Stop Render on All GPUs", icon="SNAP_FACE")
    layout.operator("multi_gpu.resume", text="Resume Render on All GPUs")
    layout.operator("multi_gpu.show_frame", text="Show Last Frame of All GPUs", icon="IMAGE_DATA")
    layout.operator("multi_gpu.open_output", text="Open Output Folder of All GPUs", icon="FILE_FOLDER")
    layout.operator("multi_gpu.open_report", text="Open Report of All GPUs", icon="GRAPH")
    layout.separator()
    layout.operator("multi_gpu.measure_scene", text="Measure Scene on All GPUs")
    layout.operator("multi_gpu.check_machine", text="Check This Machine (Doctor)")
    bundle = layout.operator("multi_gpu.save_support_bundle", text="Save Support Bundle (Bug Report)")
    bundle.folder = job.folder if job else ""


CLASSES = (MULTI_GPU_MT_stop, MULTI_GPU_MT_then)


def register() -> None:
    bpy.types.TOPBAR_MT_render.append(render_menu)


def unregister() -> None:
    bpy.types.TOPBAR_MT_render.remove(render_menu)
