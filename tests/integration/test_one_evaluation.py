# SPDX-License-Identifier: GPL-3.0-or-later
"""Each frame is evaluated once, and a script that could notice sees what it sees in a plain render."""

from __future__ import annotations

from pathlib import Path

from integration.in_blender import hold

PROGRAM = """
import importlib, os, sys
from pathlib import Path
import bpy

def run(folder, dispatch):
    frame, handlers, stand_in = (importlib.import_module(f"{dispatch}.child.{n}") for n in ("frame", "handlers", "stand_in"))
    bpy.ops.wm.read_factory_settings(use_empty=False)
    scene = bpy.context.scene
    scene.name = "Shot"
    r = scene.render
    r.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    r.resolution_x, r.resolution_y, r.resolution_percentage = 32, 20, 100
    r.use_persistent_data, r.compositor_device = True, "CPU"
    cube = bpy.data.objects["Cube"]
    for number, angle in ((1, 0.0), (20, 3.0)):
        cube.rotation_euler.z = angle
        cube.keyframe_insert("rotation_euler", frame=number)
    ours = handlers.Ours(lambda: None)
    ours.install()
    evaluated = []
    def counted(scene, graph):
        evaluated.append((scene.name, scene.frame_current, sum(i.object.type == "MESH" for i in graph.object_instances)))
    counted.__module__ = handlers.__name__
    bpy.app.handlers.frame_change_post.append(counted)
    before = scene.frame_current

    def shoot(number):
        temp = folder / f"temp{len(list(folder.iterdir()))}"
        temp.mkdir()
        final = folder / f"x_{number:04}.png"
        frame.render(scene, number, str(folder / "x_####"), (final,), temp,
                     literal=False, ours=ours, tell=lambda *_: None)
        done, evaluated[:] = list(evaluated), []
        assert scene.frame_current == before
        return [(name, number, meshes) for name, number, meshes in done if meshes]

    ours.alone = stand_in.fits(scene, frame.drivers())
    assert ours.alone
    shoot(3)
    assert shoot(9) == [("Shot", 9, 1)], "once, for the frame"
    assert shoot(5) == [("Shot", 5, 1)]
    ours.alone = False
    shoot(10)
    found = shoot(6)
    assert len(found) == 2, ("what Blender does by itself", found)

    ours.alone = True
    shoot(4)
    assert bpy.context.scene != scene
    seen = []
    def foreign(scene, *_):
        seen.append((bpy.context.scene.name, bpy.context.view_layer.name, bool(bpy.context.evaluated_depsgraph_get().ids)))
    ours.alone = True
    bpy.app.handlers.render_pre.append(foreign)
    shoot(7)
    assert seen == [("Shot", scene.view_layers[0].name, True)], seen
    bpy.app.handlers.render_pre.remove(foreign)
    assert shoot(8) == [("Shot", 8, 1)]

    def fits():
        return stand_in.fits(scene, frame.drivers())
    curve = cube.driver_add("location", 0)
    curve.driver.expression = "sin(frame)"
    assert fits()
    curve.driver.expression = "bpy.context.scene.frame_current"
    assert not fits()
    cube.driver_remove("location", 0)
    seed = scene.driver_add("cycles.seed")
    seed.driver.expression = "frame"
    assert fits()
    r.keyframe_insert("motion_blur_shutter", frame=1)
    assert not fits()
    scene.animation_data_clear()
    cloth = cube.modifiers.new("Cloth", "CLOTH")
    assert not fits()
    cube.modifiers.remove(cloth)
    assert fits()
    r.engine = "BLENDER_WORKBENCH"
    assert not fits()
"""


def test_a_frame_is_evaluated_once(tmp_path: Path) -> None:
    hold(PROGRAM, tmp_path)
