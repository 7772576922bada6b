# SPDX-License-Identifier: GPL-3.0-or-later
"""``doctor`` with this Blender: the small scene is made by it and rendered on its CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from engine import this_blender

from dispatch import doctor_render
from dispatch.model import Backend, Device
from dispatch.pictures import pixels

ROOT = Path(__file__).resolve().parents[2]


def test_doctor_renders_a_picture_with_the_real_blender(tmp_path: Path, state_folder: Path) -> None:
    words = [sys.executable, "-m", "dispatch", "doctor", "--json", "--blender", sys.executable]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, timeout=500)
    found = json.loads(done.stdout)
    assert (done.returncode, [c for c in found["checks"] if c["grade"] == "error"]) == (0, []), done.stderr
    trials = [trial for trial in found["facts"]["trials"] if trial["is_cpu"]]
    assert [(trial["words"], trial["device"]) for trial in trials] == [("", "CPU")]
    assert trials[0]["seconds"] > 0.0
    assert found["facts"]["programs"]["blender_python"].startswith("3.")


def test_the_small_scene_shows_a_cube(tmp_path: Path, state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []
    compare = pixels.difference

    def spy(one: Path, other: Path) -> float:
        seen.extend((pixels.pixels(one), pixels.pixels(other)))
        return compare(one, other)

    monkeypatch.setattr(pixels, "difference", spy)
    # A "card" that is the processor once more: its picture is compared with the CPU's.
    twice = (Device("CPU", "Processor", Backend.CPU), Device("CPU", "Again", Backend.CPU))
    found, _ = doctor_render.trials(this_blender(), twice, lambda line: None)
    assert [trial.words for trial in found] == ["", ""]
    assert found[1].difference == 0.0
    assert all(len(picture) == 64 * 64 * 3 and len(set(picture)) > 20 for picture in seen)
    assert seen
