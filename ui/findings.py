# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way, above the button: a sentence each, with a button where one click mends it.

Owns which operator mends which finding, by its key. It must not find anything: `operators.scene_facts` does.
"""

from collections.abc import Sequence

from bpy.types import Context, UILayout

from ..dispatch.findings import Finding, Level
from . import text

FIXES: dict[str, tuple[tuple[str, str], ...]] = {
    "unbaked-simulation": (("multi_gpu.bake", "Bake"), ("multi_gpu.allow_unbaked", "Render in Order")),
    "unpacked-paint": (("multi_gpu.pack_images", "Pack Images"),),
    "missing-files": (("multi_gpu.find_files", "Find Files"),),
    "missing-libraries": (("multi_gpu.find_files", "Find Files"),),
    "rendered-viewport": (("multi_gpu.solid_view", "Switch to Solid"),),
    "unsaved-addons": (("wm.save_userpref", "Save Preferences"),),
    "never-saved": (("multi_gpu.save", "Save"),),
}
"""Operators (id, label) by the key of a finding."""

ICONS = {Level.ERROR: "CANCEL", Level.WARNING: "ERROR", Level.NOTE: "INFO"}


def draw(layout: UILayout, found: Sequence[Finding], context: Context) -> None:
    """Draw one box with all that is worth a sentence; nothing where nothing is."""
    if not found:
        return
    box = layout.box().column()
    for finding in found:
        entry = box.column(align=True)
        entry.alert = finding.level is Level.ERROR
        text.paragraph(entry, finding.panel, context, icon=ICONS[finding.level], box=True)
        fixes = FIXES.get(finding.key, ())
        if fixes:
            row = box.row()
            row.alignment = "RIGHT"
            for operator, label in fixes:
                row.operator(operator, text=label)


def trouble(layout: UILayout, sentence: str, context: Context) -> None:
    """Draw why the last press of a button did nothing."""
    if sentence:
        row = layout.box().row()
        column = row.column(align=True)
        column.alert = True
        text.paragraph(column, sentence, context, icon="CANCEL", box=True, less=text.UNIT + 14)
        row.operator("multi_gpu.dismiss", text="", icon="X", emboss=False)
