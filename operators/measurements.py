# SPDX-License-Identifier: GPL-3.0-or-later
"""Measuring the scene on screen: start it, stop it, and use what came of it.

Owns these operators and which measurement is meant. Measuring itself is a process of its own, like a job, on a copy of
the scene; what it found stands in its folder. Only the two operators that an artist presses for it change settings.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bpy.types import Context, Operator

from ..dispatch import job, measure, measurement_words
from ..dispatch.job import Wish
from ..dispatch.measurement import Recommendation
from ..dispatch.model import DispatchError, Job, Then
from ..dispatch.watch import MeasurementSeen
from . import preferences, session, settings, start
from .plans import Kind
from .presets import UNDOABLE, may_change
from .render import may_start
from .start import Purpose
from .stepwise import Steps, Stepwise

PRESET = "Measured"
"""Name of the preset that is made of a result."""


def shown(context: Context) -> MeasurementSeen | None:
    """Return the measurement that matters now: one that runs, else the last of this scene. For draw() too."""
    return measurement_words.shown(session.seen().measurements, *_place(context))


def advice(context: Context) -> Recommendation | None:
    """Return what the last measurement of this scene recommends. For draw() too."""
    found = measurement_words.usable(session.seen().measurements, *_place(context))
    return found.found.recommendation if found else None


def _place(context: Context) -> tuple[str, str, str]:
    return context.blend_data.filepath, context.scene.name, session.measured


def in_use(context: Context, advised: Recommendation) -> bool:
    """Whether the scene's settings are those of the recommendation."""
    chosen = settings.of(context)
    same = (chosen.strategy, chosen.threads) == (advised.strategy.name, advised.threads)
    return same and (chosen.per_device == advised.per_device or chosen.strategy == "COMBINED")


def take(advised: Recommendation, target: settings.Choices) -> None:
    """Make these choices those of the recommendation."""
    target.strategy = advised.strategy.name
    target.per_device, target.threads = advised.per_device, advised.threads


class MULTI_GPU_OT_measure_scene(Stepwise, Operator):
    bl_idname = "multi_gpu.measure_scene"
    bl_label = "Measure Scene on All GPUs"
    bl_description = (
        "Render some frames in every way that this computer has, and say which is the fastest. "
        "Takes about ten minutes; the pictures are thrown away"
    )
    bl_options = set()

    @classmethod
    def poll(cls, context: Context) -> bool:
        if any(each.running for each in session.seen().measurements):
            cls.poll_message_set("A scene is being measured")
            return False
        return may_start(cls, context)

    def steps(self) -> Steps[str]:
        purpose = Purpose(preferences.measurements_root(), _create, "measure")
        started = yield from start.run(Kind.ANIMATION, purpose)
        session.measured = str(started.folder)
        session.refresh()
        return f"The scene is being measured: {started.saved}."


def _create(made: Job, place: Path, config: str) -> None:
    # Nothing happens to the computer at its end, and no movie is made of frames that are thrown away.
    measure.create(replace(made, then=Then.NOTHING, movie=""), place, config)


class MULTI_GPU_OT_stop_measuring(Operator):
    bl_idname = "multi_gpu.stop_measuring"
    bl_label = "Stop Measuring"
    bl_description = "Stop measuring. What was found so far stays"

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if not any(each.running for each in session.seen().measurements):
            cls.poll_message_set("No scene is being measured")
            return False
        return True

    def execute(self, _context: Context) -> set[str]:
        for each in session.seen().measurements:
            if each.running:
                try:
                    job.ask(Path(each.folder), Wish.STOP)
                except DispatchError as error:
                    self.report({"ERROR"}, str(error))
                    return {"CANCELLED"}
        self.report({"INFO"}, "Measuring stops")
        session.refresh()
        return {"FINISHED"}


def _has_advice(cls: type[Operator], context: Context) -> bool:
    if not may_change(cls, context):
        return False
    if advice(context) is None:
        cls.poll_message_set("This scene was not measured yet: press Measure This Scene")
        return False
    return True


class MULTI_GPU_OT_use_measured(Operator):
    bl_idname = "multi_gpu.use_measured"
    bl_label = "Use Measured Settings"
    bl_description = "Set strategy, instances per GPU and CPU threads to what was the fastest for this scene"
    bl_options = UNDOABLE

    @classmethod
    def poll(cls, context: Context) -> bool:
        if not _has_advice(cls, context):
            return False
        if in_use(context, advice(context)):
            cls.poll_message_set("These settings are in use")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        advised = advice(context)
        take(advised, settings.of(context))
        self.report({"INFO"}, measurement_words.settings(advised))
        return {"FINISHED"}


class MULTI_GPU_OT_keep_measured(Operator):
    bl_idname = "multi_gpu.keep_measured"
    bl_label = "Save Measured Settings as Preset"
    bl_description = "Add a preset to this file with what was the fastest for this scene. The present settings stay"
    bl_options = UNDOABLE

    @classmethod
    def poll(cls, context: Context) -> bool:
        return _has_advice(cls, context)

    def execute(self, context: Context) -> set[str]:
        found = settings.of(context)
        preset = found.presets.add()
        preset.name = PRESET
        settings.copy(found, preset)
        take(advice(context), preset)
        found.active_preset = len(found.presets) - 1
        self.report({"INFO"}, f"{preset.name}: {measurement_words.settings(advice(context))}")
        return {"FINISHED"}


CLASSES = (
    MULTI_GPU_OT_measure_scene,
    MULTI_GPU_OT_stop_measuring,
    MULTI_GPU_OT_use_measured,
    MULTI_GPU_OT_keep_measured,
)
