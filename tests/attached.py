# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender with the extension that looks at jobs of fake children: ticks are made by hand, since there is no window.

`attached` puts the fake child in place of the real one, so that a job that the session starts is one of theirs.
"""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import engine
from fake_scene import write_blend
from installed import Installed

TESTS = Path(__file__).resolve().parent

STUB = f"""\
import runpy, sys
sys.path.insert(0, {str(TESTS)!r})
runpy.run_path({str(TESTS / "fake_child.py")!r}, run_name="__main__")
"""

ATTACHED = f"""
sys.path[:0] = [{str(TESTS)!r}]
import contextlib, signal, subprocess, time
from pathlib import Path
from waiting import until
enable()
session, tick, errands = room("operators.session"), room("operators.tick"), room("operators.errands")
job, starting = room("dispatch.job"), room("dispatch.starting")
preferences = bpy.context.preferences.addons[MODULE].preferences
scene = lambda: bpy.context.scene
def seen_to(condition, seconds=120.0):
    '''Tick until it holds.'''
    def ticked():
        assert tick.tick() in (tick.RUNNING, tick.IDLE)
        return condition()
    until(ticked, seconds, "what the session waits for")
def state():
    now = session.shown()
    return now.state if now else None
def refused(operator, **words):
    '''Return why a button is grey, or what it reported.'''
    try:
        operator(**words)
    except RuntimeError as error:
        return str(error).strip().splitlines()[-1]
    return ""
@contextlib.contextmanager
def dispatcher(folder):
    '''A dispatcher of somebody else's on a job folder; killed at the end of the block at the latest.'''
    argv = [sys.executable, {str(TESTS / "engine.py")!r}, str(folder), {str(TESTS / "fake_child.py")!r}]
    with open(os.devnull, "wb") as nothing:
        process = subprocess.Popen(argv, stdout=nothing, stderr=nothing)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)
"""
"""Goes before the program of a test; ends with the session attached and no tick made yet."""


def attached(folder: Path) -> Installed:
    """Return a user's Blender whose jobs are rendered by fake children."""
    installed = Installed(folder)
    (installed.place / "dispatch" / "child" / "entry.py").write_text(STUB, encoding="utf-8")
    return installed


def jobs_of(installed: Installed) -> Path:
    """Make the folder in which this user's jobs are."""
    folder = installed.folder / "state" / "multi_gpu_dispatcher" / "jobs"
    folder.mkdir(parents=True)
    return folder


def make_job(jobs: Path, name: str = "shot", frames: str = "1-6", seconds: float = 0.05, **changes: object) -> Path:
    """Make a job of fake children, with this user's own mark, whose pictures go beside the user's home."""
    place, state = jobs.parents[3], str(jobs.parents[1])
    blend = write_blend(place / f"{name}.blend", seconds=seconds)
    values = {"output": str(place / f"out-{name}" / f"{name}_####"), "overwrite": True, **changes}
    with mock.patch.dict(os.environ, {"XDG_STATE_HOME": state, "LOCALAPPDATA": state}):
        return engine.make_job(jobs, blend, frames=frames, name=name, **values)
