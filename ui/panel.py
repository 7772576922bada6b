# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel in Render Properties, and its running half in the Image Editor.

Owns which part is drawn when. It must not draw a part itself, nor write anything.
"""

from bpy.types import Context, Panel, UILayout

from ..operators import session
from . import ended, idle, running
from .guard import guarded

LABEL = "Multi-GPU Dispatcher"
PARENT = "MULTI_GPU_PT_main"


class InRender:
    """A panel of the Render tab, in every engine."""

    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "render"


class Folded(InRender):
    """A part that is folded until somebody wants it."""

    bl_parent_id = PARENT
    bl_options = {"DEFAULT_CLOSED"}


def is_on() -> bool:
    """Whether the shown job runs or waits."""
    job = session.shown()
    return job is not None and (job.running or job.starting) and job.state != "ended"


def job_part(layout: UILayout, context: Context) -> None:
    """Draw the shown job, if there is one."""
    job = session.shown()
    if job is not None:
        (running if is_on() else ended).draw(layout, job, context)


class MULTI_GPU_PT_main(InRender, Panel):
    bl_label = LABEL

    def draw_header_preset(self, _context: Context) -> None:
        self.layout.emboss = "NONE"
        self.layout.popover(panel="MULTI_GPU_PT_preset_popover", icon="PRESET", text="")

    @guarded
    def draw(self, context: Context) -> None:
        job_part(self.layout, context)
        if not is_on():
            idle.draw(self.layout, context)


class MULTI_GPU_PT_next(Folded, Panel):
    """While a job is shown running: another one can be put in line behind it."""

    bl_label = "Next Render"
    bl_order = 0

    @classmethod
    def poll(cls, _context: Context) -> bool:
        return is_on()

    @guarded
    def draw(self, context: Context) -> None:
        idle.draw(self.layout, context, big=False)


class MULTI_GPU_PT_image(Panel):
    """Beside the picture, while there is a job to look at."""

    bl_label = LABEL
    bl_space_type = "IMAGE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Multi-GPU"

    @classmethod
    def poll(cls, _context: Context) -> bool:
        return session.shown() is not None

    @guarded
    def draw(self, context: Context) -> None:
        job_part(self.layout, context)


CLASSES = (MULTI_GPU_PT_main, MULTI_GPU_PT_next, MULTI_GPU_PT_image)
