# SPDX-License-Identifier: GPL-3.0-or-later
"""The session's heartbeat: a timer, and what happens after a file was loaded.

Owns the timer and the handler. A tick takes what the watch saw, redraws what shows it if it changed, tells of ends, and
hands out what takes longer (`errands`). It never raises, since Blender would drop it; never reads a file, never writes
to a Scene or a preference, and keeps no window or scene until the next tick: kept ones crash Blender.
"""

import logging
import time
from functools import partial
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from ..dispatch import job, measurement_words, removal, starting
from ..dispatch import shown as rules
from ..dispatch.launch import Interpreter
from ..dispatch.watch import JobSeen, MeasurementSeen, Seen
from . import doctor, errands, notices, preferences, presets, session

RUNNING = 0.25
IDLE = 0.5
"""Seconds between ticks while the shown job runs, and else."""

PANELS = frozenset({"RENDER"})
"""Tabs of the properties editor that show something of ours."""

CLASSES = ()

_log = logging.getLogger(__name__)
_drawn: tuple[object, ...] = ()
"""What was on the screen at the last redraw."""
_at_work: frozenset[str] = frozenset()
"""Folders of the jobs that were at work at the last tick."""
_measuring: frozenset[str] = frozenset()
"""Folders of the measurements that ran at the last tick."""
_lines: list[tuple[str, str]] = []
"""What is to be said as soon as Blender is idle."""
_can_go_on = ""
"""Folder of a job that is to be offered for resuming together with it."""
_first_look = True
_to_resume: tuple[str, ...] = ()


def tick() -> float:
    """Do what is due; return the seconds until the next tick."""
    try:
        _tick()
        now = session.shown()
        return RUNNING if now and (now.running or now.starting) else IDLE
    except Exception:  # noqa: BLE001 - a timer that raises is gone
        _log.exception("Multi-GPU Dispatcher: a tick failed")
        return IDLE


def redraw() -> None:
    """Redraw what shows the session, and nothing else: a redraw costs far more than the tick."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            shows = _region_of_ours(area)
            for region in area.regions:
                if region.type == shows and region.width > 1:
                    region.tag_redraw()
        # The status bar is in no list of areas. Setting its text redraws it, but would wipe a modal tool's hints.
        if not window.modal_operators:
            window.workspace.status_text_set(None)


def is_on_screen() -> bool:
    """Whether the artist can see the panel now."""
    areas = (area for window in bpy.context.window_manager.windows for area in window.screen.areas)
    return any(area.type == "PROPERTIES" and area.spaces.active.context in PANELS for area in areas)


def _region_of_ours(area: bpy.types.Area) -> str:
    """Return the type of the region in which something of ours is drawn; empty: none."""
    space = area.spaces.active
    if area.type == "PROPERTIES":
        return "WINDOW" if space.context in PANELS else ""
    if area.type == "IMAGE_EDITOR":
        return "UI"
    return "WINDOW" if area.type == "PREFERENCES" and session.measures() else ""


def _tick() -> None:
    session.follow()
    seen = session.seen()
    if seen.version:
        _look_for_ends(seen.jobs)
        _look_for_results(seen.measurements)
        _resume_by_itself(seen.jobs)
    for told in errands.told():
        _hear(told)
    if (checked := doctor.news()) is not None:
        _lines.extend(notices.checked(checked))
    _say()
    _redraw_if_changed(seen)


def _redraw_if_changed(seen: Seen) -> None:
    global _drawn
    now = session.shown()
    counting_down = now is not None and now.snapshot is not None and now.running and now.snapshot.then_at > 0
    second = int(time.time()) if counting_down else 0
    # Not its version alone: another jobs folder has another watch, which counts from the beginning.
    look = (seen, session.busy, session.trouble, session.findings, now and now.folder, second, doctor.look())
    if look != _drawn:
        _drawn = look
        redraw()


def _look_for_ends(jobs: tuple[JobSeen, ...]) -> None:
    global _at_work
    before, _at_work = _at_work, rules.at_work(jobs)
    # Where the panel is on the screen it says so itself, and a pop-over would only stand in the way.
    if before != _at_work and preferences.get().notice_blender and not is_on_screen():
        _lines.extend(notices.ended(rules.ends(before, jobs)))


def _look_for_results(measurements: tuple[MeasurementSeen, ...]) -> None:
    global _measuring
    before, _measuring = _measuring, frozenset(each.folder for each in measurements if each.running)
    if before != _measuring and preferences.get().notice_blender and not is_on_screen():
        over = [each for each in measurements if each.folder in before - _measuring]
        _lines.extend((measurement_words.ended(each), "INFO") for each in over)


def _hear(told: errands.Told) -> None:
    global _can_go_on
    session.refresh()
    if told.trouble:
        session.trouble = told.text
    else:
        _lines.append((told.text, "INFO"))
        _can_go_on = told.resume or _can_go_on


def _say() -> None:
    global _can_go_on
    if _lines and notices.is_idle():
        said, resume, _can_go_on = _lines[:], _can_go_on, ""
        _lines.clear()
        notices.popup(said, resume=resume)


# --- once per session: jobs that a crash or a power cut ended, and old ones -------------------------------------------


def _resume_by_itself(jobs: tuple[JobSeen, ...]) -> None:
    """Go on with what was interrupted before this Blender started, only where the preferences say so."""
    global _first_look, _to_resume
    if _first_look:
        _first_look = False
        chosen = preferences.get()
        if chosen.keep_days > 0:
            places = preferences.jobs_root(), preferences.measurements_root()
            errands.send(partial(_clean_up, *places, chosen.keep_days))
        if chosen.resume_by_itself:
            _to_resume = tuple(each.folder for each in rules.interrupted(jobs))
    if _to_resume and (interpreter := session.interpreter()):
        for folder in _to_resume:
            errands.send(partial(_resume, Path(folder), interpreter, session.sites()))
        _to_resume = ()


def _resume(folder: Path, interpreter: Interpreter, sites: list[Path]) -> str:
    if not job.is_running(folder):  # another Blender may have been quicker
        starting.start(folder, interpreter, sites)
    return ""


def _clean_up(jobs: Path, measurements: Path, keep_days: int) -> str:
    removal.clean_up(jobs, keep_days)
    removal.clean_up_measurements(measurements, keep_days)
    return ""


# --- Blender's side ------------------------------------------------------------------------------------------------


@persistent
def after_load(*_: object) -> None:
    """Another file: what was found in the last one says nothing about it, and it may name a preset to begin with."""
    session.findings, session.trouble, session.measured = (), "", ""
    for scene in bpy.data.scenes:
        try:
            presets.apply_default(scene)
        except Exception:  # noqa: BLE001 - the other scenes shall have theirs
            _log.exception("Multi-GPU Dispatcher: the default preset of %s cannot be applied", scene.name)


def register() -> None:
    global _drawn, _at_work, _measuring, _can_go_on, _first_look, _to_resume
    _drawn, _at_work, _measuring, _can_go_on, _first_look, _to_resume = (), frozenset(), frozenset(), "", True, ()
    _lines.clear()
    bpy.app.handlers.load_post.append(after_load)
    bpy.app.timers.register(tick, first_interval=RUNNING, persistent=True)


def unregister() -> None:
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    if after_load in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(after_load)
