# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--blender", help="an application made by tools/real-blender.sh")


HELD = """
import bpy, sys
blend, gate, free, seconds = sys.argv[1:]
bpy.ops.wm.open_mainfile(filepath=blend)
text = bpy.data.texts.new("hold.py")
text.use_module = True
text.write(f'''
import bpy, os, time
def hold(scene, *_):
    time.sleep({seconds})
    while scene.frame_current > {free} and not os.path.exists({gate!r}):
        time.sleep(0.01)
bpy.app.handlers.render_pre.append(hold)
''')
bpy.ops.wm.save_mainfile()
sys.stdout.flush()
"""


@pytest.fixture(scope="session")
def hold_scene():
    """Return a function that puts a script into a .blend (for --autoexec), so that no machine is too fast for a test.

    (blend, gate, free, seconds): frames after ``free`` wait until the file ``gate`` is there; each takes ``seconds``.
    """

    def hold(blend: Path, gate: Path, free: int, seconds: float = 0.0) -> Path:
        argv = [sys.executable, "-c", HELD, str(blend), str(gate), str(free), str(seconds)]
        subprocess.run(argv, check=True, capture_output=True, timeout=240)
        return blend

    return hold


@pytest.fixture(scope="session")
def make_scene(tmp_path_factory: pytest.TempPathFactory):
    """Return a function that makes the sample scene: (frames, size, samples) → path of the .blend."""

    def make(frames: int, size: str = "32x18", samples: int = 1) -> Path:
        blend = tmp_path_factory.mktemp("scene") / "sample.blend"
        argv = [sys.executable, str(ROOT / "tools" / "sample_scene.py"), str(blend)]
        options = ["--frames", str(frames), "--size", size, "--samples", str(samples)]
        subprocess.run([*argv, *options], check=True, capture_output=True, timeout=240)
        return blend

    return make
