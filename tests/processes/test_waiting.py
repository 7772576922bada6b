# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that wait in line for the same card, each with a dispatcher of its own: who is behind whom, ahead, shared, stopped."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from engine import make_job, running, told
from fake_scene import write_blend
from waiting import until

from dispatch import job
from dispatch.job import Wish
from dispatch.model import Outcome
from dispatch.snapshot import Snapshot


@pytest.fixture(autouse=True)
def private_state(state_folder: Path) -> None:
    """Leases of this test only."""


def a_job(place: Path, name: str, seconds: float = 0.05) -> Path:
    blend = write_blend(place / f"{name}.blend", seconds=seconds)
    return make_job(place / "jobs", blend, str(place / name / "####"), "1-4", share_devices=False, name=name)


def shown(folder: Path) -> Snapshot:
    return job.read_snapshot(folder) or Snapshot(folder.name, "", "", 0)


def waits(folder: Path, behind: str, ahead: int) -> None:
    """Wait until the job says that it waits there."""
    until(lambda: (shown(folder).behind, shown(folder).ahead) == (behind, ahead), 60, f"behind {behind}, {ahead} ahead")


def start(stack: ExitStack, folder: Path) -> None:
    stack.enter_context(running(folder))


def test_a_line_of_jobs_can_be_reordered_and_ends_by_itself(tmp_path: Path) -> None:
    holder, second, third = (a_job(tmp_path, *what) for what in (("a", 600.0), ("b",), ("c",)))
    with ExitStack() as stack:
        start(stack, holder)
        until(lambda: shown(holder).state == "rendering")
        start(stack, second)
        waits(second, "a", 0)
        start(stack, third)
        waits(third, "a", 1)
        assert (shown(third).state, shown(third).behind_job) == ("waiting", holder.name)
        assert [d.state for d in shown(third).devices] == ["waiting"]
        job.ask(third, Wish.AHEAD)
        waits(second, "a", 1)
        waits(third, "a", 0)
        assert told(third).count("Moved one place ahead in line.") == 1
        job.ask(third, Wish.AHEAD)  # the first one already: no news
        job.ask(holder, Wish.STOP_NOW)
        until(lambda: shown(third).outcome is Outcome.COMPLETE)
        until(lambda: shown(second).outcome is Outcome.COMPLETE)
        assert (shown(second).behind, shown(second).behind_job, shown(second).ahead) == ("", "", 0)
        first = (tmp_path / "b" / "0001.png").stat().st_mtime_ns
        assert (tmp_path / "c" / "0004.png").stat().st_mtime_ns < first
        assert told(third).count("ahead") == 1


def test_a_job_that_waits_can_share_the_card_on_purpose(tmp_path: Path) -> None:
    holder, second = a_job(tmp_path, "a", 600.0), a_job(tmp_path, "b")
    with ExitStack() as stack:
        start(stack, holder)
        until(lambda: shown(holder).state == "rendering")
        start(stack, second)
        waits(second, "a", 0)
        job.ask(second, Wish.SHARE)
        until(lambda: shown(second).outcome is Outcome.COMPLETE)
        assert shown(holder).state == "rendering"
        assert "Shares its devices with the job 'a'" in told(second)
        job.ask(holder, Wish.STOP_NOW)
        until(lambda: not job.is_running(holder))


def test_a_job_that_is_stopped_while_it_waits_can_be_resumed(tmp_path: Path) -> None:
    holder, second = a_job(tmp_path, "a", 600.0), a_job(tmp_path, "b")
    with ExitStack() as stack:
        start(stack, holder)
        until(lambda: shown(holder).state == "rendering")
        start(stack, second)
        waits(second, "a", 0)
        job.ask(second, Wish.STOP)
        until(lambda: not job.is_running(second) and shown(second).outcome)
        assert (shown(second).outcome, shown(second).done) == (Outcome.STOPPED, 0)
        job.ask(holder, Wish.STOP_NOW)
        until(lambda: not job.is_running(holder))
        start(stack, second)
        until(lambda: shown(second).outcome is Outcome.COMPLETE)
