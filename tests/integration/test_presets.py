# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets in the .blend and in the user's own folder, through Blender's own save, append, link and undo."""

from __future__ import annotations

from pathlib import Path

import pytest
from installed import Installed

START = """
enable()
presets, settings_room = room("operators.presets"), room("operators.settings")
ops = bpy.ops.multi_gpu
def settings(): return bpy.context.scene.multi_gpu
def names(): return [p.name for p in settings().presets]
def refused(function, *words, **named):
    try:
        function(*words, **named)
    except RuntimeError as error:
        return str(error).strip()
    return ""
OTHER = {
    "strategy": "COMBINED", "per_device": 3, "threads": 5, "leave_display_free": True, "share_devices": True,
    "use_frames": True, "frames": "1-250, 300", "use_test": True, "resolution": 50, "samples": 10, "step": 4,
    "order": "COARSE_TO_FINE", "retries": 7, "persistent_data": "FILE", "allow_unbaked": True, "clean_children": True,
    "blender": "/opt/a blender", "recycle": 200, "last_resort": "CPU", "make_movie": False, "then": "SLEEP",
}
def change(target):
    for name, value in OTHER.items():
        assert getattr(target, name) != value, name
        setattr(target, name, value)
    target.devices.clear()
    made = target.devices.add()
    made.card, made.name, made.backend, made.use = "0000:3b:00", "NVIDIA H200", "OPTIX", False
def values(target):
    devices = [[d.card, d.name, d.backend, d.use] for d in target.devices]
    return {**{n: getattr(target, n) for n in settings_room.NAMES}, "devices": devices}
def reload(): bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
"""


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def test_a_preset_holds_every_choice_and_gives_it_back(installed: Installed) -> None:
    told = installed.run(
        START
        + """
assert set(OTHER) == set(settings_room.NAMES), set(OTHER) ^ set(settings_room.NAMES)
new = values(settings())
ops.preset_add(name="New")
change(settings())
changed = values(settings())
ops.preset_add(name="Night")
ops.preset_apply(name="New")
back = values(settings())
ops.preset_apply(index=1)
tell({"new": new == back, "changed": changed == values(settings()), "apart": new != changed,
      "active": settings().active_preset})
"""
    )
    assert told == {"new": True, "changed": True, "apart": True, "active": 1}


def test_names_stay_unique_and_the_default_follows_its_preset(installed: Installed) -> None:
    told = installed.run(
        START
        + """
for name in ("Final", "Final", "Final.001", "  "):
    ops.preset_add(name=name)
added = names()
ops.preset_default(name="Final")
settings().presets[0].name = "Master"
renamed = settings().default_preset
settings().presets[1].name = "Master"
settings().presets[2].name = ""
tell({"added": added, "renamed": renamed, "default": settings().default_preset, "names": names()})
"""
    )
    assert told["added"] == ["Final", "Final.001", "Final.002", "Preset"]
    assert told["renamed"] == told["default"] == "Master"
    assert told["names"] == ["Master", "Master.001", "Preset.001", "Preset"]


def test_update_remove_and_default(installed: Installed) -> None:
    told = installed.run(
        START
        + """
for name in ("A", "B", "C"):
    ops.preset_add(name=name)
settings().per_device = 4
ops.preset_update(name="B")
updated = [p.per_device for p in settings().presets]
ops.preset_default(name="B")
default = settings().default_preset
ops.preset_default(name="B")
taken_back = settings().default_preset
ops.preset_default(name="B")
settings().active_preset = 2
ops.preset_remove(name="B")
removed = names(), settings().active_preset, settings().default_preset
ops.preset_remove()
ops.preset_remove()
tell({"updated": updated, "default": [default, taken_back], "removed": removed,
      "left": [names(), settings().active_preset], "stays": settings().per_device})
"""
    )
    assert told["updated"] == [1, 4, 1]
    assert told["default"] == ["B", ""]
    assert told["removed"] == [["A", "C"], 1, ""]
    assert (told["left"], told["stays"]) == ([[], 0], 4)


def test_each_step_can_be_undone_and_redone(installed: Installed) -> None:
    told = installed.run(
        START
        + """
def step(call, **named):
    before = state()
    call("EXEC_DEFAULT", True, **named)   # True: with an undo step, as from a button
    after = state()
    bpy.ops.ed.undo(); undone = state()
    bpy.ops.ed.redo(); redone = state()
    steps.append([before != after, undone == before, redone == after])
def state():
    found = settings()
    return [values(found), [[p.name, values(p)] for p in found.presets], found.active_preset, found.default_preset]
steps = []
bpy.ops.ed.undo_push(message="start")
step(ops.preset_add, name="Night")
change(settings())
bpy.ops.ed.undo_push(message="changed")
step(ops.preset_update, name="Night")
settings().per_device = 8
bpy.ops.ed.undo_push(message="changed")
step(ops.preset_default, name="Night")
step(ops.preset_apply, name="Night")
step(ops.preset_remove, name="Night")
tell(steps)
"""
    )
    assert told == [[True, True, True]] * 5


def test_presets_survive_save_reload_append_and_a_blender_without_the_extension(
    installed: Installed, tmp_path: Path
) -> None:
    blend = tmp_path / "shot.blend"
    installed.run(
        START
        + """
change(settings())
ops.preset_add(name="Night")
ops.preset_default(name="Night")
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
tell(True)
""",
        blend,
    )
    installed.run("bpy.ops.wm.open_mainfile(filepath=sys.argv[1]); bpy.ops.wm.save_mainfile(); tell(True)", blend)
    told = installed.run(
        START
        + """
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
scene = bpy.context.scene
found = {"names": names(), "default": settings().default_preset,
         "whole": all(values(settings().presets[0])[n] == v for n, v in OTHER.items())}
bpy.ops.wm.read_homefile(use_empty=False)
found["factory-new"] = [names(), settings().strategy, settings().per_device, settings().make_movie]
with bpy.data.libraries.load(sys.argv[1], link=False) as (there, here):
    here.scenes = there.scenes
appended = here.scenes[0].multi_gpu
found["appended"] = [[p.name for p in appended.presets], values(appended.presets[0])["devices"]]
with bpy.data.libraries.load(sys.argv[1], link=True) as (there, here):
    here.scenes = there.scenes
linked = here.scenes[0]
found["linked"] = [[p.name for p in linked.multi_gpu.presets], linked.is_editable, presets.apply_default(linked)]
with bpy.context.temp_override(scene=linked):
    found["refused"] = refused(ops.preset_add, name="x")
tell(found)
""",
        blend,
    )
    assert (told["names"], told["default"], told["whole"]) == (["Night"], "Night", True)
    assert told["factory-new"] == [[], "AUTO", 1, True]
    assert told["appended"] == [["Night"], [["0000:3b:00", "NVIDIA H200", "OPTIX", False]]]
    assert told["linked"] == [["Night"], False, False]
    assert "linked from another file" in told["refused"]


def test_the_default_of_a_file_is_applied_when_asked_and_nothing_else_is(installed: Installed, tmp_path: Path) -> None:
    told = installed.run(
        START
        + """
scene = bpy.context.scene
without = presets.apply_default(scene)
settings().per_device = 2
ops.preset_add(name="Night")
settings().per_device = 5
ops.preset_default(name="Night")
with_it = presets.apply_default(scene), settings().per_device
settings().default_preset = "gone"
tell({"without": without, "with": with_it, "gone": presets.apply_default(scene)})
"""
    )
    assert told == {"without": False, "with": [True, 2], "gone": False}


def test_grey_buttons_and_wrong_names_say_why(installed: Installed) -> None:
    told = installed.run(
        START
        + """
none = [refused(o) for o in (ops.preset_apply, ops.preset_update, ops.preset_remove, ops.preset_default)]
ops.preset_add(name="A")
tell({"none": none, "wrong": refused(ops.preset_apply, name="B"), "far": refused(ops.preset_apply, index=7)})
"""
    )
    assert all("There is no preset in this file yet: add one" in said for said in told["none"])
    assert "There is no preset named “B” in this file: choose one of the list" in told["wrong"]
    assert "There is no preset selected in this file" in told["far"]


def test_a_preset_of_the_user_is_a_file_that_any_scene_can_use(installed: Installed) -> None:
    told = installed.run(
        START
        + """
change(settings())
kept = values(settings())
ops.user_preset_add(name="Night shift")
path = bpy.utils.preset_find("Night_shift", presets.USER_SUBDIR)
written = open(path, encoding="utf-8").read()
bpy.ops.wm.read_homefile(use_empty=False)
bpy.ops.ed.undo_push(message="start")
ops.user_preset_apply("EXEC_DEFAULT", True, filepath=path)
got = values(settings())
bpy.ops.ed.undo()
undone = settings().per_device
ops.user_preset_add(name="Night_shift", remove_name=True)
tell({"kept": kept, "got": got, "path": path, "undone": undone, "there": os.path.exists(path), "written": written})
"""
    )
    assert {n for n in told["kept"] if told["kept"][n] != told["got"][n]} == {"use_frames", "frames", "devices"}
    assert Path(told["path"]).parent == installed.folder / "scripts" / "presets" / "multi_gpu"
    assert (told["undone"], told["there"]) == (1, False)
    assert "settings.per_device = 3" in told["written"]
