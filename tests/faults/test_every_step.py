# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever is killed right before any of its effects: the next run loses, doubles and leaves over nothing.

A few of the effects here, spread over a run ($MGD_SEED: others of them); `make faults` takes every one.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import engine
import outside
import pytest
from prepared import ENDS
from shooting import aim, effects, make, popen, shoot, spread, start
from waiting import until

from dispatch import job

SEED = int(os.environ.get("MGD_SEED", "1"))

pytestmark = pytest.mark.leaves_claims


@pytest.mark.parametrize(
    ("role", "power", "shots"),
    [("dispatcher", False, 5), ("child", False, 3), ("child", True, 3)],
    ids=["dispatcher", "child", "child and dispatcher at once"],
)
def test_killed_before_any_effect_and_resumed_nothing_is_lost(
    tmp_path: Path, role: str, power: bool, shots: int, long: bool
) -> None:
    count = len(effects(tmp_path / "count", role))
    rounds = [
        (step, bool((step + n) % 2)) for n in range(1 + long) for step in spread(count, count if long else shots, SEED)
    ]
    hits = 0
    for number, (step, overwrite) in enumerate(rounds):
        folder = tmp_path / f"shot-{number}"
        wrong, hit = shoot(folder, [aim(folder, role, step, power=power)], overwrite=overwrite)
        assert wrong == [], (step, overwrite, hit)
        if not hit:  # its process did less than the one that was counted
            folder = tmp_path / f"shot-{number} again"
            wrong, hit = shoot(folder, [aim(folder, role, 1 + step // 2, power=power)], overwrite=overwrite)
            assert wrong == [], (step, overwrite, hit)
        hits += len(hit)
    assert hits > len(rounds) / 2, "a run has fewer effects than the one that was counted"


def test_a_real_child_killed_around_the_replacement_of_a_picture(tmp_path: Path, long: bool) -> None:
    places = [r"^os.remove 0003.png.json$", r"^sync 0003.png$", r"^os.rename 0003.png$", r"^sync out$", r"^os.mkdir 3$"]
    for number, at in enumerate(places if long else places[:1]):
        folder = tmp_path / f"shot-{number}"
        wrong, hit = shoot(folder, [aim(folder, "child", 1, at=at)], real=True)
        assert wrong == [], at
        assert len(hit) == 1
    if not long:
        return
    count = len(effects(tmp_path / "count", "child", real=True))
    for step in spread(count, 30, SEED):
        folder = tmp_path / f"step-{step}"
        wrong, hit = shoot(folder, [aim(folder, "child", step)], real=True)
        assert wrong == [], (step, hit)


def test_a_job_stopped_after_a_child_died_inside_the_making_of_its_claim_leaves_nothing(tmp_path: Path) -> None:
    """The cut claim names nobody, so it would be taken until a heartbeat has passed: a quarter of an hour here."""
    folder = tmp_path / "job"
    made = make(folder, limits=dataclasses.replace(engine.SHORT, heartbeat=900.0))
    bullet = aim(folder, "child", 1, at=r"^half a write 0003\.png\.json$")
    with (folder / "log").open("wb") as log:
        dispatcher = popen(made.folder, log, os.environ | bullet.environment())
        until(bullet.spent.exists, ENDS, "the child's death")
        job.ask(made.folder, job.Wish.STOP_NOW)
        assert dispatcher.wait(ENDS) == 3
    assert not (made.output / ".mgd").exists()
    assert start(made, folder / "log") == 0
    assert outside.problems(made.seen(0)) == []


def test_killed_in_several_runs_one_after_the_other(tmp_path: Path) -> None:
    folder = tmp_path / "job"
    wrong, hit = shoot(folder, [aim(folder, "dispatcher", step, number=step) for step in (40, 14, 25)])
    assert wrong == []
    assert len(hit) >= 2
