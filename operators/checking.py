# SPDX-License-Identifier: GPL-3.0-or-later
"""Checking this machine: start it, stop it, read all of it.

Owns these operators. The check itself is `doctor`'s; nothing of it is in the file, so nothing is undone.
"""

from __future__ import annotations

from bpy.types import Context, Operator

from ..dispatch.model import DispatchError
from . import doctor, engine, look, preferences, session, stepwise
from .stepwise import Steps, Stepwise


def _runs() -> bool:
    check = doctor.last()
    return check is not None and check.running


class MULTI_GPU_OT_check_machine(Stepwise, Operator):
    bl_idname = "multi_gpu.check_machine"
    bl_label = "Check This Machine"
    bl_description = (
        "Look for what keeps this computer from rendering well: driver, GPUs, memory, disks. "
        "Renders a small picture on each device; you can go on working"
    )
    bl_options = set()

    @classmethod
    def poll(cls, _context: Context) -> bool:
        why = "This machine is being checked" if _runs() else ""
        if session.busy and not why:
            why = f"A job is being made: {session.busy}"
        if why:
            cls.poll_message_set(why)
        return not why

    def steps(self) -> Steps[str]:
        yield from stepwise.ready()
        jobs, blender = str(preferences.jobs_root()), session.blender()
        chosen = ["--blender", blender] if blender else []
        doctor.begin(engine.command("doctor", "--json", "--jobs-dir", jobs, *chosen))
        return "This machine is being checked: each device renders a small picture"


class MULTI_GPU_OT_stop_checking(Operator):
    bl_idname = "multi_gpu.stop_checking"
    bl_label = "Stop Checking"
    bl_description = "Stop checking this machine"

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if not _runs():
            cls.poll_message_set("This machine is not being checked")
            return False
        return True

    def execute(self, _context: Context) -> set[str]:
        doctor.stop()
        self.report({"INFO"}, "Checking stops")
        return {"FINISHED"}


class MULTI_GPU_OT_open_check(Operator):
    bl_idname = "multi_gpu.open_check"
    bl_label = "Show All of the Check"
    bl_description = "Show everything that was found when this machine was checked, with what is good"

    @classmethod
    def poll(cls, _context: Context) -> bool:
        if doctor.last() is None or _runs():
            cls.poll_message_set("This machine was not checked yet: press Check This Machine")
            return False
        return True

    def execute(self, _context: Context) -> set[str]:
        try:
            look.show(doctor.text(), "The text is not there (any more): check this machine again.")
        except DispatchError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


CLASSES = (MULTI_GPU_OT_check_machine, MULTI_GPU_OT_stop_checking, MULTI_GPU_OT_open_check)
