# SPDX-License-Identifier: GPL-3.0-or-later
"""From the artist's session to a started job, step by step.

Owns the order of the steps: look at the scene, refuse or go on, devices, copy of the scene, job folder, dispatcher.
Until the dispatcher is started everything can fail, and then nothing is left behind. What it is told to render is
`plans`'; it must not keep a Scene from step to step.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from ..dispatch import (
    destination,
    findings,
    inspection,
    job,
    layout,
    preflight,
    preparation,
    session_findings,
    starting,
    wording,
)
from ..dispatch.findings import Level
from ..dispatch.model import Backend, BlenderProgram, Device, DispatchError
from ..dispatch.preflight import Plan
from ..dispatch.protocol import SceneFacts
from . import devices, plans, preferences, scene_copy, scene_facts, session, settings
from .on_job import wait_cursor
from .plans import Kind
from .stepwise import Steps, beside, shown

FOLDERS_ANSWER = 20.0
DEVICES_ANSWER = 120.0
BLENDER_ANSWERS = 180.0
"""Seconds. A first start from a slow disk, and a driver that wakes up, take their time."""
SCENE_KEPT = 900.0
"""Seconds. A scene of many gigabytes on a slow disk."""
READS_NEWER = (4, 5)
"""From this version on, a Blender can open files of the next major version."""


class Refused(DispatchError):
    """A finding forbids the job; it stands in `session.findings`."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A scene that may be rendered."""

    file: str
    """The artist's file at that moment; empty: never saved."""
    facts: SceneFacts
    plan: Plan


@dataclass(frozen=True, slots=True)
class Children:
    """The Blender that the children are."""

    program: BlenderProgram
    config: str
    """Folder of its preferences; empty: none."""


@dataclass(frozen=True, slots=True)
class Started:
    """A job, or a measurement, whose process was started."""

    folder: Path
    frames: int
    saved: str
    """``the scene was saved in 0.4 s (12 MiB)``."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a folder with a copy of the scene is made for."""

    root: Path
    """Where it is made."""
    create: Callable[[job.Job, Path, str], object]
    """Writes it down: the job, the root, the folder of the children's preferences."""
    command: str = "run"
    """The engine's command that takes it."""


def rendering() -> Purpose:
    """Return what the render buttons are for."""
    return Purpose(preferences.jobs_root(), job.create)


def run(kind: Kind, purpose: Purpose) -> Steps[Started]:
    """Start a job of the scene on screen, or what else the purpose is.

    Raises:
        DispatchError: it cannot be, in one sentence for the panel. Nothing is left behind.
    """
    looked = yield from look(kind)
    chosen = yield from _devices(looked.facts.engine)
    children = yield from _children(chosen)
    _fit(chosen, looked.facts.engine)
    yield from shown("Saving the scene …")
    if (bpy.data.filepath, bpy.context.scene.name) != (looked.file, looked.facts.scene):
        raise DispatchError("Another scene was opened meanwhile: press the button again to render that one.")
    interpreter = session.interpreter()
    if interpreter is None:
        raise DispatchError("Nothing was found that can run the render outside this Blender: restart Blender.")
    folder = purpose.root / job.new_id(Path(bpy.data.filepath or scene_copy.UNSAVED).stem)
    with wait_cursor(bpy.context):
        copied = scene_copy.save(folder)
    try:
        made = _written(looked, chosen, children.program, copied, kind)
        yield from beside(lambda: scene_copy.keep(copied), "Saving the scene …", SCENE_KEPT)
        yield from shown("Starting …")
        with wait_cursor(bpy.context):
            purpose.create(made, folder.parent, "" if made.factory else children.config)
            starting.start(folder, interpreter, session.sites(), purpose.command)
    except BaseException:
        # Also when the operator is ended in between: a job that nobody started is no job.
        shutil.rmtree(folder, ignore_errors=True)
        raise
    saved = f"the scene was saved in {copied.seconds:.1f} s ({wording.size(copied.size)})"
    return Started(folder, len(looked.plan.frames), saved)


def look(kind: Kind) -> Steps[Looked]:
    """Look at the whole scene; leave what is found in `session.findings`.

    Raises:
        Refused: an error is among it.
        DispatchError: the frames cannot be read, or a disk does not answer.
    """
    session.trouble = ""
    yield from shown("Checking the scene …")
    with wait_cursor(bpy.context):
        scene = bpy.context.scene
        facts, here, file = scene_facts.full(bpy.context), scene_facts.of_session(bpy.context), bpy.data.filepath
        wanted = plans.frames_of(scene, kind)
        allowed, test = settings.of(scene).allow_unbaked, settings.of(scene).use_test
        movie = plans.movie(scene, facts, kind)
    plan = Plan(wanted, plans.overwrites(facts, kind), facts.scene, allowed, movie=movie)
    root = preferences.jobs_root()
    words = "Looking at the output folder …"
    plan, replaced = yield from beside(lambda: _on_disk(facts, plan, root), words, FOLDERS_ANSWER)
    if kind is Kind.MISSING and not (plan.movie and not plan.movie_there):
        yield from beside(lambda: _must_miss(facts, plan.frames), words, FOLDERS_ANSWER)
    if test and plan.overwrite:
        here = replace(here, replaced=replaced)
    found = [*session_findings.check(here), *preflight.check(facts, plan)]
    session.findings = tuple(findings.in_order(found))
    session.looked_at = facts.scene, facts.output
    for each in session.findings:
        if each.level is Level.ERROR:
            raise Refused(each.panel)
    return Looked(file, facts, plan)


def _on_disk(facts: SceneFacts, plan: Plan, root: Path) -> tuple[Plan, str]:
    """Complete the plan with what only the disks know; also return a picture that is there. No bpy: runs beside it."""
    first = Path(facts.first_path)
    full = replace(
        plan,
        # Where the missing frames are asked for, a movie that is there is made anew only if some were missing.
        movie_there=bool(plan.movie) and facts.use_overwrite == plan.overwrite and Path(plan.movie).exists(),
        destinations=tuple(destination.look(folder) for folder in preparation.output_folders(facts, plan.movie)),
        same_output=_name(root, destination.writer_of(facts.output, root)),
        others=destination.at_work(first.parent) if facts.first_path else (),
    )
    return full, next((path for path in (facts.first_path, facts.last_path) if path and Path(path).is_file()), "")


def _must_miss(facts: SceneFacts, wanted: Sequence[int]) -> None:
    """Raises: DispatchError: every picture is there. No bpy: runs beside it."""
    plain = facts.first_path and not facts.views and not facts.side_outputs  # else the children will tell
    if plain and destination.all_there(facts.output, facts.first_path, wanted):
        raise DispatchError(
            f"Nothing is missing: {wording.count(len(wanted), 'picture')} of these frames lie in "
            f"{Path(facts.first_path).parent}. Render Animation renders them again."
        )


def _name(root: Path, writer: str) -> str:
    """Return the name by which the panel lists a job; empty: there is none."""
    with contextlib.suppress(DispatchError):
        return job.load(root / writer).name if writer else ""
    return writer


def _devices(engine: str) -> Steps[tuple[Device, ...]]:
    """Wait until the devices are known, and something that can run the dispatcher; return the chosen devices.

    A list that was kept from an earlier session, or is another Blender's, is not enough: a GPU that it lacks would
    mean a render on the CPU that nobody asked for.
    """
    session.follow()
    session.wants_devices()
    until = time.monotonic() + DEVICES_ANSWER
    while True:
        seen = session.seen()
        if seen.devices is not None and not seen.looking and session.interpreter() is not None:
            break
        if seen.trouble and not seen.looking:
            raise DispatchError(findings.in_panel(seen.trouble))
        if time.monotonic() > until:
            raise DispatchError("The devices are still being looked for: try again in a moment.")
        yield "Looking for devices …"
    chosen = devices.chosen(bpy.context)
    if chosen or engine == layout.CYCLES:
        return chosen
    return tuple(device for found in seen.devices.devices for device in found.backends[:1])


def _fit(chosen: tuple[Device, ...], engine: str) -> None:
    """Refuse what the layout would refuse, before anything is saved."""
    if engine == layout.CYCLES and not chosen:
        raise DispatchError("No device is chosen: tick one under Devices.")
    kinds = {device.backend for device in chosen} - {Backend.CPU}
    if engine == layout.CYCLES and len(kinds) > 1 and settings.of(bpy.context).strategy == "COMBINED":
        raise DispatchError("GPUs of different makers cannot be one combined device: choose Auto or Per GPU.")


def _children(chosen: tuple[Device, ...]) -> Steps[Children]:
    """Return the Blender that renders: the scene's choice, else the preferences', else this one."""
    spec = bpy.path.abspath(settings.of(bpy.context).blender or preferences.get().blender)
    own = bpy.app.binary_path or sys.executable
    if not spec or Path(spec) == Path(own):
        program = BlenderProgram(own, not bpy.app.binary_path, bpy.app.version[:], bpy.app.build_hash.decode())
        # A Python with bpy has preferences that were nobody's choice.
        return Children(program, bpy.utils.user_resource("CONFIG") if bpy.app.binary_path else "")
    here, factory = bpy.app.version[:], plans.factory(bpy.context.scene)
    no_gpu_listed = all(row.is_cpu for row in devices.rows(bpy.context))

    def ask() -> Children:
        program, seen = inspection.look(spec, os.environ, factory=factory)
        if program.version[0] < here[0] and program.version[:2] < READS_NEWER:
            raise DispatchError(
                f"{program.words} cannot open a file of Blender {here[0]}.{here[1]}: choose a newer one."
            )
        missing = [device.name for device in chosen if device.id not in {each.id for each in seen.devices}]
        if missing:
            raise DispatchError(f"{program.words} cannot render on {missing[0]}: choose another Blender or device.")
        unseen = [device.name for device in seen.devices if device.backend is not Backend.CPU]
        if unseen and no_gpu_listed:
            raise DispatchError(
                f"{program.words} could render on {unseen[0]}, which this Blender does not find: choose that Blender in "
                "the add-on's preferences, so that its devices are listed."
            )
        return Children(program, seen.config)

    return (yield from beside(ask, "Starting the other Blender …", BLENDER_ANSWERS))


def _written(
    looked: Looked, chosen: tuple[Device, ...], program: BlenderProgram, copied: scene_copy.Copied, kind: Kind
) -> job.Job:
    """Return the job as it will be written down."""
    scene, folder = bpy.context.scene, copied.path.parent.parent
    found = preparation.Found(copied.path, program, looked.facts, looked.plan, chosen)
    drafted = preparation.draft(plans.wishes(scene, looked.facts, kind, str(copied.path)), found, os.environ)
    return plans.finished(replace(drafted, id=folder.name, home=copied.home), scene, kind)
