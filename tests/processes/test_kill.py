# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever dies at any instruction: what is left is whole, and nothing is done twice. With fake children, in seconds."""

from __future__ import annotations

from pathlib import Path

import campaign
import engine
import pytest
from fake_scene import frame_path, png, write_blend
from waiting import until

from dispatch import job
from dispatch.model import Outcome

FRAMES = 200


def finals(output: Path, count: int = FRAMES) -> list[Path]:
    return [Path(frame_path(str(output / "####"), frame)) for frame in range(1, count + 1)]


def test_fifty_killed_workers_and_ten_killed_dispatchers_leave_200_whole_pictures_committed_once(
    tmp_path: Path,
) -> None:
    blend = write_blend(tmp_path / "a.blend", seconds=0.15, renders=str(tmp_path / "renders"))
    output = tmp_path / "out"
    folder = engine.make_job(tmp_path / "jobs", blend, str(output / "####"), f"1-{FRAMES}", workers=3)
    results = campaign.kill_at_random(
        folder, engine.FAKE_ENTRY, FRAMES, workers_killed=50, dispatchers_killed=10, seed=1, longest=0.15
    )
    assert results == [-9] * 10 + [0]
    campaign.assert_all_whole(finals(output))
    assert engine.leftovers(output) == []
    assert len(list(output.iterdir())) == FRAMES
    killed = [r for r in engine.records(folder) if r["what"] == "worker ended" and "SIGKILL" in r["words"]]
    assert len(killed) >= 40, "the others were killed right before their dispatcher"
    assert max(engine.commits(folder).values()) == 1


def test_overwrite_on_killed_and_resumed_makes_every_picture_new_and_none_is_missing_at_any_moment(
    tmp_path: Path,
) -> None:
    blend = write_blend(tmp_path / "a.blend", seconds=0.1)
    output = tmp_path / "out"
    output.mkdir()
    for final in finals(output):
        final.write_bytes(png(4, 4, "yesterday"))
    folder = engine.make_job(tmp_path / "jobs", blend, str(output / "####"), f"1-{FRAMES}", workers=3, overwrite=True)
    with campaign.watched(finals(output)):
        results = campaign.kill_at_random(
            folder, engine.FAKE_ENTRY, FRAMES, workers_killed=10, dispatchers_killed=3, seed=3, longest=0.15
        )
    assert results == [-9] * 3 + [0]
    campaign.assert_all_whole(finals(output))
    assert not [f.name for f in finals(output) if b"yesterday" in f.read_bytes()]
    assert engine.leftovers(output) == []
    assert max(engine.commits(folder).values()) == 1


@pytest.mark.parametrize("machine", ["", "render7"], ids=["on this machine", "on another machine"])
def test_the_frames_of_a_dispatcher_that_died_for_good_are_rendered_by_the_other_one_in_the_folder(
    tmp_path: Path, machine: str
) -> None:
    count = 80
    gate = tmp_path / "both are there"
    together = {"at": "render", "do": "await", "path": str(gate)}
    blend = write_blend(tmp_path / "a.blend", seconds=0.15, renders=str(tmp_path / "renders"), rules=[together])
    output = tmp_path / "out"
    one, two = (engine.make_job(tmp_path / name, blend, str(output / "####"), f"1-{count}") for name in ("one", "two"))
    with engine.running(one, machine=machine) as first, engine.running(two) as second:
        until(lambda: len(list(tmp_path.glob(f"{gate.name}-*"))) == 4, 120, "each of the workers in a frame")
        gate.touch()
        until(lambda: len(engine.commits(one)) >= 15 and len(engine.commits(two)) >= 5, 120, "both at work")
        first.kill()
        assert second.wait(240) == 0, (two / "dispatcher.log").read_text()
    campaign.assert_all_whole(finals(output, count))
    assert len(list(output.iterdir())) == count
    assert engine.leftovers(output) == []
    both = engine.commits(one, two)
    assert max(both.values()) == 1
    assert len(both) >= count - 2 * 2, "only what the dead one's workers put in place unseen may lack a record"
    twice = [frame for frame, times in engine.renders(tmp_path / "renders").items() if times > 1]
    assert len(twice) <= 2 * 2, (
        "rendered twice: at most what the dead one's two workers had rendered and not put in place"
    )


def test_a_job_that_ended_is_complete_when_it_is_resumed_and_renders_nothing(tmp_path: Path) -> None:
    blend = write_blend(tmp_path / "a.blend", renders=str(tmp_path / "renders"))
    folder = engine.make_job(tmp_path / "jobs", blend, str(tmp_path / "out" / "####"), "1-10", overwrite=True)
    for _ in range(2):
        assert engine.run(folder) is Outcome.COMPLETE
    assert engine.renders(tmp_path / "renders") == dict.fromkeys(range(1, 11), 1)


def test_resume_renders_a_picture_that_somebody_removed_or_cut_meanwhile(tmp_path: Path) -> None:
    blend = write_blend(tmp_path / "a.blend", renders=str(tmp_path / "renders"))
    output = tmp_path / "out"
    folder = engine.make_job(tmp_path / "jobs", blend, str(output / "####"), "1-10", overwrite=True)
    engine.run(folder)
    (output / "0003.png").unlink()
    (output / "0005.png").write_bytes((output / "0005.png").read_bytes()[:50])
    assert engine.run(folder) is Outcome.COMPLETE
    campaign.assert_all_whole(finals(output, 10))
    again = {frame for frame, times in engine.renders(tmp_path / "renders").items() if times == 2}
    assert again == {3, 5}


def test_stop_now_in_the_middle_leaves_whole_pictures_only_and_resume_goes_on(tmp_path: Path) -> None:
    gate = tmp_path / "go"
    held = {"at": "render", "do": "await", "path": str(gate), "frames": list(range(21, 41))}
    blend = write_blend(tmp_path / "a.blend", seconds=0.05, renders=str(tmp_path / "renders"), rules=[held])
    output = tmp_path / "out"
    folder = engine.make_job(tmp_path / "jobs", blend, str(output / "####"), "1-40")
    with engine.running(folder) as dispatcher:
        until(lambda: len(engine.commits(folder)) >= 8)
        job.ask(folder, job.Wish.STOP_NOW)
        assert dispatcher.wait(120) == 3
    assert engine.leftovers(output) == []
    assert len(list(output.iterdir())) == len(engine.commits(folder)) < 40
    gate.touch()
    assert engine.run(folder) is Outcome.COMPLETE
    assert max(engine.commits(folder).values()) == 1
    campaign.assert_all_whole(finals(output, 40))
