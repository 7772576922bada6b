# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole jobs of real children: kept data that makes pictures wrong is found out, and every frame is right in the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import engine
import pytest
from integration.spoken_child import SpokenChild
from integration.test_child import pixels

from dispatch.model import Outcome
from dispatch.protocol import Committed

FRAMES = 40
OFTEN = replace(engine.SHORT, start=120.0, load=120.0, first=120.0, task=120.0, check=1.0)
"""Small jobs could pay for no check with a hundredth of their work."""


@pytest.fixture(autouse=True)
def private_state(state_folder: Path) -> None:
    """Leases of this test only."""


def job_of(scenes: Path, place: Path, name: str) -> Path:
    return engine.make_job(
        place / "jobs",
        scenes / f"{name}.blend",
        str(place / "out" / "x_####"),
        f"1-{FRAMES}",
        workers=2,
        scene="Shot",
        blender=engine.this_blender(),
        autoexec=True,
        factory=True,
        samples=20_000.0,
        limits=OFTEN,
    )


def what(folder: Path, kind: str) -> list[dict[str, object]]:
    return [record for record in engine.records(folder) if record["what"] == kind]


def test_a_scene_that_looks_wrong_with_kept_data_is_found_out_and_right_in_the_end(
    child: SpokenChild, scenes: Path, tmp_path: Path
) -> None:
    folder = job_of(scenes, tmp_path, "keeps_pixels")
    assert engine.run(folder, engine.REAL_ENTRY) is Outcome.COMPLETE
    assert [record["same"] for record in what(folder, "checked")] == [False, False]
    assert "persistent data is off from now on" in engine.told(folder)
    child.configure(
        scenes / "keeps_pixels.blend",
        str(tmp_path / "right" / "x_####"),
        autoexec=True,
        samples=20_000.0,
        persistent_data="off",
    )
    for frame in (1, 2, 3, 17, FRAMES - 1, FRAMES):
        assert child.render(frame, frame) == Committed(frame)
        name = f"x_{frame:04}.png"
        assert pixels(tmp_path / "out" / name) == pixels(tmp_path / "right" / name), name
    assert engine.leftovers(tmp_path / "out") == []


def test_a_scene_that_does_not_is_rendered_once(scenes: Path, tmp_path: Path) -> None:
    folder = job_of(scenes, tmp_path, "moving")
    assert engine.run(folder, engine.REAL_ENTRY) is Outcome.COMPLETE
    checked = what(folder, "checked")
    assert checked
    assert all(record["same"] and record["difference"] == 0.0 for record in checked)
    assert not what(folder, "again")
    assert max(engine.commits(folder).values()) == 1
