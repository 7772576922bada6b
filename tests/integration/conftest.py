# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenes of the integration tests, made once by a real Blender."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from integration.spoken_child import SpokenChild

MAKER = Path(__file__).with_name("make_scenes.py")


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the scenes of `make_scenes.py` and what a plain animation render made of them."""
    folder = tmp_path_factory.mktemp("scenes")
    blender = os.environ.get("MGD_TEST_BLENDER", "")
    command = [blender, "-b", "--factory-startup", "--python"] if blender else [sys.executable, "-P"]
    done = subprocess.run(
        [*command, str(MAKER), *(["--"] if blender else []), str(folder)], capture_output=True, text=True, timeout=400
    )
    assert "MADE" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


@pytest.fixture
def child(tmp_path: Path) -> Iterator[SpokenChild]:
    """A child that has said hello."""
    with SpokenChild(tmp_path) as started:
        yield started


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Callable[[], SpokenChild]]:
    """Starts further children."""
    started: list[SpokenChild] = []

    def start() -> SpokenChild:
        started.append(SpokenChild(tmp_path))
        return started[-1]

    yield start
    for each in started:
        each.__exit__()
