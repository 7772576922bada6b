# SPDX-License-Identifier: GPL-3.0-or-later
"""The folded part about this machine, below the devices, and the same in the preferences: check it, read what was found.

Owns its look. What was found, and what to do, are sentences of the doctor; it must not judge anything.
"""

from bpy.types import Context, Panel, UILayout

from ..dispatch import doctor_words
from ..operators import doctor
from ..operators.doctor import Check
from . import findings, text
from .guard import guarded
from .panel import Folded

ABOUT = "Looks for what keeps this machine from rendering well, and renders a small picture on each device."


def draw(layout: UILayout, context: Context) -> None:
    """Draw the whole part."""
    check = doctor.last()
    if check is None:
        text.quiet(layout, ABOUT, context)
    elif check.running:
        text.quiet(layout, check.doing or "Looking at this machine …", context, icon="TIME")
        layout.operator("multi_gpu.stop_checking", text="Stop", icon="SNAP_FACE")
        return
    else:
        doctor.drawn(check)
        _result(layout, check, context)
    row = layout.row(align=True)
    again = "Check This Machine" if check is None else "Check Again"
    row.operator("multi_gpu.check_machine", text=again, icon="VIEWZOOM")
    if check is not None:
        row.operator("multi_gpu.open_check", text="Show All", icon="TEXT")


def _result(layout: UILayout, check: Check, context: Context) -> None:
    if check.found is None:
        text.paragraph(layout, check.trouble, context, icon="ERROR")
        return
    findings.draw(layout, check.found.findings, context)
    if good := doctor_words.good_line(check.found):
        text.quiet(layout, good, context, icon="CHECKMARK")


class MULTI_GPU_PT_machine(Folded, Panel):
    bl_label = "This Machine"
    bl_parent_id = "MULTI_GPU_PT_devices"

    @guarded
    def draw_header_preset(self, _context: Context) -> None:
        check = doctor.last()
        if check is not None and check.found is not None:
            row = self.layout.row()
            row.active = False
            row.label(text=doctor_words.in_short(check.found))

    @guarded
    def draw(self, context: Context) -> None:
        draw(self.layout, context)


CLASSES = (MULTI_GPU_PT_machine,)
