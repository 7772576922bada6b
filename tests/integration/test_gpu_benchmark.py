# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark on GPUs, tried whole on the CPU: plain Blenders and the engine, tables, and going on where it stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def benchmark(out: Path, *words: str) -> str:
    argv = [sys.executable, "-m", "benchmarks.gpu", "--out", str(out), "--tiny", "--minutes", "4", *words]
    env = {**os.environ, "TMPDIR": str(out)}
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_measures_plain_blenders_and_the_engine_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    benchmark(tmp_path, "--scenes", "light", "--ways", "plain,auto", "--longest", "90")
    cells = {cell["way"]: cell for cell in json.loads((tmp_path / "results.json").read_bytes())["cells"]}
    assert {way: cell["error"] for way, cell in cells.items()} == {"plain": "", "auto": ""}
    assert all(cell["rate"] > 0 and cell["workers"] >= 1 and cell["whole"] > 0 for cell in cells.values())
    assert cells["auto"]["search"]["layout"]
    assert cells["auto"]["phases"]["render"] > 0
    assert len((tmp_path / "table.md").read_text(encoding="utf-8").splitlines()) > 6
    recorded = (tmp_path / "recording-light.json").read_text(encoding="utf-8")
    assert len(recorded) <= 50_000
    assert json.loads(recorded)["frames"]["at"]
    assert not list(tmp_path.glob("mgd-gpu-*")), "nothing is left behind"

    said = benchmark(tmp_path, "--scenes", "light", "--ways", "plain,plain-one", "--longest", "90")
    assert "light/plain/1:" not in said
    assert "light/plain-one/1:" in said


def test_a_job_that_the_first_cell_of_auto_completes_is_not_resumed(tmp_path: Path) -> None:
    words = ("--scenes", "light", "--ways", "auto", "--repeats", "2", "--go-on", "--frames", "4", "--longest", "90")
    said = benchmark(tmp_path, *words)
    assert "light/auto/1:" in said
    assert "left out: light/auto/2, its job has all of its 4 frames" in said
