# SPDX-License-Identifier: GPL-3.0-or-later
"""Words for the programs of `test_start` and `test_unsaved`: a small scene, the session, waiting for a job's end."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

PRELUDE = """
import time
from pathlib import Path
FOLDER = Path(sys.argv[1])
enable()
session, start, starting = room("operators.session"), room("operators.start"), room("dispatch.starting")
job_room = room("dispatch.job")
JOBS = room("operators.preferences").jobs_root()
ops = bpy.ops.multi_gpu

def scene_of(output="//out/x_####", frames=3):
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 48, 32, 100
    scene.render.filepath, scene.frame_start, scene.frame_end = output, 1, frames
    cube = bpy.data.objects["Cube"]
    for frame, angle in ((1, 0.0), (20, 3.0)):
        cube.rotation_euler.z = angle
        cube.keyframe_insert("rotation_euler", frame=frame)
    return scene

def saved(name="shot.blend"):
    path = FOLDER / "art" / name
    path.parent.mkdir(exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path

def ended(folder=None, seconds=120):
    "Wait for the end of the shown job."
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        session.refresh()
        now = session.shown()
        if now and (folder is None or str(now.folder) == str(folder)) and now.state == "ended":
            return now
        assert now is None or not now.error, now
        time.sleep(0.05)
    raise AssertionError(f"the job did not end: {now}")

def jobs():
    return sorted(p.name for p in JOBS.iterdir()) if JOBS.is_dir() else []

def nobody_starts():
    "From now on no dispatcher is started; return the list of folders that one would have been started for."
    folders = []
    starting.start = lambda folder, interpreter, sites, command="run": folders.append(folder)
    return folders
"""


def pixels(path: Path) -> bytes:
    """Return a PNG's size, depth and pixels; its texts (render time, file name) do not count."""
    data, at, head, packed = path.read_bytes(), 8, b"", b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + length]
        head += content if kind == b"IHDR" else b""
        packed += content if kind == b"IDAT" else b""
        at += 12 + length
    return head + zlib.decompress(packed)


def job_of(folder: Path) -> dict[str, object]:
    """Return what is written down of a job."""
    found: dict[str, object] = json.loads((folder / "job.json").read_text(encoding="utf-8"))["job"]
    return found
