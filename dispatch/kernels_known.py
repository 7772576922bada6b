# SPDX-License-Identifier: GPL-3.0-or-later
"""For which cards GPU kernels have been compiled on this computer, kept from job to job.

Owns ``kernels.json`` in the user's state folder. It is a convenience: what cannot be read is taken for unknown (one
worker then goes first), what cannot be written is forgotten, and nothing here ever raises. Decides nothing.
"""

from __future__ import annotations

import contextlib
import json
import os

from . import host, layout
from .kernels import Kernels
from .model import Backend, DispatchError, Job
from .telemetry import Telemetry

MOST = 200
"""Entries kept, the last ones."""


class KernelsKnown:
    def __init__(self, job: Job) -> None:
        version = ".".join(map(str, job.blender.version))
        self._key = " ".join((version, job.blender.build, _driver(job))).strip()
        self._place = host.state_folder() / "kernels.json"
        self._asks = job.engine == layout.CYCLES
        self._kept: set[str] = set()

    def kernels(self) -> Kernels:
        """Return the gate of a job, with what earlier jobs have left."""
        if not self._asks:
            return Kernels()
        tail = f" | {self._key}"
        return Kernels(entry.removesuffix(tail) for entry in self._read() if entry.endswith(tail))

    def keep(self, kernels: Kernels) -> None:
        """Write down what has rendered since the last call."""
        if not self._asks or kernels.rendered <= self._kept:
            return
        self._kept |= kernels.rendered
        entries = [f"{kind} | {self._key}" for kind in sorted(self._kept)]
        there = self._read()  # another job may have written meanwhile
        if missing := [entry for entry in entries if entry not in there]:
            self._write([*there, *missing][-MOST:])

    def _read(self) -> list[str]:
        try:
            found = json.loads(self._place.read_bytes())["kernels"]
            return [entry for entry in found if isinstance(entry, str)]
        except (OSError, ValueError, RecursionError, KeyError, TypeError):
            return []

    def _write(self, entries: list[str]) -> None:
        temp = self._place.with_name(f"kernels.{os.getpid()}.new")
        try:
            host.private_folder(self._place.parent)
            temp.write_text(json.dumps({"kernels": entries}), encoding="utf-8")
            host.replace(temp, self._place)
        except (OSError, DispatchError):
            with contextlib.suppress(OSError):
                temp.unlink()


def _driver(job: Job) -> str:
    """Return the version of the driver that compiles, where it can be told: another one compiles anew."""
    if not any(device.backend in (Backend.OPTIX, Backend.CUDA) for device in job.devices):
        return ""
    telemetry = Telemetry()
    try:
        return telemetry.driver()
    finally:
        telemetry.close()
