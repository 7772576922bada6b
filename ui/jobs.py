# SPDX-License-Identifier: GPL-3.0-or-later
"""The folded list of jobs: those that run, wait, or have ended and are still kept.

Owns how a job's row looks. It must not read a job's folder.
"""

from bpy.types import Context, Panel, UILayout

from ..dispatch import job_words
from ..dispatch.watch import JobSeen
from ..operators import session
from . import text
from .guard import guarded
from .panel import Folded

MOST = 10
"""Rows; older jobs are only counted."""
ICONS = {
    "rendering": "PLAY",
    "starting": "PLAY",
    "writing movie": "PLAY",
    "waiting": "TIME",
    "paused": "PAUSE",
    "stopping": "SNAP_FACE",
    "ended": "CHECKMARK",
}


class MULTI_GPU_PT_jobs(Folded, Panel):
    bl_label = "Jobs"
    bl_order = 5

    @classmethod
    def poll(cls, _context: Context) -> bool:
        return bool(session.seen().jobs)

    @guarded
    def draw_header_preset(self, _context: Context) -> None:
        row = self.layout.row()
        row.active = False
        row.label(text=f"{len(session.seen().jobs):,}")

    @guarded
    def draw(self, context: Context) -> None:
        layout, jobs, shown = self.layout, session.seen().jobs, session.shown()
        column = layout.column(align=True)
        for job in jobs[:MOST]:
            _job(column, job, shown is not None and job.folder == shown.folder, context)
        if len(jobs) > MOST:
            text.quiet(layout, f"and {len(jobs) - MOST:,} older ones", context)
        row = layout.row(align=True)
        row.operator("multi_gpu.clean_up_jobs", text="Clean Up", icon="TRASH")
        bundle = row.operator("multi_gpu.save_support_bundle", text="Support Bundle")
        bundle.folder = (shown or jobs[0]).folder


def _job(column: UILayout, job: JobSeen, is_shown: bool, context: Context) -> None:
    state = job_words.job_line(job.state, job.snapshot)
    room = text.column(context, icon=True) - text.measured(state, context) - 2 * text.UNIT * text.scale(context)
    row = column.row(align=True)
    left = row.row(align=True)
    left.alignment = "LEFT"
    left.operator(
        "multi_gpu.show_job",
        text=text.shortened(job.name, room, context),
        icon=_icon(job),
        emboss=is_shown,
    ).folder = job.folder
    right = row.row(align=True)
    right.alignment = "RIGHT"
    right.label(text=state)
    if job.running:
        right.operator("multi_gpu.stop", text="", icon="SNAP_FACE", emboss=False).folder = job.folder
    else:
        right.operator("multi_gpu.remove_job", text="", icon="X", emboss=False).folder = job.folder


def _icon(job: JobSeen) -> str:
    whole = job.state != "ended" or (job.snapshot and job.snapshot.done >= job.snapshot.total)
    return ICONS.get(job.state, "ERROR") if whole else "ERROR"


CLASSES = (MULTI_GPU_PT_jobs,)
