# SPDX-License-Identifier: GPL-3.0-or-later
"""Children that talk nonsense, and readers that are slow: messages late, twice, cut, lost, about something else."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import signal
from pathlib import Path
from typing import Any

import command_line
import engine
from case import Seen, case
from cases_children import held_until_told, misbehaving, run
from engine import SHORT
from fake_scene import write_blend
from prepared import ENDS
from waiting import until

# --- odd messages -------------------------------------------------------------------------------------------------


def odd(
    name: str,
    how: str,
    did: str,
    *rules: dict[str, Any],
    reads: str = "",
    renders: int = 0,
    held: bool = False,
    **limits: float,
) -> None:
    """Register a case. ``held``: the last frame waits until the sentence was said."""

    @case(name, "children", how=how, did=did, reads=reads)
    def provoke(folder: Path) -> Seen:
        if held:
            return held_until_told(folder, rules, reads, **limits)
        seen = {"most_renders": renders} if renders else {}
        return run(folder, rules, seen=seen, limits=dataclasses.replace(SHORT, **limits))


HASTY = {"first": 4.0, "task": 4.0}
ONCE = {"times": 1, "frames": [3]}
AGAIN = "what fits no record changes nothing; the deadline passes, the frame is tried again; a picture in place stays"
odd(
    "a child answers late",
    "it says 'rendered' one second after the picture is there",
    "waits: a deadline is for a sign of life, and far longer",
    {"at": "Rendered", "do": "sleep", "seconds": 1.0, **ONCE},
    renders=1,
)
odd(
    "a child says everything twice",
    "every message that there is goes out twice",
    "the second one changes nothing",
    *(
        {"at": report, "do": "double"}
        for report in ("Hello", "Loaded", "FolderUsed", "Begun", "Rendered", "Committed", "Left")
    ),
    renders=1,
)
for do, name, how in (
    ("other", "a child speaks of another task", "the attempt's number is wrong"),
    ("half", "messages are cut in the middle of the line", "half a message and no line's end"),
):
    odd(
        name,
        f"{how}: once each in 'begun', 'rendered', 'committed' of three frames",
        AGAIN,
        *(
            {"at": report, "do": do, "times": 1, "frames": [frame]}
            for report, frame in (("Begun", 3), ("Rendered", 6), ("Committed", 9))
        ),
        reads=r"no sign of life: Blender said nothing in a frame for 4 s",
        **HASTY,
    )
odd(
    "a child's first words are lost",
    "its hello never comes, nor that the scene is loaded, nor which folder it uses; once each",
    "the deadline passes; another child is started",
    *({"at": report, "do": "lost", "times": 1} for report in ("Hello", "Loaded", "FolderUsed")),
    reads=r"Blender did not (answer after its start|finish loading the scene) for 5 s",
    held=True,
    start=5.0,
    load=5.0,
    **HASTY,
)
odd(
    "a child sends garbage",
    "lines that are no messages, no JSON, no text, among the real ones, at every frame",
    "they go to the worker's log",
    {"at": "render", "do": "garbage"},
    renders=1,
)
odd(
    "a child shouts 100 MB on stderr",
    "in the middle of a frame",
    "they go to the worker's log, which stays bounded, and so does memory",
    {"at": "render", "do": "flood", "stream": "stderr", **ONCE},
)
odd(
    "a child closes its pipe",
    "in the middle of a frame",
    "nothing more is heard of it; the frame is tried again",
    {"at": "Rendered", "do": "close", **ONCE},
    reads=r"ended in frame 3",
    **HASTY,
)
odd(
    "a child does not listen",
    "it is told to leave and does not, and does not mind the end of its stdin",
    "it is killed after a moment",
    {"at": "leave", "do": "ignore"},
    leave=1.0,
)


# --- slow readers -------------------------------------------------------------------------------------------------


@case(
    "the dispatcher does not read (its pipe from a child is full)",
    "children",
    how="the dispatcher is stopped (SIGSTOP), a child writes 1 MB into a pipe that takes 64 kB, then it goes on",
    did="the child waits; nothing is lost",
)
def full_pipe(folder: Path) -> Seen:
    gate = folder / "gate"
    rules = [
        {"at": "render", "do": "await", "path": str(gate), "frames": [3]},
        {"at": "render", "do": "flood", "stream": "reports", "size": 1_000_000, **ONCE},
    ]
    job = misbehaving(folder, rules)
    with engine.running(job.folder) as dispatcher:
        until(lambda: engine.commits(job.folder), ENDS, "a first frame")
        dispatcher.send_signal(signal.SIGSTOP)
        gate.touch()
        until(lambda: list((folder / "counts").glob("1-3-*")), ENDS, "the flood")
        dispatcher.send_signal(signal.SIGCONT)
        status = dispatcher.wait(ENDS)
    return job.seen(status, most_renders=1)


@case(
    "a reader holds the snapshot open and reads slowly",
    "children",
    how="it opens the first snapshot, reads ten bytes, and the rest when the job has ended",
    did="each snapshot is a new file: the reader gets its old one whole, the job does not wait",
)
def slow_reader(folder: Path) -> Seen:
    job = misbehaving(folder, [])
    path = job.folder / "snapshot.json"
    with engine.running(job.folder) as dispatcher:
        until(path.exists, ENDS, "a snapshot")
        with path.open("rb") as reader:
            begin = reader.read(10)
            status = dispatcher.wait(ENDS)
            assert json.loads(begin + reader.read())["total"] == 12
    return job.seen(status, most_renders=1)


@case(
    "a program that follows the command line stops reading",
    "children",
    how="`render --json` into a pipe of 4 kB that nobody reads until the job has ended",
    did="the display waits on a thread of its own, the job does not",
)
def nobody_reads(folder: Path) -> Seen:
    blend, output, jobs = write_blend(folder / "a.blend", seconds=0.05), folder / "out", folder / "jobs"
    with command_line.start(
        "render", blend, "-o", output / "####", "-f", "1-60", "--jobs-dir", jobs, "--json"
    ) as process:
        fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, 4096)
        until(
            lambda: any(r["what"] == "job ended" for f in jobs.glob("*-*") for r in engine.records(f)), ENDS, "the end"
        )
        lines, _ = process.communicate(timeout=ENDS)
    assert json.loads(lines.splitlines()[-1])["event"] == "ended"
    return Seen(output, tuple(range(1, 61)), status=process.returncode, jobs=tuple(jobs.glob("*-*")))
