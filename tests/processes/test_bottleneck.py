# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole job of real small processes says why it was not faster: while it runs, at its end, and in its journal."""

from __future__ import annotations

from pathlib import Path

import engine
from fake_scene import write_blend

from dispatch import dispatcher, job
from dispatch.bottleneck import Kind
from dispatch.model import Outcome
from dispatch.snapshot import Snapshot


def test_a_job_is_judged_by_what_was_measured_and_keeps_it(tmp_path: Path) -> None:
    blend = write_blend(tmp_path / "shot.blend", seconds=0.3)
    folder = engine.make_job(tmp_path / "jobs", blend, str(tmp_path / "out" / "f_####"), "1-40")
    shown: list[Snapshot] = []
    assert dispatcher.run(folder, shown.append, engine.FAKE_ENTRY) is Outcome.COMPLETE
    last = job.read_snapshot(folder)
    assert last is not None
    (kept,) = [record for record in engine.records(folder) if record["what"] == "bottleneck"]
    assert last.bottleneck == kept["words"] != ""
    assert kept["kind"] in list(Kind)
    assert kept["phases"]["render"] > 0.25
    said = [snapshot.bottleneck for snapshot in shown if snapshot.bottleneck]
    assert said, "it was said while the job ran"
    assert not shown[0].bottleneck, "nothing was known at the start"


def test_a_job_that_found_every_picture_in_place_has_no_limit(tmp_path: Path) -> None:
    blend = write_blend(tmp_path / "shot.blend", seconds=0.0)
    output = str(tmp_path / "out" / "f_####")
    assert engine.run(engine.make_job(tmp_path / "jobs", blend, output, "1-3")) is Outcome.COMPLETE
    again = engine.make_job(tmp_path / "jobs", blend, output, "1-3")
    assert engine.run(again) is Outcome.COMPLETE
    assert not [record for record in engine.records(again) if record["what"] == "bottleneck"]
