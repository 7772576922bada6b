# SPDX-License-Identifier: GPL-3.0-or-later
"""The folded list of devices: a check box and the figures of each physical card.

Owns how a card looks. What a row says comes from `operators.devices`; it must not find or choose anything.
"""

from bpy.types import Context, Menu, Panel, UILayout

from ..dispatch import panel_words
from ..dispatch.selection import DeviceRow
from ..operators import devices, session, settings
from . import text
from .guard import guarded
from .panel import Folded

CARD = "multi_gpu_card"
"""Name under which a row hands its card to the backend menu."""
BAR = 0.55
MENU = 3.1
"""Width of the backend menu, in rows."""


class MULTI_GPU_MT_backend(Menu):
    bl_label = "Backend"
    bl_description = "How Cycles drives this card"

    @guarded
    def draw(self, context: Context) -> None:
        card = getattr(context, CARD, "")
        row = next((row for row in devices.rows(context) if row.card == card), None)
        for backend in row.backends if row else ():
            choice = self.layout.operator(
                "multi_gpu.device_backend",
                text=panel_words.backend_name(backend),
                icon="RADIOBUT_ON" if backend == row.backend else "RADIOBUT_OFF",
            )
            choice.card, choice.backend = card, backend


class MULTI_GPU_PT_devices(Folded, Panel):
    bl_label = "Devices"
    bl_order = 1

    @guarded
    def draw_header_preset(self, context: Context) -> None:
        found = session.seen().devices
        row = self.layout.row()
        row.active = False
        here = len(found.devices) if found else 0
        row.label(text=panel_words.chosen_of(len(devices.chosen(context)), here))

    @guarded
    def draw(self, context: Context) -> None:
        layout, seen = self.layout, session.seen()
        session.wants_devices()
        rows = devices.rows(context)
        if seen.trouble:
            text.paragraph(layout, seen.trouble, context, icon="ERROR")
        elif seen.devices is None:
            layout.label(text="Looking for GPUs …", icon="TIME")
        column = layout.column(align=True)
        for row in rows:
            (_here if row.here else _absent)(column, row, context)
        if seen.devices is not None and context.scene.render.engine != "CYCLES":
            engine = panel_words.engine_name(context.scene.render.engine)
            text.quiet(layout, f"{engine} picks its GPU itself: these are for Cycles.", context)
        _below(layout, rows, context)


def _below(layout: UILayout, rows: tuple[DeviceRow, ...], context: Context) -> None:
    """All, none, look again; and what only matters where a card drives a screen."""
    row = layout.row(align=True)
    for action, label in (("ALL", "All"), ("GPUS", "GPUs"), ("NONE", "None")):
        row.operator("multi_gpu.select_devices", text=label).action = action
    row.separator()
    row.operator("multi_gpu.refresh_devices", text="", icon="FILE_REFRESH")
    if any(each.display for each in rows):
        layout.prop(settings.of(context), "leave_display_free")


def _here(column: UILayout, device: DeviceRow, context: Context) -> None:
    row = column.row(align=True)
    several = len(device.backends) > 1
    taken = text.UNIT * (device.display + MENU * several)
    room = text.column(context, icon=True) - taken * text.scale(context)
    left = row.row(align=True)
    left.alignment = "LEFT"
    left.operator(
        "multi_gpu.toggle_device",
        text=text.shortened(panel_words.device_name(device.name), room, context),
        icon="CHECKBOX_HLT" if device.use else "CHECKBOX_DEHLT",
        emboss=False,
    ).card = device.card
    right = row.row(align=True)
    right.alignment = "RIGHT"
    if device.display:
        right.label(text="", icon="DESKTOP")
    if several:
        right.context_string_set(CARD, device.card)
        menu = right.row(align=True)
        menu.ui_units_x = MENU
        menu.menu("MULTI_GPU_MT_backend", text=panel_words.backend_name(device.backend))
    _figures(column, device, context)


def _figures(column: UILayout, device: DeviceRow, context: Context) -> None:
    memory = panel_words.memory(device.vram_used, device.vram_total)
    load = panel_words.load(device.load, device.temperature)
    if not memory and not load:
        return
    row = column.row(align=True)
    row.label(text="", icon="BLANK1")
    split = row.split(factor=BAR)
    if device.vram_used is not None and device.vram_total:
        split.progress(factor=min(1.0, device.vram_used / device.vram_total), text=memory)
    else:
        split.label(text=memory)
    split.label(text=load)


def _absent(column: UILayout, device: DeviceRow, context: Context) -> None:
    row = column.row(align=True)
    grey = row.row(align=True)
    grey.active = False
    room = text.column(context, icon=True) - text.UNIT * text.scale(context)
    name = panel_words.device_name(device.name)
    grey.label(
        text=text.first_fit((f"{name}: not in this machine", f"{name}: not here"), room, context), icon="GHOST_DISABLED"
    )
    row.operator("multi_gpu.forget_device", text="", icon="X", emboss=False).card = device.card


CLASSES = (MULTI_GPU_MT_backend, MULTI_GPU_PT_devices)
