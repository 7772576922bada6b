# SPDX-License-Identifier: GPL-3.0-or-later
"""A small job whose dispatcher or children are shot at one effect, or at several runs' one after the other, and resumed.

Owns how such a job is made and started (`stepped` is both programs), and the counting of its effects. What is left is
`outside`'s to judge.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import campaign
import engine
import outside
from case import Seen
from fake_scene import png, write_blend
from prepared import ENDS, Prepared, real_job
from steps import Bullet
from waiting import until

from dispatch.model import Limits

STEPPED = Path(__file__).with_name("stepped.py")

FRAMES = 6


def make(folder: Path, *, overwrite: bool = False, real: bool = False, limits: Limits = engine.SHORT) -> Prepared:
    """Prepare a job of two workers in this folder. With ``overwrite``, pictures of yesterday lie there."""
    folder.mkdir(parents=True, exist_ok=True)
    output, renders = folder / "out", folder / "renders"
    if real:
        job = real_job(folder, FRAMES, output=output, overwrite=overwrite, limits=limits)
        return Prepared(job.folder, output, job.frames, STEPPED)
    blend = write_blend(folder / "a.blend", seconds=0.01, renders=str(renders))
    template, frames = str(output / "####"), f"1-{FRAMES}"
    made = engine.make_job(folder / "jobs", blend, template, frames, overwrite=overwrite, limits=limits)
    if overwrite:
        output.mkdir()
        for frame in range(1, FRAMES + 1):
            (output / f"{frame:04}.png").write_bytes(png(4, 4, "yesterday"))
    return Prepared(made, output, tuple(range(1, FRAMES + 1)), STEPPED, renders)


def popen(folder: Path, log: IO[bytes], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the dispatcher of a job folder."""
    return subprocess.Popen([sys.executable, STEPPED, folder], stdout=log, stderr=log, env=env)


def start(job: Prepared, log: Path, bullet: Bullet | None = None, extra: Mapping[str, str] | None = None) -> int:
    """Run the dispatcher to its end, or to that of everything; return its exit status."""
    env = os.environ | (bullet.environment() if bullet else {}) | (extra or {})
    with log.open("ab") as out:
        dispatcher = popen(job.folder, out, env)
    try:
        return dispatcher.wait(ENDS)
    finally:
        dispatcher.kill()
        dispatcher.wait()
        until(lambda: not campaign.orphans(STEPPED, job.folder), 60, "the end of all children")


def shoot(
    folder: Path, bullets: Sequence[Bullet], *, overwrite: bool = False, real: bool = False
) -> tuple[list[str], list[str]]:
    """Run a job into these bullets, one a run, and then to its end.

    Returns:
        What is wrong afterwards, and at which effects somebody was hit.
    """
    came, hit = seen(folder, bullets, overwrite=overwrite, real=real)
    return outside.problems(came), hit


def seen(
    folder: Path, bullets: Sequence[Bullet], *, overwrite: bool = False, real: bool = False
) -> tuple[Seen, list[str]]:
    """As `shoot`, but whether anything is wrong is left to the caller."""
    job = make(folder, overwrite=overwrite, real=real)
    extra = {"MGD_STEPPED": "real"} if real else {}
    for bullet in bullets:
        start(job, folder / "log", bullet, extra)
    status = start(job, folder / "log", None, extra)
    hit = [bullet.spent.read_text().strip() for bullet in bullets if bullet.spent.exists()]
    return job.seen(status, most_renders=1 + len(bullets)), hit


def aim(folder: Path, role: str, step: int, *, number: int = 0, power: bool = False, at: str = "") -> Bullet:
    """Return a bullet for a job made in this folder."""
    return Bullet(role, step, folder, folder.with_name(f"{folder.name}-spent-{number}"), power, at)


def effects(folder: Path, role: str, *, overwrite: bool = False, real: bool = False) -> list[str]:
    """Return the names of all effects that a process in this role has in a job that nobody harms."""
    job = make(folder, overwrite=overwrite, real=real)
    counted = folder.with_name(f"{folder.name}-counted")
    bullet = Bullet(role, 0, folder, counted)
    status = start(job, folder / "log", bullet, {"MGD_STEPPED": "real"} if real else None)
    assert status == 0, (folder / "log").read_text()
    lists = [path.read_text().splitlines() for path in folder.parent.glob(f"{counted.name}.*")]
    return max(lists, key=len)


def spread(count: int, shots: int, seed: int) -> list[int]:
    """Return so many numbers of 1 … count, one of each equal part."""
    chance = random.Random(seed)
    return sorted({1 + int((n + chance.random()) * count / shots) for n in range(shots)})
