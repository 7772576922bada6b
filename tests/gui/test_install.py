# SPDX-License-Identifier: GPL-3.0-or-later
"""The built zip in the real application: it comes, goes without a trace, and brings its command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from gui.home import private_environment
from gui.session import MODULE, Session

TRACES = """
import addon_utils, gc, sys
def traces():
    kinds = [kind for kind in dir(bpy.types)]
    menus = [f"{name}: {getattr(draw, '__module__', draw)}" for name in dir(bpy.types)
        for draw in getattr(getattr(getattr(bpy.types, name), "draw", None), "_draw_funcs", ())]
    hooks = [f"{name}: {hook}" for name in dir(bpy.app.handlers) if isinstance(getattr(bpy.app.handlers, name), list)
        for hook in getattr(bpy.app.handlers, name)]
    return [kinds, sorted(menus), sorted(hooks), dir(bpy.ops), sorted(bpy.types.Scene.bl_rna.properties.keys()),
        sorted(bpy.types.WindowManager.bl_rna.properties.keys())]
"""


def test_it_goes_without_a_trace(start: Callable[..., Session]) -> None:
    blender = start()
    blender.show_panel(alone=False)
    blender.do(TRACES)
    assert "multi_gpu" in str(blender.do("traces()"))
    blender.do(f"addon_utils.disable({MODULE!r})")
    without = blender.do("traces()")
    assert "multi_gpu" not in str(without).lower()
    blender.do(f"bool(addon_utils.enable({MODULE!r}))")
    with_it = blender.do("traces()")
    assert with_it != without
    blender.do(f"addon_utils.disable({MODULE!r})")
    assert blender.do("traces()") == without
    assert not blender.do("[thread.name for thread in __import__('threading').enumerate() if 'gpu' in thread.name]")


def test_its_command_line_renders(application: Path, home: Path, tmp_path: Path, version: str) -> None:
    blend, out = tmp_path / "shot.blend", tmp_path / "out"
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import os; os.environ["MGD_GUI"] = {str(tmp_path)!r}
import bpy, driver
driver.small_scene({str(out / "####")!r}, 3)
bpy.ops.wm.save_as_mainfile(filepath={str(blend)!r})
"""
    env = private_environment(home)

    def blender(*words: object) -> subprocess.CompletedProcess[str]:
        argv = [application, *map(str, words)]
        return subprocess.run(argv, env=env, cwd=home, capture_output=True, text=True, timeout=200)

    made = blender("-b", "--factory-startup", "--python-exit-code", 3, "--python-expr", code)
    assert made.returncode == 0, made.stdout + made.stderr
    done = blender("--command", "multi_gpu_dispatcher", "render", blend, "--devices", "cpu", "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(list(out.glob("*.png"))) == 3
    (told,) = (home / "state").rglob("job.json")
    assert ".".join(map(str, json.loads(told.read_text())["job"]["blender"]["version"])) == version
    nothing = blender("--command", "multi_gpu_dispatcher", "render", tmp_path / "nothing.blend")
    assert nothing.returncode == 2
