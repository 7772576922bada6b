# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes that are broken or misbehave, rendered by real Blender children: no quietly wrong picture comes of them."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import coloured_scene
import engine
from case import Seen, case
from engine import SHORT
from prepared import ENDS, real_job

ROOT = Path(__file__).resolve().parents[2]
FRAMES = (1, 2, 3, 4, 5, 6)


def text(words: str) -> str:
    """Return what puts a script into the scene that runs when the file is opened."""
    return f"block = bpy.data.texts.new('trouble.py')\nblock.write({words!r})\nblock.use_module = True\n"


def handler(body: str, where: str = "frame_change_pre") -> str:
    """Return what puts a handler into the scene; ``body`` knows ``scene`` and ``frame``."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return text(
        f"import bpy, os, sys\ndef trouble(scene, *_):\n    frame = scene.frame_current\n{lines}\n"
        f"bpy.app.handlers.{where}.append(trouble)\n"
    )


def scene(
    name: str,
    script: str,
    did: str,
    reads: str = "",
    *,
    lost: tuple[int, ...] = (),
    kept: tuple[str, ...] = (),
    how: str = "",
    **changes: Any,
) -> None:
    """Register a case: the script changes the scene before it is saved; the scene's own scripts run in the children.

    Args:
        lost: Frames that plain Blender cannot render either, or that are refused.
    """

    @case(name, "scene", how=how or "a real scene, real Blender children", did=did, reads=reads, needs="bpy")
    def provoke(folder: Path) -> Seen:
        job = real_job(folder, len(FRAMES), script=script, **{"workers": 1, "limits": SHORT, **changes})
        return job.run(given_up=lost, kept=kept, expected_status=1 if lost else 0)


# --- what is broken -------------------------------------------------------------------------------------------------

scene(
    "the scene has no camera",
    "scene.camera = None\n",
    "refused before it starts; in a job that was started anyway its frames are given up",
    r"Cannot render, no camera: set one",
    lost=FRAMES,
    retries=1,
)
scene(
    "a script deletes the camera in frame 4",
    handler("if frame == 4: bpy.data.objects.remove(bpy.data.objects['Camera'])"),
    "as in plain Blender: frame 4 is rendered, the later ones fail and are given up",
    r"Frame 5 is given up after 2 tries: .*no camera: set one, or switch off the script that takes it away",
    lost=(5, 6),
    retries=1,
)
scene(
    "a script in a driver fails",
    "scene.camera.driver_add('location', 0).driver.expression = 'no_such_function(frame)'\n",
    "renders what plain Blender makes of it: what the driver moves stands still",
    r"^Drivers fail, so what they move stands still: Camera \(location\)",
)
scene(
    "a handler raises at every frame",
    handler("raise ValueError('no such rig')", "frame_change_post"),
    "renders what plain Blender makes of it; the script is named, once",
    r"^A script failed and Blender went on without it: ValueError: no such rig \(trouble.py, line 4\)",
)
scene(
    "a registered text raises when the file is opened",
    text("raise RuntimeError('the rig tools are missing')"),
    "renders what plain Blender makes of it; the script is named, once",
    r"^A script failed and Blender went on without it: RuntimeError: the rig tools are missing",
)

MISSING = """
import os
for kind in ("library", "texture"):
    path = scene_folder + "/" + kind
    if kind == "texture":
        picture = bpy.data.images.new(kind, 4, 4)
        picture.filepath_raw, picture.file_format = path + ".png", "PNG"
        picture.save()
        picture.source = "FILE"
        picture.use_fake_user = True
        scene.world.node_tree.nodes.new("ShaderNodeTexEnvironment").image = picture
    else:
        lent = bpy.data.objects.new("Lent", None)
        bpy.data.libraries.write(path + ".blend", {lent})
        bpy.data.objects.remove(lent)
        with bpy.data.libraries.load(path + ".blend", link=True) as (_, wanted):
            wanted.objects = ["Lent"]
        scene.collection.objects.link(wanted.objects[0])
"""


@case(
    "a linked library and a texture are missing",
    "scene",
    how="both are removed before the job; real Blender children",
    did="says which files, and what plain Blender does: it renders without them",
    reads=r"linked library is missing, and Blender renders without: '.*library.blend'; find",
    needs="bpy",
)
def missing_files(folder: Path) -> Seen:
    blend, output = folder / "shot.blend", folder / "out"
    coloured_scene.make(blend, 1, len(FRAMES), f"scene_folder = {str(folder)!r}\n{MISSING}")
    (folder / "library.blend").unlink()
    (folder / "texture.png").unlink()
    command = [sys.executable, "-m", "dispatch", "render", str(blend), "-o", f"{output}/####", "--json"]
    command += ["--jobs-dir", str(folder / "jobs"), "--per-device", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=ENDS)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    said = tuple(event["text"] for event in events if event["event"] == "finding")
    assert any("texture.png" in words for words in said), (said, done.stderr)
    jobs = tuple(Path(event["folder"]) for event in events if event["event"] == "created")
    return Seen(output, FRAMES, status=done.returncode, jobs=jobs, said=said)


scene(
    "Cycles cannot write its tiles in one frame",
    "r = scene.render\nr.resolution_x, r.resolution_y = 512, 288\n"
    "scene.cycles.use_auto_tile, scene.cycles.tile_size = True, 128\n"
    + handler(
        "import shutil\nplace = bpy.app.tempdir.rstrip(os.sep)\n"
        "if os.path.isfile(place):\n    os.unlink(place)\n    os.mkdir(place)\n"
        "elif frame == 3 and not os.path.exists(place + '.was'):\n    open(place + '.was', 'w').close()\n"
        "    shutil.rmtree(place)\n    open(place, 'w').close()",
        "render_pre",
    ),
    "the frame is tried again, and Cycles begins afresh: by itself it says an error once, and leaves every later frame blank",
    r"^Frame 3 failed on CPU \(cannot write: Error writing tile to file\); it is tried again",
    how="the folder for temporary files goes away and comes back; a real scene, real Blender children",
)

# --- scripts that end Blender, or change what is written ---------------------------------------------------------------


def each_once(name: str, where: str, did: str, faults: dict[int, tuple[str, str]], **changes: Any) -> None:
    """Register a case: in each of these frames a script does something, and each must be said."""
    body = "\n".join(f"if frame == {frame}:\n    {code}" for frame, (code, _) in faults.items())

    @case(
        name,
        "scene",
        how="a real scene, real Blender children; each in a frame of its own, no second try",
        did=did,
        reads=f"Frame {max(faults)} is given up after 1 try: .*{faults[max(faults)][1]}",
        needs="bpy",
    )
    def provoke(folder: Path) -> Seen:
        script = handler(body, where)
        job = real_job(folder, 2 * len(faults) + 2, script=script, workers=1, retries=0, **{"limits": SHORT, **changes})
        seen = job.run(given_up=tuple(faults), expected_status=1)
        told = engine.told(job.folder)
        for frame, (_, sentence) in faults.items():
            assert re.search(f"Frame {frame} is given up after 1 try: .*{sentence}", told), told
        return seen


each_once(
    "a script ends Blender (sys.exit, os._exit, os.abort, all files closed, another .blend opened)",
    "frame_change_pre",
    "another Blender goes on; that frame is given up with these words, the others are rendered",
    {
        2: ("sys.exit(0)", "A script in the scene ended Blender: switch it off"),
        4: ("os._exit(0)", "Blender ended by itself, as a script can end it"),
        6: ("os.abort()", "crashed: ended by SIGABRT"),
        8: ("os.closerange(3, 200)", "its pipes were closed, as a script can close them"),
        10: ("bpy.ops.wm.read_homefile()", "A script in the scene loads another file: switch it off"),
    },
)
each_once(
    "a script changes output path, file format or frame in the middle of the job",
    "render_pre",
    "the change is taken back; that frame is refused with these words, the others are as the scene says",
    {
        2: ("scene.render.filepath = '/nowhere/y_'", r"A script sets the output path while rendering \(/nowhere/y_\)"),
        4: (
            "scene.render.image_settings.file_format = 'JPEG'",
            r"A script changes the file format while rendering \(PNG → JPEG\): switch it off",
        ),
        8: (
            "scene.frame_current = 2",
            "Blender named the picture '0002.png', not '0008.png': switch off the script that sets another frame",
        ),
    },
)
scene(
    "a script sets engine, resolution and border for each frame",
    handler(
        "scene.render.resolution_x = 16 + 2 * frame\nscene.render.use_border = frame > 2\n"
        "scene.render.engine = 'BLENDER_WORKBENCH' if frame == 6 else 'CYCLES'"
    ),
    "all are rendered with the scene's own, as in a plain animation: Blender takes these once",
)
each_once(
    "a script loops for ever",
    "frame_change_pre",
    "its deadline passes; that frame is given up, the others are rendered",
    {4: ("while True: pass", "no sign of life: Blender said nothing in a frame for 10 s")},
    limits=dataclasses.replace(SHORT, first=10.0, task=10.0),
)
scene(
    "a script changes the frame range and Overwrite, and calls quit, in frame 4",
    handler(
        "if frame == 4:\n    scene.frame_start, scene.frame_end = 100, 200\n"
        "    scene.render.use_overwrite, scene.render.use_placeholder = False, True\n    bpy.ops.wm.quit_blender()"
    ),
    "nothing is to be done: frames are asked for by number, claims are ours, a Blender in the background does not quit",
)

# --- scripts that do as they like -------------------------------------------------------------------------------------

scene(
    "a script starts threads and processes that would outlive it",
    handler(
        "import threading, subprocess, time\n"
        "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])"
    ),
    "the child leaves by os._exit, and what it started is ended after it",
)
scene(
    "a script prints messages of the protocol, and closes stdin, stdout and stderr",
    handler(
        'for words in (\'{"mgd":"Committed","attempt":1,"lost_to_others":[]}\', \'{"mgd":"Left","dropped":[]}\'):\n'
        "    for fd in (0, 1, 2):\n        try: os.write(fd, words.encode() + b'\\n')\n        except OSError: pass\n"
        "if frame > 3:\n    for fd in (0, 1, 2):\n        try: os.close(fd)\n        except OSError: pass"
    ),
    "messages go over pipes of their own: what is printed is never taken for one, and nothing is lost",
)
scene(
    "a script writes into our working folder",
    handler(
        "import pathlib\nfor name in pathlib.Path(scene.render.filepath).parents[1:4]:\n"
        "    (name / 'litter').write_text('x')",
        "render_pre",
    ),
    "what is not ours stays, and with it the folder",
    kept=(".mgd/temp/litter",),
)
