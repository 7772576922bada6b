# SPDX-License-Identifier: GPL-3.0-or-later
"""From the scene on screen to whole frames on disk, with the extension enabled in a real Blender."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from installed import Installed
from integration.starting import PRELUDE, job_of, pixels

FAULTS = Path(__file__).resolve().parents[1] / "faults"
"""Where the disk that forgets lies."""

RICH = """
# A library with a texture of its own, a relative texture, a baked disk cache, File Output nodes, unsaved edits.
art = FOLDER / "art"
(art / "tex").mkdir(parents=True)
def texture(name, colour):
    image = bpy.data.images.new(name, 8, 8)
    image.pixels = [*colour, 1.0] * 64
    image.filepath_raw, image.file_format = str(art / "tex" / name), "PNG"
    image.save()
    bpy.data.images.remove(image)
def painted(name, image):
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):
        material.use_nodes = True
    tree = material.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(art / "tex" / image))
    node.image.filepath = bpy.path.relpath(node.image.filepath)
    tree.links.new(node.outputs[0], next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED").inputs[0])
    return material
texture("red.png", (1, 0, 0)); texture("green.png", (0, 1, 0))
(art / "lib").mkdir()
bpy.ops.wm.save_as_mainfile(filepath=str(art / "lib" / "props.blend"))
prop = bpy.data.objects["Cube"]
prop.name = "Prop"
prop.data.materials.clear()
prop.data.materials.append(painted("Red", "red.png"))
bpy.ops.wm.save_mainfile()

bpy.ops.wm.read_factory_settings(use_empty=False)
enable()
scene = scene_of("//frames/x_####", 4)
path = saved()
with bpy.data.libraries.load(str(art / "lib" / "props.blend"), link=True, relative=True) as (there, here):
    here.objects = ["Prop"]
linked = bpy.data.objects["Prop"].override_create()
scene.collection.objects.link(linked)
linked.location = (2.5, 1, 0)
cube = bpy.data.objects["Cube"]
cube.data.materials.clear()
cube.data.materials.append(painted("Green", "green.png"))
bpy.ops.mesh.primitive_grid_add(x_subdivisions=6, y_subdivisions=6, size=2, location=(-1, -1, 2))
cloth = bpy.context.object.modifiers.new("Cloth", "CLOTH")
cache = cloth.point_cache
cache.use_disk_cache, cache.frame_start, cache.frame_end = True, 1, 4
bpy.ops.wm.save_mainfile()
with bpy.context.temp_override(scene=scene, active_object=bpy.context.object, object=bpy.context.object, point_cache=cache):
    bpy.ops.ptcache.bake(bake=True)
assert cache.is_baked and len(list((art / "blendcache_shot").iterdir())) >= 4
if bpy.app.version < (5, 0, 0):
    scene.use_nodes = True
    tree, layers = scene.node_tree, scene.node_tree.nodes["Render Layers"]
else:
    tree = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    scene.compositing_node_group = tree
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs[0], tree.nodes.new("NodeGroupOutput").inputs[0])
scene.render.compositor_device = "CPU"
node = tree.nodes.new("CompositorNodeOutputFile")
if bpy.app.version < (5, 0, 0):
    node.base_path = "//side"
    node.file_slots[0].path = "s_"
else:
    node.directory, node.file_name = "//side", "s_"
    node.format.media_type = "IMAGE"
    node.file_output_items.clear()
    node.file_output_items.new("RGBA", "")
node.format.file_format = "PNG"
tree.links.new(layers.outputs[0], node.inputs[0])
bpy.ops.wm.save_mainfile()
bpy.data.objects["Cube"].location.x = -0.7          # never saved
bpy.data.objects["Light"].data.energy = 600
"""


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def started(installed: Installed, code: str, *words: object) -> Any:
    return installed.run(PRELUDE + code + "\ndisable()\n", installed.folder, *words)


def test_a_job_renders_what_blender_itself_would_render_now(installed: Installed) -> None:
    told = started(
        installed,
        RICH
        + """
import shutil
plain = art / "plain.blend"
bpy.ops.wm.save_as_mainfile(filepath=str(plain), copy=True)
shutil.copytree(art / "blendcache_shot", art / "blendcache_plain")
before = bpy.data.filepath, bpy.data.is_dirty, path.read_bytes(), scene.render.filepath
assert ops.render_animation() == {"FINISHED"}, session.trouble
end = ended()
same = before == (bpy.data.filepath, bpy.data.is_dirty, path.read_bytes(), bpy.context.scene.render.filepath)
tell({"audit": end.snapshot.audit, "same": same, "seen": [m.text for m in end.snapshot.messages]})
""",
    )
    assert told["same"]
    assert told["audit"].startswith("4 of 4 frames complete"), told
    art = installed.folder / "art"
    by_job = {str(p.relative_to(art)): pixels(p) for f in ("frames", "side") for p in sorted((art / f).iterdir())}
    assert len(by_job) == 8
    render = f"import bpy; bpy.ops.wm.open_mainfile(filepath={str(art / 'plain.blend')!r}); "
    render += "bpy.ops.render.render(animation=True)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", render], env=installed.environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    by_blender = {name: pixels(art / name) for name in by_job}
    assert [name for name in by_job if by_job[name] != by_blender[name]] == []
    assert len({by_job[name] for name in by_job if name.startswith("frames")}) == 4, "nothing stands still"


def test_a_power_cut_leaves_no_job_without_its_scene(installed: Installed) -> None:
    told = started(
        installed,
        """
import random
sys.path.append(sys.argv[2])
from forgetful import Disk
scene_of(); saved()
nobody_starts()
JOBS.mkdir(parents=True, mode=0o700)
disk = Disk(JOBS, FOLDER / "durable")
disk.begin()
with disk.used():
    assert ops.render_animation() == {"FINISHED"}, session.trouble
(name,) = jobs()
copy = Path(job_room.load(JOBS / name).blend)
content = copy.read_bytes()
disk.cut(random.Random(1), kept=0.0)
tell({"same": copy.read_bytes() == content, "job": job_room.load_to_run(JOBS / name).id == name})
""",
        FAULTS,
    )
    assert told == {"same": True, "job": True}


def test_everything_that_was_chosen_reaches_the_job(installed: Installed) -> None:
    told = started(
        installed,
        """
scene_of(frames=20); home = saved()
chosen = bpy.context.scene.multi_gpu
chosen.strategy, chosen.per_device, chosen.threads, chosen.order = "PER_DEVICE", 2, 3, "COARSE_TO_FINE"
chosen.use_frames, chosen.frames = True, "2-11, 15"
chosen.use_test, chosen.resolution, chosen.samples, chosen.step = True, 50, 40, 3
chosen.retries, chosen.persistent_data, chosen.share_devices, chosen.then = 7, "FILE", True, "SLEEP"
chosen.recycle, chosen.last_resort = 200, "BOTH"
bpy.context.scene.render.use_overwrite = False
prefs = bpy.context.preferences.addons[MODULE].preferences
prefs.limit_load, prefs.limit_task = 90, 2
os.environ["OCIO"] = "/somewhere/config.ocio"
folders = nobody_starts()
assert ops.render_animation() == {"FINISHED"}, session.trouble
assert ops.render_frame() == {"FINISHED"}, session.trouble
assert ops.render_missing() == {"FINISHED"}, session.trouble
prefs.limit_load = prefs.limit_task = 0
tell({"folders": [str(f) for f in folders], "home": str(home), "shown": session._wanted})
""",
    )
    job, frame, missing = (job_of(Path(folder)) for folder in told["folders"])
    expected = {
        **{"name": "shot", "home": told["home"], "output": str(installed.folder / "art" / "out" / "x_####")},
        **{"strategy": "per-device", "per_device": 2, "threads": 3, "order": "coarse-to-fine"},
        **{
            "frames": "2-11x3",
            "resolution": 50,
            "samples": 40.0,
            "retries": 7,
            "recycle": 200,
            "persistent_data": "file",
        },
        **{"last_resort": ["combined", "cpu"]},
        **{"share_devices": True, "then": "sleep", "overwrite": False, "movie": "", "factory": False},
    }
    assert {key: job[key] for key in expected} == expected
    assert Path(str(job["blend"])) == Path(told["folders"][0]) / "scene" / "shot.blend"
    assert Path(str(job["blend"])).stat().st_size == job["blend_size"]
    assert (job["limits"]["load"], job["limits"]["task"], job["limits"]["first"]) == (5400.0, 120.0, 1800.0)  # type: ignore[index]
    assert job["environment"]["OCIO"] == "/somewhere/config.ocio"  # type: ignore[index]
    assert job["blender"]["path"] == sys.executable  # type: ignore[index]
    assert (frame["frames"], frame["strategy"], frame["output"]) == ("1", "auto", job["output"])
    assert (missing["overwrite"], missing["frames"]) == (False, job["frames"])
    assert told["shown"] == told["folders"][2]


def test_a_movie_is_made_of_pictures_and_the_scene_keeps_its_settings(installed: Installed) -> None:
    told = started(
        installed,
        """
scene = scene_of("//out/film.mp4"); saved()
image = scene.render.image_settings
if hasattr(image, "media_type"):
    image.media_type = "VIDEO"
image.file_format = "FFMPEG"
scene.render.ffmpeg.format = "MPEG4"
look = lambda: [repr(getattr(it, p.identifier)) for it in (image, scene.render.ffmpeg, scene.render)
                for p in it.bl_rna.properties if p.type in ("INT", "FLOAT", "ENUM", "STRING", "BOOLEAN")]
before = look()
folders = nobody_starts()
assert ops.render_animation() == {"FINISHED"}, session.trouble
scene.multi_gpu.make_movie = False
assert ops.render_animation() == {"FINISHED"}, session.trouble
tell({"folders": [str(f) for f in folders], "same": before == look(), "blender": scene.render.frame_path()})
""",
    )
    made, not_made = (job_of(Path(folder)) for folder in told["folders"])
    assert told["same"]
    assert (made["sequence"], made["movie"]) == (True, told["blender"])
    assert str(made["output"]).endswith("/art/out/film_####")
    assert (not_made["sequence"], not_made["movie"]) == (True, "")


def test_what_cannot_be_rendered_is_refused_in_a_sentence_and_leaves_nothing_behind(installed: Installed) -> None:
    told = started(
        installed,
        """
scene = scene_of(); saved()
folders = nobody_starts()
said = {}
def press(name, operator=ops.render_animation):
    try:
        result = list(operator())
    except RuntimeError as error:      # an operator that reports an error raises in Python
        result = str(error)
    said[name] = [result, session.trouble, [f.key for f in session.findings]]
(FOLDER / "art" / "out").write_text("in the way")
press("file in the way")
(FOLDER / "art" / "out").unlink()
scene.render.filepath = "relative/x_"
press("relative")
scene.render.filepath = "//out/x_####"
scene.multi_gpu.use_frames, scene.multi_gpu.frames = True, "1-oops"
press("frames")
scene.multi_gpu.use_frames = False
cloth = bpy.data.objects["Cube"].modifiers.new("Cloth", "CLOTH")
press("unbaked")
kept = [f.key for f in room("operators.scene_facts").findings(bpy.context)]
ops.allow_unbaked()
left = [*(f.key for f in room("operators.scene_facts").findings(bpy.context)), session.trouble]
press("allowed")
bpy.data.objects["Cube"].modifiers.clear()
camera, scene.camera = scene.camera, None
press("no camera")
scene.camera = camera
ops.select_devices(action="NONE")
press("no device")
tell({"said": said, "kept": kept, "left": left, "jobs": jobs(), "started": len(folders), "out": (FOLDER / "art" / "out").exists(), "busy": session.busy})
""",
    )
    said = told["said"]
    assert "is not a folder; choose another folder in Output Properties" in said["file in the way"][1]
    assert said["file in the way"][2] == ["output-not-writable"]
    assert "'relative/x_' does not say in which folder" in said["relative"][1]
    assert said["frames"][1].startswith("Frames: ")
    assert "'Cube' (cloth)" in said["unbaked"][1]
    assert said["unbaked"][2] == told["kept"] == ["unbaked-simulation"]
    assert told["left"] == [""], "settled, so that nothing stands there any more"
    assert said["allowed"][0] == ["FINISHED"]
    assert "has no camera" in said["no camera"][0]
    assert "No device is chosen" in said["no device"][0]
    assert " --" not in str(said), "no option of the command line"
    assert len(told["jobs"]) == told["started"] == 1, "the one that was allowed"
    assert told["busy"] == ""
    assert not told["out"]


def test_a_job_that_was_interrupted_goes_on_with_resume(installed: Installed) -> None:
    told = started(
        installed,
        """
scene_of(frames=2); saved()
real = starting.start
folders = nobody_starts()
assert ops.render_animation() == {"FINISHED"}, session.trouble
starting.start = real
until = time.monotonic() + 30
while not ops.resume.poll() and time.monotonic() < until:
    session.refresh(); time.sleep(0.05)
assert ops.resume(folder=str(folders[0])) == {"FINISHED"}
end = ended(folders[0])
tell({"audit": end.snapshot.audit})
""",
    )
    assert told["audit"].startswith("2 of 2 frames complete")


def test_check_finds_without_starting_anything_and_a_click_mends_it(installed: Installed) -> None:
    told = started(
        installed,
        """
scene = scene_of(); saved()
image = bpy.data.images.new("Mask", 4, 4)
image.use_fake_user, image.pixels[0] = True, 0.5
image.update()
assert ops.check() == {"FINISHED"}
found = [(f.key, f.panel) for f in session.findings]
assert ops.pack_images() == {"FINISHED"}
assert not ops.pack_images.poll()
left = room("operators.scene_facts").findings(bpy.context)
tell({"found": found, "left": [f.key for f in left], "jobs": jobs()})
""",
    )
    assert [key for key, _ in told["found"]] == ["unpacked-paint"]
    assert told["found"][0][1].endswith("'Mask'; save them, or pack them into the file.")
    assert told["left"] == told["jobs"] == []


def test_the_light_look_is_cheap_and_touches_nothing(installed: Installed) -> None:
    told = started(
        installed,
        """
scene_of(); saved()
facts = room("operators.scene_facts")
def steps(look):
    "The steps that Python takes for a look."
    taken = []
    def count(frame, event, _):
        frame.f_trace_opcodes = True
        taken.append(event)
        return count
    sys.settrace(count)
    look(bpy.context)
    sys.settrace(None)
    return len(taken)
looks = facts.light, facts.findings
facts.findings(bpy.context)  # the first look fills what is remembered
few = [steps(look) for look in looks]
for number in range(1000):
    bpy.context.scene.collection.objects.link(bpy.data.objects.new(f"o{number}", bpy.data.meshes["Cube"]))
bpy.context.view_layer.update()
many = [steps(look) for look in looks]
updates = []
bpy.app.handlers.depsgraph_update_post.append(lambda *_: updates.append(1))
facts.findings(bpy.context)
whole = facts.full(bpy.context)
bpy.context.view_layer.update()
known = facts.light(bpy.context)
differ = [n for n in known.__slots__ if getattr(known, n) != getattr(whole, n)]
bpy.app.handlers.depsgraph_update_post.clear()
tell({"few": few, "many": many, "updates": len(updates), "differ": differ})
""",
    )
    assert told["many"] == told["few"], "a thousand objects cost nothing: it is looked at with each redraw"
    assert max(told["few"]) < 20_000, told
    assert told["updates"] == 0
    assert told["differ"] == []


def test_another_blender_can_be_chosen_and_a_wrong_one_is_refused(installed: Installed) -> None:
    other = installed.folder / "other blender"
    other.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', encoding="utf-8")
    other.chmod(0o755)
    told = started(
        installed,
        """
scene_of(); saved()
chosen = bpy.context.scene.multi_gpu
folders = nobody_starts()
chosen.blender, chosen.clean_children = sys.argv[2], True
assert ops.render_animation() == {"FINISHED"}, session.trouble
prefs = bpy.context.preferences.addons[MODULE].preferences
chosen.blender, prefs.blender = "", str(FOLDER / "none" / "blender")
try:
    ops.render_animation()
except RuntimeError:
    pass
prefs.blender = ""
tell({"folders": [str(f) for f in folders], "trouble": session.trouble, "jobs": len(jobs())})
""",
        other,
    )
    (folder,) = told["folders"]
    job = job_of(Path(folder))
    assert job["blender"]["path"] == str(other)  # type: ignore[index]
    assert job["factory"] is True
    assert "none/blender" in told["trouble"]
    assert "--" not in told["trouble"]
    assert told["jobs"] == 1


def test_scripts_run_in_the_job_as_they_run_in_this_session(installed: Installed) -> None:
    told = started(
        installed,
        """
scene_of(); path = saved()
text = bpy.data.texts.new("rig.py"); text.use_module = True
bpy.ops.wm.save_mainfile()
folders, seen = nobody_starts(), []
for trusted in (False, True):
    bpy.ops.wm.open_mainfile(filepath=str(path), use_scripts=trusted)
    seen.append([f.key for f in room("operators.scene_facts").findings(bpy.context)])
    assert ops.render_animation() == {"FINISHED"}, session.trouble
tell({"folders": [str(f) for f in folders], "seen": seen})
""",
    )
    assert [job_of(Path(folder))["autoexec"] for folder in told["folders"]] == [False, True]
    assert told["seen"] == [["scripts-blocked"], []]


def test_a_test_render_says_which_pictures_it_replaces(installed: Installed) -> None:
    told = started(
        installed,
        """
scene = scene_of(); path = saved()
(path.parent / "out").mkdir()
(path.parent / "out" / "x_0001.png").write_bytes(b"a picture")
nobody_starts()
assert ops.render_animation() == {"FINISHED"}, session.trouble
whole = [f.key for f in session.findings]
scene.multi_gpu.use_test = True
assert ops.render_animation() == {"FINISHED"}, session.trouble
test = [f.key for f in session.findings]
tell({"whole": whole, "test": test})
""",
    )
    assert (told["whole"], told["test"]) == ([], ["test-replaces"])
