# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a user asks for to a job that may start, or to the reasons why it may not.

Owns the order of the steps: look at the file, find a Blender, let a short-lived child look at scene and devices,
choose the devices, look at the output folder, preflight. Leaves nothing behind: `job.create` comes after it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from . import destination, devices, frames, given_paths, inspection, job, launch, layout, preflight
from .findings import Finding, refused
from .model import BLEND_STARTS, Backend, BlenderProgram, Device, DispatchError, Job, Limits, Order, Strategy, Then
from .preflight import Plan
from .protocol import Inspect, Inspected, SceneFacts
from .telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a user asks for; what is left open is decided by the scene, the preferences or the machine."""

    blend: str
    output: str = ""
    frames: str = ""
    scene: str = ""
    strategy: Strategy = Strategy.AUTO
    per_device: int = 1
    devices: str | None = None
    backend: Backend | None = None
    threads: int = 0
    blender: str | None = None
    overwrite: bool | None = None
    order: Order = Order.FORWARD
    factory: bool = False
    autoexec: bool | None = None
    allow_unbaked: bool = False
    sequence: bool = False
    """Render a scene that writes a movie as PNG pictures."""
    movie: bool = False
    """The same, and make the movie of them at the end."""
    resolution: int = 0
    """Percent, instead of the scene's; 0: the scene's own."""
    samples: float = 0.0
    """Percent of the scene's samples; 0: all."""
    persistent_data: str = "auto"
    share_devices: bool = False
    retries: int = 3
    last_resort: tuple[str, ...] = ()
    """Of ``combined`` and ``cpu``: what may be tried for a frame that fits on no card."""
    recycle: int = 0
    """Frames after which each worker starts afresh; 0: by measurement only."""
    release_claims_after: float = 0.0
    """Seconds; 0: never."""
    then: Then = Then.NOTHING
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Found:
    """What was there when it was looked for."""

    blend: Path
    program: BlenderProgram
    facts: SceneFacts
    plan: Plan
    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job, unless a finding forbids it."""

    findings: tuple[Finding, ...]
    job: Job | None
    config: str = ""
    """Folder of the preferences that the children get a private copy of; empty: they run without."""


def prepare(wishes: Wishes, environ: Mapping[str, str], root: Path) -> Prepared:
    """Look at everything that decides whether the job can start. Takes seconds: a Blender is started.

    Args:
        root: The folder of this user's jobs, where a running one may write the same pictures.

    Raises:
        DispatchError: the file, the Blender, a device or the frames text is no good.
    """
    blend = blend_file(wishes.blend)
    wanted = frames.parse(wishes.frames) if wishes.frames else None
    output = absolute_output(wishes.output, Path.cwd())
    question = Inspect(str(blend), wishes.scene, wishes.autoexec, output, wishes.sequence or wishes.movie)
    program, seen = inspection.look(wishes.blender, environ, question, factory=wishes.factory)
    if seen.scene is None:
        raise DispatchError(seen.error or f"{program.words} could not open '{blend}': open it by hand to see why.")
    facts = seen.scene
    movie = facts.movie_path if wishes.movie else ""
    plan = Plan(
        frames=wanted if wanted is not None else frames.span(facts.frame_start, facts.frame_end, facts.frame_step),
        overwrite=facts.use_overwrite if wishes.overwrite is None else wishes.overwrite,
        scene=wishes.scene,
        allow_unbaked=wishes.allow_unbaked,
        movie_asked=wishes.movie,
        movie=movie,
        movie_there=bool(movie) and Path(movie).exists(),
        destinations=tuple(destination.look(folder) for folder in output_folders(facts, movie)),
        same_output=destination.writer_of(facts.output, root),
        others=destination.at_work(Path(facts.first_path).parent),
    )
    findings = preflight.check(facts, plan)
    if refused(findings):
        return Prepared(tuple(findings), None)
    found = Found(blend, program, facts, plan, choose_devices(wishes, seen))
    return Prepared(tuple(findings), draft(wishes, found, environ))


def blend_file(text: str) -> Path:
    """Return the absolute path of a .blend that is there and looks like one.

    Raises:
        DispatchError: it does not.
    """
    path = given_paths.whole(text)  # '//' and caches are relative to the name under which the artist knows the file
    try:
        with path.open("rb") as file:
            start = file.read(7)
    except FileNotFoundError:
        raise DispatchError(f"There is no file '{path}': check the path.") from None
    except IsADirectoryError:
        raise DispatchError(f"'{path}' is a folder: name the .blend file in it.") from None
    except OSError as error:
        raise DispatchError(f"'{path}' cannot be read ({error.strerror or error}): check its permissions.") from None
    if not start.startswith(BLEND_STARTS):
        raise DispatchError(f"'{path}' is not a .blend file: name a file that Blender saved.")
    return path


def absolute_output(text: str, here: Path) -> str:
    """Return the template with a shell's meaning of a relative path; ``//`` and a slash at the end stay."""
    if not text or text.startswith("//") or Path(text).is_absolute():
        return text
    # No Path for the whole: it would drop the slash that tells a folder from a prefix.
    return os.path.join(here, text)  # noqa: PTH118


def output_folders(facts: SceneFacts, movie: str = "") -> list[Path]:
    """Return the folders that pictures and the movie go to, the main picture's first."""
    folders = [Path(facts.first_path).parent] if facts.first_path else []
    for side in facts.side_outputs:
        path = Path(side.path)
        folders.append(path if side.path.endswith(("/", "\\")) or path.is_dir() else path.parent)
    folders += [Path(movie).parent] if movie else []
    return list(dict.fromkeys(folders))


def choose_devices(wishes: Wishes, seen: Inspected) -> tuple[Device, ...]:
    """Return the devices that are meant, with what NVIDIA's driver knows of them.

    Raises:
        DispatchError: one that is named does not exist.
    """
    telemetry = Telemetry()
    try:
        known = devices.with_uuids(seen.devices, telemetry.nvml_devices())
    finally:
        telemetry.close()
    return devices.choose(known, seen.preferred, wishes.devices, wishes.backend)


def draft(wishes: Wishes, found: Found, environ: Mapping[str, str]) -> Job:
    """Write down the job.

    Raises:
        DispatchError: the devices do not go together in the layout asked for.
    """
    facts, plan = found.facts, found.plan
    in_order = bool(facts.unbaked) and len(plan.frames) > 1
    layout.plan(found.devices, strategy=wishes.strategy, per_device=wishes.per_device, engine=facts.engine)
    stat = found.blend.stat()
    return Job(
        id=job.new_id(found.blend.stem),
        name=found.blend.stem,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        blend=str(found.blend),
        scene=facts.scene,
        frames=frames.words(sorted(plan.frames) if in_order else plan.frames),
        output=facts.output,
        blender=found.program,
        devices=found.devices,
        blend_size=stat.st_size,
        blend_mtime_ns=stat.st_mtime_ns,
        engine=facts.engine,
        order=Order.FORWARD if in_order else wishes.order,
        strategy=wishes.strategy,
        per_device=wishes.per_device,
        threads=wishes.threads,
        overwrite=plan.overwrite,
        factory=wishes.factory,
        autoexec=facts.autoexec,
        persistent_data=wishes.persistent_data,
        share_devices=wishes.share_devices,
        sequence=wishes.sequence or wishes.movie,
        movie=plan.movie,
        resolution=wishes.resolution,
        samples=wishes.samples,
        in_order=in_order,
        retries=wishes.retries,
        last_resort=wishes.last_resort,
        recycle=wishes.recycle,
        release_claims_after=wishes.release_claims_after,
        environment=launch.recorded(environ),
        external=facts.external,
        then=wishes.then,
        limits=wishes.limits,
    )
