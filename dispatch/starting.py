# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the dispatcher of a job folder as a process of its own, from a copy of the engine inside that folder.

Owns the copy (``engine/``) and the way a detached dispatcher is started. The dispatcher and its children live on when
the Blender that started them ends, and when the extension is updated or removed meanwhile. Does not wait for it: what
came of it stands in the job folder (``snapshot.json``, ``dispatcher.log``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import host, job, launch
from .launch import Interpreter
from .model import DispatchError

_started: list[subprocess.Popen[bytes]] = []
"""Dispatchers that this process started: kept so that their ends are collected."""

_RUNS = "The job {} is running already: look at it in the list of jobs."


def start(folder: Path, interpreter: Interpreter, sites: Sequence[Path], command: str = "run") -> None:
    """Start the dispatcher of a prepared job folder, or go on with one that was stopped or interrupted.

    Args:
        command: ``run``, or ``measure`` for a measurement's folder.
        sites: Folders with psutil and pynvml that the interpreter would not look into by itself.

    Raises:
        DispatchError: it runs already, the folder cannot be written, or the interpreter cannot be started.
    """
    _started[:] = [process for process in _started if process.poll() is None]
    copied = _copied(folder)
    if job.is_running(folder):
        raise DispatchError(_RUNS.format(folder.name))
    job.load_to_run(folder)
    job.dismiss(folder, False)
    with job.lock(folder):  # two Blenders may be asked to resume the same job at once
        if _copied(folder) != copied:  # the other was first, and its dispatcher is on its way
            raise DispatchError(_RUNS.format(folder.name))
        package = copy_engine(folder)
        list(job.take_wishes(folder))  # left for a run that never heard of them: this one is wanted to run
    argv = launch.command_line(interpreter, package, [command, str(folder)], sites)
    try:
        # In the job folder: a working folder that goes away, or a disk that could not be ejected, helps nobody.
        process = host.spawn_detached(
            argv, log=folder / "dispatcher.log", env=launch.own_environment(os.environ), cwd=folder
        )
    except OSError as error:
        raise DispatchError(
            f"The render cannot be started: {interpreter.program} does not run ({error.strerror or error}); "
            "choose another Blender in the preferences."
        ) from error
    _started.append(process)


def _copied(folder: Path) -> int | None:
    """Return when the engine was copied, in nanoseconds; None: there is no copy."""
    try:
        return (folder / "engine").stat().st_mtime_ns
    except OSError:
        return None


def copy_engine(folder: Path) -> Path:
    """Return the copy of this package inside the job folder, made anew; a dispatcher that runs from it keeps it.

    The time of the copy tells when the job was started last.

    Raises:
        DispatchError: the job folder cannot be written.
    """
    # Made anew by each run: a resumed job's children must speak the protocol of the dispatcher that runs it now.
    here, copy = Path(__file__).resolve().parent, folder / "engine"
    if copy.is_dir() and here.samefile(copy):
        return copy
    shutil.rmtree(copy, ignore_errors=True)
    try:
        shutil.copytree(here, copy, ignore=shutil.ignore_patterns("__pycache__", "assets"), dirs_exist_ok=True)
        os.utime(copy)
    except (OSError, shutil.Error) as error:
        raise DispatchError(f"The job folder {folder} cannot be written ({error}): make room or mend it.") from error
    return copy
