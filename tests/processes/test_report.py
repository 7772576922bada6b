# SPDX-License-Identifier: GPL-3.0-or-later
"""A job of fake children leaves what its report needs, and the command writes it, while it runs and after."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine import make_job, running
from fake_scene import write_blend
from waiting import until

from dispatch import recorder
from dispatch.model import Backend, Device

ROOT = Path(__file__).resolve().parents[2]
CARDS = tuple(Device(f"FAKE_{n}", "Fake", Backend.OPTIX, f"0000:0{n}:00") for n in range(1, 5))


def report(folder: Path, *words: str) -> str:
    """Run the command as a user would and return the page."""
    argv = [sys.executable, "-m", "dispatch", "report", str(folder), *words]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (0, "")
    return Path(done.stdout.strip()).read_text(encoding="utf-8")


def drawn(page: str) -> Any:
    (data,) = re.findall(r'(?s)<script type="application/json" id="figures">(.*?)</script>', page)
    return json.loads(data)


def test_the_report_of_a_job_on_four_cards_while_it_runs_and_after(tmp_path: Path) -> None:
    gate = tmp_path / "go"
    held = {"at": "render", "do": "await", "path": str(gate), "frames": list(range(61, 121))}
    devices = [[c.id, c.name, "OPTIX"] for c in CARDS]
    blend = write_blend(tmp_path / "shot.blend", seconds=0.4, devices=devices, rules=[held])
    output = str(tmp_path / "out" / "####")
    folder = make_job(tmp_path / "jobs", blend, output, "1-120", 2, devices=CARDS)
    kept = folder / recorder.NAME
    with running(folder) as process:
        until(lambda: kept.exists() and kept.read_bytes().count(b"\n") > 0, 60, "the first look at the machine")
        assert "Not ended when this was written." in report(folder, "-o", str(tmp_path / "early.html"))
        gate.touch()
        process.wait(240)
    assert process.returncode == 0
    page = report(folder)
    figures = drawn(page)
    assert "120 of 120 frames complete" in page
    assert {"timeline", "rate", "machine", "times", "shares"} <= set(figures)
    lanes = figures["timeline"]["layout"]["yaxis"]["ticktext"]
    assert len(lanes) == 8
    (hover,) = [trace for trace in figures["timeline"]["data"] if trace.get("customdata")]
    numbers = {told[0] for told in hover["customdata"] if told}
    assert numbers == {f"frame {number}" for number in range(1, 121)}
    assert not (folder / "engine" / "assets").exists()
    sample = json.loads(kept.read_bytes().splitlines()[0])
    assert sample["workers"]
    assert all(worker["memory"] > 0 for worker in sample["workers"].values())
