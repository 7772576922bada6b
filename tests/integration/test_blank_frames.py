# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame that Cycles leaves blank is noticed, also where Blender says FINISHED and no error was told."""

from __future__ import annotations

from pathlib import Path

from integration.in_blender import hold

PROGRAM = """
import importlib, os, shutil, sys
from pathlib import Path
import bpy

def run(folder, dispatch):
    frame, handlers = (importlib.import_module(f"{dispatch}.child.{name}") for name in ("frame", "handlers"))
    frame._forget = lambda: None  # the net below it is tried here
    bpy.ops.wm.read_factory_settings(use_empty=False)
    scene = bpy.context.scene
    r = scene.render
    r.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    r.resolution_x, r.resolution_y, r.resolution_percentage = 512, 288, 100
    scene.cycles.use_auto_tile, scene.cycles.tile_size = True, 128
    r.use_persistent_data, r.compositor_device = True, "CPU"
    ours = handlers.Ours(lambda: None)
    ours.install()

    def shoot(number):
        temp = folder / f"temp{len(list(folder.iterdir()))}"
        temp.mkdir()
        final = folder / f"x_{number:04}.png"
        try:
            frame.render(scene, number, str(folder / "x_####"), (final,), temp,
                         literal=False, ours=ours, tell=lambda *_: None)
        except frame.NotRendered as error:
            return str(error)
        return ""

    assert shoot(1) == shoot(2) == ""
    tiles = Path(bpy.app.tempdir)
    shutil.rmtree(tiles)
    tiles.touch()
    assert "Error writing tile to file" in shoot(3)
    tiles.unlink()
    tiles.mkdir()
    said = shoot(4)
    assert said == "Cycles has rendered no sample: Error writing tile to file", said
"""


def test_a_frame_without_a_sample_is_not_rendered(tmp_path: Path) -> None:
    hold(PROGRAM, tmp_path)
