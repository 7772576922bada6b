# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line and the environment of every process we start. Pure: text in, text out.

Owns which options and variables a child and a detached dispatcher get, and why. Starts nothing, touches no file and
reads no environment but the one it is handed, so that the log can show exactly what was started (`shell_words`).
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .model import Backend, BlenderProgram, Device

SCRIPT_ERROR = 77
"""Exit status of the application when the child's script ends by an exception of its own."""

MASKS = (
    "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "ONEAPI_DEVICE_SELECTOR",
    "ZE_AFFINITY_MASK",
    "CUE_GPU_CORES",
)
"""Variables by which somebody above us says which cards are ours."""

_NO_DEVICE = "-1"  # hides every card; an empty value would do, but Windows shells take it for "not set"
_NVIDIA = (Backend.OPTIX, Backend.CUDA)

_IN_BLENDER = """\
import bpy, os, runpy, sys
sys.argv = sys.argv[sys.argv.index("--") + 1:]
status = 1
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    status = end.code
sys.stdout.flush()
sys.stderr.flush()
try:
    os.rmdir(bpy.app.tempdir)
except OSError:
    pass
os._exit(status or 0)
"""
# Ends by os._exit: Blender's normal end was seen to hang. So it removes its own (empty) temporary folder itself.


@dataclass(frozen=True)
class Interpreter:
    """A program that can run this engine outside the artist's Blender."""

    program: str
    is_blender: bool
    """False: a plain Python. True: the application, in the background, with its own Python."""


def child_command(
    program: BlenderProgram, entry: Path, *, factory: bool, autoexec: bool | None, threads: int
) -> list[str]:
    """Return the arguments that start a child.

    ``autoexec`` None leaves it to that Blender's own preferences; ``threads`` 0 leaves them to Blender. A Python with
    bpy takes neither from the command line: `Configure` carries both.
    """
    if program.is_module:
        return [program.path, "-P", str(entry)]
    command = [program.path, "-b"]
    if factory:
        command.append("--factory-startup")
    if autoexec is not None:
        command.append("-y" if autoexec else "-Y")
    if threads > 0:
        command += ["-t", str(threads)]
    # --python-exit-code counts only for the scripts named after it
    return [*command, "--python-exit-code", str(SCRIPT_ERROR), "--python", str(entry), "--"]


def child_environment(
    base: Mapping[str, str],
    job_env: Mapping[str, str],
    *,
    devices: Sequence[Device],
    config: Path | None,
    threads: int,
    temp: Path | None = None,
) -> dict[str, str]:
    """Return the whole environment of a child.

    ``job_env`` is what `recorded` returned when the job was made: it replaces all such variables of ``base``, so that
    a resume from another shell renders the same pictures. ``config`` is a private copy of the preferences,
    ``temp`` a private folder for what a killed Blender leaves behind (each makes a ``blender_…`` folder at its start).
    PYTHONHOME and PYTHONPATH stay: the application does not read them, and a Python with bpy was found with them.
    """
    env = {name: value for name, value in base.items() if not _is_recorded(name)}
    env.update(recorded(job_env))  # no other name: what a job file says must not choose which code is loaded
    env["MGD_CHILD"] = "1"  # our own extension stays inert in there
    env["PYTHONUTF8"] = "1"  # the application's Python is always in UTF-8 mode; a Python with bpy gets the same
    env.update(_mask(devices))
    # Found set, it was meant for the program that started us (Ray and torchrun set 1); the slot's budget counts here.
    env.pop("OMP_NUM_THREADS", None)
    if threads > 0:
        env["OMP_NUM_THREADS"] = str(threads)
    if config is not None:
        env["BLENDER_USER_CONFIG"] = str(config)
    return env | _temp(temp)


def recorded(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that change pictures or hide cards; they belong into the job (`Job.environment`)."""
    return {name: value for name, value in environ.items() if _is_recorded(name)}


def command_line(
    interpreter: Interpreter, package: Path, words: Sequence[str], sites: Iterable[Path] = ()
) -> list[str]:
    """Return the arguments that run our own command line in a process outside Blender.

    ``package`` is the folder of this package, wherever it lies: it is loaded under a private name, since an
    extension's root must not be on sys.path (``__main__`` does that). ``sites`` are folders with psutil and pynvml
    that the interpreter would not look into by itself (an extension's wheels).
    """
    script = [str(package / "__main__.py"), *(word for site in sites for word in ("--site", str(site))), *words]
    if not interpreter.is_blender:
        return [interpreter.program, "-I", "-X", "utf8", *script]
    head = [interpreter.program, "-b", "--factory-startup", "--python-exit-code", "1"]
    return [*head, "--python-expr", _IN_BLENDER, "--", *script]


def own_environment(base: Mapping[str, str], temp: Path | None = None) -> dict[str, str]:
    """Return the environment of such a process: it is no child, even where one of ours started it.

    ``temp`` as for a child.
    """
    return {name: value for name, value in base.items() if name != "MGD_CHILD"} | _temp(temp)


def _temp(folder: Path | None) -> dict[str, str]:
    names = ("TMPDIR", "TEMP", "TMP")  # the first on POSIX, the others on Windows
    return {} if folder is None else dict.fromkeys(names, str(folder))


def environment_changes(base: Mapping[str, str], env: Mapping[str, str]) -> dict[str, str | None]:
    """Return what makes ``env`` out of ``base``: name → new value, or None where the variable goes."""
    changes: dict[str, str | None] = {name: None for name in sorted(base) if name not in env}
    changes.update({name: env[name] for name in sorted(env) if base.get(name) != env[name]})
    return changes


def shell_words(
    command: Sequence[str], changes: Mapping[str, str | None] | None = None, *, windows: bool = os.name == "nt"
) -> str:
    """Return one line that can be pasted into a shell (cmd.exe on Windows) to run the command by hand."""
    changes = changes or {}
    if windows:
        sets = [f'set "{name}={value or ""}"' for name, value in changes.items()]
        return " && ".join([*sets, subprocess.list2cmdline(command)])
    drops = [word for name, value in changes.items() if value is None for word in ("-u", name)]
    sets = [f"{name}={value}" for name, value in changes.items() if value is not None]
    return shlex.join([*(["env", *drops, *sets] if changes else []), *command])


def _is_recorded(name: str) -> bool:
    # Windows keeps variable names in any case; Python's os.environ shows them in upper case there
    return name == "OCIO" or name in MASKS or name.startswith(("BLENDER_", "CYCLES_"))


def _mask(devices: Sequence[Device]) -> dict[str, str]:
    """Hide other cards where that can be said without an index.

    A hidden card costs the child no context and no memory, and cannot be rendered on by mistake. AMD and Intel cards
    have no UUID here: the child pins them by Cycles id alone.
    """
    gpus = [device for device in devices if device.backend is not Backend.CPU]
    if devices and not gpus:
        return {"CUDA_VISIBLE_DEVICES": _NO_DEVICE, "HIP_VISIBLE_DEVICES": _NO_DEVICE}
    uuids = [device.uuid for device in gpus if device.uuid and device.backend in _NVIDIA]
    if gpus and len(uuids) == len(gpus):
        return {"CUDA_VISIBLE_DEVICES": ",".join(uuids)}
    return {}
