# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy of what is on screen: it holds every edit, and the artist's session does not notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from installed import Installed
from integration.starting import PRELUDE, job_of

COPY = """
scene_copy = room("operators.scene_copy")
def copied(name="job"):
    return scene_copy.save(JOBS / name)
def state():
    return [bpy.data.filepath, bpy.data.is_dirty, bpy.context.scene.render.filepath,
            sorted((i.name, i.filepath) for i in bpy.data.images), [l.filepath for l in bpy.data.libraries]]
def fails(name="job"):
    try:
        copied(name)
    except room("dispatch.model").DispatchError as error:
        return str(error)
    return ""
"""


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def ran(installed: Installed, code: str) -> Any:
    return installed.run(PRELUDE + COPY + code + "\ndisable()\n", installed.folder)


def test_the_copy_holds_the_edits_and_the_session_stays_as_it_was(installed: Installed) -> None:
    told = ran(
        installed,
        """
scene_of(); path = saved("shot.v2.blend")
bpy.ops.wm.save_mainfile(compress=True)
bpy.ops.wm.open_mainfile(filepath=str(path))
content = path.read_bytes()
bpy.ops.ed.undo_push(message="before")
bpy.data.objects["Cube"].location.x = 4
bpy.ops.ed.undo_push(message="edit")
before = state()
began = time.perf_counter()
copy = copied()
took = time.perf_counter() - began
same = before == state() and path.read_bytes() == content
bpy.ops.ed.undo()
undone = bpy.data.objects["Cube"].location.x
bpy.ops.ed.redo()
redone = bpy.data.objects["Cube"].location.x
bpy.ops.wm.save_mainfile()
compressed = path.read_bytes()[:4]
bpy.ops.wm.open_mainfile(filepath=str(copy.path))
tell({"same": same, "x": bpy.data.objects["Cube"].location.x, "undone": undone, "redone": redone,
      "path": str(copy.path), "home": copy.home, "size": copy.size, "seconds": copy.seconds, "took": took,
      "compressed": list(compressed), "was": list(content[:4]),
      "mode": oct(copy.path.parent.stat().st_mode), "beside": sorted(p.name for p in path.parent.iterdir())})
""",
    )
    assert told["same"]
    assert (told["x"], told["undone"], told["redone"]) == (4, 0, 4)
    assert told["path"].endswith("/jobs/job/scene/shot.v2.blend")
    assert told["home"] == str(installed.folder / "art" / "shot.v2.blend")
    assert told["size"] > 100_000
    assert 0 < told["seconds"] <= told["took"]
    assert told["compressed"] == told["was"], "the artist's file keeps its compression"
    assert told["mode"].endswith("700")
    assert [name for name in told["beside"] if not name.startswith("shot.v2.blend")] == []


@pytest.mark.parametrize("mode", ["EDIT", "SCULPT", "VERTEX_PAINT", "TEXTURE_PAINT"])
def test_edits_that_are_still_open_are_in_the_copy(installed: Installed, mode: str) -> None:
    told = ran(
        installed,
        f"""
import bmesh
scene_of(); saved()
bpy.context.view_layer.objects.active = cube = bpy.data.objects["Cube"]
bpy.ops.object.mode_set(mode={mode!r})
if cube.mode == "EDIT":
    mesh = bmesh.from_edit_mesh(cube.data)
    mesh.verts.ensure_lookup_table()
    mesh.verts[0].co.x = 7
    bmesh.update_edit_mesh(cube.data)
else:
    cube.data.vertices[0].co.x = 7
copy = copied()
still = cube.mode
bpy.ops.wm.open_mainfile(filepath=str(copy.path))
tell({{"x": bpy.data.objects["Cube"].data.vertices[0].co.x, "still": still}})
""",
    )
    assert told == {"x": 7, "still": mode}


def test_paths_lead_to_the_same_files_from_the_copy(installed: Installed) -> None:
    told = ran(
        installed,
        """
art = FOLDER / "art"
(art / "tex").mkdir(parents=True)
for name in ("one", "udim.1001", "udim.1002", "seq_0001", "strip_0001"):
    image = bpy.data.images.new(name, 4, 4)
    image.filepath_raw, image.file_format = str(art / "tex" / (name + ".png")), "PNG"
    image.save(); bpy.data.images.remove(image)
bpy.ops.wm.save_as_mainfile(filepath=str(art / "deep.blend"))
bpy.data.meshes["Cube"].use_fake_user = True
bpy.ops.wm.save_mainfile()
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.wm.save_as_mainfile(filepath=str(art / "mid.blend"))
with bpy.data.libraries.load(str(art / "deep.blend"), link=True, relative=True) as (there, here):
    here.meshes = ["Cube"]
bpy.data.objects.new("Middle", bpy.data.meshes["Cube"]).use_fake_user = True
bpy.ops.wm.save_mainfile()
bpy.ops.wm.read_factory_settings(use_empty=False)
enable()
scene = scene_of(); saved()
with bpy.data.libraries.load(str(art / "mid.blend"), link=True, relative=True) as (there, here):
    here.objects = ["Middle"]
scene.collection.objects.link(bpy.data.objects["Middle"])
for name, source in (("one.png", "FILE"), ("udim.1001.png", "TILED"), ("seq_0001.png", "SEQUENCE")):
    image = bpy.data.images.load(str(art / "tex" / name))
    image.source, image.use_fake_user = source, True
    image.filepath = "//tex/" + name.replace("1001", "<UDIM>")
editor = scene.sequence_editor_create()
strips = editor.strips if hasattr(editor, "strips") else editor.sequences
strips.new_image("Strip", str(art / "tex" / "strip_0001.png"), 1, 1).directory = "//tex/"
volume = bpy.data.volumes.new("Smoke"); volume.filepath, volume.use_fake_user = "//tex/smoke.vdb", True
clip = bpy.data.movieclips.load(str(art / "tex" / "one.png")); clip.filepath, clip.use_fake_user = "//tex/one.png", True
def look():
    blocks = [*bpy.data.images, *bpy.data.volumes, *bpy.data.movieclips, *bpy.data.libraries]
    found = {f"{b.id_type} {b.name}": os.path.abspath(bpy.path.abspath(b.filepath)) for b in blocks if b.filepath}
    editor = bpy.context.scene.sequence_editor
    strip = (editor.strips if hasattr(editor, "strips") else editor.sequences)["Strip"]
    return found | {"strip": os.path.abspath(bpy.path.abspath(strip.directory))}
before, kept = look(), state()
copy = copied()
same = kept == state()
bpy.ops.wm.open_mainfile(filepath=str(copy.path))
after = look()
tell({"before": before, "after": after, "same": same, "missing": [l.name for l in bpy.data.libraries if l.is_missing]})
""",
    )
    assert told["same"]
    assert told["missing"] == []
    assert len(told["before"]) >= 8
    assert told["after"] == told["before"]


def test_baked_caches_are_shown_and_unbaked_ones_are_copied(installed: Installed) -> None:
    told = ran(
        installed,
        """
scene_of(); path = saved()
cache = bpy.data.objects["Cube"].modifiers.new("Cloth", "CLOTH").point_cache
cache.use_disk_cache, cache.frame_end = True, 3
bpy.ops.wm.save_mainfile()
beside = path.parent / "blendcache_shot"
beside.mkdir(exist_ok=True)
(beside / "by hand.bphys").write_bytes(b"x")
unbaked = copied("unbaked").path.parent / "blendcache_shot"
with bpy.context.temp_override(scene=bpy.context.scene, object=bpy.data.objects["Cube"], point_cache=cache):
    bpy.ops.ptcache.bake(bake=True)
baked_job = "20260101-000000-baked-0000"
baked = copied(baked_job).path.parent / "blendcache_shot"
links = [unbaked.is_symlink(), baked.is_symlink()]
inside = sorted(p.name for p in baked.iterdir()) == sorted(p.name for p in beside.iterdir())
(JOBS / baked_job / "job.json").write_text("{}")
room("dispatch.removal").remove(JOBS / baked_job)
tell({"links": links, "inside": inside, "copied": (unbaked / "by hand.bphys").is_file(),
      "left": len(list(beside.iterdir())), "gone": not (JOBS / baked_job).exists()})
""",
    )
    assert told["links"] == [False, True]
    assert told["inside"]
    assert told["copied"]
    assert told["left"] >= 4, "removing a job leaves the artist's cache alone"
    assert told["gone"]


def test_a_copy_that_fails_is_a_sentence_and_leaves_nothing_behind(installed: Installed) -> None:
    told = ran(
        installed,
        """
import resource
scene_of(); saved()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
cut = fails()
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
host = room("dispatch.host")
def stumbles(folder):
    raise UnicodeError("a fault of our own")
free, host.free_space = host.free_space, stumbles
try:
    copied()
except UnicodeError:
    own = (JOBS / "job").exists()
host.free_space = lambda folder: 5 << 20
full = fails()
host.free_space = free
left = jobs()
JOBS.parent.mkdir(exist_ok=True)
if JOBS.exists():
    JOBS.rmdir()
JOBS.write_text("in the way")
way = fails()
JOBS.unlink()
prefs = bpy.context.preferences.addons[MODULE].preferences
prefs.jobs_folder = "/proc/nobody/may"
folders = nobody_starts()
try:
    result = list(ops.render_animation())
except RuntimeError as error:
    result = str(error)
said = session.trouble
prefs.jobs_folder = ""
tell({"cut": cut, "own": own, "full": full, "way": way, "said": said, "result": result, "left": left, "started": len(folders),
      "busy": session.busy, "path": bpy.data.filepath})
""",
    )
    for sentence in (told["cut"], told["full"], told["way"], told["said"]):
        assert sentence.startswith("The scene cannot be saved for the render"), sentence
        assert "jobs folder in the add-on's preferences" in sentence
        assert " --" not in sentence
    assert told["own"] is False, "what a fault of our own leaves"
    assert "5.0 MiB free" in told["full"]
    assert told["said"] in str(told["result"])
    assert (told["left"], told["started"], told["busy"]) == ([], 0, "")
    assert told["path"].endswith("/art/shot.blend")


def test_a_dispatcher_that_does_not_start_leaves_no_job_behind(installed: Installed) -> None:
    told = ran(
        installed,
        """
scene_of(); saved()
def refuse(*_):
    raise room("dispatch.model").DispatchError("It does not run: choose another with --jobs-dir.")
starting.start = refuse
try:
    ops.render_animation()
except RuntimeError as error:
    result = str(error)
tell({"result": result, "jobs": jobs(), "trouble": session.trouble})
""",
    )
    assert told["trouble"] == "It does not run: choose another jobs folder in the add-on's preferences."
    assert told["trouble"] in told["result"]
    assert told["jobs"] == []


def test_a_file_that_was_never_saved_renders_or_says_what_to_do(installed: Installed) -> None:
    told = ran(
        installed,
        """
scene = scene_of(str(FOLDER / "out" / "x_"), 2)
facts = room("operators.scene_facts")
notes = [(f.level, f.key) for f in facts.findings(bpy.context)]
assert ops.render_animation() == {"FINISHED"}, session.trouble
end = ended()
scene.render.filepath = "//out/x_"
errors = [(f.level, f.key) for f in facts.findings(bpy.context)]
try:
    ops.render_animation()
except RuntimeError as error:
    pass
tell({"notes": notes, "errors": errors, "trouble": session.trouble, "audit": end.snapshot.audit,
      "folder": str(end.folder), "still": bpy.data.filepath, "jobs": len(jobs())})
""",
    )
    assert told["notes"] == [["note", "never-saved"], ["note", "no-frame-number"]]
    assert told["audit"].startswith("2 of 2 frames complete")
    assert sorted(p.name for p in (installed.folder / "out").iterdir()) == ["x_0001.png", "x_0002.png"]
    job = job_of(Path(told["folder"]))
    assert (job["home"], job["name"], Path(str(job["blend"])).name) == ("", "untitled", "untitled.blend")
    assert ["error", "never-saved"] in told["errors"]
    assert told["trouble"].startswith("The file was never saved, so the output")
    assert (told["still"], told["jobs"]) == ("", 1)
