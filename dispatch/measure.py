# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurement folders: the whole interface between whoever asks for a measurement and the process that measures.

Owns the folder's form and place, ``<state>/measurements/<id>/``: ``job.json`` (the job that is measured, never changed),
``measurement.json`` (replaced in one step after every run; it stays valid whenever the process ends), ``control/``
(``stop`` ends it), ``lock`` (dies with the process), and while it runs ``jobs/``, ``pictures/`` and what a job folder
has. A caller makes the folder with `create`, starts ``measure <folder>`` (`starting.start`, with that command) or calls
`measuring.run`, watches `read`, and asks with `latest` what is known of a file. It must not measure or decide.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from . import given_paths, host, job
from .codec import CodecError, from_plain
from .devices import gpus
from .measurement import Measurement, State
from .model import SCHEMA, Device, DispatchError, Job

NAME = "measurement.json"

PICTURES = "pictures"
"""Folder in the measurement's own: what is rendered goes there, and goes away."""

RUNS = "jobs"
"""Folder of the runs: each is a job. Those that failed stay there, for their logs."""

_ONLY_WHILE_IT_RUNS = (PICTURES, "engine", "config", "scene")


def root(chosen: str | None = None) -> Path:
    """Return the folder that holds the measurements: in the chosen folder of jobs, else the private one of this user."""
    return (job.jobs_folder(chosen) if chosen else host.state_folder()) / "measurements"


def create(
    measured: Job,
    place: Path,
    config: str = "",
    *,
    repeats: int = 3,
    minutes: float = 10.0,
    frames_per_point: int = 0,
    work_per_frame: bool = False,
    seed: int = 0,
) -> Path:
    """Make a measurement's folder, ready to be run, and return it.

    Args:
        measured: The job as it would be rendered; nothing is written to its output.
        place: See `root`; the folder is called like the job's id and may hold its copy of the scene already.
        config: Folder of the artist's preferences, as for `job.create`.
        minutes: About how long it may take; work per frame has the same again.
        frames_per_point: Frames of each run, all workers together; 0: as many as the time allows.
        seed: Of the order of the runs.

    Raises:
        DispatchError: it cannot be measured, or the place cannot be written.
    """
    if measured.in_order:
        raise DispatchError(f"'{measured.name}' has simulations that are not baked: bake them first.")
    found = Measurement(
        id=measured.id,
        created=measured.created,
        state=State.WAITING,
        blend=measured.home or measured.blend,
        scene=measured.scene,
        name=measured.name,
        blender=measured.blender.words,
        devices=measured_devices(measured),
        threads=measured.threads,
        repeats=repeats,
        minutes=minutes,
        frames_per_point=frames_per_point,
        work_per_frame=work_per_frame,
        seed=seed,
    )
    bury(place)
    folder = job.create(measured, place, config)
    write(folder, found)
    return folder


def measured_devices(measured: Job) -> tuple[Device, ...]:
    """Return the devices that points are made of: the GPUs, or the CPU where there is no GPU."""
    return tuple(gpus(measured.devices)) or measured.devices[:1]


def write(folder: Path, found: Measurement) -> Measurement:
    """Replace ``measurement.json`` in one step; return what was written.

    Raises:
        DispatchError: the folder cannot be written.
    """
    found = replace(found, pid=os.getpid(), updated=datetime.now().astimezone().isoformat(timespec="seconds"))
    temp = folder / f"{NAME}.new"
    try:
        temp.write_text(json.dumps(asdict(found), indent=1), encoding="utf-8")
        host.replace(temp, folder / NAME)
    except OSError as error:
        raise DispatchError(f"{folder} cannot be written ({error.strerror or error}): make room there.") from error
    return found


def read(path: Path) -> Measurement:
    """Return the measurement of a folder, or of its file.

    Raises:
        DispatchError: there is none, it is damaged, or from a newer version.
    """
    file = path / NAME if path.is_dir() else path
    try:
        data = json.loads(file.read_bytes())
        schema = data.get("schema")
        if isinstance(schema, int) and schema > SCHEMA:
            raise DispatchError(f"{file} was made by a newer version (schema {schema}): update to open it.")
        return from_plain(Measurement, data)
    except FileNotFoundError:
        raise DispatchError(f"{path} holds no measurement: measure the scene first.") from None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError, CodecError) as error:
        raise DispatchError(f"{file} cannot be read ({error}): measure the scene again.") from error


def folders(place: Path) -> list[Path]:
    """Return all measurement folders of this user, oldest first."""
    return [place / name for name in job.names(place) if given_paths.is_file(place / name / NAME)]


def latest(blend: str | Path, place: Path | None = None) -> Measurement | None:
    """Return the last measurement of an artist's file that came to a recommendation; None: there is none.

    Reads files: not for a draw or a tick.
    """
    wanted = _same(str(blend))
    for folder in reversed(folders(place or root())):
        try:
            found = read(folder)
        except DispatchError:
            continue
        if found.recommendation is not None and _same(found.blend) == wanted:
            return found
    return None


def bury(place: Path) -> None:
    """Tidy what measurements left that were killed, and write down that they ended; what they measured stays."""
    for folder in folders(place):
        try:
            found = read(folder)
            if found.state not in (State.WAITING, State.RUNNING) or host.is_alive(found.pid, None):
                continue
            if not job.is_running(folder):
                tidy(folder)
                write(folder, replace(found, state=State.STOPPED, current="", notes=(*found.notes, "It was ended.")))
        except DispatchError:
            continue


def tidy(folder: Path) -> None:
    """Remove what only the running measurement needed, its pictures first of all."""
    for name in _ONLY_WHILE_IT_RUNS:
        shutil.rmtree(folder / name, ignore_errors=True)
    with contextlib.suppress(OSError):  # not empty, or not there
        (folder / RUNS).rmdir()


def _same(path: str) -> str:
    return os.path.normcase(Path(path).absolute())
