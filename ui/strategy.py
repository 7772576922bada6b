# SPDX-License-Identifier: GPL-3.0-or-later
"""The folded part for what is rarely touched.

Owns its look; what the strategies do here is said by `idle`.
"""

from bpy.types import Context, Panel

from ..operators import settings
from .guard import guarded
from .panel import Folded


class MULTI_GPU_PT_advanced(Folded, Panel):
    bl_label = "Advanced"
    bl_order = 4

    @guarded
    def draw(self, context: Context) -> None:
        layout, chosen = self.layout, settings.of(context)
        layout.use_property_split = True
        layout.use_property_decorate = False
        column = layout.column()
        column.active = chosen.strategy != "COMBINED"
        column.prop(chosen, "per_device", text="Per GPU")
        layout.prop(chosen, "threads")
        layout.prop(chosen, "persistent_data", text="Keep Data")
        layout.prop(chosen, "order")
        layout.prop(chosen, "retries")
        layout.prop(chosen, "last_resort", text="Too Big")
        layout.prop(chosen, "recycle", text="Restart After")
        column = layout.column(heading="Pictures")
        column.prop(context.scene.render, "use_overwrite", text="Overwrite")
        column = layout.column(heading="Allow")
        column.prop(chosen, "share_devices", text="Share GPUs")
        column.prop(chosen, "allow_unbaked", text="Unbaked")
        column = layout.column(heading="Workers")
        column.prop(chosen, "clean_children")
        layout.prop(chosen, "blender", placeholder="This one")


CLASSES = (MULTI_GPU_PT_advanced,)
