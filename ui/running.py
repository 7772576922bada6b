# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel shows of a job that runs or waits: how far it is, who does what, and the means to steer it.

Every button names its job: by the time of the click another one may be shown, and that one must not be stopped.
Owns this part of the panel. It must not ask the job's folder: the snapshot that the session has seen is all it knows.
"""

import time

from bpy.types import Context, UILayout

from ..dispatch import job_words, panel_words, report
from ..dispatch.snapshot import Snapshot
from ..dispatch.watch import JobSeen
from ..operators import session
from . import findings, text

NAME = 0.5
"""The part of the width that a worker's name gets at most."""


def draw(layout: UILayout, job: JobSeen, context: Context) -> None:
    """Draw the whole part."""
    findings.trouble(layout, session.trouble, context)
    title(layout, job, context)
    snapshot = job.snapshot
    if snapshot is None:
        layout.progress(factor=0.0, text="Starting …")
        _steering(layout, job)
        return
    if job.state == "waiting":
        _waiting(layout, job, snapshot, context)
        return
    _overall(layout, snapshot, time.time(), context)
    _steering(layout, job)
    _workers(layout, snapshot, context)
    why(layout, snapshot, context)
    problems(layout, snapshot, context)
    column = layout.column(align=True)
    pictures(column, job)
    row = layout.split(factor=0.45, align=True)
    row.label(text="When Finished")
    row.menu("MULTI_GPU_MT_then", text=panel_words.then_name(snapshot.then))


def title(layout: UILayout, job: JobSeen, context: Context, *, box: bool = False) -> None:
    """Draw the job's name where it is not plain which job it is."""
    others = sum(other.running for other in session.seen().jobs if other.folder != job.folder)
    if others or not is_of_open_file(job, context):
        name = text.shortened(job.name, text.column(context, icon=True, box=box), context)
        layout.label(text=name, icon="FILE_BLEND")


def is_of_open_file(job: JobSeen, context: Context) -> bool:
    """Whether the job was made of the file that is open now; of one that was never saved nobody knows."""
    return (job.home or job.blend) == context.blend_data.filepath


def problems(layout: UILayout, snapshot: Snapshot, context: Context) -> None:
    """Draw what went wrong, a sentence each, with the log that tells more."""
    troubles = job_words.troubles(snapshot.messages)
    if not troubles:
        return
    box = layout.box().column()
    for message in troubles:
        row = box.row()
        column = row.column(align=True)
        column.alert = message.level == "error"
        less = text.UNIT + 14 if message.log else 0
        text.paragraph(column, message.text, context, icon="ERROR", box=True, less=less)
        if message.log:
            row.operator("multi_gpu.open_log", text="", icon="TEXT").path = message.log


def why(layout: UILayout, snapshot: Snapshot, context: Context, *, box: bool = False) -> None:
    """Draw what Auto decided, and why the job is not faster: a quiet sentence each."""
    for sentence in job_words.reasons(snapshot):
        text.quiet(layout, sentence, context, box=box)


def pictures(layout: UILayout, job: JobSeen, *, play: bool = False) -> None:
    """Draw the ways to the pictures."""
    row = layout.row(align=True)
    _button(row, "multi_gpu.open_output", "Open Folder", "FILE_FOLDER", job)
    shown = row.row(align=True)
    shown.enabled = bool(job.snapshot and job.snapshot.done)
    if play:
        _button(shown, "multi_gpu.play", "Play", "PLAY", job)
    _button(shown, "multi_gpu.show_frame", "" if play else "Show Frame", "IMAGE_DATA", job)
    if not play:
        _button(row, "multi_gpu.open_report", "", "GRAPH", job)


def _overall(layout: UILayout, snapshot: Snapshot, now: float, context: Context) -> None:
    column = layout.column(align=True)
    bar = column.row()
    bar.scale_y = 1.2
    factor = snapshot.done / snapshot.total if snapshot.total else 1.0
    bar.progress(factor=factor, text=job_words.done_of(snapshot))
    for line in (job_words.doing(snapshot), job_words.time_line(snapshot, now), job_words.rate_line(snapshot)):
        if line:
            text.paragraph(column, line, context)


def _workers(layout: UILayout, snapshot: Snapshot, context: Context) -> None:
    alive = report.alive(snapshot.workers)
    if not alive:
        return
    column = layout.column(align=True)
    common, names = job_words.worker_names(alive)
    if common:
        text.quiet(column, common, context)
    width, edge = text.column(context), text.BUTTON * text.scale(context)
    wanted = max(text.measured(name, context) for name in names) + edge
    part = min(NAME, wanted / width)
    for worker, name in zip(alive, names, strict=True):
        row = column.split(factor=part, align=True)
        row.label(text=text.shortened(name, width * part - edge, context))
        words = text.first_fit(job_words.worker_words(worker), width * (1 - part) - edge, context)
        row.progress(factor=job_words.sampled(worker), text=words)


def _waiting(layout: UILayout, job: JobSeen, snapshot: Snapshot, context: Context) -> None:
    box = layout.box().column()
    before = next((other.snapshot for other in session.seen().jobs if other.id == snapshot.behind_job), None)
    text.paragraph(
        box, job_words.waiting(snapshot, before.seconds_left if before else None), context, icon="TIME", box=True
    )
    row = layout.row(align=True)
    ahead = row.row(align=True)
    ahead.enabled = snapshot.ahead > 0
    _button(ahead, "multi_gpu.ahead", "Ahead", "TRIA_UP", job)
    _button(row, "multi_gpu.share", "Share", "LINKED", job)
    _button(row, "multi_gpu.stop_now", "Remove", "X", job)


def countdown(layout: UILayout, job: JobSeen, snapshot: Snapshot, context: Context) -> None:
    """Draw when the machine will sleep or shut down, and the way to prevent it."""
    box = layout.box().column()
    box.alert = True
    words = job_words.countdown(snapshot.then, snapshot.then_at, time.time())
    text.paragraph(box, words, context, icon="QUIT", box=True)
    _button(box, "multi_gpu.stay", "Cancel", "X", job)


def _steering(layout: UILayout, job: JobSeen) -> None:
    row = layout.row(align=True)
    if job.state == "paused":
        _button(row, "multi_gpu.go_on", "Go On", "PLAY", job)
    else:
        _button(row, "multi_gpu.pause", "Pause", "PAUSE", job)
    row.menu("MULTI_GPU_MT_stop", text="Stop", icon="SNAP_FACE")


def _button(layout: UILayout, operator: str, label: str, icon: str, job: JobSeen) -> None:
    layout.operator(operator, text=label, icon=icon).folder = job.folder
