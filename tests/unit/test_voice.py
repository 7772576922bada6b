# SPDX-License-Identifier: GPL-3.0-or-later
"""What a running job hears of the machine, on the thread that asks."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from dispatch import voice
from dispatch.gauges import CardSample, Sample
from dispatch.journal import Journal
from dispatch.model import Backend, BlenderProgram, Device, Job


class FakeTelemetry:
    """Its card's load is the number of glances since the sample before."""

    def __init__(self) -> None:
        self.glances = 0
        self.several = threading.Event()
        self.closed = False

    def glance(self) -> None:
        self.glances += 1

    def sample(self, _: dict[int, int]) -> Sample:
        seen, self.glances = self.glances, 0
        if seen > 1:
            self.several.set()
        return Sample({}, {"0000:3b:00": CardSample(float(seen))})

    def close(self) -> None:
        self.closed = True


def test_cards_are_glanced_at_several_times_between_two_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    telemetry = FakeTelemetry()
    monkeypatch.setattr(voice, "Telemetry", lambda: telemetry)
    monkeypatch.setattr(voice, "GLANCE", 0.001)
    monkeypatch.setattr(voice, "LOOK", 0.1)
    blender, cpu = BlenderProgram(sys.executable, True, (5, 0, 1)), Device("CPU", "CPU", Backend.CPU)
    task = Job("j", "j", "2026-11-23T00:00:00+00:00", "/s.blend", "Scene", "1-6", "/o", blender, (cpu,))
    speaking = voice.Voice(task, tmp_path, Journal(tmp_path / "journal.jsonl"), range(1, 7), dict, None)
    assert telemetry.several.wait(60)
    speaking.close()
    assert telemetry.closed
    sample = speaking.gauged()
    assert sample is not None
    assert sample.cards["0000:3b:00"].load
    assert speaking.gauged() is None, "a sample is told once"
