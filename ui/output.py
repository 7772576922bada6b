# SPDX-License-Identifier: GPL-3.0-or-later
"""The folded parts about what is rendered: frames and output, and a quick test render.

Owns how these settings look. Output path and Overwrite are the scene's own properties, changed by the artist's hand.
"""

from bpy.types import Context, Panel

from ..dispatch import wording
from ..dispatch.findings import Level
from ..operators import scene_facts, session, settings
from . import idle, text
from .guard import guarded
from .panel import Folded


class MULTI_GPU_PT_output(Folded, Panel):
    bl_label = "Frames & Output"
    bl_order = 2

    @guarded
    def draw(self, context: Context) -> None:
        layout, chosen, render = self.layout, settings.of(context), context.scene.render
        layout.use_property_split = True
        layout.use_property_decorate = False
        row = layout.row(align=True, heading="Frames")
        row.prop(chosen, "use_frames", text="")
        sub = row.row(align=True)
        sub.active = chosen.use_frames
        if chosen.use_frames:
            sub.prop(chosen, "frames", text="")
        else:
            sub.label(text=f"{context.scene.frame_start}-{context.scene.frame_end}")
        _, trouble = idle.asked(context)
        if trouble:
            alert = layout.column()
            alert.alert = True
            text.paragraph(alert, trouble, context, icon="ERROR")
        column = layout.column(align=True)
        column.use_property_split = False
        column.prop(render, "filepath", text="")
        place = session.seen().destination
        if place and place.free is not None:
            text.quiet(column, f"{wording.size(place.free)} free there", context)
        if render.is_movie_format:
            layout.prop(chosen, "make_movie")
        layout.prop(chosen, "then", text="When Done")
        for each in scene_facts.findings(context):
            if each.level is Level.NOTE:
                text.quiet(layout, each.panel, context, icon="INFO")


class MULTI_GPU_PT_test(Folded, Panel):
    bl_label = "Test Render"
    bl_order = 3

    @guarded
    def draw_header(self, context: Context) -> None:
        self.layout.prop(settings.of(context), "use_test", text="")

    @guarded
    def draw(self, context: Context) -> None:
        layout, chosen = self.layout, settings.of(context)
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column(align=True)
        column.active = chosen.use_test
        column.prop(chosen, "resolution", text="Resolution %")
        column.prop(chosen, "samples", text="Samples %")
        column.prop(chosen, "step", text="Frame Step")


CLASSES = (MULTI_GPU_PT_output, MULTI_GPU_PT_test)
