# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands that only look have to show: devices, jobs, audits; as data for programs and as lines.

Owns the shapes behind ``devices --json`` and ``status --json`` (README, "Files and events": names stay). It changes
nothing and keeps nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import devices as known
from . import frames, inspection, job, report, wording
from .audit import Audit
from .gauges import CardSample
from .model import SCHEMA, Backend, Device, DispatchError
from .snapshot import Snapshot
from .telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class DeviceFound:
    """One physical device with its best backend."""

    id: str
    name: str
    backend: Backend
    pci: str | None
    uuid: str | None
    preferred: bool
    """Ticked in this Blender's preferences."""
    vram_used: int | None = None
    vram_total: int | None = None
    temperature: float | None = None
    power: float | None = None
    load: float | None = None
    """Percent; None: not available."""
    display: bool | None = None
    """Drives a screen; None: nobody tells."""
    integrated: bool = False
    """Sits in the processor and shares its memory with the desktop."""
    backends: tuple[Device, ...] = ()
    """Every way in which Cycles can drive this card, best first."""


@dataclass(frozen=True, slots=True)
class DevicesFound:
    """Everything that this Blender can render on."""

    blender: str
    """``Blender 5.0.1``."""
    path: str
    devices: tuple[DeviceFound, ...]
    telemetry: str
    """Why load, memory and temperature are not available; empty: they are."""
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class JobFound:
    """One job as its folder shows it."""

    job: str
    folder: str
    running: bool
    """A dispatcher holds it now. Not running and no outcome: it crashed, or was never started."""
    name: str = ""
    created: str = ""
    error: str = ""
    """Why its ``job.json`` cannot be read."""
    snapshot: Snapshot | None = None
    schema: int = SCHEMA


def devices(spec: str | None, backend: Backend | None, environ: Mapping[str, str], *, factory: bool) -> DevicesFound:
    """Ask a Blender and the drivers. Takes some seconds.

    Raises:
        DispatchError: there is no Blender, or it does not answer.
    """
    program, seen = inspection.look(spec, environ, factory=factory)
    telemetry = Telemetry()
    try:
        cards = telemetry.sample({}).cards
        nvml = telemetry.nvml_devices()
        here = known.unique(known.with_uuids(seen.devices, nvml), backend)
        why = telemetry.why
    finally:
        telemetry.close()
    names = known.display_names(here)
    ticked = {known.pci_address(id) or id for id in seen.preferred}
    every = known.ways(known.with_uuids(seen.devices, nvml))
    found = tuple(
        _device(d, names[d.id], cards.get(d.pci or ""), every[d.card], preferred=d.card in ticked) for d in here
    )
    return DevicesFound(program.words, program.path, found, why)


def device_lines(found: DevicesFound) -> list[str]:
    """The list for people."""
    lines = [f"{found.blender} at {found.path}"]
    for device in found.devices:
        said = [device.backend.value] + ([device.uuid] if device.uuid else [])
        if device.vram_total:
            said.append(f"VRAM {wording.size(device.vram_used or 0)} of {wording.size(device.vram_total)}")
        said += [f"{device.temperature:.0f} °C"] if device.temperature is not None else []
        said += ["ticked in Preferences"] if device.preferred else []
        lines += [f"  {device.name}: {', '.join(said)}", f"      {device.id}"]
    if not found.devices:
        lines.append("  no device")
    return lines + ([found.telemetry] if found.telemetry else [])


def look(folder: Path) -> JobFound:
    """Return what a job's folder shows; it never raises, since one damaged job must not hide the others."""
    try:
        task = job.load(folder)
    except DispatchError as error:
        return JobFound(folder.name, str(folder), False, error=str(error))
    running, snapshot = job.look(folder, job.read_snapshot(folder))
    return JobFound(task.id, str(folder), running, task.name, task.created, "", snapshot)


def short_line(found: JobFound) -> str:
    """One line of the list of jobs."""
    snapshot = found.snapshot
    if found.error:
        return f"{found.job}: {found.error}"
    if snapshot is None:
        return f"{found.job}: {'starting' if found.running else 'never started'}"
    if snapshot.outcome is not None:
        state = report.OUTCOMES[snapshot.outcome].lower()
    else:
        state = snapshot.state if found.running else "interrupted"
    return f"{found.job}: {state}, {snapshot.done:,} of {wording.count(snapshot.total, 'frame')}"


def job_lines(found: JobFound, program: str) -> list[str]:
    """Everything about one job."""
    if found.snapshot is None or found.error:
        lines = [short_line(found)]
    elif found.running or found.snapshot.outcome is not None:
        lines = report.summary(found.snapshot)
    else:
        lines = [short_line(found), f"  Pictures: {found.snapshot.output}"]
    resumable = not found.running and not found.error
    if resumable and (found.snapshot is None or found.snapshot.done < found.snapshot.total):
        lines.append(f"  To go on: {program} resume {found.job}")
    return [*lines, f"  Job folder: {found.folder}"]


def audit_lines(found: Audit) -> list[str]:
    """The closing sentence and the frames that are not as they should be."""
    lines = [f"{found.sentence}."]
    for numbers, words in (
        (found.missing, "Missing, changed or broken"),
        (found.given_up, "Given up"),
        (found.fewer_files, "With fewer files than the others"),
    ):
        if numbers:
            lines.append(f"{words}: {frames.words(numbers)}")
    return lines


def _device(
    device: Device, name: str, card: CardSample | None, ways: tuple[Device, ...], *, preferred: bool
) -> DeviceFound:
    return DeviceFound(
        device.id,
        name,
        device.backend,
        device.pci,
        device.uuid,
        preferred,
        card.vram_used if card else None,
        card.vram_total if card else None,
        card.temperature if card else None,
        card.power if card else None,
        card.load if card else None,
        card.display if card else None,
        known.is_integrated(device),
        ways,
    )
