# SPDX-License-Identifier: GPL-3.0-or-later
"""The promise of the project with real children: whoever dies, no frame is lost, doubled or broken."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import campaign
import engine
import pytest
from fake_scene import frame_path, png
from waiting import until

Scene = Callable[..., Path]

PLAIN = """
import os, sys
import bpy
blend, output, log = sys.argv[1:4]
bpy.ops.wm.open_mainfile(filepath=blend, use_scripts=True)
scene = bpy.context.scene
scene.render.filepath = output
scene.render.use_placeholder, scene.render.use_overwrite = True, False
def note(scene, *_):
    with open(log, "a") as file:
        file.write(f"{scene.frame_current}\\n")
bpy.app.handlers.render_post.append(note)
bpy.ops.render.render(animation=True)
sys.stdout.flush()
os._exit(0)
"""
"""A plain Blender that shares the folder (Placeholders on, Overwrite off) and notes which frames it rendered."""


def real_job(root: Path, blend: Path, output: Path, frames: int, **changes: Any) -> Path:
    return engine.make_job(root, blend, str(output / "####"), f"1-{frames}", blender=engine.this_blender(), **changes)


def finals(output: Path, count: int) -> list[Path]:
    return [Path(frame_path(str(output / "####"), frame)) for frame in range(1, count + 1)]


def claims(output: Path) -> int:
    """How many frames somebody is rendering: their final names are there, empty."""
    return len(list(output.glob("*.png")))


def assert_whole_and_nothing_else(output: Path, count: int) -> None:
    campaign.assert_all_whole(finals(output, count))
    assert sorted(output.iterdir()) == finals(output, count)


def test_fifty_killed_workers_and_ten_killed_dispatchers_leave_200_whole_pictures_committed_once(
    tmp_path: Path, make_scene: Scene, hold_scene: Scene
) -> None:
    frames, output = 200, tmp_path / "out"
    blend = hold_scene(make_scene(frames), tmp_path / "go", frames, 0.05)
    folder = real_job(tmp_path / "jobs", blend, output, frames, autoexec=True)
    results = campaign.kill_at_random(
        folder, engine.REAL_ENTRY, frames, workers_killed=50, dispatchers_killed=10, seed=2, longest=1.2
    )
    assert results == [-9] * 10 + [0]
    assert_whole_and_nothing_else(output, frames)
    killed = [r for r in engine.records(folder) if r["what"] == "worker ended" and "SIGKILL" in r["words"]]
    assert len(killed) >= 40, "the others were killed right before their dispatcher"
    assert max(engine.commits(folder).values()) == 1


def test_overwrite_on_killed_and_resumed_makes_every_picture_new_and_none_is_missing_at_any_moment(
    tmp_path: Path, make_scene: Scene, hold_scene: Scene
) -> None:
    frames, output = 60, tmp_path / "out"
    output.mkdir()
    for final in finals(output, frames):
        final.write_bytes(png(32, 18, "yesterday"))
    blend = hold_scene(make_scene(frames), tmp_path / "go", frames, 0.1)
    folder = real_job(tmp_path / "jobs", blend, output, frames, overwrite=True, autoexec=True)
    with campaign.watched(finals(output, frames)):
        results = campaign.kill_at_random(
            folder, engine.REAL_ENTRY, frames, workers_killed=4, dispatchers_killed=3, seed=3, longest=1.0
        )
    assert results == [-9] * 3 + [0]
    assert_whole_and_nothing_else(output, frames)
    assert not [final.name for final in finals(output, frames) if b"yesterday" in final.read_bytes()]
    assert max(engine.commits(folder).values()) == 1


def test_the_frames_of_a_dispatcher_that_died_for_good_are_rendered_by_the_other_one_in_the_folder(
    tmp_path: Path, make_scene: Scene, hold_scene: Scene
) -> None:
    frames, output, gate = 80, tmp_path / "out", tmp_path / "go"
    blend = hold_scene(make_scene(frames, samples=16), gate, 0, 0.1)
    one, two = (
        real_job(tmp_path / name, blend, output, frames, per_device=1, autoexec=True) for name in ("one", "two")
    )
    with (
        engine.running(one, engine.REAL_ENTRY, machine="render7") as first,
        engine.running(two, engine.REAL_ENTRY) as second,
    ):
        until(lambda: claims(output) == 2, 240, "both in their first frame")
        gate.touch()
        until(lambda: len(engine.commits(one)) >= 10 and len(engine.commits(two)) >= 3, 240, "both at work")
        first.kill()
        assert second.wait(300) == 0, (two / "dispatcher.log").read_text()
    assert_whole_and_nothing_else(output, frames)
    assert max(engine.commits(one, two).values()) == 1
    assert len(engine.commits(one, two)) >= frames - 2


def test_a_plain_blender_may_share_the_folder_with_two_dispatchers(
    tmp_path: Path, make_scene: Scene, hold_scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    frames, output, gate = 80, tmp_path / "out", tmp_path / "go"
    blend = hold_scene(make_scene(frames, samples=16), gate, 0, 0.1)
    output.mkdir()
    log = tmp_path / "plain.log"
    patient = replace(engine.SHORT, foreign=240.0)  # a frame of the plain Blender may take long on a busy machine
    one, two = (
        real_job(tmp_path / name, blend, output, frames, per_device=1, autoexec=True, limits=patient)
        for name in ("one", "two")
    )
    argv = [sys.executable, "-c", PLAIN, str(blend), str(output / "####"), str(log)]
    with (
        engine.running(one, engine.REAL_ENTRY, machine="render7") as first,
        engine.running(two, engine.REAL_ENTRY) as second,
        subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as plain,
    ):
        try:
            until(lambda: claims(output) == 3, 240, "all three in their first frame")
            gate.touch()
            assert (first.wait(300), second.wait(300), plain.wait(300)) == (0, 0, 0)
        finally:
            plain.kill()
    assert_whole_and_nothing_else(output, frames)
    ours = engine.commits(one, two)
    assert max(ours.values()) == 1, "among our own dispatchers nothing is rendered twice"
    theirs = Counter(int(line) - 1 for line in log.read_text(encoding="utf-8").split())
    twice = sorted(set(ours) & set(theirs))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(ours)} frames by us, {len(theirs)} by the plain Blender, {len(twice)} by both: {twice}\n"
        )
    assert set(ours) | set(theirs) == set(range(frames))
    assert ours
    assert theirs
    assert len(twice) <= 4, "doubles come from the plain Blender's own race window only"
