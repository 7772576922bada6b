# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of persistent data with real processes: what a difference sets going, and what a kill in the middle of it leaves."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import campaign
import engine
import pytest
from fake_scene import write_blend
from waiting import below, until

from dispatch import audit, history, job, pictures
from dispatch.model import Outcome

FRAMES = 60
OFTEN = replace(engine.SHORT, check=1.0)
"""Small jobs could pay for no check with a hundredth of their work."""
DIFFERS = {"at": "check", "do": "differ"}
SAYS = 5.0
"""Seconds that each frame is said to have taken: then checks pay, however long a child takes to start here."""


@pytest.fixture(autouse=True)
def private_state(state_folder):
    """Leases of this test only."""


def make_job(place: Path, *rules: dict, seconds: float = 0.1, says: float = SAYS, **changes) -> Path:
    script = {"seconds": seconds, "says": says, "renders": str(place / "renders")}
    blend = write_blend(place / "shot.blend", rules=list(rules), **script)
    values = {"limits": OFTEN, "frames": f"1-{FRAMES}", **changes}
    return engine.make_job(place / "jobs", blend, str(place / "out" / "x_####"), **values)


def rendered_by(place: Path) -> dict[str, tuple[int, bool]]:
    """Return for each picture the pid of the child that made it, and whether that one kept its data."""
    found = {}
    for path in sorted((place / "out").iterdir()):
        assert pictures.is_whole(path)
        words = path.read_bytes().split(b"Comment\0", 1)[1].split(b"IDAT")[0][:-8].decode("latin-1").split()
        found[path.name] = int(words[7]), words[9] != "off"
    return found


def assert_only_good_pictures(place: Path) -> None:
    """Every frame is there, and a child that kept its data made at most one of them: its first."""
    made = rendered_by(place)
    assert len(made) == FRAMES
    kept = [pid for pid, keeps in made.values() if keeps]
    assert len(kept) == len(set(kept))
    assert engine.leftovers(place / "out") == []


def of(folder: Path, what: str) -> list[dict]:
    return [record for record in engine.records(folder) if record["what"] == what]


@pytest.mark.parametrize("overwrite", [True, False])
def test_two_frames_that_look_different_turn_persistent_data_off_and_are_rendered_again(tmp_path, overwrite):
    folder = make_job(tmp_path, DIFFERS, overwrite=overwrite)
    assert engine.run(folder) is Outcome.COMPLETE
    assert [record["same"] for record in of(folder, "checked")] == [False, False]
    again = {task for record in of(folder, "again") for task in record["tasks"]}
    assert len(again) >= 2
    # One more where a picture was on its way to its place: its worker is ended, and the audit counts it.
    rendered = Counter(record["task"] for record in of(folder, "rendered"))
    twice = {task for task, times in rendered.items() if times > 1}
    assert again <= twice
    found = audit.audit(folder, job.load(folder), look_into=True)
    assert (
        found.sentence
        == f"{FRAMES} of {FRAMES} frames complete, 0 rendered twice, 0 retried, {len(twice)} rendered again"
    )
    assert job.read_snapshot(folder).audit == found.sentence
    assert "looks different when it is rendered in a fresh Blender: persistent data is off from now on" in engine.told(
        folder
    )
    assert_only_good_pictures(tmp_path)


def test_frames_that_look_the_same_change_nothing(tmp_path):
    folder = make_job(tmp_path)
    assert engine.run(folder) is Outcome.COMPLETE
    assert of(folder, "checked")
    assert all(record["same"] for record in of(folder, "checked"))
    assert not of(folder, "again")
    assert max(engine.renders(tmp_path / "renders").values()) == 1


def test_one_difference_alone_is_no_proof(tmp_path):
    folder = make_job(tmp_path, {**DIFFERS, "workers": [3]}, gather=True)  # 1 and 2 render from the start
    assert engine.run(folder) is Outcome.COMPLETE
    assert [record["same"] for record in of(folder, "checked")][:3] == [False, True, True]
    assert not of(folder, "again")
    assert "another frame is checked" in engine.told(folder)


@pytest.mark.parametrize("belief", [{"persistent_data": "on"}, {"persistent_data": "file"}, {"in_order": True}])
def test_what_the_artist_chose_or_a_simulation_needs_is_not_checked(tmp_path, belief):
    folder = make_job(tmp_path, DIFFERS, seconds=0.02, **belief)
    assert engine.run(folder) is Outcome.COMPLETE
    assert not of(folder, "check")


def test_a_small_job_pays_for_no_check(tmp_path):
    folder = make_job(tmp_path, DIFFERS, seconds=0.02, says=0.02, limits=engine.SHORT)
    assert engine.run(folder) is Outcome.COMPLETE
    assert not of(folder, "check")


@pytest.mark.parametrize(
    "rule",
    [
        {"at": "check", "do": "exit", "code": 3},
        {"at": "check", "do": "fail", "fault": "device or driver fault"},
        {"at": "check", "do": "unread"},
        {"at": "Checked", "do": "exit"},
    ],
    ids=["dies", "cannot render", "cannot read", "dies while it answers"],
)
def test_checks_that_go_wrong_harm_nobody_and_end(tmp_path, rule):
    folder = make_job(tmp_path, rule, retries=0)
    assert engine.run(folder) is Outcome.COMPLETE
    assert len(of(folder, "checked")) == 2
    assert not [r for r in engine.records(folder) if r["what"] in ("blamed", "given up", "slot closed", "failed")]
    assert max(engine.renders(tmp_path / "renders").values()) == 1
    assert engine.leftovers(tmp_path / "out") == []


def test_a_dispatcher_killed_while_frames_are_rendered_again_goes_on_with_exactly_those(tmp_path):
    gate = tmp_path / "go"
    later_ones = {"frames": list(range(2, FRAMES, 2)), "workers": list(range(3, 100))}
    folder = make_job(tmp_path, DIFFERS, {"at": "render", "do": "await", "path": str(gate), **later_ones})
    with engine.running(folder) as process:
        until(lambda: of(folder, "again"), 120, "frames to render again")
        until(lambda: history.read(folder / "journal.jsonl").renewed, 120, "some of them")
        process.kill()
        process.wait(30)
    past = history.read(folder / "journal.jsonl")
    assert past.again
    assert past.renewed
    assert past.persistent_data_off
    gate.touch()
    assert engine.run(folder) is Outcome.COMPLETE
    later = engine.records(folder)
    resumed = max(i for i, record in enumerate(later) if record["what"] == "opened")
    assert not [r for r in later[resumed:] if r["what"] in ("again", "check") or r.get("warm")]
    found = audit.audit(folder, job.load(folder), look_into=True)
    assert (found.complete, found.doubled, found.missing) == (FRAMES, 0, ())
    assert found.again >= len(past.again) + len(past.renewed) - 2
    assert_only_good_pictures(tmp_path)


def test_what_a_check_leaves_when_everybody_is_killed_in_it_goes_with_the_next_run(tmp_path):
    gate = tmp_path / "go"
    folder = make_job(tmp_path, {"at": "check", "do": "await", "path": str(gate)}, overwrite=True)
    temp = tmp_path / "out" / ".mgd" / "temp"
    with engine.running(folder) as process:
        until(lambda: below(temp, "picture"), 120, "a check")
        process.kill()
        process.wait(30)
    assert below(temp, "picture")
    gate.touch()
    assert engine.run(folder) is Outcome.COMPLETE
    assert engine.leftovers(tmp_path / "out") == []
    assert max(engine.commits(folder).values()) == 1


@pytest.mark.parametrize("overwrite", [True, False])
def test_whoever_is_killed_while_frames_are_rendered_again_no_frame_is_broken_missing_or_left_wrong(
    tmp_path, overwrite
):
    folder = make_job(tmp_path, DIFFERS, seconds=0.3, workers=3, overwrite=overwrite)
    results = campaign.kill_at_random(
        folder, engine.FAKE_ENTRY, FRAMES, workers_killed=8, dispatchers_killed=4, seed=5, longest=1.0
    )
    assert results == [-9] * 4 + [0]
    found = audit.audit(folder, job.load(folder), look_into=True)
    assert (found.complete, found.doubled, found.missing, found.given_up) == (FRAMES, 0, (), ())
    past = history.read(folder / "journal.jsonl")
    assert not past.again
    if past.persistent_data_off:
        assert_only_good_pictures(tmp_path)
    assert engine.leftovers(tmp_path / "out") == []


def test_a_stop_does_not_wait_for_a_check(tmp_path):
    folder = make_job(tmp_path, {"at": "check", "do": "hang"})
    with engine.running(folder) as process:
        until(lambda: of(folder, "check"), 120, "a check")
        job.ask(folder, job.Wish.STOP)
        assert process.wait(120) == 3
    assert engine.leftovers(tmp_path / "out") == []
