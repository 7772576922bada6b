# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons that render: animation, frame, missing frames; Check, which only looks; Resume.

Owns when each may be pressed, and why not. What is done then is in `start`, how it is gone through in `stepwise`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from bpy.types import Context, Operator

from ..dispatch import shown as rules
from ..dispatch import starting, wording
from ..dispatch.child import views
from ..dispatch.model import Outcome
from ..dispatch.watch import JobSeen
from . import devices, session, start, stepwise
from .on_job import OnJob, wait_cursor
from .plans import Kind
from .stepwise import Steps, Stepwise


def may_start(cls: type[Operator], context: Context) -> bool:
    """Whether a job of the scene can be made now; a grey button says why not."""
    scene, why = context.scene, ""
    if session.busy:
        why = f"A job is being made: {session.busy}"
    elif scene is None:
        why = "There is no scene"
    elif views.needs_camera(scene) and views.camera_at(scene, scene.frame_current) is None:
        why = f"Scene '{scene.name}' has no camera: add one, or choose one in Scene Properties"
    elif scene.render.engine == "CYCLES" and session.seen().devices is not None and not devices.chosen(context):
        why = "No device is chosen: tick one under Devices" if devices.rows(context) else "Cycles finds no device here"
    if why:
        cls.poll_message_set(why)
    return not why


class _Render(Stepwise):
    bl_options = set()  # as Blender's own: a render is not repeated by Shift R
    poll = classmethod(may_start)
    kind = Kind.ANIMATION

    def steps(self) -> Steps[str]:
        started = yield from start.run(self.kind, start.rendering())
        session.show(str(started.folder))
        return f"{wording.count(started.frames, 'frame')} on their way: {started.saved}."


class MULTI_GPU_OT_render_animation(_Render, Operator):
    bl_idname = "multi_gpu.render_animation"
    bl_label = "Render Animation on All GPUs"
    bl_description = "Render the animation as it is now on all chosen devices. You can go on working, or close Blender"


class MULTI_GPU_OT_render_frame(_Render, Operator):
    bl_idname = "multi_gpu.render_frame"
    bl_label = "Render Frame on All GPUs"
    bl_description = "Render the current frame on all chosen devices together, to the file that it has in the animation"
    kind = Kind.FRAME


class MULTI_GPU_OT_render_missing(_Render, Operator):
    bl_idname = "multi_gpu.render_missing"
    bl_label = "Render Missing Frames on All GPUs"
    bl_description = "Render the scene as it is now, but only frames that are not there yet. Others may help"
    kind = Kind.MISSING


class MULTI_GPU_OT_check(Stepwise, Operator):
    bl_idname = "multi_gpu.check"
    bl_label = "Check Scene"
    bl_description = "Look for what would stand in the way of a render: missing files, simulations, the output folder"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: Context) -> bool:
        if session.busy or context.scene is None:
            cls.poll_message_set(session.busy or "There is no scene")
            return False
        return True

    def steps(self) -> Steps[str]:
        # What stands in the way is the answer here, not a failure.
        with contextlib.suppress(start.Refused):
            yield from start.look(Kind.ANIMATION)
        return session.findings[0].panel if session.findings else "Nothing stands in the way of a render."


class MULTI_GPU_OT_resume(OnJob, Operator):
    bl_idname = "multi_gpu.resume"
    bl_label = "Resume Render on All GPUs"
    bl_description = "Go on where the job ended or was interrupted, with the scene as it was when it was started"

    @staticmethod
    def why_not(seen: JobSeen) -> str:
        if seen.state not in rules.AT_REST or seen.running:
            return f"{seen.name} is running"
        complete = seen.snapshot is not None and seen.snapshot.outcome == Outcome.COMPLETE
        return f"{seen.name} is complete: there is nothing to go on with" if complete else ""

    def act(self, context: Context, seen: JobSeen) -> str:
        interpreter = session.needed_interpreter()
        with wait_cursor(context):
            starting.start(Path(seen.folder), interpreter, session.sites())
        session.trouble = ""
        session.show(str(seen.folder))
        return f"{seen.name} goes on"


CLASSES = (
    MULTI_GPU_OT_render_animation,
    MULTI_GPU_OT_render_frame,
    MULTI_GPU_OT_render_missing,
    MULTI_GPU_OT_check,
    MULTI_GPU_OT_resume,
)


def register() -> None:
    """Nothing runs yet."""


def unregister() -> None:
    stepwise.end()
