# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: scenes, ways to render them, their order and their share of the time. Pure.

A *cell* is one scene rendered in one way once. Ways, in words on the command line:

    plain-one        one plain Blender on the first GPU, as ``blender -b -a`` does it
    plain-combined   one plain Blender, all GPUs ticked
    plain            one plain Blender per GPU, placeholders on and overwrite off: what people's scripts do
    one              our engine, one worker on the first GPU
    combined         our engine, all GPUs as one device
    K, KxT           our engine, K workers per GPU (with T CPU threads each)
    auto             our engine, left to itself
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

WHOLE = 250
"""Frames of the job whose seconds are told: a ten-second shot."""

RECALL = 50.0
"""Seconds until a resumed Auto job renders with what it had found."""

PLAIN = ("plain-one", "plain-combined", "plain")
OURS = ("one", "combined", "auto")
_INSTANCES = re.compile(r"([1-9]\d?)(?:x([1-9]\d{0,2}))?")


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene and how it is measured. Seconds."""

    name: str
    about: str
    frames: int
    """Of its animation; a cell is stopped long before the last one."""
    steady: float
    """How long a layout is watched once every worker is warm, a given one and the one that Auto found alike; each worker
    finishes one more frame at least."""
    search: float
    """How long Auto goes on at least, which needs time to search."""
    most: float
    """After which a cell is cut, search or not."""
    warm: int
    """First frames of each worker that do not count."""
    share: int
    """Of the minutes there are."""
    ways: tuple[str, ...]
    """Those measured where none are named, what matters most first."""
    a_frame: float = 0.0
    """What a frame takes a card, where that is most of a minute: plain ways then render one of few samples as their
    warm-up, and a cell needs so much more time."""

    @property
    def taster(self) -> bool:
        return self.a_frame > 0


SCENES: Mapping[str, Scene] = {
    scene.name: scene
    for scene in (
        Scene(
            "light",
            "12 subdivided monkeys, every third one turning, moving camera, 1280 × 1024, 30 samples, denoised",
            *(4000, 30.0, 80.0, 240.0, 2, 9),
            ("plain-one", "plain-combined", "plain", "2", "3", "auto", "1", "4", "2x4", "combined", "3x4"),
        ),
        Scene(
            "sync",
            "24 monkeys of 0.5 million faces with a Wave modifier, 1280 × 720, 32 samples, denoised",
            *(2000, 90.0, 90.0, 480.0, 1, 9),
            ("plain-one", "plain", "2", "auto", "plain-combined", "1", "3", "2x16", "1x32", "4", "2x4", "combined"),
        ),
        Scene(
            "heavy",
            "as light, 1920 × 1080, 2048 samples, no adaptive sampling",
            *(250, 1.0, 1.0, 180.0, 1, 12),
            ("plain-one", "auto", "plain-combined", "plain", "1", "combined", "2"),
            a_frame=50.0,
        ),
        Scene(
            "extra",
            "2000 instances on displaced ground, textures, glass, fog, 1920 × 1080, 32 samples, denoised",
            *(1000, 45.0, 45.0, 360.0, 1, 9),
            ("plain-one", "plain", "1", "2", "auto", "plain-combined", "3", "4", "2x4", "combined"),
        ),
        Scene(
            "serial",
            "a monkey of 0.1 million faces with Wave and Decimate modifiers, 1280 × 720, 32 samples, denoised",
            *(2000, 30.0, 60.0, 300.0, 1, 6),
            ("plain-one", "plain", "1", "4", "auto", "8", "plain-combined", "2", "6", "12", "combined"),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Way:
    """How a scene is rendered."""

    name: str
    per_device: int = 1
    threads: int = 0
    """CPU threads of a worker; 0: left to Blender, or to the engine."""

    @property
    def is_plain(self) -> bool:
        return self.name in PLAIN

    @property
    def one_card(self) -> bool:
        return self.name in ("plain-one", "one")

    def workers(self, cards: int) -> int:
        """How many Blenders render; for Auto, those that it starts with."""
        if self.one_card or self.name.endswith("combined"):
            return 1
        return cards * self.per_device


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement to be made."""

    scene: Scene
    way: Way
    repeat: int
    same_job: bool = False
    """All repeats are runs of one job."""

    @property
    def key(self) -> str:
        return f"{self.scene.name}/{self.way.name}/{self.repeat}"

    @property
    def resumes(self) -> bool:
        return self.same_job and self.repeat > 1


def way(text: str) -> Way:
    """Return what a word means.

    Raises:
        ValueError: it is no way.
    """
    if text in PLAIN or text in OURS:
        return Way(text)
    if found := _INSTANCES.fullmatch(text):
        return Way(text, int(found[1]), int(found[2] or 0))
    raise ValueError(f"'{text}' is no way to render: there are {', '.join((*PLAIN, *OURS))}, 2 and 2x8.")


def cells(scene: Scene, ways: Sequence[str], repeats: int, cards: int, go_on: bool = False) -> Iterator[Cell]:
    """Yield the cells of a scene: all ways once, then all again, so that what drifts hits all alike.

    With one card, ways that are another one there are left out. ``go_on``: Auto searches in its first cell only.
    """
    same = {"plain-combined", "one", "combined"} if cards == 1 else set()
    for repeat in range(1, repeats + 1):
        for text in ways or scene.ways:
            if text not in same:
                yield Cell(scene, way(text), repeat, same_job=go_on and text == "auto")


def shares(names: Iterable[str], minutes: float) -> dict[str, float]:
    """Return the seconds that each scene may take in all."""
    chosen = [SCENES[name] for name in names]
    whole = sum(scene.share for scene in chosen)
    return {scene.name: 60 * minutes * scene.share / whole for scene in chosen}


def expected(cell: Cell, before: Mapping[str, float], start: float = 12.0) -> float:
    """Return the seconds that a cell will take: what it took before, else a guess."""
    if cell.resumes:
        return start + RECALL + cell.scene.steady
    took = [seconds for key, seconds in before.items() if key.rsplit("/", 1)[0] == f"{cell.scene.name}/{cell.way.name}"]
    if took:
        return max(took)
    if cell.scene.a_frame:
        return start + cell.scene.a_frame * (1 if cell.way.is_plain else 1 + cell.way.per_device)
    return start + (cell.scene.search if cell.way.name == "auto" else cell.scene.steady)


def longest(cell: Cell) -> float:
    """Return the seconds after which a cell is cut, search or not; a resumed job may begin to search again."""
    return min(cell.scene.most, 1.5 * expected(cell, {})) if cell.resumes else cell.scene.most


def tiny(scene: Scene) -> Scene:
    """Return the scene as it is measured where only the program is tried."""
    return replace(scene, frames=400, steady=2.0, search=8.0, most=60.0, warm=1, a_frame=min(scene.a_frame, 1.0))
