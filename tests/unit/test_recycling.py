# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers that start afresh: those that leak, before memory runs short; those that slowed down; nobody else."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from disordered_world import Disorder
from journal_lines import record, spawn, timeline
from machine_world import World
from simulated_auto import FOUR, LIGHT, names, said
from simulated_machine import GB, Card, Scene, SimulatedMachine

from dispatch.capacity import RAM_SHORT
from dispatch.costs import Kind
from dispatch.events import Gauged, Record, Send
from dispatch.gauges import ProcessSample, Sample
from dispatch.growth import Growth
from dispatch.model import Outcome
from dispatch.protocol import Leave, Rendered
from dispatch.roster import WorkerState
from dispatch.slowness import SPAN, Slowness

MB = 1 << 20


def renewals(world: SimulatedMachine) -> list[dict[str, Any]]:
    return [c.facts for c in world.log if isinstance(c, Record) and c.what == "renew"]


def causes(world: SimulatedMachine) -> list[str]:
    return [str(facts["cause"]) for facts in renewals(world)]


def play(scene: Scene, cards: tuple[Card, ...] = FOUR, **given: Any) -> tuple[SimulatedMachine, int]:
    """Return the job played to its end, and the least RAM that was free meanwhile."""
    world = SimulatedMachine(scene, cards, cores=64, **given)
    least = [world.ram]

    def watch() -> None:
        least.append(world.ram_free())
        world.after(1.0, watch)

    world.at(1.0, watch)
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert len(world.finishes) == world.machine.ledger.count
    return world, min(least)


# --- what grows -------------------------------------------------------------------------------------------------


def grown(sizes) -> Growth:
    growth = Growth()
    for frame, size in enumerate(sizes, 1):
        growth.add(frame, int(size))
    return growth


@pytest.mark.parametrize("frames", [20, 100, 5000])
def test_a_leak_is_told_by_its_rate(frames):
    growth = grown(2000 * MB + 3 * MB * n for n in range(frames))
    assert growth.per_frame() == pytest.approx(3 * MB)
    assert growth.first == 2006 * MB
    assert growth.grown == pytest.approx((frames - 3) * 3 * MB)


@pytest.mark.parametrize("seed", range(20))
def test_noise_of_a_healthy_worker_is_no_leak_and_a_leak_shows_through_noise(seed):
    rng = random.Random(seed)
    noise = [2000 * MB * rng.lognormvariate(0.0, 0.05) for _ in range(600)]
    assert grown(noise).per_frame() * 600 < 200 * MB
    leak = grown(size + 8 * MB * n for n, size in enumerate(noise))
    assert 5 * MB < leak.per_frame() < 11 * MB


def test_caches_that_fill_in_the_first_frames_are_no_leak():
    assert grown(1000 * MB + 100 * MB * min(n, 12) for n in range(60)).per_frame() == 0.0
    assert grown(1000 * MB + 2000 * MB * (1 - 0.9**n) for n in range(60)).per_frame() < MB


def test_a_heavy_part_of_the_film_is_a_step_and_no_leak():
    for step in range(3, 200):
        assert grown(1000 * MB + (3000 * MB if n > step else 0) for n in range(200)).per_frame() == 0.0


def test_what_is_not_told_says_nothing():
    assert grown([0] * 100).per_frame() == 0.0
    assert grown([0] * 100).grown == 0


# --- memory -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ram", "auto"), [(64, False), (32, False), (64, True)])
def test_leaking_workers_start_afresh_before_ram_runs_short(ram, auto):
    world, least = play(replace(LIGHT, leak=20 * MB), tasks=3000, ram=ram * GB, auto=auto)
    assert set(causes(world)) == {"RAM"}
    assert least > RAM_SHORT * world.ram
    assert "fewer" not in names(world)
    told = [words for words in said(world) if "starts afresh" in words]
    assert len(told) == 1
    assert "it grows by 20.0 MiB of RAM with each frame, from 2.0 GiB to " in told[0]
    first = renewals(world)[0]
    assert first["per_frame"] == pytest.approx(20 * MB, rel=0.05)
    assert first["memory"] > 1.5 * first["first"]


def test_workers_that_leak_go_one_at_a_time():
    world, _ = play(replace(LIGHT, leak=20 * MB), tasks=2000, ram=24 * GB)
    assert len(renewals(world)) > 8
    live, waits = {}, set()
    for command in (c for c in world.log if isinstance(c, Record)):
        match command.what:
            case "renew":
                assert not waits, "another one has no successor yet"
                waits.add(command.facts["slot"])
            case "spawn":
                live[command.facts["worker"]] = command.facts["slot"]
            case "rendered":
                waits.discard(live[command.facts["worker"]])
            case "worker ended":
                live.pop(command.facts["worker"])


def test_leaking_vram_starts_a_worker_afresh_before_the_card_is_full():
    world, _ = play(replace(LIGHT, vram_leak=40 * MB), tasks=2500)
    assert set(causes(world)) == {"VRAM"}
    frames = [facts["frames"] for facts in renewals(world)]
    assert max(frames) * 40 * MB < 21 * GB


def test_a_leak_that_fits_until_the_end_starts_nobody_afresh():
    world, _ = play(replace(LIGHT, leak=2 * MB), tasks=2000, ram=64 * GB)
    assert renewals(world) == []


def test_caches_of_persistent_data_start_nobody_afresh():
    world, _ = play(replace(LIGHT, warms=lambda frames: min(frames, 60) * 100 * MB), tasks=1500, ram=64 * GB)
    assert renewals(world) == []


def test_starting_afresh_takes_a_small_part_of_the_time():
    leaking, _ = play(replace(LIGHT, leak=25 * MB), tasks=2500, ram=64 * GB)
    assert renewals(leaking)
    healthy, _ = play(LIGHT, tasks=2500, ram=64 * GB)
    assert leaking.now < 1.03 * healthy.now


# --- slow-down --------------------------------------------------------------------------------------------------


def aged(worker: int, frames: int) -> float:
    return 2.0 if worker == 2 and frames > 200 else 1.0


@pytest.mark.parametrize(("per_card", "tasks"), [(1, 2000), (2, 4000)])
def test_a_worker_that_became_slower_than_its_neighbours_starts_afresh(per_card, tasks):
    world, _ = play(replace(LIGHT, ages=aged), tasks=tasks, per_card=per_card)
    assert [(facts["worker"], facts["cause"]) for facts in renewals(world)] == [(2, "slow")]
    assert 200 < renewals(world)[0]["frames"] < 280
    assert any("as long for a frame as at its beginning, and its neighbours do not." in words for words in said(world))


def test_where_all_slow_down_one_after_another_all_start_afresh():
    scene = replace(LIGHT, ages=lambda worker, frames: 2.0 if frames > 150 + 100 * (worker % 2) else 1.0)
    world, _ = play(scene, FOUR[:2], tasks=2500)
    assert {facts["slot"] for facts in renewals(world)} == {"CUDA_00", "CUDA_01"}
    assert set(causes(world)) == {"slow"}


CUTS = (1.0, 3.0, 0.5, 6.0)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("scene", "given"),
    [
        (replace(LIGHT, cost=lambda task: 3.0 if task > 500 else 1.0), {}),
        (replace(LIGHT, noise=0.2, cost=lambda task: CUTS[task // 97 % 4]), {}),
        (replace(LIGHT, cost=lambda task: 1.0 + 2.0 * (task % 2)), {"cards": FOUR[:2]}),
        (replace(LIGHT, noise=0.5), {"per_card": 2}),
        (LIGHT, {"cards": (Card(), Card(speed=0.4), Card(speed=2.0, name="Other"))}),
        (LIGHT, {"auto": True}),
    ],
    ids=["heavier", "cuts", "alternating", "noise", "unequal", "auto"],
)
def test_frames_that_differ_start_nobody_afresh(scene, given, seed):
    world, _ = play(scene, tasks=1000, ram=64 * GB, seed=seed, **given)
    assert renewals(world) == []


def test_a_card_that_became_slow_itself_costs_one_fresh_start_at_most():
    slowness, kind = Slowness(), Kind("Card", 1)
    for n in range(200):
        for worker in (1, 2, 3):
            slowness.finished(worker, f"slot {worker}", kind, 2.0 if worker == 1 and n > 80 else 1.0)
    assert slowness.slower(1) == pytest.approx(2.0)
    assert [slowness.slower(2), slowness.slower(3)] == [1.0, 1.0]
    slowness.forget(1)
    for _ in range(10 * SPAN):
        for worker in (4, 2, 3):
            slowness.finished(worker, f"slot {1 if worker == 4 else worker}", kind, 2.0 if worker == 4 else 1.0)
        assert slowness.slower(4) == 1.0


# --- the artist's count -----------------------------------------------------------------------------------------


def test_each_blender_renders_its_count_of_frames_and_they_do_not_all_go_at_once():
    world, _ = play(LIGHT, tasks=1000, recycle=100)
    begun = Counter(c.facts["worker"] for c in world.log if isinstance(c, Record) and c.what == "rendered")
    assert max(begun.values()) <= 100
    assert sum(begun.values()) == 1000
    assert set(causes(world)) == {"count"}
    first = sorted(facts["frames"] for facts in renewals(world)[:4])
    assert all(later - earlier >= 20 for earlier, later in pairwise(first))
    assert not any("afresh" in words for words in said(world))


def test_a_fresh_blender_for_each_frame():
    world, _ = play(LIGHT, tasks=30, recycle=1)
    begun = Counter(c.facts["worker"] for c in world.log if isinstance(c, Record) and c.what == "rendered")
    assert set(begun.values()) == {1}


def test_where_frames_depend_on_one_another_nobody_ever_starts_afresh():
    world, _ = play(replace(LIGHT, leak=40 * MB), FOUR[:1], tasks=600, ram=16 * GB, recycle=None)
    assert renewals(world) == []


def test_a_worker_that_goes_finishes_what_it_has_begun_and_the_rest_is_rendered_by_the_next():
    world = World(tasks=6, slots=1)
    world.machine.recycling._every = 2
    world.start()
    world.finish(1)
    assert Send(1, Leave()) in world.log
    assert world.machine.workers[1].state is WorkerState.LEAVING
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert world.machine.recycling.renewed == 3


def test_the_report_tells_each_fresh_start() -> None:
    words = "Blender on GPU 1 starts afresh: it grows."
    seen = timeline(spawn(0, 1), record(5, "renew", worker=1, slot="GPU 1", cause="RAM", frames=80, words=words))
    assert [(one.kind, one.words) for one in seen.messages] == [("renewed", words)]


class DisorderWithCount(Disorder):
    """Workers in disorder that start afresh every few frames; their memory and the gauges say anything."""

    def __init__(self, rng: random.Random, **settings) -> None:
        self.every = rng.choice((1, 1, 2, 5))
        super().__init__(rng, **settings)

    def feed(self, event):
        self.machine.recycling._every = self.every
        return super().feed(event)

    def say(self, worker, report):
        if isinstance(report, Rendered):
            report = replace(report, memory=self.rng.randrange(8 * GB))
        return super().say(worker, report)

    def step(self) -> None:
        super().step()
        if self.rng.random() < 0.1:
            workers = {w: ProcessSample(self.rng.randrange(8 * GB), vram=self.rng.randrange(8 * GB)) for w in (1, 2, 9)}
            self.feed(Gauged(self.now, Sample(workers, {}, 64 * GB, self.rng.choice((None, 0, 60 * GB)))))


@pytest.mark.parametrize("seed", range(60))
def test_no_order_of_events_loses_or_doubles_a_task_where_workers_start_afresh(seed):
    rng = random.Random(seed)
    world = DisorderWithCount(rng, tasks=rng.randrange(1, 40), slots=rng.randrange(1, 5))
    for _ in range(rng.randrange(50, 600)):
        world.step()
        if world.machine.outcome is not None:
            break
    world.end_in_order()
