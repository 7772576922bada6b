# SPDX-License-Identifier: GPL-3.0-or-later
"""Which job a panel shows, which one an order is for, which ends are news."""

from __future__ import annotations

import pytest

from dispatch import shown
from dispatch.model import Outcome
from dispatch.snapshot import Snapshot
from dispatch.watch import JobSeen


def job(name, state="ended", outcome=Outcome.COMPLETE, **more):
    """A job in that state: ``more`` goes into JobSeen."""
    ended = state == "ended"
    running = state not in shown.AT_REST
    snapshot = None
    if state not in ("starting", "not started"):
        said = "rendering" if state == "interrupted" else state
        snapshot = Snapshot(name, name, said, 10, outcome=outcome if ended else None)
    made = JobSeen(f"/jobs/{name}", name, name, running=running, snapshot=snapshot, **more)
    assert made.state == state
    return made


@pytest.mark.parametrize(
    ("jobs", "name"),
    [
        ([], None),
        ([job("c", "waiting"), job("b", "rendering"), job("a", "rendering")], "b"),
        ([job("c"), job("b", "waiting"), job("a", "waiting")], "b"),
        ([job("c"), job("b", "paused")], "b"),
        ([job("c", "starting"), job("b")], "c"),
        ([job("c"), job("b", "interrupted")], "c"),
        ([job("c", dismissed=True), job("b")], None),
        ([job("c", dismissed=True), job("b", "interrupted")], "b"),
        ([job("c", "interrupted", dismissed=True), job("b")], "b"),
        ([job("c", dismissed=True), job("b", "interrupted", dismissed=True)], None),
        ([job("c", "rendering", dismissed=True), job("b")], "c"),
        ([job("c", "not started")], "c"),
    ],
)
def test_the_job_at_work_comes_before_the_last_end_and_what_was_dismissed_stays_away(jobs, name):
    picked = shown.pick(jobs)
    assert (picked.name if picked else None) == name


def test_the_job_that_the_artist_chose_is_shown_while_it_is_there():
    jobs = [job("b", "rendering"), job("a", dismissed=True)]
    assert shown.pick(jobs, "/jobs/a").name == "a"
    assert shown.pick(jobs, "/jobs/gone").name == "b"


def test_an_order_without_a_name_is_for_the_shown_job_else_for_the_only_one_it_fits():
    a, b, c = job("a"), job("b", "rendering"), job("c", "rendering")
    runs = lambda each: each.running  # noqa: E731
    assert shown.meant([a, b], a, runs) is b
    assert shown.meant([a, b, c], b, runs) is b
    assert shown.meant([a, b, c], a, runs) is None
    assert shown.meant([a], a, runs) is None


def test_an_end_is_news_when_it_was_seen_coming_and_nobody_asked_for_it():
    before = shown.at_work([job(name, "rendering") for name in "abcd"] + [job("e")])
    assert before == {"/jobs/a", "/jobs/b", "/jobs/c", "/jobs/d"}
    after = [
        job("a", outcome=Outcome.INCOMPLETE),
        job("b", outcome=Outcome.STOPPED),
        job("c", "interrupted"),
        job("d", "paused"),
        job("e"),
        job("f"),
    ]
    assert [each.name for each in shown.ends(before, after)] == ["a", "c"]


def test_a_job_that_counts_down_to_sleep_has_ended_and_still_needs_its_panel():
    counting = JobSeen(
        "/jobs/a", "a", "a", running=True, snapshot=Snapshot("a", "a", "ended", 9, outcome=Outcome.COMPLETE)
    )
    assert shown.at_work([counting]) == frozenset()
    assert shown.pick([job("b"), counting]).name == "a"


def test_interrupted_jobs_come_oldest_first_without_the_dismissed_ones():
    jobs = [job("c", "interrupted"), job("b", "interrupted", dismissed=True), job("a", "interrupted"), job("0")]
    assert [each.name for each in shown.interrupted(jobs)] == ["a", "c"]
