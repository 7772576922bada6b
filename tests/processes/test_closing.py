# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine does when a job has ended: with real dispatchers, fake children, and tools that only note."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from engine import FAKE_ENTRY, make_job, running, told
from fake_scene import write_blend
from fake_tools import calls, tool
from waiting import until

from dispatch import closing, dispatcher, job
from dispatch.job import Wish
from dispatch.model import Outcome, Then
from dispatch.snapshot import Snapshot


@pytest.fixture(autouse=True)
def world(state_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Leases of this test only, a short countdown, and our tools alone on PATH; their notes by name."""
    tools = tmp_path / "bin"
    monkeypatch.setattr(closing, "COUNTDOWN", 0.6)
    logs = {name: tool(tools, name) for name in ("notify-send", "systemctl")}
    monkeypatch.setenv("PATH", str(tools))
    return logs


def a_job(place: Path, then: Then, name: str = "shot", **changes: Any) -> Path:
    script = changes.pop("script", {})
    blend = write_blend(place / f"{name}.blend", **script)
    return make_job(place / "jobs", blend, str(place / name / "####"), "1-3", then=then, name=name, **changes)


def run(folder: Path, wish: tuple[Wish, str] | None = None) -> list[Snapshot]:
    """Run the job; leave the wish at the first snapshot that counts down. Return all snapshots."""
    seen: list[Snapshot] = []

    def listen(snapshot: Snapshot) -> None:
        if wish and snapshot.then_at and not any(s.then_at for s in seen):
            job.ask(folder, *wish)
        seen.append(snapshot)

    dispatcher.run(folder, listen, FAKE_ENTRY)
    return seen


def test_a_notice_carries_the_closing_sentence(tmp_path: Path, world: dict[str, Path]) -> None:
    seen = run(a_job(tmp_path, Then.NOTIFY))
    (call,) = calls(world["notify-send"])
    assert call[-1] == "shot: 3 of 3 frames complete, 0 rendered twice, 0 retried"
    assert calls(world["systemctl"]) == []
    assert (seen[-1].then, seen[-1].then_at, seen[-1].outcome) == ("notify", 0.0, Outcome.COMPLETE)


@pytest.mark.parametrize(("then", "command"), [(Then.SLEEP, "suspend"), (Then.SHUT_DOWN, "poweroff")])
def test_the_machine_goes_off_after_a_countdown_that_everybody_can_see(
    tmp_path: Path, world: dict[str, Path], then: Then, command: str
) -> None:
    began = time.time()
    seen = run(a_job(tmp_path, then))
    counted = [s for s in seen if s.then_at]
    assert counted
    assert seen[-1].elapsed == counted[0].elapsed, "waiting for the end is no render time"
    assert began < counted[0].then_at < time.time() + closing.COUNTDOWN
    assert counted[0].state == "ended"
    assert calls(world["systemctl"]) == [[command, "--no-ask-password"]]
    assert "in a minute" in calls(world["notify-send"])[0][-1]
    assert seen[-1].then_at == 0.0


@pytest.mark.parametrize("wish", [Wish.STAY, Wish.STOP, Wish.STOP_NOW])
def test_the_countdown_can_be_cancelled(
    tmp_path: Path, world: dict[str, Path], wish: Wish, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "COUNTDOWN", 60.0)
    seen = run(a_job(tmp_path, Then.SHUT_DOWN), (wish, ""))
    assert calls(world["systemctl"]) == []
    assert (seen[-1].then, seen[-1].then_at, seen[-1].outcome) == ("nothing", 0.0, Outcome.COMPLETE)


def test_a_shut_down_is_cancelled_in_the_last_quarter_of_a_second(
    tmp_path: Path, world: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = a_job(tmp_path, Then.SHUT_DOWN)

    def sleep(_: float) -> None:
        time.sleep(closing.COUNTDOWN)
        job.ask(folder, Wish.STAY)

    monkeypatch.setattr(closing, "time", SimpleNamespace(time=time.time, monotonic=time.monotonic, sleep=sleep))
    run(folder)
    assert calls(world["systemctl"]) == []


def test_another_end_may_be_wished_for_until_the_last_moment(tmp_path: Path, world: dict[str, Path]) -> None:
    run(a_job(tmp_path, Then.SHUT_DOWN), (Wish.THEN, "sleep"))
    assert calls(world["systemctl"]) == [["suspend", "--no-ask-password"]]
    folder = a_job(tmp_path, Then.SHUT_DOWN, "other")
    job.ask(folder, Wish.THEN, "dance")
    job.ask(folder, Wish.THEN, "notify")
    assert run(folder)[-1].then == "notify"
    assert len(calls(world["systemctl"])) == 1


def test_nothing_of_it_happens_after_a_stop_or_where_nothing_could_render(
    tmp_path: Path, world: dict[str, Path]
) -> None:
    stopped = a_job(tmp_path, Then.SHUT_DOWN)
    job.ask(stopped, Wish.STOP)
    assert run(stopped)[-1].outcome is Outcome.STOPPED
    impossible = a_job(tmp_path, Then.SHUT_DOWN, "impossible", blend_size=1, blend_mtime_ns=1)
    assert run(impossible)[-1].outcome is Outcome.IMPOSSIBLE
    assert not any(map(calls, world.values()))


def test_a_job_that_ends_incomplete_ends_by_itself_too(tmp_path: Path, world: dict[str, Path]) -> None:
    rule = {"at": "render", "do": "fail", "fault": "scene or script error", "frames": [2]}
    assert run(a_job(tmp_path, Then.SLEEP, script={"rules": [rule]}, retries=0))[-1].outcome is Outcome.INCOMPLETE
    assert calls(world["systemctl"]) == [["suspend", "--no-ask-password"]]


def test_the_machine_stays_on_while_another_job_renders(tmp_path: Path, world: dict[str, Path]) -> None:
    other = a_job(tmp_path, Then.NOTHING, "other", script={"seconds": 600})
    with running(other):
        until(lambda: (s := job.read_snapshot(other)) is not None and s.state == "rendering")
        folder = a_job(tmp_path, Then.SHUT_DOWN)
        seen = run(folder)
        job.ask(other, Wish.STOP_NOW)
        until(lambda: not job.is_running(other))
    assert "The machine stays on: the job 'other' is not finished yet." in told(folder)
    assert calls(world["systemctl"]) == []
    assert not any(s.then_at for s in seen)


def test_what_the_system_refuses_is_one_sentence(tmp_path: Path, world: dict[str, Path]) -> None:
    tool(tmp_path / "bin", "systemctl", "sys.exit('Access denied')")
    tool(tmp_path / "bin", "notify-send", "sys.exit(1)")
    folder = a_job(tmp_path, Then.SLEEP)
    assert run(folder)[-1].messages[-1].text == "The machine stays on: systemctl says: Access denied."
    seen = run(a_job(tmp_path, Then.NOTIFY, "other"))
    assert seen[-1].messages[-1].text.startswith("No notice could be shown on the desktop: notify-send")
    assert seen[-1].outcome is Outcome.COMPLETE
