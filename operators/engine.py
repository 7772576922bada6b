# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's own commands, run outside Blender to their end: what they print comes back.

Owns the waiting, so it is called on an errand's thread only: nothing of bpy is touched in `ask`.
"""

import os
import subprocess

from ..dispatch import host, launch
from ..dispatch.model import DispatchError
from . import session


def command(*words: str) -> list[str]:
    """Return the arguments that run a command of the engine.

    Raises:
        DispatchError: what runs the engine is not known yet.
    """
    return launch.command_line(session.needed_interpreter(), session.package(), words, session.sites())


def ask(argv: list[str], seconds: float) -> list[str]:
    """Run it for so many seconds at most; return the lines that it printed.

    Raises:
        DispatchError: it failed or took too long; the text says why, in a few words.
    """
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            env=launch.own_environment(os.environ),
            check=False,
            **host.popen_options(detached=False),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DispatchError(f"{error}: is the disk there?") from error
    said = [line for line in done.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
    if done.returncode != 0 or not said:
        errors = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.startswith("error: ")]
        raise DispatchError(errors[-1].removeprefix("error: ") if errors else f"exit status {done.returncode}")
    return said
