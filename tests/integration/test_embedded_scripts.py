# SPDX-License-Identifier: GPL-3.0-or-later
"""Python inside a .blend runs in a child only where the artist's Blender would run it: texts and drivers, a library's too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from integration.spoken_child import SpokenChild

from dispatch.protocol import Committed, Loaded

MAKER = """
import bpy, os, sys
from pathlib import Path
folder = Path(sys.argv[-1])
ran = folder / "ran"

def code(name):
    return f"open({str(ran / name)!r}, 'w').close()"

def scripts(who, owner):
    text = bpy.data.texts.new(f"{who}.py")
    text.write(code(f"{who} text"))
    text.use_module = text.use_fake_user = True
    driver = owner.driver_add("location", 0).driver
    driver.type, driver.expression = "SCRIPTED", f"({code(who + ' driver')}, 0.5)[1]"
    return text.name

def small():
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 16, 16, 100

bpy.context.preferences.filepaths.use_scripts_auto_execute = False
bpy.ops.wm.read_factory_settings(use_empty=False)
prop = bpy.data.objects["Cube"]
prop.name = "Prop"
scripts("library", prop)
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "library.blend"))
bpy.ops.wm.read_factory_settings(use_empty=False)
small()
with bpy.data.libraries.load(str(folder / "library.blend"), link=True) as (there, here):
    here.objects, here.texts = ["Prop"], ["library.py"]
bpy.context.scene.collection.objects.link(bpy.data.objects["Prop"])
scripts("own", bpy.data.objects["Light"])
bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))
for path in ran.iterdir():
    path.unlink()
print("MADE", flush=True)
os._exit(0)  # a normal exit of bpy 4.5 may never end
"""


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene full of Python; what has run leaves a file of its name in ``ran``."""
    (tmp_path / "ran").mkdir()
    maker = tmp_path / "maker.py"
    maker.write_text(MAKER, encoding="utf-8")
    blender = os.environ.get("MGD_TEST_BLENDER", "")
    command = [blender, "-b", "--factory-startup", "--python"] if blender else [sys.executable, "-P"]
    done = subprocess.run(
        [*command, str(maker), "--", str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert "MADE" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
    return tmp_path / "scene.blend"


@pytest.mark.parametrize("autoexec", [False, True])
def test_python_in_the_file_and_in_its_library_runs_only_where_it_may(
    child: SpokenChild, scene: Path, autoexec: bool
) -> None:
    loaded = child.configure(scene, str(scene.parent / "out" / "x_####"), autoexec=autoexec)
    assert isinstance(loaded, Loaded), loaded
    assert child.render(1, 1) == Committed(1)
    assert child.render(2, 2) == Committed(2)
    assert child.leave() == 0
    ran = {path.name for path in (scene.parent / "ran").iterdir()}
    # The other side: these would have run, so that none of them is a script that never runs anyway. A library's texts
    # do not run in every Blender.
    assert ran - {"library text"} == ({"own text", "own driver", "library driver"} if autoexec else set())
