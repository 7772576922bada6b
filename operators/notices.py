# SPDX-License-Identifier: GPL-3.0-or-later
"""Says something to an artist who may be busy: a small pop-over that goes away when the mouse leaves it.

Owns the words of the end notice and when Blender counts as idle. It must not keep a window, nor report: reports of
timers never reach the status bar.
"""

import logging
import textwrap
from collections.abc import Sequence

import bpy

from ..dispatch import doctor_words, report
from ..dispatch.doctor_words import Checked
from ..dispatch.findings import Level
from ..dispatch.model import Outcome
from ..dispatch.watch import JobSeen

TITLE = "Multi-GPU Dispatcher"
WIDEST = 90
"""Letters of a line."""
MOST = 6
"""Findings of a check that are told; a pop-over is no list."""
CLASSES = ()

_log = logging.getLogger(__name__)
_CHECKED = {Level.ERROR: "CANCEL", Level.WARNING: "ERROR"}
_GOOD = (Outcome.COMPLETE, Outcome.STOPPED)


def is_idle() -> bool:
    """Whether a pop-over disturbs nobody: nothing modal, no render, no bake, no playback."""
    windows = bpy.context.window_manager.windows
    if any(window.modal_operators or window.screen.is_animation_playing for window in windows):
        return False
    return bool(windows) and not any(map(bpy.app.is_job_running, ("RENDER", "OBJECT_BAKE", "COMPOSITE")))


def ended(jobs: Sequence[JobSeen]) -> list[tuple[str, str]]:
    """Return what there is to say of jobs that came to an end: (text, icon), a line each."""
    return [(_end_words(job), "CHECKMARK" if _is_good(job) else "ERROR") for job in jobs]


def checked(found: Checked | str) -> list[tuple[str, str]]:
    """Return what there is to say of a check of this machine, or of why there was none: (text, icon), a line each."""
    if isinstance(found, str):
        return [(found, "ERROR")]
    said = [(each.panel, _CHECKED[each.level]) for each in found.findings]
    head = [(f"This machine was checked: {doctor_words.in_short(found)}", "INFO")] if said else []
    rest = [("The whole list: This Machine, under Devices in the Render properties.", "BLANK1")] if said[MOST:] else []
    good = doctor_words.good_line(found)
    return [*head, *said[:MOST], *rest, *([(good, "CHECKMARK")] if good else [])]


def popup(lines: Sequence[tuple[str, str]], *, resume: str = "") -> None:
    """Show these lines under the mouse.

    Args:
        resume: Folder of a job for which a Resume button stands below them.
    """

    def draw(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
        for text, icon in lines:
            for number, line in enumerate(textwrap.wrap(text, WIDEST, max_lines=4)):
                menu.layout.label(text=line, icon="BLANK1" if number else icon)
        if resume:
            menu.layout.operator("multi_gpu.resume", icon="PLAY").folder = resume

    for line, _ in lines:
        _log.info(line)
    windows = bpy.context.window_manager.windows
    if windows and not bpy.app.background:  # without a screen it would crash
        with bpy.context.temp_override(window=windows[0]):
            bpy.context.window_manager.popup_menu(draw, title=TITLE, icon="RENDER_ANIMATION")


def _is_good(job: JobSeen) -> bool:
    return job.snapshot is not None and job.snapshot.outcome in _GOOD


def _end_words(job: JobSeen) -> str:
    if job.error and job.snapshot is None:
        return f"{job.name}: {job.error}"
    if job.snapshot is None or job.snapshot.outcome is None:
        return f"{job.name} was interrupted: resume it in the Render properties."
    said = job.snapshot.audit or report.OUTCOMES[job.snapshot.outcome]
    return f"{job.name}: {said[:1].lower()}{said[1:]}." if said else job.name
