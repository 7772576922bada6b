# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--blender", help="an application made by tools/real-blender.sh")


@pytest.fixture(scope="session")
def make_scene(tmp_path_factory: pytest.TempPathFactory):
    """Return a function that makes the sample scene: (frames, size, samples) → path of the .blend."""

    def make(frames: int, size: str = "32x18", samples: int = 1) -> Path:
        blend = tmp_path_factory.mktemp("scene") / "sample.blend"
        argv = [sys.executable, str(ROOT / "tools" / "sample_scene.py"), str(blend)]
        options = ["--frames", str(frames), "--size", size, "--samples", str(samples)]
        subprocess.run([*argv, *options], check=True, capture_output=True, timeout=120)
        return blend

    return make
