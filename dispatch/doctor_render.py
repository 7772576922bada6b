# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders one small picture on each device, through the engine as any job: what comes out of it is proof.

Owns the small scene's file, a jobs folder and pictures in a temporary place, which are gone afterwards. The engine itself
refuses a picture that another device rendered. Judges nothing (`doctor`).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from . import dispatcher, host, job, journal, launch
from .devices import display_names, gpus
from .doctor_nouns import Trial
from .job import Wish
from .model import Backend, BlenderProgram, Device, DispatchError, Job, Limits, Outcome, Strategy
from .pictures import pixels
from .pictures.source import BrokenPicture
from .snapshot import Snapshot

SCENE = Path(__file__).parent / "child" / "small_scene.py"
MAKING = 180.0
"""Seconds for making the scene: one start of Blender from a slow disk."""
LONGEST = 1200.0
"""Seconds for one device: kernels that are not compiled yet take minutes."""

Say = Callable[[str], object]


def trials(
    program: BlenderProgram, devices: Sequence[Device], say: Say, entry: Path | None = None
) -> tuple[list[Trial], str]:
    """Render on the CPU and on each device, one after the other.

    Args:
        entry: Replaces the program that runs inside Blender (tests).

    Returns:
        A trial for each device, the CPU's first, and the version of Blender's Python.

    Raises:
        DispatchError: the scene could not be made: this Blender does not work at all.
    """
    cpu = [device for device in devices if device.backend is Backend.CPU]
    every = [*cpu, *gpus(devices)]
    names = display_names(every)
    with tempfile.TemporaryDirectory(prefix="mgd-doctor-", ignore_cleanup_errors=True) as name:
        place = Path(name).resolve()
        python = make_scene(program, place / "small.blend")
        found: list[Trial] = []
        for number, device in enumerate(every):
            say(f"Rendering a small picture on {names[device.id]}; the first one on a card may take minutes …")
            found.append(_trial(place, number, program, device, names[device.id], bool(cpu), entry))
    return found, python


def make_scene(program: BlenderProgram, blend: Path) -> str:
    """Have Blender make the small scene; return the version of its Python.

    Raises:
        DispatchError: it does not.
    """
    argv = launch.child_command(program, SCENE, factory=True, autoexec=None, threads=0)
    env = launch.own_environment(os.environ)
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                [*argv, str(blend)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                **host.popen_options(detached=False),
            )
        except OSError as error:
            raise DispatchError(f"{program.path} cannot be started: {error.strerror or error}.") from error
        started = host.process_start_time(process.pid)
        try:
            process.wait(MAKING)
        except subprocess.TimeoutExpired:
            raise DispatchError(f"{program.words} made no scene within {MAKING:.0f} s: start it by hand.") from None
        finally:
            if process.poll() is None:
                host.kill_tree(process.pid, started)
                process.wait(10.0)
        output.seek(0)
        lines = [line for line in output.read()[-20000:].decode("utf-8", "replace").splitlines() if line.strip()]
    if process.returncode or not blend.is_file():
        last = f": it says '{lines[-1][:200]}'" if lines else ""
        raise DispatchError(f"{program.words} could not make a small scene (exit status {process.returncode}){last}.")
    return next(_pythons(reversed(lines)), "")


def _pythons(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            yield str(json.loads(line)["python"])


def _trial(
    place: Path, number: int, program: BlenderProgram, device: Device, name: str, has_cpu: bool, entry: Path | None
) -> Trial:
    is_cpu = device.backend is Backend.CPU
    output = place / str(number)
    reference = place / "0" / "0001.png" if has_cpu else None
    try:
        folder = job.create(_job(place, output, program, device), place / "jobs")
        outcome = dispatcher.run(folder, _ends_in_time(folder, time.monotonic() + LONGEST), entry)
    except (DispatchError, OSError) as failure:
        return Trial(name, str(failure), is_cpu=is_cpu)
    records = list(journal.read(folder / "journal.jsonl"))
    picture = output / "0001.png"
    if outcome is not Outcome.COMPLETE or not picture.is_file():
        return Trial(name, _why(records, outcome), is_cpu=is_cpu)
    return Trial(name, "", _took(records), _render_seconds(records), _difference(picture, reference), is_cpu)


def _ends_in_time(folder: Path, until: float) -> Callable[[Snapshot], None]:
    asked: list[bool] = []

    def listen(snapshot: Snapshot) -> None:
        if time.monotonic() > until and not asked:
            asked.append(True)
            with contextlib.suppress(DispatchError):  # a full disk: the job's own limits end it
                job.ask(folder, Wish.STOP_NOW)

    return listen


def _job(place: Path, output: Path, program: BlenderProgram, device: Device) -> Job:
    blend = place / "small.blend"
    stat = blend.stat()
    return Job(
        id=job.new_id("doctor"),
        name="doctor",
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        blend=str(blend),
        scene="Scene",
        frames="1",
        output=str(output / "####"),
        blender=program,
        devices=(device,),
        blend_size=stat.st_size,
        blend_mtime_ns=stat.st_mtime_ns,
        strategy=Strategy.PER_DEVICE,
        factory=True,
        share_devices=True,  # who looks for a fault does not wait for the job that has it
        retries=0,
        environment=launch.recorded(os.environ),
        limits=Limits(deaths=2, check=0.0),
    )


def _why(records: list[dict[str, Any]], outcome: Outcome) -> str:
    told = [str(r["text"]) for r in records if r.get("what") == "told" and r.get("level") in ("error", "warning")]
    if told:
        return told[0]
    late = outcome is Outcome.STOPPED
    return f"it took longer than {LONGEST / 60:.0f} minutes." if late else "the engine does not say why."


def _took(records: list[dict[str, Any]]) -> float:
    """Seconds from the start of the (last) Blender to the picture."""
    times = {str(record["what"]): datetime.fromisoformat(str(record["at"])) for record in records}
    return max(0.0, (times["committed"] - times["process"]).total_seconds())


def _render_seconds(records: list[dict[str, Any]]) -> float:
    for record in records:
        phases = record.get("phases")
        if isinstance(phases, dict):
            return sum(float(phases.get(name, 0.0)) for name in ("evaluate", "sync", "render"))
    return 0.0


def _difference(picture: Path, reference: Path | None) -> float | None:
    """Compare with the CPU's picture, which was rendered first; None where there is none."""
    try:
        return None if reference is None else pixels.difference(picture, reference)
    except (OSError, BrokenPicture):
        return None
