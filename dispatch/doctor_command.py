# SPDX-License-Identifier: GPL-3.0-or-later
"""``doctor`` on the command line: gathers the facts, has them judged, shows what was found.

Owns the order of the steps, so that a Blender that does not work hides nothing else, and the exit status. It must not
judge by itself (`doctor`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from . import (
    blenders,
    doctor,
    doctor_disk,
    doctor_driver,
    doctor_facts,
    doctor_places,
    doctor_render,
    findings,
    job,
    preparation,
)
from .display import Stream
from .doctor_nouns import Diagnosis, Facts, Grade, Place, error, good, warning
from .model import SCHEMA, BlenderProgram, Device, DispatchError

Say = Callable[[str], object]

CANNOT = 1
"""Exit status where something cannot work; warnings give 0."""

_GRADES = {findings.Level.NOTE: good, findings.Level.WARNING: warning, findings.Level.ERROR: error}


def run(given: argparse.Namespace, environ: Mapping[str, str], show: Callable[[str], None]) -> int:
    """Look at everything, print it, return the exit status. Takes seconds to minutes.

    Raises:
        DispatchError: the file that was named is no .blend.
    """
    blend = str(preparation.blend_file(given.blend)) if given.blend else ""
    root = job.jobs_folder(given.jobs_dir)
    aside = Stream(sys.stderr)
    facts = gather(given.blender, environ, root, aside.line, render=not given.no_render)
    found = list(doctor.diagnose(facts))
    if blend:
        found += scene(blend, given.blender, environ, root)
    status = CANNOT if doctor.worst(found) is Grade.ERROR else 0
    show(_json(found, facts, status) if given.json else "\n".join(lines(found)))
    return status


def gather(spec: str | None, environ: Mapping[str, str], root: Path, say: Say, *, render: bool) -> Facts:
    """Return all facts of this machine; never raises for what is wrong with it.

    Args:
        root: The folder of this user's jobs.
        render: Render a small picture on each device.
    """
    program, here, why = _blender(spec, environ)
    facts = Facts(
        doctor_facts.programs(program, why=why),
        doctor_facts.computer(environ),
        doctor_driver.look(),
        here,
        (
            doctor_disk.look("jobs folder", root),
            doctor_disk.look("temporary folder", Path(tempfile.gettempdir())),
        ),
        doctor_facts.traces(root),
        rendered=render,
    )
    if program is None or why or not render:
        return facts
    try:
        trials, python = doctor_render.trials(program, here, say)
    except (DispatchError, OSError) as failure:
        return replace(facts, programs=replace(facts.programs, blender_error=str(failure)))
    return replace(facts, programs=replace(facts.programs, blender_python=python), trials=tuple(trials))


def _blender(spec: str | None, environ: Mapping[str, str]) -> tuple[BlenderProgram | None, tuple[Device, ...], str]:
    """Return the Blender, its devices, and why there is none or it is of no use."""
    program = None
    try:
        program = blenders.find(spec, environ)
        return program, doctor_facts.cycles_devices(program), ""
    except DispatchError as failure:
        return program, (), str(failure)


def scene(blend: str, spec: str | None, environ: Mapping[str, str], root: Path) -> list[Diagnosis]:
    """Return what the preflight says of a file, and how the folder of its pictures is."""
    try:
        prepared = preparation.prepare(preparation.Wishes(blend=blend, blender=spec), environ, root)
    except DispatchError as failure:
        return [error("scene", str(failure))]
    found = [_GRADES[said.level](said.key, said.text) for said in prepared.findings]
    if prepared.job is None:
        return found
    folder = Path(prepared.job.output).parent
    place: Place = doctor_disk.look("output folder", folder)
    nothing = [good("scene", f"'{blend}' can be rendered.")] if not findings.refused(prepared.findings) else []
    return [*found, *nothing, *doctor_places.place(place)]


def lines(found: Iterable[Diagnosis]) -> list[str]:
    """Return everything for people, and one line that sums it up."""
    every = list(found)
    counts = {grade: sum(said.grade is grade for said in every) for grade in Grade}
    shown = [f"{said.grade:8} {said.text}" for said in every]
    if counts[Grade.ERROR]:
        end = "Something cannot work here: see the lines that begin with 'error'."
    elif counts[Grade.WARNING]:
        end = "This machine can render; see the lines that begin with 'warning'."
    else:
        end = "This machine can render."
    return [*shown, "", end]


def _json(found: Iterable[Diagnosis], facts: Facts, status: int) -> str:
    checks = [asdict(said) for said in found]
    return json.dumps({"schema": SCHEMA, "exit": status, "checks": checks, "facts": asdict(facts)})
