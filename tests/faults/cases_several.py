# SPDX-License-Identifier: GPL-3.0-or-later
"""Several dispatchers: on one job, on one output folder, and one that was taken for dead and comes back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import engine
import psutil
from case import Seen, case
from trouble import PATIENCE, Trouble
from waiting import until


@case(
    "two dispatchers on one job folder",
    "several",
    how="for real: a second one is started while the first renders",
    did="the second one is refused and touches nothing; the first one finishes",
    reads=r"^A dispatcher already runs the job .*: 'status' shows it",
)
def one_job_twice(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4)
    said = folder / "said"
    with job.running() as first:
        job.until_held()
        with job.running(log=said) as second:
            assert second.wait(PATIENCE) == 2
        status = job.finish(first)
    return job.seen(status, most_renders=1, said=job.said(said))


@case(
    "two jobs on one output template",
    "several",
    how="for real: `render` with the same output while another job renders there (Overwrite on)",
    did="the second one is refused with the first one's name",
    reads=r"Job '.*' is writing the.*same pictures: wait for it, stop it, or choose another output",
)
def one_output_twice(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4, overwrite=True)
    command = [sys.executable, str(engine.TESTS / "command_line.py"), "render", str(folder / "jobs.blend")]
    words = ["-o", f"{job.output}/####", "-f", "1-8", "--overwrite", "--jobs-dir", str(folder / "jobs")]
    with job.running() as first:
        job.until_held()
        second = subprocess.run([*command, *words], capture_output=True, text=True, check=False, timeout=PATIENCE)
        status = job.finish(first)
    assert second.returncode == 2, second.stdout + second.stderr
    return job.seen(status, most_renders=1, said=tuple((second.stdout + second.stderr).splitlines()))


@case(
    "a dispatcher whose machine stands still is taken for dead, and comes back",
    "several",
    how="for real: two dispatchers that pass for two machines on one folder (Overwrite off); one is stopped (SIGSTOP) "
    "with its children until the other has taken its claims over, then let go",
    did="its claims are taken over by the other one; when it wakes it puts nothing in place that is not its own",
    reads=r"^A dispatcher that used .* has died: its claims are free again",
)
def taken_for_dead(folder: Path) -> Seen:
    output = folder / "out"
    heartbeat = {"heartbeat": 2.0}
    sleeper = Trouble(folder / "a", held_from=4, overwrite=False, output=output, limits=heartbeat)
    other = Trouble(folder / "b", overwrite=False, output=output, limits=heartbeat)
    with sleeper.running(machine="a") as first:
        sleeper.until_held()
        asleep = [psutil.Process(first.pid), *sleeper.children(first)]
        for process in asleep:
            process.suspend()
        status = other.run(machine="b")
        sleeper.let_go()
        for process in asleep:
            process.resume()
        assert first.wait(PATIENCE) == 0
    until(lambda: not (output / ".mgd").exists(), PATIENCE, "the end of the working folder")
    return other.seen(status, jobs=(sleeper.folder, other.folder), renders=None)
