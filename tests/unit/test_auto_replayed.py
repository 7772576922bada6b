# SPDX-License-Identifier: GPL-3.0-or-later
"""Auto on recorded machines: the same record gives the same decisions, and a journal is enough to simulate its machine."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime

import pytest
from replayed import replay, scene_of
from simulated_auto import FOUR, LIGHT, names, play_auto
from simulated_machine import SimulatedMachine

from dispatch import recorder
from dispatch.berths import Given
from dispatch.events import Gauged, Record
from dispatch.journal import Journal
from dispatch.layout import plan
from dispatch.machine import Machine
from dispatch.model import Limits


def test_a_record_played_again_gives_the_same_answers():
    world = play_auto(LIGHT, FOUR, tasks=2500, cores=64, seed=5)
    given = Given(world.devices, 64)
    machine = Machine(2500, plan(world.devices, cores=64, tasks=2500), Limits(), given=given)
    assert replay(machine, world.heard) == world.log
    assert machine.outcome is world.machine.outcome


def test_a_journal_and_its_telemetry_tell_how_a_scene_behaves(tmp_path):
    world = SimulatedMachine(LIGHT, FOUR, tasks=400, cores=64).run()
    with contextlib.closing(Journal(tmp_path / "journal.jsonl")) as record:
        for command in world.log:
            if isinstance(command, Record):
                record.write(command.what, command.facts)
        record.sync()
    journal = (tmp_path / "journal.jsonl").read_text().splitlines()
    at = datetime(2026, 11, 21, tzinfo=UTC)
    telemetry = [json.dumps(recorder.plain(at, event.sample)) for event in world.heard if isinstance(event, Gauged)]
    scene = scene_of(journal, telemetry)
    assert scene.evaluate == pytest.approx(LIGHT.evaluate, rel=0.2)
    assert scene.gpu + scene.gap == pytest.approx(LIGHT.gpu + LIGHT.gap, rel=0.1)
    assert scene.gpu == pytest.approx(LIGHT.gpu, rel=0.15)
    assert scene.vram == LIGHT.vram
    assert "try" in names(play_auto(scene, FOUR, tasks=1000, cores=64))
