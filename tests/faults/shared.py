# SPDX-License-Identifier: GPL-3.0-or-later
"""One output folder for several: two dispatchers with job folders of their own, under kills, and a plain Blender.

One of the two passes for another machine, so that only its heartbeat says whether it lives. It is killed or stopped
(SIGSTOP) for longer than a heartbeat may take, and its claims are taken over; then it comes back. Ours must never put
a frame in place twice; what the plain Blender renders beside us is counted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import coloured_scene
import engine
import kills
import outside
import played
from case import Seen
from kills import Progress, Result, Toll
from prepared import Prepared, fake_job, real_job
from waiting import until

PLAIN = """
import os, sys
import bpy
blend, output, log = sys.argv[1:4]
bpy.ops.wm.open_mainfile(filepath=blend, use_scripts=True)
scene = bpy.context.scene
scene.render.filepath = output
scene.render.use_placeholder, scene.render.use_overwrite = True, False
def note(scene, *_):
    with open(log, "a") as file:
        file.write(f"{scene.frame_current}\\n")
bpy.app.handlers.render_post.append(note)
bpy.ops.render.render(animation=True)
os._exit(0)
"""
"""A plain Blender that shares the folder (Placeholders on, Overwrite off) and notes which frames it rendered."""

LIMITS = dataclasses.replace(engine.SHORT, heartbeat=2.0)
"""Whoever stands still for two seconds counts as dead, on a busy machine now and then by mistake: nothing may come of it."""


@dataclass
class Machine:
    """One dispatcher that is killed, stopped and started again at random until its job has ended."""

    job: Prepared
    name: str
    """What it passes for; empty: this machine."""
    chance: random.Random
    pace: float
    """Mean seconds between two harms to it; infinite: it is left in peace."""
    toll: Toll = field(default_factory=Toll)
    statuses: list[int] = field(default_factory=list)
    _resumes_at: float = 0.0

    def __post_init__(self) -> None:
        self._block = contextlib.ExitStack()
        self._progress = Progress(self.job.folder / "journal.jsonl")
        self._start()

    def _start(self) -> None:
        self.dispatcher = self._block.enter_context(engine.running(self.job.folder, self.job.entry, self.name))
        self._seen = self._progress.look()
        self._again()

    def _again(self) -> None:
        self._next = time.monotonic() + self.pace * self.chance.uniform(0.5, 1.5)

    def go_on(self, *, harm: bool) -> bool:
        """Do what is due; False once the job has ended. Without ``harm`` it is only woken and waited for."""
        if self._resumes_at:
            if time.monotonic() >= self._resumes_at or not harm:
                self.dispatcher.send_signal(signal.SIGCONT)
                self._resumes_at = 0.0
                self._again()
            return True
        if self.dispatcher.poll() is not None:
            self.statuses.append(self.dispatcher.returncode)
            return False
        if harm and time.monotonic() >= self._next and self._progress.look() > self._seen:
            self._harm()
        return True

    def _harm(self) -> None:
        self._seen = self._progress.commits
        match self.chance.choice(("child", "child", "dispatcher", "stop")):
            case "child":
                self.toll.children += kills.kill_a_child(self.dispatcher, self.job, self.chance)
            case "dispatcher":
                self.dispatcher.kill()
                self.dispatcher.wait(60)
                self.toll.dispatchers += 1
                self.statuses.append(-9)
                self._start()
            case "stop":
                self.dispatcher.send_signal(signal.SIGSTOP)
                self.toll.stops += 1
                # Longer than its owner file may stand still, so that the other one takes over.
                self._resumes_at = time.monotonic() + LIMITS.heartbeat * self.chance.uniform(2.5, 4.0)
        self._again()

    def close(self) -> None:
        self._block.close()


@contextlib.contextmanager
def plain_blender(folder: Path, blend: Path, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run it on the folder; it notes its frames in ``plain.log``."""
    log = folder / "plain.log"
    argv = [sys.executable, "-c", PLAIN, str(blend), str(output / "####"), str(log)]
    with (folder / "plain.out").open("wb") as out, subprocess.Popen(argv, stdout=out, stderr=out) as plain:
        try:
            yield plain
        finally:
            plain.kill()


def run_fake(folder: Path, tasks: int, seed: int, *, pace: float, seconds: float = 0.05) -> Result:
    """Two dispatchers with fake children; both are harmed."""
    output = folder / "out"
    one, two = (
        fake_job(folder, tasks, script={"seconds": seconds}, output=output, jobs=name, limits=LIMITS)
        for name in ("one", "two")
    )
    with played.marked() as mark:
        toll, status = _both(one, two, seed, pace)
    seen = Seen(output, one.frames, status=status, jobs=(one.folder, two.folder), renders=one.renders, mark=mark)
    return kills.judged("two dispatchers, fake children", seen, seed, toll)


def run_real(folder: Path, tasks: int, seed: int, *, pace: float, seconds: float = 0.3) -> Result:
    """Two dispatchers with real children and a plain Blender, which is left in peace."""
    output, blend = folder / "out", folder / "coloured.blend"
    coloured_scene.make(blend, 1, tasks, seconds=seconds)
    one, two = (real_job(folder, tasks, output=output, jobs=name, workers=1, limits=LIMITS) for name in ("one", "two"))
    with played.marked() as mark, plain_blender(folder, blend, output) as plain:
        toll, status = _both(one, two, seed, pace)
        assert plain.wait(600) == 0, (folder / "plain.out").read_text()
    log = folder / "plain.log"
    theirs = {int(line) for line in log.read_text("utf-8").split()} if log.exists() else set()
    jobs = (one.folder, two.folder)
    seen = Seen(output, one.frames, status=status, jobs=jobs, mark=mark, by_others=tuple(sorted(theirs)))
    both = theirs & outside.committed(seen)
    notes = f"the plain Blender rendered {len(theirs)}, {len(both)} of them beside us"
    return kills.judged("two dispatchers and a plain Blender", seen, seed, toll, notes)


def _both(one: Prepared, two: Prepared, seed: int, pace: float) -> tuple[Toll, int]:
    """Run both to their ends; returns what was done to them, and the exit status of the one that ended last."""
    chance, begun = random.Random(seed), time.monotonic()
    machines = [Machine(one, "render7", chance, pace), Machine(two, "", chance, pace)]
    left = list(machines)

    def turn() -> bool:
        for machine in tuple(left):
            if not machine.go_on(harm=len(left) == 2):
                left.remove(machine)
                ended.append(machine.statuses[-1])
        return not left

    ended: list[int] = []
    try:
        until(turn, 1800, "the end of both jobs")
    finally:
        for machine in machines:
            machine.close()
    tolls = [machine.toll for machine in machines]
    toll = Toll(
        children=sum(toll.children for toll in tolls),
        dispatchers=sum(toll.dispatchers for toll in tolls),
        stops=sum(toll.stops for toll in tolls),
        seconds=time.monotonic() - begun,
    )
    return toll, ended[-1]
