# SPDX-License-Identifier: GPL-3.0-or-later
"""Real scenes whose pictures say which frame they show: the world has another colour in every frame.

python coloured_scene.py FILE.blend FIRST LAST SCRIPT.py     SCRIPT: code that runs on the scene before it is saved

`make` runs it. The colour is what `seen_pictures.frame_of` reads: sixteenths of full red, green and blue are the
frame's hexadecimal digits, the lowest first (0 … 4095).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PACE = """
text = bpy.data.texts.new("pace.py")
text.write("import bpy, time\\nbpy.app.handlers.frame_change_post.append(lambda *_: time.sleep({seconds}))\\n")
text.use_module = True
"""
"""Makes every frame last, on the fastest machine too; the job must run the file's scripts."""


def make(path: Path, first: int, last: int, script: str = "", seconds: float = 0.0) -> Path:
    """Make the scene with the Blender of this Python and return its path.

    Args:
        script: Code that changes the scene before it is saved; it knows ``bpy`` and ``scene``.
        seconds: How long a frame lasts at least; then the job must run the file's scripts.
    """
    script += PACE.format(seconds=seconds) if seconds else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    code = path.with_suffix(".py")
    code.write_text(script, encoding="utf-8")
    command = [sys.executable, "-P", __file__, str(path), str(first), str(last), str(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    code.unlink()
    assert "MADE" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
    return path


def build(first: int, last: int) -> Any:
    """Return a scene of 16 × 9 pixels in which there is nothing but the world's colour."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 16, 9, 100
    scene.view_settings.view_transform = "Raw"
    scene.render.dither_intensity = 0.0
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = "//frames/####"
    scene.frame_start, scene.frame_end = first, last
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    scene.world = bpy.data.worlds.new("World")
    if bpy.app.version < (5, 0, 0):
        scene.world.use_nodes = True  # from 5.0 on every world has nodes, and setting this is deprecated
    colour = next(n for n in scene.world.node_tree.nodes if n.type == "BACKGROUND").inputs["Color"]
    for frame in range(first, last + 1):
        digits = (frame % 16, frame // 16 % 16, frame // 256 % 16)
        colour.default_value = (*((16 * digit + 8) / 255 for digit in digits), 1.0)
        colour.keyframe_insert("default_value", frame=frame)
    return scene


def main(path: str, first: str, last: str, script: str) -> None:
    import bpy

    scene = build(int(first), int(last))
    exec(Path(script).read_text("utf-8"), {"bpy": bpy, "scene": scene})
    bpy.ops.wm.save_as_mainfile(filepath=path)
    os.write(1, b"MADE\n")
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:5])
