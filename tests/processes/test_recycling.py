# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that start afresh, with real processes: fake children that really leak, and what their ends leave behind."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import engine
import psutil
import pytest
from fake_scene import write_blend
from waiting import until

from dispatch import dispatcher, job
from dispatch.job import Wish
from dispatch.model import Outcome
from dispatch.snapshot import Snapshot

MB = 1_000_000
SOON = replace(engine.SHORT, growth=0.02, renewal=1.0, check=0.0)
"""A leak of 20 MB is enough, and so is a start that took no longer than the frames since."""


@pytest.fixture(autouse=True)
def private_state(state_folder):
    """Leases of this test only."""


IN_HANDS = 8
"""Frames at most that workers held and had not begun when the job was stopped: they wait for a resume."""


def of(folder: Path, what: str) -> list[dict[str, Any]]:
    return [record for record in engine.records(folder) if record["what"] == what]


def test_children_that_leak_start_afresh_one_after_another_and_lose_no_frame(tmp_path: Path) -> None:
    script = {"leak": MB // 2, "seconds": 0.02, "pictures": "none"}
    blend = write_blend(tmp_path / "shot.blend", **script)
    # So many frames that their leaks fit into no machine's memory; it is stopped long before.
    folder = engine.make_job(tmp_path / "jobs", blend, str(tmp_path / "out" / "#######"), "1-1000000", limits=SOON)

    def listen(snapshot: Snapshot) -> None:
        if snapshot.state == "rendering" and len(of(folder, "renew")) >= 3:
            job.ask(folder, Wish.STOP)

    assert dispatcher.run(folder, listen, engine.FAKE_ENTRY) is Outcome.STOPPED
    renewed = of(folder, "renew")
    assert {record["cause"] for record in renewed} == {"RAM"}
    assert all(record["per_frame"] == pytest.approx(MB // 2, rel=0.5) for record in renewed)
    assert engine.told(folder).count("starts afresh") == 1
    most: dict[int, int] = {}
    first: dict[int, int] = {}
    for record in of(folder, "rendered"):
        first.setdefault(record["worker"], record["memory"])
        most[record["worker"]] = record["memory"]
    for record in renewed:
        assert most[record["worker"]] >= first[record["worker"]] + 20 * MB
    slots = {record["worker"]: record["slot"] for record in of(folder, "spawn")}
    for gone in renewed:
        heirs = (w for w, slot in slots.items() if slot == gone["slot"] and w > gone["worker"] and w in first)
        if (heir := next(heirs, None)) is not None:
            assert first[heir] < gone["memory"] - 15 * MB, "a fresh worker begins small"
    commits = engine.commits(folder)
    assert len(set(range(max(commits))) - commits.keys()) <= IN_HANDS
    assert set(commits.values()) == {1}
    ends = {record["worker"]: record["fault"] for record in of(folder, "worker ended")}
    assert [ends[record["worker"]] for record in renewed] == [None] * len(renewed)


def test_a_fresh_child_for_every_frame_leaves_no_file_open_and_few_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dispatch.workerlog.KEPT_LOGS", 10)
    blend = write_blend(tmp_path / "shot.blend")
    folder = engine.make_job(tmp_path / "jobs", blend, str(tmp_path / "out" / "####"), "1-40", recycle=1)
    here = psutil.Process()
    open_files: list[int] = []
    before = here.num_fds()
    temps: list[int] = []

    def listen(_: Snapshot) -> None:
        open_files.append(here.num_fds())
        temps.append(sum(1 for _ in (folder / "temp").iterdir()))

    assert dispatcher.run(folder, listen, engine.FAKE_ENTRY) is Outcome.COMPLETE
    until(lambda: here.num_fds() <= before, 60, "the end of the last child's pipes")
    assert max(open_files) < before + 60, "they do not pile up"
    by_worker = Counter(record["worker"] for record in of(folder, "rendered"))
    assert set(by_worker.values()) == {1}
    assert set(engine.commits(folder).values()) == {1}
    assert len(engine.commits(folder)) == 40
    assert "starts afresh" not in engine.told(folder)
    assert max(temps) <= 6, "the folders for temporary files go with the children"
    logs = {path.name.split(".")[0] for path in (folder / "workers").iterdir()}
    assert len(logs) <= 12
    assert {f"{of(folder, 'opened')[0]['owner'][:4]}-{worker}" for worker in sorted(by_worker)[-5:]} <= logs
