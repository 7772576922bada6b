# SPDX-License-Identifier: GPL-3.0-or-later
"""``support`` on the command line: from a job's name to the zip, and the sentence that says where it is."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from . import doctor_command, given_paths, job, support
from .display import Stream
from .model import DispatchError
from .wording import count


def run(given: argparse.Namespace, environ: Mapping[str, str], show: Callable[[str], None]) -> int:
    """Write the bundle, say where it is, return the exit status. Takes seconds: a Blender is asked for its devices.

    Raises:
        DispatchError: there is no such job, or the bundle cannot be written.
    """
    root = job.jobs_folder(given.jobs_dir)
    folder = job.find(given.job, root) if given.job else None
    name = support.file_name(folder.name if folder else "", time.strftime("%Y%m%d-%H%M%S"))
    target = given_paths.whole(given.output or name)
    facts = doctor_command.gather(_blender(folder, given.blender), environ, root, Stream(sys.stderr).line, render=False)
    left_out = support.write(target, facts, folder, environ, keep_paths=given.keep_paths)
    without = f"; {count(len(left_out), 'file')} had no room" if left_out else ""
    show(f"The support bundle is {target}{without}: look through it before you send it.")
    return 0


def _blender(folder: Path | None, chosen: str | None) -> str | None:
    """Return the Blender that is to be asked: the chosen one, else the job's own where it is still there."""
    if chosen or folder is None:
        return chosen
    try:
        path = job.load(folder).blender.path
    except DispatchError:
        return None
    return path if Path(path).is_file() else None
