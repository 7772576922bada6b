# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports: one web page about a job or a measurement, made by the engine outside Blender and shown by the browser.

Owns these operators. Making the page takes seconds for a long job, so nothing here waits for it.
"""

from functools import partial
from pathlib import Path

from bpy.types import Context, Operator

from ..dispatch.model import DispatchError
from ..dispatch.watch import JobSeen
from . import engine, errands, look, measurements
from .on_job import OnJob

MAKES = 300.0
"""Seconds for the page of a job with a million frames, from a slow disk."""
PAGE = "report.html"


class MULTI_GPU_OT_open_report(OnJob, Operator):
    bl_idname = "multi_gpu.open_report"
    bl_label = "Open Report"
    bl_description = "Show in the web browser where the time of this job went: each GPU, each frame, failures, settings"

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        return "" if seen.snapshot is not None else f"Nothing of {seen.name} has been rendered yet"

    def act(self, _context: Context, seen: JobSeen) -> str:
        send(Path(seen.folder))
        return "The report is being made"


class MULTI_GPU_OT_open_measurement(Operator):
    bl_idname = "multi_gpu.open_measurement"
    bl_label = "Open Report of Measurement"
    bl_description = "Show in the web browser what was measured: every way with its figures, and how it scales"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if context.scene is None or measurements.shown(context) is None:
            cls.poll_message_set("This scene was not measured yet: press Measure This Scene")
            return False
        return True

    def execute(self, context: Context) -> set[str]:
        try:
            send(Path(measurements.shown(context).folder))
        except DispatchError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, "The report is being made")
        return {"FINISHED"}


def send(folder: Path) -> None:
    """Have the page of this folder made and shown.

    Raises:
        DispatchError: what runs the engine is not known yet.
    """
    argv = engine.command("report", str(folder), "-o", str(folder / PAGE))
    errands.send(partial(_make, argv, folder / PAGE))


def _make(argv: list[str], page: Path) -> str:
    try:
        engine.ask(argv, MAKES)
    except DispatchError as error:
        raise DispatchError(f"The report cannot be made: {error}") from error
    return look.open_by_system(page)


CLASSES = (MULTI_GPU_OT_open_report, MULTI_GPU_OT_open_measurement)
