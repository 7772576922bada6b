# SPDX-License-Identifier: GPL-3.0-or-later
"""`measure` on a real scene, on the CPU: a table comes of it, and nothing is written where the scene writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def listed(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_a_scene_with_side_outputs_is_measured_and_its_folders_stay_as_they_are(scenes: Path, tmp_path: Path) -> None:
    before = listed(scenes)
    words = ["measure", scenes / "side_files.blend", "--devices", "cpu", "--repeats", "1", "--minutes", "0.1"]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dispatch", *map(str, words), "--factory", "--jobs-dir", tmp_path, "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "PYTHONPATH": str(ROOT)},
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert listed(scenes) == before
    rates = {point["way"]["per_device"]: [run["rate"] for run in point["runs"]] for point in found["points"]}
    assert {1, 2} <= rates.keys()
    assert all(rate > 0 for each in rates.values() for rate in each), found["points"]
    run = found["points"][0]["runs"][0]
    assert run["ram_each"] > 50_000_000
    assert run["render"] > 0
    assert found["recommendation"]["strategy"] == "per-device"
    folder = tmp_path / "measurements" / found["id"]
    assert {path.name for path in folder.iterdir()} <= {"job.json", "measurement.json", "control", "lock", "workers"}
