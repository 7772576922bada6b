# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathers the facts of this machine: programs, computer, jobs, and the devices that Cycles sees.

Thin: every question is one call of a library or of another room, and what cannot be told is empty or None. Judges
nothing (`doctor`), changes nothing.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from . import devices, host, inspection, job, launch, report_page
from .doctor_nouns import Computer, Programs, Traces
from .model import BlenderProgram, Device, DispatchError
from .telemetry import least

LIBRARIES = (("psutil", "psutil"), ("pynvml", "nvidia-ml-py"), ("rich", "rich"), ("plotly", "plotly"))
"""Module and package."""

_NODES = ("nvidia[0-9]*", "nvidiactl", "nvidia-uvm", "kfd", "dri/renderD*")
_CONTAINER = ("/.dockerenv", "/run/.containerenv", "/run/systemd/container")


def programs(program: BlenderProgram | None, blender_python: str = "", why: str = "") -> Programs:
    """Return what runs here; ``why``: why there is no Blender, or why it is of no use."""
    return Programs(
        engine=engine_version(),
        python=platform.python_version(),
        libraries=tuple((name, _version(name, package)) for name, package in LIBRARIES),
        blender=program.words if program else "",
        blender_path=program.path if program else "",
        blender_version=program.version if program else (0, 0, 0),
        blender_python=blender_python,
        blender_error=why,
    )


def engine_version() -> str:
    """Return our version; empty where the manifest does not lie beside the engine (a job's own copy)."""
    try:
        manifest = (Path(__file__).resolve().parents[1] / "blender_manifest.toml").read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r'^version\s*=\s*"([^"]*)"', manifest, re.MULTILINE)
    return found.group(1) if found else ""


def computer(environ: Mapping[str, str], root: Path = Path("/")) -> Computer:
    """Look at the machine; takes up to some seconds, since the session manager is asked.

    Args:
        root: Replaces the root of the file system (tests).
    """
    memory = _psutil(lambda library: library.virtual_memory())
    allowed, limits = host.memory_allowed(), host.soft_limits()
    with host.KeepAwake("looking whether this machine can be kept awake") as awake:
        why = awake.reason
    return Computer(
        system=f"{platform.system()} {platform.release()} ({platform.machine()})",
        cores=host.cores(),
        cores_there=os.cpu_count() or 1,
        ram_total=least(getattr(memory, "total", None), allowed.total),
        ram_available=least(getattr(memory, "available", None), allowed.free),
        container=any((root / name.lstrip("/")).exists() for name in _CONTAINER),
        masks=tuple((name, environ[name]) for name in launch.MASKS if name in environ and name != "CUDA_DEVICE_ORDER"),
        nodes=tuple(_nodes(root / "dev")),
        open_files=limits.get("open files"),
        processes=limits.get("processes"),
        awake=why,
    )


def cycles_devices(program: BlenderProgram) -> tuple[Device, ...]:
    """Return the devices on which Cycles can render, each card once. Takes seconds: a Blender is started.

    Raises:
        DispatchError: it does not answer.
    """
    return devices.unique(inspection.inspect(program, factory=True).devices)


def traces(root: Path) -> Traces:
    """Look at this user's jobs, and for Blenders whose dispatcher is dead."""
    running, interrupted, unreadable = [], [], []
    for folder in job.folders(root):
        try:
            task = job.load(folder)
        except DispatchError:
            unreadable.append(folder.name)
            continue
        runs, snapshot = job.look(folder, job.read_snapshot(folder))
        if runs:
            running.append(task.name)
        elif snapshot is not None and snapshot.outcome is None:
            interrupted.append(task.id)
    return Traces(tuple(running), tuple(interrupted), tuple(unreadable), tuple(_left()))


def _left() -> Iterable[int]:
    """Yield children of ours that outlived their dispatcher: they carry its identity in their environment."""
    names = list(host.parent_environment())
    for process in _psutil(lambda library: list(library.process_iter())) or ():
        words = str(_environment(process).get(names[0], "") if names else "").split()
        if len(words) == 3 and words[2] == host.pid_namespace() and not host.is_alive(int(words[0]), float(words[1])):
            yield process.pid


def _environment(process: Any) -> Mapping[str, str]:
    try:
        found: Mapping[str, str] = process.environ()
    except Exception:  # noqa: BLE001 - another user's, or gone
        return {}
    return found


def _nodes(dev: Path) -> Iterable[tuple[str, bool]]:
    for pattern in _NODES:
        for path in sorted(dev.glob(pattern)):
            yield str(path), os.access(path, os.R_OK | os.W_OK)


def _version(name: str, package: str) -> str:
    """Return a library's version; empty: it cannot be imported."""
    try:
        module = importlib.import_module(name)
    except Exception:  # noqa: BLE001 - also a wheel for another Python or system
        return "(its script)" if name == "plotly" and report_page.has_script() else ""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return str(getattr(module, "__version__", "unknown"))


def _psutil(question: Any) -> Any:
    try:
        return question(importlib.import_module("psutil"))
    except Exception:  # noqa: BLE001 - no psutil, or a system file that it cannot read
        return None
