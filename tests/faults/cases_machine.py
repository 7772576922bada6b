# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of the machine and of the programs on it: clocks, sleep, limits, a Blender that is updated or removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import engine
import psutil
from case import Seen, case
from trouble import PATIENCE, Trouble
from waiting import below, until

from dispatch.model import BlenderProgram

DAY = 86400.0


# --- time -----------------------------------------------------------------------------------------------------------


def _clock_jumps(folder: Path, seconds: float) -> Seen:
    clock = folder / "clock"
    clock.write_text("0")
    job = Trouble(folder, held_from=4, overwrite=False)
    with job.running(f"clock={clock}") as dispatcher:
        job.until_held()
        clock.write_text(str(seconds))
        status = job.finish(dispatcher)
    return job.seen(status, most_renders=1)


@case(
    "the clock jumps ahead by three days",
    "machine",
    how="simulated: time.time of dispatcher and children is off from the middle of the job on",
    did="nothing: every deadline is measured with a clock that nobody sets",
    reads=r"^8 of 8 frames complete, 0 rendered twice, 0 retried$",
)
def clock_ahead(folder: Path) -> Seen:
    return _clock_jumps(folder, 3 * DAY)


@case(
    "the clock jumps back by three days",
    "machine",
    how="simulated: time.time of dispatcher and children is off from the middle of the job on",
    did="nothing: every deadline is measured with a clock that nobody sets",
    reads=r"^8 of 8 frames complete, 0 rendered twice, 0 retried$",
)
def clock_back(folder: Path) -> Seen:
    return _clock_jumps(folder, -3 * DAY)


@case(
    "the file server's clock is three days off",
    "machine",
    how="for real: the heartbeat and all claims are dated three days back in the middle of the job",
    did="judges itself by its process, not by a date; beats again",
    reads=r"^8 of 8 frames complete, 0 rendered twice, 0 retried$",
)
def server_clock_off(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4, overwrite=False)
    with job.running() as dispatcher:
        job.until_held()
        for path in below(job.output / ".mgd", "*.json"):
            os.utime(path, (time.time() - 3 * DAY,) * 2)
        status = job.finish(dispatcher)
    return job.seen(status, most_renders=1)


def _stopped(processes: Iterable[psutil.Process]) -> bool:
    return all(process.status() == psutil.STATUS_STOPPED for process in processes)


@case(
    "the machine sleeps in the middle, longer than every deadline",
    "machine",
    how="simulated: dispatcher and children stopped (SIGSTOP) for longer than a silent child may live, then let go (SIGCONT)",
    did="takes the time for lost, not for a hang: no frame is blamed, nobody is killed",
    reads=r"^8 of 8 frames complete, 0 rendered twice, 0 retried$",
)
def sleep(folder: Path) -> Seen:
    deadline = 4.0
    limits = {"task": deadline, "first": deadline}
    job = Trouble(folder, held_from=4, limits=limits)
    with job.running() as dispatcher:
        job.until_held()
        everybody = [psutil.Process(dispatcher.pid), *job.children(dispatcher)]
        for process in everybody:
            process.suspend()
        until(lambda: _stopped(everybody), PATIENCE, "sleep")
        awake = time.monotonic() + 1.25 * deadline
        job.let_go()
        until(lambda: time.monotonic() > awake, PATIENCE)
        for process in everybody:
            process.resume()
        status = job.finish(dispatcher)
    assert not [r for r in engine.records(job.folder) if r["what"] == "blamed"]
    return job.seen(status, most_renders=1)


# --- limits ---------------------------------------------------------------------------------------------------------


@case(
    "the limit of processes is reached when workers are started",
    "machine",
    how="simulated: starting a process fails three times with EAGAIN",
    did="tries again after a pause; no frame is blamed",
    reads=r"^No worker can be started on .* now: .*Resource temporarily unavailable.*; it is tried again",
)
def no_more_processes(folder: Path) -> Seen:
    job = Trouble(folder)
    refusals = folder / "refusals"
    refusals.mkdir()
    for n in range(3):
        (refusals / str(n)).touch()
    return job.seen(job.run(f"busy={refusals}"), most_renders=1)


@case(
    "the limit of open files leaves room for some of the workers only",
    "machine",
    how="for real: RLIMIT_NOFILE of the dispatcher 18 above what it has open at its start, eight workers wanted",
    did="renders with the workers that can be started",
    reads=r"^No worker can be started on .* now: .*Too many open files",
)
def no_more_files(folder: Path) -> Seen:
    job = Trouble(folder, held_from=1, workers=8, limits={"deaths": 2})
    with job.running("files=18") as dispatcher:
        job.until_told("are|is left out")
        status = job.finish(dispatcher)
    return job.seen(status, most_renders=1)


@case(
    "the out-of-memory killer takes a child",
    "machine",
    how="simulated: the child is killed (-9) after its log says so, as the kernel's does",
    did="takes it for want of memory: one worker less, the frame is tried again",
    reads=r"out of RAM",
)
def out_of_memory_killer(folder: Path) -> Seen:
    shout = {"at": "render", "do": "print", "frames": [3], "times": 1, "words": "Out of memory: Killed process 4711"}
    kill = {"at": "render", "do": "signal", "code": signal.SIGKILL, "frames": [3], "times": 1}
    job = Trouble(folder, rules=[shout, kill])
    return job.seen(job.run())


# --- Blender --------------------------------------------------------------------------------------------------------


class Installed:
    """A Blender that can be updated and removed: a script that starts this Python."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "blender"
        self.install()
        self.program = BlenderProgram(str(self.path), is_module=True, version=(5, 0, 1), build="fake")

    def install(self, version: str = "5.0.1", build: str = "fake") -> None:
        new = self.path.with_suffix(".new")
        said = f"export FAKE_VERSION={version} FAKE_BUILD={build}\n"
        new.write_text(f'#!/bin/sh\n{said}exec "{sys.executable}" "$@"\n')
        new.chmod(0o755)
        new.replace(self.path)

    def remove(self) -> None:
        self.path.unlink()


@case(
    "Blender is removed in the middle, and every child dies after that",
    "machine",
    how="for real: the program's file is removed and all children are killed (-9); put back before a resume",
    did="tries to start it a few times, ends and says which program is missing; resume renders the rest",
    reads=r"No such file or directory: .*blender",
)
def blender_removed(folder: Path) -> Seen:
    blender = Installed(folder)
    job = Trouble(folder, held_from=4, blender=blender.program)
    with job.running() as dispatcher:
        job.until_held()
        blender.remove()
        job.kill_children(dispatcher)
        assert dispatcher.wait(PATIENCE) == 1
    blender.install()
    return job.seen(job.run())


@case(
    "Blender is updated in the middle",
    "machine",
    how="for real: another program lies under the same name when a killed child is replaced, and says another version",
    did="renders nothing with it: two versions must not mix in one animation; resume with the old one goes on",
    reads=r"is Blender 5\.1\.0 now, but the job was made with 5\.0\.1",
)
def blender_updated(folder: Path) -> Seen:
    return _updated(folder, version="5.1.0")


@case(
    "Blender is replaced by another build of the same version in the middle",
    "machine",
    how="for real: another program lies under the same name when a killed child is replaced, and says another build",
    did="renders nothing with it, as with another version; resume with the old one goes on",
    reads=r"is another build of Blender 5\.0\.1 now \(other\), but the job was made with build fake",
)
def blender_rebuilt(folder: Path) -> Seen:
    return _updated(folder, build="other")


def _updated(folder: Path, **other: str) -> Seen:
    blender = Installed(folder)
    job = Trouble(folder, held_from=4, blender=blender.program)
    with job.running() as dispatcher:
        job.until_held()
        blender.install(**other)
        job.kill_children(dispatcher)
        assert dispatcher.wait(PATIENCE) == 1
    blender.install()
    return job.seen(job.run())


# --- storms and terminals -------------------------------------------------------------------------------------------


@case(
    "2,000 frames that end every Blender at once",
    "machine",
    how="for real: children that exit in the first frame, whichever it is",
    did="starts a handful of processes, not thousands; ends with one sentence, not thousands",
    reads=r"No worker is left|nothing .* worked|[Ee]very frame",
)
def no_storm(folder: Path) -> Seen:
    job = Trouble(folder, 2000, rules=[{"at": "render", "do": "exit", "code": 3}], limits={"deaths": 5})
    status = job.run()
    spawned = sum(1 for r in engine.records(job.folder) if r["what"] == "spawn")
    told = len(engine.told(job.folder).splitlines())
    assert spawned <= 24, spawned
    assert told <= 60, told
    return job.seen(status, given_up=tuple(range(1, 2001)), expected_status=1)


@case(
    "the terminal of a foreground job is closed",
    "machine",
    how="for real: SIGHUP to `render` in the middle; resumed by `resume`",
    did="stops as after the second Ctrl-C: children end, claims are given back; resume renders the rest",
    reads=r"^8 of 8 frames complete",
)
def terminal_closed(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4, overwrite=False)
    command = [sys.executable, str(engine.TESTS / "command_line.py")]
    with (folder / "said").open("wb") as said:
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a child inherits what `nohup` made of it
        shell = subprocess.Popen([*command, "resume", str(job.folder)], stdout=said, stderr=said)
        signal.signal(signal.SIGHUP, before)
        try:
            job.until_held()
            shell.send_signal(signal.SIGHUP)
            status = shell.wait(PATIENCE)
        finally:
            shell.kill()
            shell.wait(PATIENCE)
    assert status == 3, status
    assert engine.leftovers(job.output) == []
    return job.seen(job.run())
