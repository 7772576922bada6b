# SPDX-License-Identifier: GPL-3.0-or-later
"""Auto through the whole engine, with real processes: fake children on fake cards, real gauges of this machine."""

from __future__ import annotations

import itertools
import json

import pytest
from engine import FAKE_ENTRY, make_job, records
from fake_scene import write_blend

from dispatch import dispatcher
from dispatch.model import Backend, Device, Outcome, Strategy

CARDS = tuple(Device(f"CUDA_FAKE_{n}", "Fake", Backend.CUDA, pci=f"0000:f{n}:00") for n in range(2))


@pytest.fixture(autouse=True)
def private_state(state_folder):
    """Leases of this test only."""


def auto_job(place, frames, per_device):
    devices = [[card.id, card.name, card.backend] for card in CARDS]
    blend = write_blend(place / "shot.blend", seconds=0.1, devices=devices)
    changes = {"devices": CARDS, "strategy": Strategy.AUTO, "per_device": per_device, "cores": 4, "threads": 0}
    return make_job(place / "jobs", blend, str(place / "out" / "shot_####"), frames, **changes)


def test_workers_rest_in_turns_and_every_frame_is_there_once(tmp_path):
    """Two workers a card from the start: whether the second one pays is measured, and said."""
    folder = auto_job(tmp_path, "1-900", per_device=2)
    seen = []
    assert dispatcher.run(folder, seen.append, FAKE_ENTRY) is Outcome.COMPLETE
    assert seen[-1].audit == "900 of 900 frames complete, 0 rendered twice, 0 retried"
    auto = [record for record in records(folder) if record["what"] == "auto"]
    assert auto[0]["decision"] == "doubt"
    assert auto[1]["decision"] in ("keep", "drop", "give up")
    assert [words for words, _ in itertools.groupby(view.auto for view in seen)][1] == auto[0]["words"]
    names = {record["slot"] for record in records(folder) if record["what"] == "spawn"}
    assert names == {"Fake (f0:00)", "Fake (f0:00) 2", "Fake (f1:00)", "Fake (f1:00) 2"}


def test_a_resumed_job_starts_the_workers_that_were_found_to_pay(tmp_path):
    folder = auto_job(tmp_path, "1-700", per_device=1)
    found = {"what": "auto", "at": "", "decision": "keep", "words": "", "kind": "Fake", "level": 2, "gain": 0.8}
    (folder / "journal.jsonl").write_text(json.dumps(found) + "\n")
    seen = []
    assert dispatcher.run(folder, seen.append, FAKE_ENTRY) is Outcome.COMPLETE
    assert seen[-1].audit == "700 of 700 frames complete, 0 rendered twice, 0 retried"
    recalled = [record for record in records(folder) if record["what"] == "auto"][1]
    assert (recalled["decision"], recalled["level"]) == ("recall", 2)
    assert {record["slot"] for record in records(folder) if record["what"] == "spawn"} >= {
        "Fake (f0:00) 2",
        "Fake (f1:00) 2",
    }
