# SPDX-License-Identifier: GPL-3.0-or-later
"""The support bundle: one zip about a job and this machine, made by the engine outside Blender, without any names.

Owns the operator and the one process at a time that makes it. Nothing here waits for it.
"""

import contextlib
from functools import partial
from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Operator

from ..dispatch import shown as rules
from ..dispatch import wording
from ..dispatch.model import DispatchError
from ..dispatch.watch import JobSeen
from . import engine, errands, look, preferences, session, stepwise
from .stepwise import Steps, Stepwise

MAKES = 300.0
"""Seconds: a Blender is asked for its devices, and megabytes of logs are read from a slow disk."""

_runs: list[engine.Run] = []
"""The one that makes a bundle now."""


class MULTI_GPU_OT_save_support_bundle(Stepwise, Operator):
    bl_idname = "multi_gpu.save_support_bundle"
    bl_label = "Save Support Bundle"
    bl_description = (
        "Save a zip for a bug report: settings, journal and logs of this job, and what this computer is. "
        "Names of people and computers are taken out; no scene and no picture is in it"
    )
    bl_options = set()

    folder: StringProperty(
        name="Job Folder",
        description="Which job. Empty: the one that is shown, else the newest; where there is none, this computer alone",
        options={"SKIP_SAVE", "HIDDEN"},
    )
    target: StringProperty(
        name="Zip File",
        description="Where it is saved. Empty: in your home folder, named after the job",
        options={"SKIP_SAVE", "HIDDEN"},
    )

    @classmethod
    def poll(cls, _context: Context) -> bool:
        why = "A support bundle is being made" if _runs else ""
        if session.busy and not why:
            why = f"A job is being made: {session.busy}"
        if why:
            cls.poll_message_set(why)
        return not why

    def steps(self) -> Steps[str]:
        job = _meant(self.folder)
        target = bpy.path.abspath(self.target)
        yield from stepwise.ready()
        words = [job.folder] if job else ["--blender", session.blender()] if session.blender() else []
        words += ["--jobs-dir", str(preferences.jobs_root()), *(["-o", target] if target else [])]
        argv = engine.command("support", *words)
        _runs.append(engine.Run())
        errands.send(partial(_make, _runs[-1], argv, job, target))
        return "The support bundle is being made"


def _meant(folder: str) -> JobSeen | None:
    """Return the job that it is about; None: there is none.

    Raises:
        DispatchError: the one that was named is not there.
    """
    jobs = session.seen().jobs
    if not folder:
        return session.shown() or next(iter(jobs), None)
    found = rules.find(jobs, bpy.path.abspath(folder))
    if found is None:
        raise DispatchError(f"There is no job in {folder}: it may have been removed.")
    return found


def _make(run: engine.Run, argv: list[str], job: JobSeen | None, target: str) -> str:
    """Have the bundle made and its folder shown; return where it is, a sentence. On an errand's thread.

    Raises:
        DispatchError: it cannot be made.
    """
    try:
        # Without a name of its own it comes to where the engine runs: the folder that every file browser begins with.
        said = run.go(argv, MAKES, None if target else Path.home())
        if said.status != 0 or not said.lines:
            raise DispatchError(said.why)
    except DispatchError as error:
        if run.stopped:
            return ""
        if job is not None and not Path(job.folder).is_dir():
            raise DispatchError(f"There is no support bundle: {job.name} was removed meanwhile.") from error
        raise DispatchError(f"The support bundle cannot be saved: {error}") from error
    finally:
        _runs.remove(run)
    with contextlib.suppress(DispatchError):  # where nothing opens folders, the sentence says where it is
        look.open_by_system(Path(target).parent if target else Path.home())
    return wording.clean(said.lines[-1])


CLASSES = (MULTI_GPU_OT_save_support_bundle,)


def register() -> None:
    _runs.clear()


def unregister() -> None:
    for run in _runs[:]:
        run.stop()
