# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel shows of a job that has ended or was interrupted: what became of it, and what can be done now.

Owns this part of the panel. It must not look at any picture: the audit's sentence is in the snapshot.
"""

import time

from bpy.types import Context, UILayout

from ..dispatch import job_words, panel_words
from ..dispatch.model import Outcome
from ..dispatch.snapshot import Snapshot
from ..dispatch.watch import JobSeen
from . import running, text

ICONS = {Outcome.COMPLETE: "CHECKMARK", Outcome.STOPPED: "SNAP_FACE"}


def draw(layout: UILayout, job: JobSeen, context: Context) -> None:
    """Draw the whole part."""
    if job.running and job.snapshot and job.snapshot.then_at:
        running.countdown(layout, job, job.snapshot, context)
    box = layout.box().column()
    running.title(box, job, context, box=True)
    snapshot = job.snapshot
    if snapshot is None or snapshot.outcome is None:
        _head(box, job, job.error or job_words.interrupted(snapshot), "ERROR", context)
    else:
        head = panel_words.DOT.join(filter(None, (job_words.headline(snapshot), job_words.when(snapshot, time.time()))))
        _head(box, job, head, ICONS.get(snapshot.outcome, "ERROR"), context)
        text.paragraph(box, job_words.audit(snapshot), context, box=True)
        _averages(box, snapshot, context)
        running.why(box, snapshot, context, box=True)
    _what_now(layout, job, snapshot, context)
    if snapshot and snapshot.outcome not in (Outcome.COMPLETE, Outcome.STOPPED):
        running.problems(layout, snapshot, context)


def _head(box: UILayout, job: JobSeen, words: str, icon: str, context: Context) -> None:
    row = box.row()
    column = row.column(align=True)
    text.paragraph(column, words, context, icon=icon, box=True, less=text.UNIT)
    row.operator("multi_gpu.dismiss", text="", icon="X", emboss=False).folder = job.folder


def _averages(box: UILayout, snapshot: Snapshot, context: Context) -> None:
    common, pairs = job_words.device_averages(snapshot.devices)
    column = box.column(align=True)
    column.scale_y = 0.8
    column.active = False
    width = text.column(context, box=True)
    if common:
        column.label(text=text.shortened(common, width, context))
    for name, figures in pairs:
        label = text.shortened(name, width / 2, context)
        beside = width - text.measured(label, context) - text.UNIT * text.scale(context)
        row = column.row()
        row.label(text=label)
        right = row.row()
        right.alignment = "RIGHT"
        right.label(text=text.first_fit(figures, beside, context))


def _what_now(layout: UILayout, job: JobSeen, snapshot: Snapshot | None, context: Context) -> None:
    column = layout.column(align=True)
    whole = snapshot is not None and snapshot.outcome is Outcome.COMPLETE
    if not whole and job.output:  # else it cannot be read
        row = column.row(align=True)
        row.operator("multi_gpu.resume", text="Resume", icon="PLAY").folder = job.folder
        if running.is_of_open_file(job, context):  # that one renders the scene that is open
            row.operator("multi_gpu.render_missing", text="Render Missing")
    if snapshot and snapshot.elsewhere:
        release = column.operator("multi_gpu.release_claims", text="Release Stale Claims", icon="UNLINKED")
        release.folder = job.folder
    if snapshot is None or snapshot.outcome is Outcome.IMPOSSIBLE:
        column.operator("multi_gpu.open_job_folder", text="Open Job Folder", icon="TEXT").folder = job.folder
    if snapshot and snapshot.done:
        running.pictures(column, job, play=True)
    row = column.row(align=True)
    if snapshot and snapshot.done:
        row.operator("multi_gpu.open_report", text="Report", icon="GRAPH").folder = job.folder
    wanted = "" if whole else "Support Bundle"  # nobody asks for help with what went well
    row.operator("multi_gpu.save_support_bundle", text=wanted, icon="PACKAGE").folder = job.folder
