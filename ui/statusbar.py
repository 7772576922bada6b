# SPDX-License-Identifier: GPL-3.0-or-later
"""A small bar in Blender's status bar while a job runs, so that the panel need not be open.

Owns its look. The session's timer has it redrawn.
"""

import time

import bpy
from bpy.types import Context, Header

from ..dispatch import job_words
from ..operators import session
from .guard import guarded


@guarded
def draw(self: Header, _context: Context) -> None:
    job = session.shown()
    if job is None or not (job.running or job.starting):
        return
    layout, snapshot = self.layout, job.snapshot
    row = layout.row()
    bar = row.row()
    bar.ui_units_x = 9
    if snapshot is None:
        bar.progress(factor=0.0, text="Starting …")
        return
    if snapshot.then_at:
        bar.label(text=job_words.countdown(snapshot.then, snapshot.then_at, time.time()), icon="QUIT")
        return
    factor = snapshot.done / snapshot.total if snapshot.total else 1.0
    bar.progress(factor=factor, text=job_words.status_bar(snapshot))


CLASSES = ()


def register() -> None:
    bpy.types.STATUSBAR_HT_header.append(draw)


def unregister() -> None:
    bpy.types.STATUSBAR_HT_header.remove(draw)
