# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Blender children in real trouble: a disk that fills up, a folder that goes away, scripts that raise or shout."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bpy
import campaign
import engine
import pytest
from fake_scene import frame_path
from waiting import until

ROOT = Path(__file__).resolve().parents[2]
Scene = Callable[..., Path]

FULL_DISK = """
import os, subprocess, sys, time
from pathlib import Path
disk, blend, frames, state = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)], check=True)
ballast = disk / "ballast"
with ballast.open("wb") as file:
    file.write(bytes(1960 * 1024))
command = [sys.executable, "-m", "dispatch", "render", blend, "-o", f"{disk}/####", "-f", f"1-{frames}", "--jobs-dir", state,
           "--limits", "backoff=0.1,backoff_most=0.5"]
job = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
said = []
for line in job.stdout:
    said.append(line)
    if "Paused" in line and ballast.exists():
        print("pictures while full:", *sorted(p.name for p in disk.glob("*.png") if p.stat().st_size))
        ballast.unlink()
print("".join(said))
print("left:", *sorted(p.name for p in disk.iterdir()))
sys.exit(job.wait())
"""
"""Fills a disk of its own (a tmpfs nobody else sees), and makes room once the job says that it is paused."""


def render(blend: Path, output: str, state: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dispatch", "render", str(blend), "-o", output, "--jobs-dir", str(state), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)


def with_script(blend: Path, text: str) -> Path:
    """Put a script into the file that runs when it is opened (with --autoexec)."""
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    script = bpy.data.texts.new("trouble.py")
    script.write(text)
    script.use_module = True
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    return blend


def finals(folder: Path, count: int) -> list[Path]:
    return [Path(frame_path(str(folder / "####"), frame)) for frame in range(1, count + 1)]


def test_a_disk_that_fills_up_holds_the_job_until_there_is_room_and_every_picture_is_whole(
    tmp_path: Path, make_scene: Scene, state_folder: Path
) -> None:
    disk, frames = tmp_path / "disk", 40
    disk.mkdir()
    script = tmp_path / "full.py"
    script.write_text(FULL_DISK, encoding="utf-8")
    command = ["unshare", "--mount", "--propagation", "private", sys.executable, str(script)]
    words = [str(disk), str(make_scene(frames)), str(frames), str(state_folder)]
    done = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is full: make room" in done.stdout
    assert "Going on" in done.stdout
    assert f"{frames} of {frames} frames complete, 0 rendered twice" in done.stdout
    left = next(line for line in done.stdout.splitlines() if line.startswith("left: "))
    assert left.split()[1:] == [final.name for final in finals(disk, frames)]


def test_a_handler_that_raises_is_named_and_the_pictures_are_what_blender_makes_of_it(
    tmp_path: Path, make_scene: Scene, state_folder: Path
) -> None:
    text = "import bpy\ndef trouble(scene, *_):\n    raise ValueError('no such rig')\nbpy.app.handlers.render_pre.append(trouble)\n"
    blend = with_script(make_scene(3), text)
    done = render(blend, str(tmp_path / "out" / "####"), state_folder, "--autoexec")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no such rig" in done.stdout
    assert done.stdout.count("no such rig") == 1, "said once, not for each frame"
    campaign.assert_all_whole(finals(tmp_path / "out", 3))


def test_a_scene_that_shouts_a_hundred_megabytes_on_stdout_renders_all_the_same(
    tmp_path: Path, make_scene: Scene, state_folder: Path
) -> None:
    text = (
        "import bpy, os\n"
        "def shout(scene, *_):\n"
        "    for _ in range(100):\n"
        '        os.write(1, b\'{"mgd":"Committed","attempt":1}\\n\' * 30000)\n'
        "bpy.app.handlers.render_pre.append(shout)\n"
    )
    blend = with_script(make_scene(2), text)
    done = render(blend, str(tmp_path / "out" / "####"), state_folder, "--autoexec")
    assert done.returncode == 0, done.stdout + done.stderr
    campaign.assert_all_whole(finals(tmp_path / "out", 2))
    logs = sum(p.stat().st_size for p in state_folder.rglob("workers/*.log"))
    assert logs < 30_000_000


def test_an_output_folder_that_becomes_a_file_holds_the_job_and_it_goes_on_when_mended(
    tmp_path: Path, make_scene: Scene, hold_scene: Scene, state_folder: Path
) -> None:
    out, gate = tmp_path / "out", tmp_path / "go"
    blend = hold_scene(make_scene(30), gate, 4)
    folder = engine.make_job(
        tmp_path / "jobs", blend, str(out / "####"), "1-30", blender=engine.this_blender(), autoexec=True
    )
    with engine.running(folder, engine.REAL_ENTRY) as job:
        until(lambda: len(engine.commits(folder)) == 4, 120, "the pictures that nothing holds")
        moved = tmp_path / "moved"
        out.rename(moved)
        out.write_text("in the way")
        gate.touch()
        until(lambda: "Paused" in engine.told(folder), 120, "the job says that it is held")
        out.unlink()
        moved.rename(out)
        assert job.wait(240) == 0, (folder / "dispatcher.log").read_text()
    campaign.assert_all_whole(finals(out, 30))
    assert sorted(p.name for p in out.iterdir()) == [final.name for final in finals(out, 30)]


def test_every_sentence_of_a_refused_scene_names_the_way_out(
    tmp_path: Path, make_scene: Scene, state_folder: Path
) -> None:
    blend = make_scene(3)
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    bpy.context.scene.camera = None
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    done = render(blend, str(tmp_path / "out" / "####"), state_folder, "--json")
    assert done.returncode == 2
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["key"] for e in events if e["event"] == "finding" and e["level"] == "error"] == ["no-camera"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("sign", ["not a blend", ""])
def test_a_file_that_is_no_blend_is_refused_with_its_name(tmp_path: Path, state_folder: Path, sign: str) -> None:
    path = tmp_path / "odd é.blend"
    path.write_text(sign, encoding="utf-8")
    done = render(path, str(tmp_path / "out" / "####"), state_folder)
    assert done.returncode == 2
    assert "is not a .blend file" in done.stderr
    assert "odd é.blend" in done.stderr
