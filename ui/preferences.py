# SPDX-License-Identifier: GPL-3.0-or-later
"""How the extension's preferences look.

Owns their order and headings; `operators.preferences` has the properties and calls `draw`.
"""

from typing import Any

from bpy.types import Context

from ..dispatch import wording
from ..operators import session
from . import doctor
from .guard import guarded


@guarded
def draw(self: Any, context: Context) -> None:
    layout = self.layout
    layout.use_property_split = True
    layout.use_property_decorate = False
    session.wants_size()

    column = layout.column()
    column.prop(self, "blender", placeholder="This Blender")
    column.prop(self, "strategy")

    column = layout.column()
    column.prop(self, "jobs_folder", placeholder="Own state folder")
    column.prop(self, "keep_days", text="Keep Jobs (Days)")
    row = column.split(factor=0.4)
    row.separator()
    size = session.seen().bytes
    row.operator("multi_gpu.clean_up_jobs", text=f"Clean Up ({wording.size(size)})" if size else "Clean Up")

    column = layout.column(heading="Notice at the End")
    column.prop(self, "notice_blender")
    column.prop(self, "notice_desktop")
    column = layout.column(heading="After a Power Cut")
    column.prop(self, "resume_by_itself")

    column = layout.column(align=True)
    column.prop(self, "limit_start", text="Limit in Minutes, Start")
    column.prop(self, "limit_load", text="Load Scene")
    column.prop(self, "limit_first", text="First Frame")
    column.prop(self, "limit_task", text="Further Frames")

    column = layout.column()
    column.use_property_split = False
    doctor.draw(column, context)
