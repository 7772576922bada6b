# SPDX-License-Identifier: GPL-3.0-or-later
"""A job comes to its cards: in order, ahead on request, shared on purpose; it never waits inside a call."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine import CPU, FAKE

from dispatch import leases
from dispatch.leases import HeldBy, Lease, Line
from dispatch.line import InLine
from dispatch.model import Backend, Device, Job

CARDS = tuple(Device(f"CUDA_{n}", f"Card {n}", Backend.CUDA, f"0000:0{n}:00") for n in (2, 1))


@pytest.fixture(autouse=True)
def private_state(state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases of this test only, asked for without a pause."""
    monkeypatch.setattr(leases, "RETRY", 0.0)


def a_job(name: str, devices: tuple[Device, ...] = (CPU,), *, share: bool = False) -> Job:
    return Job(name, f"name of {name}", "", "/a.blend", "Scene", "1", "/out/##", FAKE, devices, share_devices=share)


def in_line(name: str, devices: tuple[Device, ...] = (CPU,), *, share: bool = False) -> InLine:
    return InLine(a_job(name, devices, share=share))


def test_a_job_takes_all_its_cards_and_gives_them_back() -> None:
    first, second = in_line("a", CARDS), in_line("b", CARDS[:1])
    assert first.ours()
    assert (first.behind, first.waits_for) == (None, ())
    assert not second.ours()
    assert second.behind is not None
    assert (second.behind.job_id, second.behind.name, second.behind.ahead) == ("a", "name of a", 0)
    assert second.waits_for == CARDS[:1]
    first.leave()
    assert second.ours()
    assert (second.behind, second.waits_for) == (None, ())
    second.leave()


def test_cards_are_taken_in_one_order_whatever_the_jobs_say() -> None:
    holder = in_line("a", CARDS[1:])
    assert holder.ours()
    waits = in_line("b", CARDS)
    assert not waits.ours()
    assert waits.waits_for == CARDS[1:]
    free = in_line("c", CARDS[:1])
    assert free.ours(), "a job that waits holds no card that comes later"
    for line in (holder, waits, free):
        line.leave()


def test_a_job_goes_one_place_ahead_at_a_time() -> None:
    holder = in_line("a")
    assert holder.ours()
    waiting = [in_line(name) for name in "bcd"]
    assert [line.ours() for line in waiting] == [False] * 3
    last = waiting[-1]

    def places() -> list[int]:
        for line in waiting:
            assert not line.ours()
        return [line.behind.ahead if line.behind else -1 for line in waiting]

    assert places() == [0, 1, 2]
    last.ahead()
    assert places() == [0, 2, 1]
    last.ahead()
    assert places() == [1, 2, 0]
    last.ahead()
    assert places() == [1, 2, 0], "nobody goes before the one who has the card"
    holder.leave()
    assert [line.ours() for line in waiting] == [False, False, True]
    for line in waiting:
        line.leave()


def test_a_job_that_shares_on_purpose_waits_no_longer_and_disturbs_nobody() -> None:
    holder, waits = in_line("a"), in_line("b")
    assert holder.ours()
    assert not waits.ours()
    waits.share()
    assert waits.ours()
    assert waits.behind is None
    third = in_line("c")
    assert not third.ours()
    assert third.behind is not None
    assert (third.behind.name, third.behind.ahead) == ("name of a", 0)
    shares = in_line("d", share=True)
    assert shares.ours()
    for line in (holder, waits, third, shares):
        line.leave()


def test_who_leaves_the_line_stands_in_nobodys_way() -> None:
    holder, gives_up, next_one = in_line("a"), in_line("b"), in_line("c")
    assert holder.ours()
    assert not gives_up.ours()
    assert not next_one.ours()
    gives_up.leave()
    holder.leave()
    assert next_one.ours()
    next_one.leave()


def test_whether_any_job_has_or_wants_a_card_can_be_asked() -> None:
    assert leases.in_use() == ""
    line = in_line("a")
    assert line.ours()
    assert leases.in_use() == "name of a"
    line.leave()
    assert leases.in_use() == ""


def test_going_ahead_of_the_dead_is_no_news(tmp_path: Path) -> None:
    lease = leases.take("x", "a", "a", tmp_path)
    assert isinstance(lease, Lease)
    line = Line("x", "b", "b", tmp_path)
    line.ahead()
    got = line.take()
    assert isinstance(got, HeldBy)
    assert got.ahead == 0
    line.leave()
    lease.release()
