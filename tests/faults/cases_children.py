# SPDX-License-Identifier: GPL-3.0-or-later
"""Children that die, hang, lie or shout: each as a real process that follows a script (`fake_scene.Rule`)."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import engine
from case import Seen, case
from engine import SHORT
from prepared import ENDS, Prepared, fake_job
from waiting import until

from dispatch.model import Backend, Device

CARDS = tuple(Device(f"CUDA_CARD_{n}", f"Card {n}", Backend.CUDA) for n in (1, 2))


def misbehaving(folder: Path, rules: Sequence[dict[str, Any]], **changes: Any) -> Prepared:
    """A job for which these rules hold; those of one place strike in their order."""
    return fake_job(folder, rules=rules, **{"limits": SHORT, **changes})


def struck(folder: Path, rules: Sequence[dict[str, Any]]) -> None:
    """Make sure that every limited rule struck: a fault that did not happen proves nothing."""
    for index, rule in enumerate(rules):
        assert "times" not in rule or list((folder / "counts").glob(f"{index}-*")), f"{rule} did not strike"


def run(folder: Path, rules: Sequence[dict[str, Any]], *, seen: dict[str, Any] | None = None, **changes: Any) -> Seen:
    """Run a job under these rules to its end."""
    result = misbehaving(folder, rules, **changes).run(**(seen or {}))
    struck(folder, rules)
    return result


# --- killed -------------------------------------------------------------------------------------------------------

PLACES = {
    "start": "at its start",
    "load": "while it loads the scene",
    "claim": "right before it claims a frame",
    "render": "in the middle of a frame",
    "write": "with half a picture written",
    "Rendered": "with the picture written and nobody told",
    "commit": "between write and replace",
    "Committed": "after the replace, before it says so",
    "end": "when it has said goodbye",
}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV)


def killed(at: str) -> None:
    in_frame = at not in ("start", "load", "end")
    rules = [
        {"at": at, "do": "signal", "code": int(code), "times": 1, **({"frames": [3 + 2 * n]} if in_frame else {})}
        for n, code in enumerate(SIGNALS)
    ]
    rules = rules[:1] if at == "end" else rules  # the first goodbye may be the last that is waited for

    @case(
        f"child killed ({'-9' if at == 'end' else '-9, -15, -11'}) {PLACES[at]}",
        "children",
        how="the child sends itself the signal, once each",
        did="another one is started; the frame is tried again, unless its picture is already in place",
        reads="" if at == "end" else r"ended.*(in frame \d+ )?\((killed from outside|crashed).*SIG(KILL|TERM|SEGV)",
    )
    def provoke(folder: Path) -> Seen:
        return run(folder, rules)


for place in PLACES:
    killed(place)


@case(
    "child ends by itself in the middle of a frame (exit status 0 and 1)",
    "children",
    how="the child ends without a goodbye, once each",
    did="another one is started, the frame is tried again",
    reads=r"ended in frame \d+ \(unknown: (Blender ended by itself|exit status 1)",
)
def ended_by_itself(folder: Path) -> Seen:
    return run(folder, [{"at": "render", "do": "exit", "code": n, "frames": [3 + 4 * n], "times": 1} for n in (0, 1)])


def fall_together(folder: Path, words: str, code: int) -> Seen:
    """Let the first four workers die in the same moment, each in a frame."""
    gate, first = folder / "gate", {"workers": [0, 1, 2, 3, 4], "frames": list(range(5, 25))}
    rules: list[dict[str, Any]] = [
        {"at": "render", "do": "await", "path": str(gate), **first},
        {"at": "render", "do": "print", "words": words, **first},
        {"at": "render", "do": "exit", "code": code, **first},
    ]
    limits = dataclasses.replace(SHORT, together=3.0)
    job = fake_job(folder, 24, rules=rules, workers=4, limits=limits, retries=0)
    with engine.running(job.folder) as dispatcher:
        until(lambda: len(list(folder.glob("gate-*"))) >= 4, ENDS, "four workers in a frame")
        gate.touch()
        status = dispatcher.wait(ENDS)
    return job.seen(status)


@case(
    "a driver reset that ends all children at once",
    "children",
    how="four children print the driver's error and die in the same moment, each in a frame",
    did="the machine is blamed: no strike against frames or cards; all are started again",
    reads=r"^[2-4] workers ended together: blaming the machine, not the frames",
)
def driver_reset(folder: Path) -> Seen:
    # With no second try allowed, a frame that was blamed would be given up.
    return fall_together(folder, "Illegal address in CUDA queue synchronize (integrator_shade_surface)", 1)


# --- hangs --------------------------------------------------------------------------------------------------------

HANGS = {
    "start": ("before it says hello", {"start": 5.0}, r"Blender did not answer after its start for 5 s"),
    "load": ("while it loads the scene", {"load": 5.0}, r"Blender did not finish loading the scene for 5 s"),
    "render": (
        "in the middle of a frame",
        {"first": 4.0, "task": 4.0},
        r"ended in frame 3 \(no sign of life: .* 4 s\)",
    ),
    "commit": ("between write and replace", {"first": 4.0, "task": 4.0}, r"no sign of life: Blender said nothing"),
    "leave": ("when it shall leave", {"leave": 1.0}, ""),
    "end": ("in its exit", {"leave": 1.0}, ""),
}


def hanging(at: str, do: str) -> None:
    where, limits, sentence = HANGS[at]
    frames = {"frames": [3]} if at in ("render", "commit") else {}
    rules = [{"at": at, "do": do, "times": 1, **frames}]

    @case(
        f"child {'hangs' if do == 'hang' else 'is stopped (SIGSTOP)'} {where}",
        "children",
        how="the child waits for ever" if do == "hang" else "the child stops itself: alive, and deaf",
        did="its deadline passes, it is killed; another one goes on",
        reads=sentence,
    )
    def provoke(folder: Path) -> Seen:
        if at in ("start", "load"):
            return held_until_told(folder, rules, sentence, **limits)
        return run(folder, rules, limits=dataclasses.replace(SHORT, **limits))


def held_until_told(folder: Path, rules: Sequence[dict[str, Any]], sentence: str, **limits: float) -> Seen:
    """Run a job whose last frame waits for a sentence: a fast machine must not be done before a deadline passes."""
    gate = folder / "gate"
    last = {"at": "render", "do": "await", "path": str(gate), "frames": [12]}
    rules = [*rules, last]
    job = misbehaving(folder, rules, limits=dataclasses.replace(SHORT, **limits))
    with engine.running(job.folder) as dispatcher:
        until(lambda: re.search(sentence, engine.told(job.folder)), ENDS, f"'{sentence}'")
        gate.touch()
        status = dispatcher.wait(ENDS)
    struck(folder, rules)
    return job.seen(status)


for place in HANGS:
    hanging(place, "hang")
for place in ("render", "end"):
    hanging(place, "stop")


@contextlib.contextmanager
def crooked(job: Prepared, *played: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the job on a machine that plays tricks (`tricks`)."""
    argv = [sys.executable, str(Path(__file__).with_name("crooked.py")), str(job.folder), str(job.entry)]
    with subprocess.Popen(argv, env=os.environ | {"MGD_TRICKS": json.dumps(played)}) as process:
        try:
            yield process
        finally:
            process.kill()


@case(
    "a child that cannot be killed",
    "children",
    how="simulated: the child stops in a frame, and the dispatcher's signals do not arrive",
    did="its card is left out and its claim is fenced off; the others render everything",
    reads=r"process \d+ on CPU \d cannot be ended",
)
def unkillable(folder: Path) -> Seen:
    rules = [{"at": "render", "do": "stop", "times": 1, "frames": [3]}]
    limits = dataclasses.replace(SHORT, first=4.0, task=4.0, die=1.0)
    job = misbehaving(folder, rules, limits=limits)
    with crooked(job, "immortal") as dispatcher:
        status = dispatcher.wait(ENDS)
    struck(folder, rules)
    stopped = re.search(r"process (\d+) on", engine.told(job.folder))
    assert stopped
    os.kill(int(stopped[1]), signal.SIGKILL)  # the kernel lets it go
    return job.seen(status)


# --- again and again ----------------------------------------------------------------------------------------------


def never(at: str, where: str) -> None:
    @case(
        f"every child dies at once, {where}",
        "children",
        how="exit status 3, always; 2,000 frames wait",
        did="after five deaths in a row a place is left out: no spawn storm, the job ends",
        reads=r"Blender ended there again and again \(.*exit status 3",
    )
    def provoke(folder: Path) -> Seen:
        job = fake_job(folder, 2000, rules=[{"at": at, "do": "exit", "code": 3}], limits=SHORT)
        seen = job.run(given_up=job.frames, expected_status=4)
        spawned = [r for r in engine.records(job.folder) if r["what"] == "spawn"]
        assert len(spawned) <= 12, f"{len(spawned)} children were started"
        return seen


never("start", "before it says hello")
never("load", "when it loads the scene")


@case(
    "a poison frame: it ends every child that tries it",
    "children",
    how="a segmentation fault in frame 5, always",
    did="tried four times by different workers, then given up; the others are rendered",
    reads=r"Frame 5 is given up after \d+ tries: crashed.*SIGSEGV",
)
def poison(folder: Path) -> Seen:
    rules = [{"at": "render", "do": "signal", "code": int(signal.SIGSEGV), "frames": [5]}]
    return run(folder, rules, seen={"given_up": (5,), "expected_status": 1})


@case(
    "a child says why it cannot load the scene",
    "children",
    how="'Broken' with its words, always",
    did="the job ends: a scene that cannot be loaded loads no better the third time",
    reads=r"the scene file is damaged",
)
def broken(folder: Path) -> Seen:
    rules = [{"at": "load", "do": "broken", "fault": "scene or script error", "words": "the scene file is damaged"}]
    job = misbehaving(folder, rules)
    return job.run(given_up=job.frames, expected_status=4)


@case(
    "the CPU renders instead of the GPU: said when the scene is loaded",
    "children",
    how="the child reports the CPU as the device that Cycles uses",
    did="it renders nothing; the job ends",
    reads=r"Cycles uses CPU instead of CUDA_CARD_[12]",
)
def cpu_at_load(folder: Path) -> Seen:
    job = misbehaving(folder, [{"at": "Loaded", "do": "wrong-device"}], devices=CARDS, workers=1)
    return job.run(given_up=job.frames, expected_status=4)


@case(
    "the CPU renders instead of the GPU: said with a frame",
    "children",
    how="the child reports the CPU with one frame's picture",
    did="the picture is thrown away, the frame rendered again by another child",
    reads=r"Cycles uses CPU instead of CUDA_CARD_[12]",
)
def cpu_in_a_frame(folder: Path) -> Seen:
    rules = [{"at": "Rendered", "do": "wrong-device", "frames": [5], "times": 1}]
    return run(folder, rules, devices=CARDS, workers=1, seen={"most_renders": 2})


@case(
    "every frame fails at once, 2,000 of them",
    "children",
    how="an exception at each render, with words that nobody knows",
    did="tries frames far away too, then ends with one sentence, not with one for each frame",
    reads=r"Ended with [\d,]+ frames left: every frame fails in the same way \(unknown: the licence is not valid\)",
)
def everything_fails(folder: Path) -> Seen:
    job = fake_job(
        folder, 2000, rules=[{"at": "render", "do": "raise", "words": "the licence is not valid"}], limits=SHORT
    )
    seen = job.run(given_up=job.frames, expected_status=1)
    told = [r for r in engine.records(job.folder) if r["what"] == "told"]
    assert len(told) <= 30, f"{len(told)} sentences"
    return seen
