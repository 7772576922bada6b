# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole measurement with runs that are reckoned instead of rendered: what is asked, and how long it takes in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import command_line
import pytest
from fake_scene import write_blend
from measured import device

from dispatch import frames, job, measure, measure_run, measuring
from dispatch.measure_run import Ran
from dispatch.measurement import Measurement, Point, Run, Series, State
from dispatch.model import Job, Strategy


@dataclass
class Machine:
    """Runs come to the rates of a scene that one thread prepares: a card would do for ``card`` workers."""

    cards: int = 1
    frame: float = 2.0
    card: float = 40.0
    load: float = 4.0
    size: int = 1000
    room: int = frames.MOST_FRAMES
    lacks: str = ""
    runs: list[Point] = field(default_factory=list)
    seconds: float = 0.0

    def one(self, folder: Path, task: Job, point: Point, numbers: Sequence[int], *, repeat: int, **_: object) -> Ran:
        assert len(numbers) == point.frames
        way = point.way
        rate = min(way.workers, way.cards * self.card) / (self.frame * point.factor)
        if way.strategy is Strategy.COMBINED:
            rate = 0.8 / (self.frame * point.factor)
        wall = self.load * (1 + way.workers / 4) + point.frames / rate
        self.seconds += wall
        self.runs.append(point)
        run = Run(repeat, rate, point.frames, seconds=10.0, ram_each=1 << 30, vram_each=1 << 30, wall=wall)
        return Ran(run, self.size)

    def measure(self, place: Path, monkeypatch: pytest.MonkeyPatch, there: int = 250, **options: Any) -> Measurement:
        monkeypatch.setattr(measure_run, "one", self.one)
        monkeypatch.setattr(measure_run, "room", lambda folder, size: self.room)
        monkeypatch.setattr(measuring, "no_room", lambda *_: self.lacks)
        blend = write_blend(place / "shot.blend", frames=[1, there, 1])
        stat = blend.stat()
        task = Job(
            *(job.new_id("shot"), "shot", "2026-01-01T00:00:00+00:00", str(blend), "Scene", f"1-{there}"),
            *(str(place / "final" / "####"), command_line.FAKE, tuple(device(n) for n in range(self.cards))),
            blend_size=stat.st_size,
            blend_mtime_ns=stat.st_mtime_ns,
        )
        folder = measure.create(task, place / "measurements", **options)
        return measuring.run(folder, lambda line: None)


def counts(found: Measurement, cards: int = 1) -> list[int]:
    """Workers per card that were measured on so many of them."""
    ways = [point.way for point in found.of(Series.CARDS) if point.way.strategy is Strategy.PER_DEVICE]
    return sorted(way.per_device for way in ways if way.cards == cards)


def test_with_time_enough_all_steps_are_asked_and_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Machine().measure(tmp_path, monkeypatch, minutes=30.0, repeats=3)
    assert found.state is State.COMPLETE
    assert counts(found) == [1, 2, 3, 4, 6, 8, 12, 16]
    assert {len(point.runs) for point in found.points} == {3}
    assert found.recommendation is not None
    assert found.recommendation.per_device == 16


@pytest.mark.parametrize("minutes", [2.0, 4.0, 6.0, 10.0])
@pytest.mark.parametrize("cards", [1, 2, 4])
@pytest.mark.parametrize("repeats", [1, 3])
def test_further_steps_take_no_time_that_the_repeats_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, minutes: float, cards: int, repeats: int
) -> None:
    machine = Machine(cards, load=10.0)
    found = machine.measure(tmp_path, monkeypatch, minutes=minutes, repeats=repeats)
    assert {len(point.runs) for point in found.points} == {found.repeats}
    assert machine.seconds < 60 * minutes * measuring.OVERTIME * 1.15
    left_out = " ".join(note for note in found.notes if note.startswith("Left out for lack of time"))
    most = counts(found, cards)[-1]
    assert most == 16 or left_out
    for fewer in {1, cards // 2} - {cards, 0} if most > 2 else ():
        assert most in counts(found, fewer) or f"{most} per GPU on {fewer} GPU" in left_out


def test_more_workers_that_gain_nothing_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Machine(card=3.0).measure(tmp_path, monkeypatch, minutes=30.0, repeats=1)
    assert counts(found) == [1, 2, 3, 4]
    assert found.recommendation is not None
    assert found.recommendation.per_device == 3


def test_the_best_number_of_workers_is_asked_on_fewer_cards_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Machine(cards=4, card=6.0).measure(tmp_path, monkeypatch, minutes=30.0, repeats=1)
    assert [counts(found, cards)[-1] for cards in (1, 2, 4)] == [6, 6, 8]


def test_pictures_that_may_not_fit_onto_the_disk_are_not_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(room=40)
    found = machine.measure(tmp_path, monkeypatch, minutes=30.0, repeats=1)
    assert max(point.frames for point in machine.runs) <= 40
    assert any("not tried, its" in note and note.endswith("free on the disk.") for note in found.notes)


def test_what_lies_beyond_the_scenes_end_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Machine().measure(tmp_path, monkeypatch, there=60, minutes=30.0, repeats=1)
    assert counts(found)[-1] == 16
    assert any(note.startswith("The scene has 60 frames: frames after its end") for note in found.notes)


def test_more_work_is_asked_of_instances_and_combined_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(cards=2, frame=2.6, card=60.0)
    found = machine.measure(tmp_path, monkeypatch, minutes=10.0, repeats=1, work_per_frame=True)
    asked = [(point.by, point.factor, point.way.strategy) for point in found.of(Series.WORK)]
    for by, factor, _ in asked:
        assert {strategy for b, f, strategy in asked if (b, f) == (by, factor)} == {*Strategy} - {Strategy.AUTO}
    assert max(factor for _, factor, _ in asked) >= 2.0
