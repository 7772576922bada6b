# SPDX-License-Identifier: GPL-3.0-or-later
"""Power cuts: at any effect of the dispatcher or a child everything dies, and the disk forgets what nobody synced.

Owns one run of that: a job is cut several times, each time resumed under another boot id, until it ends; then the power
fails once more, and everything that the job called complete must still be there.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import engine
import outside
import seen_pictures
import shooting
from case import Seen
from fake_scene import frame_path, write_blend
from forgetful import Disk
from prepared import Prepared
from steps import Bullet

FURTHEST = {"dispatcher": 110, "child": 90}
"""Effects of a process in a job of this size, about: a bullet beyond the last one hits nobody, and the job ends."""


@dataclass(frozen=True)
class Shot:
    """Where the power fails."""

    role: str
    step: int
    at: str = ""
    kept: float = 0.0
    """How likely a change that nobody synced was on the disk all the same."""
    power: bool = True
    """False: a child dies alone, and the power fails when the job has ended."""


@dataclass
class Power:
    """One campaign: a job on a disk that forgets."""

    folder: Path
    seed: int
    frames: int = 6
    cuts: int = 2
    overwrite: bool = False
    seconds: float = 0.01
    """How long a frame lasts."""
    shots: Sequence[Shot] | None = None
    """None: ``cuts`` of them by chance."""
    struck: list[str] = field(default_factory=list)
    """At what the power failed."""

    last: Seen | None = None
    """The job when it had ended at last."""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.disk = Disk(self.folder / "disk", self.folder / "durable")
        self.renders = self.folder / "renders"
        self.boot = 0

    def run(self) -> list[str]:
        """Return what is wrong at the end, as `outside.problems` does."""
        job = self._prepare()
        wrong: list[str] = []
        for shot in self._random_shots() if self.shots is None else self.shots:
            spent = self.folder / f"spent-{self.boot}"
            bullet = Bullet(shot.role, shot.step, self.disk.root, spent, shot.power, shot.at)
            wrong += self._run_until_cut(job, shot.kept, bullet)
            self.struck.append(spent.read_text().strip() if spent.exists() else "after the end")
        # What is complete is so for good: the power fails once more, and nothing is left to do.
        return wrong + self._finish(job) + self._cut(job, 0.0, complete=True) + self._finish(job)

    def _finish(self, job: Prepared) -> list[str]:
        """Run the job to its end; return what is wrong then."""
        in_place = self._good(job)
        before = self._rendered()
        status = self._start(job, None)
        # A line of the journal may be cut in the middle by each power cut; it never counts.
        self.last = job.seen(status, damaged=self.boot)
        return [*outside.problems(self.last), *self._needless(in_place, before)]

    def _random_shots(self) -> Iterator[Shot]:
        for _ in range(self.cuts):
            role = self.chance.choice(("dispatcher", "child"))
            # A child may die alone: what it left half done is durable too when the job says that it is complete.
            power = role == "dispatcher" or self.chance.random() < 0.7
            step, kept = self.chance.randint(1, FURTHEST[role]), self.chance.choice((0.0, 0.5, 0.9))
            yield Shot(role, step, kept=kept, power=power)

    def _run_until_cut(self, job: Prepared, kept: float, bullet: Bullet) -> list[str]:
        """Run until the power fails, at the end of the job at the latest."""
        return self._cut(job, kept, complete=self._start(job, bullet) == 0)

    def _cut(self, job: Prepared, kept: float, *, complete: bool) -> list[str]:
        """The power fails; return the pictures that are broken, or missing although the job was complete."""
        self.disk.cut(self.chance, kept)
        self.boot += 1
        if not (job.folder / "job.json").exists():
            return ["the job itself is lost"]
        there = sorted(job.output.glob("*.png")) if job.output.exists() else []
        good = self._good(job)
        broken = [p.name for p in there if p.stat().st_size and int(p.stem) not in good]
        lost = sorted(set(job.frames) - good) if complete else []
        return [
            *(f"{name} is broken after a power cut" for name in broken),
            *(f"frame {frame} was complete and is gone after a power cut" for frame in lost),
        ]

    def _prepare(self) -> Prepared:
        """The place for jobs and the scene are old; the job folder is new, and made durable by the engine or not at all."""
        (self.disk.root / "jobs").mkdir(parents=True)
        output = self.disk.root / "out"
        blend = write_blend(
            self.disk.root / "a.blend",
            seconds=self.seconds,
            renders=str(self.renders),
            counts=str(self.folder / "counts"),
        )
        (self.disk.root / "state").mkdir(mode=0o700)
        self.disk.begin()
        with self.disk.used(), _variable("XDG_STATE_HOME", str(self.disk.root / "state")):
            made = engine.make_job(
                self.disk.root / "jobs", blend, str(output / "####"), f"1-{self.frames}", overwrite=self.overwrite
            )
        return Prepared(made, output, tuple(range(1, self.frames + 1)), shooting.STEPPED, self.renders)

    def _start(self, job: Prepared, bullet: Bullet | None) -> int:
        extra = {"MGD_TEST_BOOT": f"boot {self.boot}", "XDG_STATE_HOME": str(self.disk.root / "state")}
        return shooting.start(job, self.folder / "dispatcher.log", bullet, self.disk.environment() | extra)

    def _good(self, job: Prepared) -> set[int]:
        """Frames whose picture lies there whole, and shows that frame."""
        paths = {frame: Path(frame_path(str(job.output / "####"), frame)) for frame in job.frames}
        return {f for f, path in paths.items() if path.exists() and path.stat().st_size and _is_whole(path)}

    def _rendered(self) -> Counter[int]:
        return engine.renders(self.renders) if self.renders.exists() else Counter()

    def _needless(self, in_place: set[int], before: Counter[int]) -> list[str]:
        """What lay there after the cut must not be rendered again: its size and hash were on the disk before it."""
        again = self._rendered() - before
        return [
            f"frame {f} was in place after the power cut and was rendered again" for f in sorted(in_place) if again[f]
        ]


@contextlib.contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


def _is_whole(path: Path) -> bool:
    try:
        return seen_pictures.frame_of(seen_pictures.read(path)) == int(path.stem)
    except seen_pictures.NotWhole:
        return False


def main(folder: str, seed: str, overwrite: str = "off") -> int:
    power = Power(Path(folder), int(seed), overwrite=overwrite == "on")
    wrong = power.run()
    print(f"seed {seed}, overwrite {overwrite}: {power.struck}", *wrong, sep="\n    ")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
