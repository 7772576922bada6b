# SPDX-License-Identifier: GPL-3.0-or-later
"""The folded part that measures the scene: how far it is, what came of it, and what can be done with that.

Owns its look. What is recommended, and why, stands in the measurement; it must not decide anything.
"""

from bpy.types import Context, Panel, UILayout

from ..dispatch import measurement_words
from ..dispatch.watch import MeasurementSeen
from ..operators import measurements
from . import text
from .guard import guarded
from .panel import Folded

ABOUT = "Tries every way to use these GPUs on some frames of this scene. Auto needs none of this."


class MULTI_GPU_PT_measure(Folded, Panel):
    bl_label = "Measure"
    bl_order = 3

    @guarded
    def draw(self, context: Context) -> None:
        seen = measurements.shown(context)
        if seen is not None and seen.running:
            _running(self.layout, seen, context)
            return
        if seen is not None:
            _result(self.layout, seen, context)
        else:
            text.quiet(self.layout, ABOUT, context)
        again = "Measure This Scene" if seen is None else "Measure Again"
        self.layout.operator("multi_gpu.measure_scene", text=again, icon="TIME")


def _running(layout: UILayout, seen: MeasurementSeen, context: Context) -> None:
    column = layout.column(align=True)
    column.progress(factor=measurement_words.part(seen.found), text=measurement_words.progress(seen.found))
    text.quiet(column, measurement_words.current(seen), context)
    layout.operator("multi_gpu.stop_measuring", text="Stop", icon="SNAP_FACE")


def _result(layout: UILayout, seen: MeasurementSeen, context: Context) -> None:
    advised = seen.found.recommendation
    if advised is None:
        text.paragraph(layout, measurement_words.failed(seen), context, icon="ERROR")
        return
    box = layout.box().column()
    used = measurements.in_use(context, advised)
    icon = "CHECKMARK" if used else "LIGHT"
    text.paragraph(box, measurement_words.settings(advised), context, icon=icon, box=True)
    text.quiet(box, advised.reason, context, box=True)
    if words := measurement_words.unfinished(seen):
        text.quiet(box, words, context, box=True)
    column = layout.column(align=True)
    column.operator("multi_gpu.use_measured", text="In Use" if used else "Use These Settings")
    row = column.row(align=True)
    row.operator("multi_gpu.keep_measured", text="Save as Preset")
    row.operator("multi_gpu.open_measurement", text="Report", icon="GRAPH")


CLASSES = (MULTI_GPU_PT_measure,)
