# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts and ends the children of one job, and speaks to them in the machine's terms (worker numbers).

Owns the running `process.Child` objects, their command lines, environments and logs. Decides nothing: the machine
says when, `launch` says how.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from . import failure_text, host, launch, layout, overheard, starting, wording
from .berths import Given
from .events import Compare, Hand, WorkerEnded, WorkerSaid
from .kinds import Searched
from .model import Fault, Job, Layout, Slot, Strategy
from .own_slot import Resort
from .process import Child, Ended, Inbox
from .protocol import Check, Configure, Render, Rendered, Report, Request, encode
from .workerlog import EndedLogs, WorkerLog

ENTRY = Path("child", "entry.py")


class Staff:
    def __init__(self, job: Job, folder: Path, owner: str, inbox: Inbox, entry: Path | None = None) -> None:
        """``entry`` replaces the program that runs inside Blender (tests)."""
        self._job = job
        self._folder = folder
        self._owner = owner
        self._inbox = inbox
        self._entry = entry or starting.copy_engine(folder) / ENTRY
        self._children: dict[int, Child] = {}
        self._logs = EndedLogs()
        self._tied = host.ChildrenJob()
        config = folder / "config"
        self._config = config if config.is_dir() else None
        self._temp = folder / "temp"
        self._temp.mkdir(exist_ok=True)

    def start(self, worker: int, slot: Slot) -> Child:
        """Start one child.

        Raises:
            OSError: the program cannot be started.
        """
        job = self._job
        argv = launch.child_command(
            job.blender, self._entry, factory=job.factory, autoexec=job.autoexec, threads=slot.threads
        )
        env = launch.child_environment(
            os.environ,
            job.environment,
            devices=slot.devices,
            config=self._config,
            threads=slot.threads,
            temp=self._make_temp(worker),
        )
        log = self.log_of(worker)
        changes = launch.environment_changes(os.environ, env)
        head = WorkerLog(log)
        head.write(f"{launch.shell_words(argv, changes)}\n".encode())
        head.close()
        child = Child(worker, argv, env=env, log=log, inbox=self._inbox, job=self._tied)
        self._children[worker] = child
        return child

    def temp_of(self, worker: int) -> Path:
        """The worker's own folder for temporary files: Blender never removes what it makes there."""
        return self._temp / str(worker)

    def _make_temp(self, worker: int) -> Path:
        with contextlib.suppress(OSError):  # a full disk: the start itself will tell
            self.temp_of(worker).mkdir(exist_ok=True)
            return self.temp_of(worker)
        return self._temp

    def log_of(self, worker: int) -> Path:
        """Where the worker's Blender prints."""
        return self._folder / "workers" / f"{self._owner[:4]}-{worker}.log"

    def configure(self, worker: int, slot: Slot, persistent: bool = True) -> None:
        """Tell the child what to load and where to render; not ``persistent``: without data kept between frames."""
        job = self._job
        request = Configure(
            worker=worker,
            owner=self._owner,
            blend=job.blend,
            scene=job.scene,
            output=job.output,
            backend=slot.devices[0].backend if slot.devices else job.devices[0].backend,
            devices=tuple(d.id for d in slot.devices),
            threads=slot.threads,
            overwrite=job.overwrite,
            autoexec=job.autoexec,
            persistent_data=job.persistent_data if persistent else "off",
            release_claims_after=job.release_claims_after,
            sequence=job.sequence,
            home=job.home,
            resolution=job.resolution,
            samples=job.samples,
            pixels=job.pixels,
            side_folder=job.side_folder,
        )
        self.send(worker, request)

    def send(self, worker: int, request: Request) -> None:
        child = self._children.get(worker)
        if child is not None and not child.send(encode(request)):
            child.kill()  # it has not read a thousand lines: nobody is there

    def hand(self, command: Hand | Compare, frame: int) -> None:
        """Have the child render a frame, or check it."""
        if isinstance(command, Hand):
            self.send(command.worker, Render(command.attempt, frame, command.again))
        else:
            self.send(command.worker, Check(command.attempt, frame, command.pictures))

    def kill(self, worker: int) -> None:
        if child := self._children.get(worker):
            child.kill()

    def heard(self, worker: int, report: Report, at: float) -> WorkerSaid:
        """Return the machine's event for a report, with what only the log says of a picture."""
        child = self._children.get(worker)
        if child and isinstance(report, Rendered) and (size := child.overheard.missed(report.attempt)):
            report = dataclasses.replace(report, lacks=f"Blender {_could_not_get(size)}")
        return WorkerSaid(at, worker, report)

    def ended(self, item: Ended, at: float) -> WorkerEnded:
        """Return the machine's event for a child's end, with its kind read from exit status and log."""
        child = self._children.pop(item.worker)
        self._logs.add(child.log, good=item.status == 0)
        shutil.rmtree(self.temp_of(item.worker), ignore_errors=True)
        if item.status == 0:
            words = f"Blender ended by itself, as a script can end it, log {child.log.path.name}"
            return WorkerEnded(at, item.worker, None, words)
        log = child.log_tail()
        fault, size = failure_text.classify_exit(item.status, log), overheard.refused(log)
        words = f"{end_words(item.status)}{f', it {_could_not_get(size)}' if size else ''}, log {child.log.path.name}"
        kills = host.memory_allowed().kills if fault is Fault.KILLED else None
        return WorkerEnded(at, item.worker, fault, words, kills)

    def pids(self) -> dict[int, int]:
        return {worker: child.pid for worker, child in self._children.copy().items()}

    def close(self, deadline: float) -> None:
        """End whatever still runs; nothing is left behind."""
        for child in self._children.values():
            child.kill()
        for child in self._children.values():
            child.join(deadline)
        self._tied.close()
        shutil.rmtree(self._temp, ignore_errors=True)


def slots(job: Job, tasks: int) -> Layout:
    """Return the job's slots on this machine for so many tasks; one core stays with whoever sits at a display."""
    return layout.plan(
        job.devices,
        strategy=job.strategy,
        per_device=job.per_device,
        threads=job.threads,
        cores=_cores(job),
        tasks=tasks,
        engine=job.engine,
        in_order=job.in_order,
    )


def given(job: Job, searched: Mapping[str, Searched]) -> Given | None:
    """Return what Auto may work with in this job; None: its layout stays as it was planned."""
    if job.strategy is not Strategy.AUTO or job.engine != layout.CYCLES or job.in_order:
        return None
    return Given(job.devices, _cores(job), job.threads, job.blend_size, searched)


def resort(job: Job) -> Resort:
    """Return what may be done for frames that fit on no card."""
    allowed = job.last_resort if job.engine == layout.CYCLES else ()
    return Resort(allowed, job.threads or _cores(job), climbs=not (job.gather or job.in_order))


def _cores(job: Job) -> int:
    return job.cores or max(1, host.cores() - host.has_display())


def not_started(worker: int, at: float, error: OSError) -> WorkerEnded:
    """Return the event for a program that could not be started."""
    return WorkerEnded(at, worker, Fault.CANNOT_START, f"{error.strerror or error}: {error.filename or ''}".strip(": "))


def _could_not_get(size: int) -> str:
    return f"could not get {wording.size(size)} at once"


def end_words(status: int) -> str:
    """Say how a process ended."""
    if status == failure_text.EXIT_PARENT_GONE:
        return "its pipes were closed, as a script can close them"
    if status >= 0:
        return f"exit status {status}"
    names = {6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 15: "SIGTERM"}
    return f"ended by {names.get(-status, f'signal {-status}')}"
