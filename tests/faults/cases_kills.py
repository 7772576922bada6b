# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of whoever renders, at random moments: one of several, and everybody at once."""

from __future__ import annotations

from pathlib import Path

import campaign
import engine
from case import Seen, case
from disks import small_disk
from prepared import ENDS, fake_job, real_job
from waiting import until


@case(
    "children and the dispatcher killed (-9) in turns, at random moments",
    "dispatcher",
    how="fake children, 12 kills spread over the job's progress, seed 5; the dispatcher is started again each time",
    did="each new run ends what is left of the last one, takes back its claims and goes on",
    reads=r"^60 of 60 frames complete, 0 rendered twice",
)
def kills_in_turns(folder: Path) -> Seen:
    job = fake_job(folder, 60, script={"seconds": 0.15}, limits=engine.SHORT)
    statuses = campaign.kill_at_random(
        job.folder, job.entry, 60, workers_killed=9, dispatchers_killed=3, seed=5, longest=0.2
    )
    return job.seen(statuses[-1])


@case(
    "a real child killed (-9) in the middle of its work",
    "children",
    how="real Blender, killed once frames come",
    did="another one is started, the frame is tried again",
    reads=r"ended.*SIGKILL",
    needs="bpy",
)
def real_child_killed(folder: Path) -> Seen:
    job = real_job(folder, 12, seconds=0.1)
    statuses = campaign.kill_at_random(
        job.folder, job.entry, 12, workers_killed=1, dispatchers_killed=0, seed=1, longest=0.2
    )
    return job.seen(statuses[-1])


@case(
    "the disk is full when the dispatcher starts, so that it cannot even say that it is there",
    "files",
    how="a full disk of 1 MB (tmpfs) from the beginning, no second tries; room is made when the job waits for it",
    did="no frame is blamed: the job is held, joins the folder once there is room, and goes on",
    reads=r"^Paused: The disk of .* is full: make room\. The job goes on by itself",
)
def full_from_the_beginning(folder: Path) -> Seen:
    with small_disk(folder / "disk") as disk:
        job = fake_job(folder, 8, output=disk.place / "out", retries=0, limits=engine.SHORT)
        job.output.mkdir()
        disk.fill()
        with engine.running(job.folder, job.entry) as dispatcher:
            until(lambda: "Paused: " in engine.told(job.folder), ENDS, "that the job waits for room")
            disk.make_room()
            status = dispatcher.wait(ENDS)
    return job.seen(status, most_renders=1)
