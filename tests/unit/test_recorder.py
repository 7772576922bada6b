# SPDX-License-Identifier: GPL-3.0-or-later
"""Telemetry on disk: what a line holds, that the file stays short, and that nothing stops the job."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dispatch import recorder
from dispatch.gauges import CardSample, ProcessSample, Sample
from dispatch.recorder import Recorder

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SEEN = Sample(
    {3: ProcessSample(memory=5_000, cpu=80.0)},
    {"0000:3b:00": CardSample(load=41.0, vram_used=7, vram_total=100, temperature=50.0)},
    ram_total=900,
    ram_available=300,
    cpu=12.5,
)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def record(kept: Recorder, count: int, begin: float = 0.0, apart: float = 2.0) -> None:
    for number in range(count):
        kept.add(BEGIN + timedelta(seconds=begin + apart * number), SEEN)


def test_a_line_holds_what_was_told_and_leaves_out_what_was_not(tmp_path: Path) -> None:
    Recorder(tmp_path / recorder.NAME).add(BEGIN, SEEN)
    assert lines(tmp_path / recorder.NAME) == [
        {
            "at": "2026-01-01T00:00:00.000+00:00",
            "cards": {"0000:3b:00": {"load": 41.0, "vram": 7, "vram_total": 100, "temp": 50.0}},
            "workers": {"3": {"memory": 5_000, "cpu": 80.0}},
            "ram": 300,
            "ram_total": 900,
            "cpu": 12.5,
        }
    ]


def test_the_file_stays_short_and_even_however_long_the_job_is(tmp_path: Path) -> None:
    path = tmp_path / recorder.NAME
    kept = Recorder(path, most=100)
    for number in range(5_000):
        kept.add(BEGIN + timedelta(seconds=2.0 * number), SEEN)
        assert number % 500 or len(lines(path)) <= 100
    moments = [datetime.fromisoformat(str(line["at"])) for line in lines(path)]
    gaps = {round((b - a).total_seconds()) for a, b in itertools.pairwise(moments)}
    assert 40 <= len(moments) <= 100
    assert moments[0] == BEGIN
    assert max(gaps) <= 2 * min(gaps)


def test_a_resumed_job_goes_on_with_the_file_and_a_torn_line_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / recorder.NAME
    record(Recorder(path), 3)
    path.write_bytes(path.read_bytes()[:-40])  # a power cut
    record(Recorder(path, most=20), 40, begin=100.0)
    whole = []
    for line in path.read_bytes().splitlines():
        try:
            whole.append(json.loads(line)["at"])
        except ValueError:
            continue
    assert whole[0] == "2026-01-01T00:00:00.000+00:00"
    assert len(whole) <= 20
    assert whole == sorted(whole)


def test_a_clock_that_is_set_back_does_not_silence_it(tmp_path: Path) -> None:
    path = tmp_path / recorder.NAME
    kept = Recorder(path, most=10)
    record(kept, 30, begin=10_000.0)
    before = len(lines(path))
    kept.add(BEGIN, SEEN)
    assert len(lines(path)) == before + 1


@pytest.mark.parametrize("gone", ["folder", "file"])
def test_what_cannot_be_written_stops_nothing(tmp_path: Path, gone: str) -> None:
    path = tmp_path / "job" / recorder.NAME
    if gone == "file":
        path.mkdir(parents=True)
    kept = Recorder(path)
    record(kept, 3)
    if gone == "file":
        path.rmdir()
    else:
        path.parent.mkdir()
    kept.add(BEGIN + timedelta(seconds=60), SEEN)
    assert [line for line in path.read_bytes().splitlines() if line] != []
