# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels once, with real small processes: the first job of a kind of card lets one worker go first, the next none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from engine import FAKE_ENTRY, make_job, run
from fake_scene import write_blend

from dispatch import dispatcher, host
from dispatch.model import Backend, Device, Outcome

CARDS = tuple(Device(f"HIP_{n}", "Some card", Backend.HIP) for n in (1, 2))


@pytest.fixture(autouse=True)
def private_state(state_folder: Path) -> None:
    """The list of known kernels lies in the user's state folder: these tests have one of their own."""


def job_on_two_cards(root: Path, **compiles: object) -> Path:
    """Return a job whose first frame takes long, as if kernels were compiled."""
    root.mkdir()
    rule = {"at": "render", "times": 1, "frames": [1], **compiles}
    blend = write_blend(root / "shot.blend", rules=[rule], renders=str(root / "renders"))
    return make_job(root / "jobs", blend, str(root / "out" / "####.png"), "1-12", devices=CARDS, per_device=1)


def rendered(folder: Path) -> list[int]:
    """Return the tasks in the order in which their pictures were rendered."""
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line["task"] for line in lines if line.get("what") == "rendered"]


def test_in_the_first_job_one_worker_goes_first_and_in_the_next_nobody_waits(tmp_path: Path) -> None:
    first = job_on_two_cards(tmp_path / "one", do="sleep", seconds=1.0)
    assert run(first) is Outcome.COMPLETE
    assert rendered(first)[0] == 0
    known = json.loads((host.state_folder() / "kernels.json").read_bytes())["kernels"]
    assert known == ["HIP Some card | 5.0.1 fake"]
    other = tmp_path / "the other worker has rendered a frame"
    second = job_on_two_cards(tmp_path / "two", do="await", path=str(other))
    assert dispatcher.run(second, lambda seen: other.touch() if seen.done else None, FAKE_ENTRY) is Outcome.COMPLETE
    assert rendered(second)[0] != 0
