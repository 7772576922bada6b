# SPDX-License-Identifier: GPL-3.0-or-later
"""The power fails, and the disk forgets what nobody synced (`forgetful`): what is complete stays, the rest is rendered."""

from __future__ import annotations

import os
import random
from pathlib import Path

import engine
import pytest
from fake_scene import write_blend
from forgetful import Disk
from power import Power

from dispatch import job

SEED = int(os.environ.get("MGD_SEED", "1"))

pytestmark = pytest.mark.leaves_claims


def test_two_power_cuts_lose_nothing_that_was_complete_and_leave_nothing_broken(tmp_path: Path, long: bool) -> None:
    for seed in range(SEED, SEED + (100 if long else 4)):
        campaign = Power(tmp_path / f"seed-{seed}", seed, overwrite=bool(seed % 2))
        assert campaign.run() == [], (seed, campaign.struck)


def test_a_job_that_was_made_is_there_with_the_artists_preferences(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "disk", tmp_path / "store")
    config, jobs = tmp_path / "config", disk.root / "jobs"
    config.mkdir()
    jobs.mkdir(parents=True)
    (config / "userpref.blend").write_text("preferences")
    disk.begin()
    blend, output = write_blend(tmp_path / "a.blend"), str(tmp_path / "out" / "####")
    made = job.load(engine.make_job(tmp_path / "elsewhere", blend, output, "1-6"))
    with disk.used():
        folder = job.create(made, jobs, str(config))
    disk.cut(random.Random(1), kept=0.0)
    assert job.load(folder) == made
    assert (folder / "config" / "userpref.blend").read_text() == "preferences"


def test_the_disk_forgets_contents_and_names_that_nobody_synced_and_nothing_else(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "disk", tmp_path / "store")
    disk.root.mkdir()
    (disk.root / "old").write_text("old")
    disk.begin()
    with disk.used():
        (disk.root / "old").write_text("new")
        for name in ("synced", "not synced", "unnamed"):
            (disk.root / name).write_text(name)
            if name != "not synced":
                _sync(disk.root / name)
            if name != "unnamed":
                _sync(disk.root)
        (disk.root / "folder").mkdir()
    disk.cut(random.Random(1), kept=0.0)
    assert {p.name for p in disk.root.iterdir()} == {"old", "synced", "not synced"}
    assert (disk.root / "old").read_text() == "old"
    assert (disk.root / "synced").read_text() == "synced"
    assert (disk.root / "not synced").read_text() != "not synced"


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
