# SPDX-License-Identifier: GPL-3.0-or-later
"""A display that is slow holds up nobody, and loses nothing but snapshots that newer ones replaced."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from dispatch.findings import Finding, Level
from dispatch.showing import Showing
from dispatch.snapshot import Snapshot

SNAPSHOT = Snapshot(job="j", name="a.blend", state="rendering", total=100)


class Slow:
    """Notes what it shows; the first word waits for the gate."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.shown: list[object] = []

    def finding(self, finding: Finding) -> None:
        self.gate.wait(60)
        self.shown.append(finding.key)

    def created(self, job: str, folder: str, output: str) -> None:
        self.shown.append(job)

    def show(self, snapshot: Snapshot) -> None:
        self.shown.append(snapshot.done)

    def note(self, text: str) -> None:
        self.shown.append(text)

    def ended(self, snapshot: Snapshot) -> None:
        self.shown.append(("ended", snapshot.done))

    def close(self) -> None:
        self.shown.append("closed")


def test_what_is_said_comes_in_order_and_of_snapshots_the_newest() -> None:
    slow = Slow()
    shown = Showing(slow)
    shown.finding(Finding(Level.NOTE, "key", "text"))
    shown.created("job", "folder", "output")
    for done in range(50):
        shown.show(dataclasses.replace(SNAPSHOT, done=done))
    shown.note("a word")
    shown.ended(dataclasses.replace(SNAPSHOT, done=100))
    assert slow.shown == []
    slow.gate.set()
    shown.close()
    assert slow.shown == ["key", "job", 49, "a word", ("ended", 100), "closed"]


def test_closing_twice_does_no_harm() -> None:
    slow = Slow()
    shown = Showing(slow)
    shown.close()
    shown.close()
    assert slow.shown == ["closed"]


def test_a_display_that_fails_is_closed_all_the_same_and_its_failure_is_raised_then() -> None:
    class Broken(Slow):
        def note(self, text: str) -> None:
            raise ValueError(text)

    broken = Broken()
    shown = Showing(broken)
    shown.note("first")
    shown.note("second")
    with pytest.raises(ValueError, match="first"):
        shown.close()
    assert broken.shown == ["closed"]
