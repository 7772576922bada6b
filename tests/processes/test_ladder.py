# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that do not fit, with a whole dispatcher and fake children as real processes on pretended cards."""

from __future__ import annotations

from pathlib import Path

import engine
from fake_scene import frame_path, write_blend
from waiting import until

from dispatch.model import Backend, Device, Outcome, Strategy

SMALL = Device("CUDA_Small_0000:01:00", "Small", Backend.CUDA, pci="0000:01:00")
BIG = Device("CUDA_Big_0000:02:00", "Big", Backend.CUDA, pci="0000:02:00")
NO_ROOM = {"at": "render", "do": "fail", "fault": "out of VRAM", "words": "System is out of GPU memory"}


def job(tmp_path: Path, rules: list[dict], devices: tuple[Device, ...] = (SMALL, BIG), **changes) -> Path:
    blend = write_blend(tmp_path / "a.blend", renders=str(tmp_path / "renders"), rules=rules)
    settings = {"devices": devices, "strategy": Strategy.PER_DEVICE, **changes}
    return engine.make_job(tmp_path / "jobs", blend, str(tmp_path / "out" / "####"), "1-20", 1, **settings)


def where(folder: Path, frame: int) -> list[str]:
    """Return the slots in which a frame failed or was rendered, in order."""
    slots = {r["worker"]: r["slot"] for r in engine.records(folder) if r["what"] == "spawn"}
    tries = [r for r in engine.records(folder) if r["what"] in ("failed", "rendered") and r["task"] == frame - 1]
    return [slots[r["worker"]] for r in tries]


def whole(tmp_path: Path, folder: Path, *, without: tuple[int, ...] = ()) -> None:
    frames = [frame for frame in range(1, 21) if frame not in without]
    output = tmp_path / "out"
    assert sorted(output.iterdir()) == [Path(frame_path(str(output / "####"), frame)) for frame in frames]
    assert engine.commits(folder) == {frame - 1: 1 for frame in frames}


def test_frames_too_big_for_one_card_are_rendered_by_the_other(tmp_path: Path) -> None:
    rule = NO_ROOM | {"frames": [3, 4, 5, 6, 7, 8], "devices": [SMALL.id]}
    folder = job(tmp_path, [rule])
    assert engine.run(folder) is Outcome.COMPLETE, engine.told(folder)
    whole(tmp_path, folder)
    assert not any(r["what"] == "slot closed" and "alone" not in r["slot"] for r in engine.records(folder))


def test_a_frame_too_big_for_every_card_is_rendered_by_the_processor_where_that_is_allowed(tmp_path: Path) -> None:
    folder = job(tmp_path, [NO_ROOM | {"frames": [9], "devices": [SMALL.id, BIG.id]}], last_resort=("combined", "cpu"))
    assert engine.run(folder) is Outcome.COMPLETE, engine.told(folder)
    whole(tmp_path, folder)
    tried = where(folder, 9)
    assert tried[-2:] == ["Small + Big", "CPU"]
    assert {"Small alone", "Big alone"} <= set(tried)


def test_a_frame_that_fits_nowhere_is_given_up_with_words_that_help_and_the_rest_is_rendered(tmp_path: Path) -> None:
    folder = job(tmp_path, [NO_ROOM | {"frames": [9]}], per_device=2)
    assert engine.run(folder) is Outcome.INCOMPLETE
    whole(tmp_path, folder, without=(9,))
    said = [line for line in engine.told(folder).splitlines() if "is given up" in line]
    assert len(said) == 1
    assert said[0].startswith("Frame 9 is given up: it does not fit on ")
    assert "System is out of GPU memory" in said[0]
    assert 'let the processor render it ("If a Frame Does Not Fit")' in said[0]


def test_a_resumed_job_tries_a_frame_where_its_search_was_and_not_on_every_card_again(tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"
    too_big = NO_ROOM | {"frames": [9], "devices": [SMALL.id, BIG.id]}
    held = {"at": "render", "do": "await", "frames": [9], "devices": ["CPU"], "path": str(go_on)}
    folder = job(tmp_path, [too_big, held], last_resort=("cpu",))
    with engine.running(folder) as first:
        until(Path(f"{go_on}-9").exists, what="the processor begins frame 9")
        first.kill()
        first.wait(30)
    before = len(engine.records(folder))
    go_on.touch()
    assert engine.run(folder) is Outcome.COMPLETE, engine.told(folder)
    whole(tmp_path, folder)
    opened = {r["slot"] for r in engine.records(folder)[before:] if r["what"] == "spawn"}
    assert "CPU" in opened
    assert opened <= {"Small", "Big", "CPU"}, "nobody tries it alone again"
