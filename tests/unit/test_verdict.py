# SPDX-License-Identifier: GPL-3.0-or-later
"""When the machine judges a job, and what it keeps of that: with real events, in simulated time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from machine_world import PICTURES, World
from simulated_machine import Card, Scene, SimulatedMachine

from dispatch.events import Gauged, LayoutChosen, PauseAsked, Record, Recovered, StopAsked, TimePassed
from dispatch.gauges import CardSample, ProcessSample, Sample
from dispatch.model import Backend, Device, Layout, Phases, Slot
from dispatch.protocol import Begun, Committed, Rendered, Skipped
from dispatch.roster import WorkerState

GIB = 1 << 30
FRAME = Phases(0.05, 0.26, 0.18, 0.03)


def sample(world: World, load: float | None = 41.0, cpu: float = 20.0) -> Sample:
    cards = {str(n): CardSample(load=load, vram_used=GIB, vram_total=24 * GIB) for n in range(1, 5)}
    workers = {w: ProcessSample(2 * GIB, 80.0, GIB) for w in world.machine.workers}
    return Sample(workers, cards if load is not None else {}, 64 * GIB, 40 * GIB, cpu)


class Timed(World):
    """Each worker renders at its own speed; the machine is gauged every two seconds."""

    def __init__(self, tasks: int, slots: int, seconds: Mapping[int, float] | float = 0.52, **named: object) -> None:
        self.seconds = seconds if isinstance(seconds, Mapping) else dict.fromkeys(range(1, 100), seconds)
        self.gauge: dict[str, object] = {}
        self._free: dict[int, float] = {}
        super().__init__(tasks, slots, **named)

    def go(self, until: float | None = None, load_after: float = 1.0) -> None:
        """Play to the end of the job, or up to this time."""
        while self.machine.outcome is None and (until is None or self.now < until):
            self.now = round(self.now + 0.01, 2)
            for worker in list(self.machine.workers.values()):
                if worker.state is WorkerState.READY and worker.hand:
                    self._render(worker)
                elif worker.state is not WorkerState.READY and self.now >= load_after:
                    self._play(worker)
            for gone in list(self.machine.recovering):
                self.feed(Recovered(self.now, gone, ()))
            if round(self.now * 100) % 200 == 0:
                self.feed(Gauged(self.now, sample(self, **self.gauge)))
            if round(self.now * 100) % 25 == 0:
                self.feed(TimePassed(self.now))

    def _render(self, worker) -> None:
        attempt = next(iter(worker.hand))
        if not worker.hand[attempt].begun:
            self._free[worker.id] = self.now + self.seconds[worker.id]
            self.say(worker.id, Begun(attempt))
        elif self.now >= self._free[worker.id]:
            factor = self.seconds[worker.id] / FRAME.total
            phases = Phases(*(getattr(FRAME, n) * factor for n in ("evaluate", "sync", "render", "write")))
            self.say(worker.id, Rendered(attempt, PICTURES, phases))
            self.say(worker.id, Committed(attempt))

    @property
    def words(self) -> str:
        return self.machine.verdict.words

    def records(self) -> list[dict[str, object]]:
        return [c.facts for c in self.log if isinstance(c, Record) and c.what == "bottleneck"]


class Unbound(Timed):
    """EEVEE: its worker has no devices of its own."""

    def make_slots(self, count: int) -> Layout:
        return tuple(Slot(f"EEVEE {n}", (), 4) for n in range(1, count + 1))


def test_nothing_is_said_before_three_frames_of_each_device_count() -> None:
    world = Timed(200, 2, {1: 0.5, 2: 5.0})
    world.go(until=20.0)
    assert world.words == "", "the second card has rendered three frames; two of them do not count"
    world.go(until=34.0)
    assert world.words.startswith("GPUs 41 % busy: ")


def test_the_sentence_follows_the_gauges_and_stays_in_the_journal() -> None:
    world = Timed(60, 2)
    world.go(until=8.0)
    assert world.words.startswith("GPUs 41 % busy: 0.31 of 0.52 s a frame is scene preparation on one CPU thread")
    assert "a second worker per GPU would gain up to 1.7×" in world.words
    world.gauge = {"load": 99.0}
    world.go()
    (kept,) = world.records()
    assert kept["words"] == world.words
    assert kept["kind"] == "preparation"
    assert kept["phases"].total > 0.5
    assert 41 < kept["load"] < 90


def test_without_gauges_of_the_cards_the_phases_speak() -> None:
    world = Timed(60, 1)
    world.gauge = {"load": None}
    world.go(until=10.0)
    assert "no driver tells here how busy the GPU is" in world.words


def test_a_slow_card_that_set_the_end_is_named() -> None:
    world = Timed(7, 3, {1: 2.0, 2: 2.0, 3: 12.0})
    world.go()
    assert world.words.startswith("GPU (3) is 6.0× slower than the others and set the end: they waited ")
    assert world.records()[0]["kind"] == "slow card"


def test_equal_cards_that_wait_for_the_last_frame_are_no_slow_card() -> None:
    world = Timed(4, 3, 3.0)
    world.go()
    assert world.words.startswith("2 of 3 GPUs waited 3.0 s for the last frame")


def test_a_card_that_was_left_out_did_not_wait_for_the_end() -> None:
    world = Timed(60, 2)
    world.go(until=8.0)
    world.feed(LayoutChosen(world.now, tuple(r.slot for r in list(world.machine.slots.values())[:1])))
    world.go()
    assert "GPU 41 % busy" in world.words


def test_a_slow_card_in_a_long_job_is_not_what_limits_it() -> None:
    world = Timed(120, 3, {1: 0.5, 2: 0.5, 3: 0.9})
    world.go()
    assert "GPUs 41 % busy" in world.words


def test_a_short_job_was_mostly_its_start() -> None:
    world = Timed(4, 2)
    world.go(load_after=10.0)
    assert world.words.startswith("Starting and loading took 10 s of 11 s")


def test_kernels_that_are_compiled_in_the_first_frame_belong_to_the_start() -> None:
    world = Timed(60, 1)
    world.seconds = {1: 270.0}
    world.go(until=200.0)
    world.seconds = {1: 0.5}
    world.go()
    assert world.words.startswith("Starting and loading took 4 min 31 s of 5 min 01 s")


def test_fewer_frames_than_cards_are_said_at_once_and_stay() -> None:
    world = Timed(3, 4, 5.0)
    world.go(until=2.0)
    assert world.words.startswith("3 frames for 4 GPUs: 1 has nothing to do; the strategy Combined")
    world.go()
    assert world.records()[0]["kind"] == "few frames"


def test_claims_of_others_are_said_when_nothing_else_is_left() -> None:
    world = World(2, 1)
    world.start()
    for _ in range(2):
        attempt = world.begin(1)
        world.say(1, Skipped(attempt, ()))
    world.feed(Gauged(1.0, sample(world)))
    assert world.machine.verdict.words.startswith("Only 2 frames that other programs have claimed are left")


def test_another_layout_is_judged_by_its_own_frames() -> None:
    world = Timed(400, 1)
    world.go(until=10.0)
    assert "a second worker would gain" in world.words
    (card,) = (slot.slot.devices for slot in world.machine.slots.values())
    world.seconds = {1: 0.6, 2: 0.6}
    world.feed(LayoutChosen(world.now, (Slot("GPU 1", card, 4), Slot("GPU 1 2", card, 4))))
    world.go(until=12.0)
    assert "a second worker would gain" in world.words, "what was measured stays until there is something new"
    world.gauge = {"load": 60.0}
    world.go(until=30.0)
    assert world.words.startswith("GPU 60 % busy: 0.36 of 0.60 s a frame is scene preparation")
    assert "a third worker would gain up to 1.3×" in world.words


def test_a_pause_and_a_stop_change_nothing_that_was_said() -> None:
    world = Timed(200, 2)
    world.go(until=10.0)
    said = world.words
    world.feed(PauseAsked(world.now))
    world.gauge = {"load": 0.0}
    world.go(until=20.0)
    assert world.words == said
    world.feed(StopAsked(world.now))
    world.go()
    assert (world.words, len(world.records())) == (said, 1), "a stopped job has no end that a card could set"


def test_an_engine_that_is_not_bound_to_devices_is_judged_by_its_workers() -> None:
    world = Unbound(60, 1)
    world.go(until=10.0)
    assert world.words == (
        "0.31 of 0.52 s a frame is scene preparation on one CPU thread; no driver tells here how busy the GPU is."
    )


def test_a_cpu_beside_gpus_is_no_part_of_the_judgement() -> None:
    world = Timed(100, 1)
    cpu = Slot("CPU", (Device("CPU", "Processor", Backend.CPU),), 8)
    world.feed(LayoutChosen(0.0, (*(r.slot for r in world.machine.slots.values()), cpu)))
    world.seconds = {1: 0.52, 2: 9.0}
    world.go(until=15.0)
    assert world.words.startswith("GPU 41 % busy: 0.31 of 0.52 s")


@pytest.mark.parametrize(
    "scene",
    [
        Scene(write=0.13, carry=0.0),
        Scene(),
        Scene(evaluate=0.25, sync=0.06, gpu=0.21, gap=0.0),
        Scene(write=0.4, carry=0.0),
        Scene(evaluate=0.2, sync=3.0, sync_threads=4, gpu=0.4),
    ],
    ids=["saves in line", "saves beside", "one thread", "slow disk", "four threads"],
)
def test_what_a_second_worker_would_gain_is_what_it_does_gain_there_or_a_little_more(scene: Scene) -> None:
    cards, given = (Card(), Card()), {"tasks": 400, "cores": 32}
    one, two = (SimulatedMachine(scene, cards, per_card=each, **given).run() for each in (1, 2))
    promised = re.search(r"a second worker per GPU would gain up to ([\d.]+)×", one.machine.verdict.words)
    assert promised, one.machine.verdict.words
    gained = two.rate(0.2, 0.9) / one.rate(0.2, 0.9)
    assert gained - 0.1 < float(promised[1]) < gained + 0.35


def test_cards_that_are_full_are_said_of_a_simulated_job_and_unequal_ones_in_a_long_job_are_not() -> None:
    full = SimulatedMachine(Scene(vram=14 * GIB), (Card(), Card()), tasks=300).run()
    assert "does not fit: it needs 14.0 GiB of VRAM" in full.machine.verdict.words
    unequal = SimulatedMachine(Scene(gpu=5.0), (Card(), Card(), Card(2.0), Card(4.0)), tasks=200).run()
    assert unequal.machine.verdict.words.startswith("GPUs 9")
    short = SimulatedMachine(Scene(gpu=20.0), (Card(0.25), Card(2.0), Card(2.0)), tasks=11).run()
    assert "slower than the others and set the end" in short.machine.verdict.words


def test_samples_without_the_cards_figures_are_no_fault() -> None:
    world = Timed(60, 1)
    world.go(until=4.0)
    world.feed(Gauged(world.now, replace(sample(world), cards={}, ram_available=None, cpu=None, workers={})))
    world.go(until=8.0)
    assert world.words.startswith("GPU 41 % busy")
