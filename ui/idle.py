# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel shows before a render: what stands in the way, the button, and how the work would be spread.

Owns this part of the panel. It must not start anything, nor look at more of the scene than the light facts.
"""

import os

from bpy.types import Context, UILayout

from ..dispatch import panel_words
from ..dispatch.findings import Level
from ..dispatch.model import Device, DispatchError, Strategy
from ..operators import devices, plans, scene_facts, session, settings
from . import findings, text


def draw(layout: UILayout, context: Context, *, big: bool = True) -> None:
    """Draw the whole part. ``big``: the button is what the panel is about."""
    session.wants_devices()
    facts = scene_facts.light(context)
    session.wants_destination("" if facts.output_is_relative else os.path.dirname(facts.first_path))  # noqa: PTH120
    found = scene_facts.findings(context)
    # Said once: a finding says it too, and beside a running job it stands at the top.
    if big and session.trouble not in [each.panel for each in found]:
        findings.trouble(layout, session.trouble, context)
    findings.draw(layout, [each for each in found if each.level is not Level.NOTE], context)
    given = devices.chosen(context)
    if session.busy:
        _busy(layout, session.busy, big)
    else:
        _buttons(layout, given, context, big)
    _strategy(layout, given, context)


def asked(context: Context) -> tuple[int, str]:
    """Return how many frames a press of the button would render, or why that cannot be said."""
    try:
        return len(plans.frames_of(context.scene)), ""
    except DispatchError as error:
        return 0, str(error)


def _busy(layout: UILayout, words: str, big: bool) -> None:
    row = layout.row()
    row.scale_y = 1.6 if big else 1.0
    row.enabled = False
    row.operator("multi_gpu.render_animation", text=words, icon="TIME")


def _buttons(layout: UILayout, given: tuple[Device, ...], context: Context, big: bool) -> None:
    column = layout.column(align=True)
    row = column.row(align=True)
    row.scale_y = 1.6 if big else 1.0
    row.operator("multi_gpu.render_animation", text="Render Animation", icon="RENDER_ANIMATION")
    frame = f"Render Frame {context.scene.frame_current}"
    column.operator("multi_gpu.render_frame", text=frame, icon="RENDER_STILL")
    _what(layout, given, context)


def _what(layout: UILayout, given: tuple[Device, ...], context: Context) -> None:
    """The lines below the buttons: what a press will do here and now, or why it cannot."""
    seen, engine, chosen = session.seen(), context.scene.render.engine, settings.of(context)
    count, trouble = asked(context)
    if not given and engine == "CYCLES":
        trouble = trouble or seen.trouble
        waiting = "Looking for GPUs …" if seen.devices is None else "No device is chosen: tick one under Devices"
    else:
        waiting = panel_words.will_render(count, given, engine)
    if trouble:
        text.paragraph(layout, trouble, context, icon="ERROR")
        return
    column = layout.column(align=True)
    text.quiet(column, waiting, context)
    test = panel_words.test_render(chosen.resolution, chosen.samples, chosen.step) if chosen.use_test else ""
    after = panel_words.then_line(plans.then(context.scene))
    for line in filter(None, (test, after)):
        text.quiet(column, line, context)


def _strategy(layout: UILayout, given: tuple[Device, ...], context: Context) -> None:
    """Three choices, and what the chosen one would do here."""
    chosen, engine = settings.of(context), context.scene.render.engine
    column = layout.column(align=True)
    column.row(align=True).prop(chosen, "strategy", expand=True)
    if given or engine != "CYCLES":
        line = panel_words.strategy(
            given,
            Strategy(chosen.strategy.lower().replace("_", "-")),
            per_device=chosen.per_device,
            cores=devices.CORES,
            tasks=asked(context)[0],
            engine=engine,
        )
        text.quiet(column, line, context)
    if chosen.strategy == "PER_DEVICE":
        layout.prop(chosen, "per_device")
