# SPDX-License-Identifier: GPL-3.0-or-later
"""``blender --command multi_gpu_dispatcher …``: the engine's command line inside the artist's Blender.

Owns the command's name, and what is meant when nothing is said: this Blender, and the jobs folder of the panel.
It must not decide anything else: `dispatch.cli` does, and its exit status becomes Blender's.
"""

import os
from collections.abc import Sequence

import bpy

from ..dispatch import cli
from ..dispatch.model import PROGRAM
from . import preferences

CLASSES = ()
WITHOUT_JOBS = frozenset({"devices"})
"""Commands that have nothing to do with a jobs folder."""

_handles: list[object] = []
"""What Blender gave us for the command that is registered now."""


def run(words: Sequence[str]) -> int:
    """Run one command of the engine and return its exit status."""
    blender = preferences.get().blender or bpy.app.binary_path
    if blender:
        os.environ.setdefault("BLENDER", blender)
    return cli.main(_with_the_panels_jobs(words), program=f"blender --command {PROGRAM}")


def _with_the_panels_jobs(words: Sequence[str]) -> list[str]:
    """Name the jobs folder of the preferences first: one that is given on the command line comes later and wins."""
    command = words[0] if words else ""
    if not preferences.get().jobs_folder or not command or command.startswith("-") or command in WITHOUT_JOBS:
        return list(words)
    return [command, "--jobs-dir", str(preferences.jobs_root()), *words[1:]]


def register() -> None:
    _handles.append(bpy.utils.register_cli_command(PROGRAM, run))


def unregister() -> None:
    while _handles:
        bpy.utils.unregister_cli_command(_handles.pop())
