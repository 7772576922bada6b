# SPDX-License-Identifier: GPL-3.0-or-later
"""Auto and memory, on simulated machines: what does not fit is not tried, what grows or is taken by others makes fewer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from simulated_auto import FOUR, LIGHT, RIGGED, decisions, names, said
from simulated_machine import GB, Card, SimulatedMachine

from dispatch.model import Fault, Outcome
from dispatch.protocol import Begun, Failed

BIG = 400 << 20
"""Bytes of a scene's file of which nobody knows what it becomes in memory."""


def test_a_second_worker_that_does_not_fit_onto_the_cards_is_not_tried():
    world = SimulatedMachine(replace(LIGHT, vram=14 * GB), FOUR, tasks=800, cores=64, auto=True).run()
    assert names(world) == ["hold"]
    assert world.machine.auto.words == (
        "One worker per GPU: a second, which needs 14.0 GiB of VRAM, does not fit beside what stays free."
    )


def test_the_step_of_the_card_tells_what_a_worker_needs_where_the_driver_does_not():
    class Silent(SimulatedMachine):
        def _process(self, child):
            return replace(super()._process(child), vram=None)

    world = Silent(replace(LIGHT, vram=13 * GB), FOUR, tasks=800, cores=64, auto=True)
    world.vram_others[0] = 3 * GB
    world.run()
    assert names(world) == ["hold"]
    assert "13.0 GiB of VRAM" in world.machine.auto.words


def test_a_second_worker_that_does_not_fit_into_ram_is_not_tried():
    world = SimulatedMachine(replace(LIGHT, ram=12 * GB), FOUR, tasks=800, cores=64, ram=64 * GB, auto=True).run()
    assert names(world) == ["hold"]
    assert "12.0 GiB of RAM" in world.machine.auto.words


def test_where_ram_holds_only_some_more_they_are_tried_on_as_many_cards():
    world = SimulatedMachine(replace(LIGHT, ram=8 * GB), FOUR, tasks=2500, cores=64, ram=64 * GB, auto=True).run()
    assert names(world)[:2] == ["try", "keep"]
    assert "on 2 of 4" in decisions(world)[0][1]["words"]


def test_a_card_that_another_program_fills_up_gets_one_worker_less_and_later_back():
    world = SimulatedMachine(replace(LIGHT, vram=5 * GB), FOUR, tasks=8000, cores=64, auto=True)
    world.at(150.0, lambda: world.vram_others.update({2: 13 * GB + GB // 2}))
    world.at(300.0, lambda: world.vram_others.update({2: 0}))
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    changed = [(name, facts) for name, facts in decisions(world) if name in ("fewer", "again")]
    assert [name for name, _ in changed] == ["fewer", "again"]
    assert {facts["device"] for _, facts in changed} == {"CUDA_02"}
    assert changed[0][1]["words"].startswith("One worker less on Card (02:00): ")
    assert "of 24.0 GiB VRAM are free; one of them has had 5.0 GiB; one worker stays." in changed[0][1]["words"]


def test_a_card_that_is_left_out_for_its_faults_gets_no_worker_back_before_it_works_again():
    world = SimulatedMachine(replace(LIGHT, vram=5 * GB), FOUR, tasks=16000, cores=64, auto=True)
    card, slots = world.devices[2], []

    def fault() -> None:
        child = next(child for child in world.children.values() if card in child.slot.devices)
        world._gone(child, Fault.LOST_DEVICE)

    world.at(150.0, lambda: world.vram_others.update({2: 13 * GB + GB // 2}))
    world.at(200.0, fault)
    world.at(207.0, fault)
    world.at(240.0, lambda: world.vram_others.update({2: 0}))
    left_out = world.machine.blame.cards.left_out
    for moment in range(208, 520):
        world.at(moment, lambda: slots.extend(r for r in world.machine.open_slots() if left_out(r.slot) and r.worker))
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert next(name for name in names(world) if name in ("fewer", "again")) == "fewer"
    assert any("failed 2 times" in text for text in said(world))
    assert slots == []
    assert len(world.machine.auto._berths.of(card)) == 2, "it came back in the end"


def test_the_display_card_keeps_room_for_the_display():
    cards = (Card(vram=8 * GB, display=True), Card(vram=8 * GB))
    world = SimulatedMachine(replace(LIGHT, vram=int(3.0 * GB)), cards, tasks=2500, cores=64, auto=True).run()
    assert "on 1 of 2" in decisions(world)[0][1]["words"]
    assert {slot for slot in world.by_slot if slot.endswith(" 2")} == {"Card (01:00) 2"}


def test_memory_that_shrinks_is_not_trusted():
    """A virtual machine whose memory is taken away while the job runs."""
    world = SimulatedMachine(LIGHT, FOUR, tasks=4000, cores=64, ram=64 * GB, auto=True)
    world.at(200.0, lambda: setattr(world, "ram", 20 * GB))
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert "fewer" in names(world)


# --- the start of a big scene -----------------------------------------------------------------------------------


def test_a_big_scene_that_fits_starts_everywhere_at_once():
    world = SimulatedMachine(LIGHT, FOUR, tasks=120, cores=64, ram=64 * GB, auto=True, blend_size=BIG).run()
    assert "one first" not in names(world)
    assert len(world.by_slot) == 4


def test_a_big_scene_begins_with_one_worker_and_goes_on_with_all_that_fit():
    world = SimulatedMachine(LIGHT, FOUR, tasks=300, cores=64, ram=16 * GB, auto=True, blend_size=BIG).run()
    assert names(world)[:2] == ["one first", "all"]
    assert len(world.by_slot) == 4


def test_where_nobody_tells_of_memory_all_begin_after_a_minute():
    world = SimulatedMachine(LIGHT, FOUR, tasks=300, cores=64, auto=True, blend_size=BIG, tells=False).run()
    assert len(world.by_slot) == 4
    assert names(world)[0] == "all"
    assert "nothing has told how much RAM is free" in decisions(world)[0][1]["words"]


def test_the_first_worker_that_ends_for_want_of_ram_keeps_nobody_back_where_nobody_tells_of_memory():
    class Dies(SimulatedMachine):
        def _say(self, child, report):
            failed = isinstance(report, Begun) and self.now < 30.0
            return super()._say(child, Failed(report.attempt, Fault.OUT_OF_RAM, "it failed") if failed else report)

    world = Dies(LIGHT, FOUR, tasks=100, cores=64, auto=True, blend_size=BIG, tells=False).run()
    assert world.machine.outcome is Outcome.COMPLETE


def test_copies_that_do_not_fit_are_left_out():
    scene = replace(LIGHT, ram=8 * GB)
    world = SimulatedMachine(scene, FOUR, tasks=300, cores=64, ram=24 * GB, auto=True, blend_size=1 * GB).run()
    assert names(world)[:2] == ["one first", "some"]
    assert "Two of 4 workers: each needs 8.0 GiB of RAM" in decisions(world)[1][1]["words"]
    assert len(world.by_slot) == 2
    assert world.machine.outcome is Outcome.COMPLETE


def test_where_a_second_copy_does_not_fit_all_cards_render_together():
    scene = replace(LIGHT, ram=14 * GB)
    world = SimulatedMachine(scene, FOUR, tasks=100, cores=64, ram=24 * GB, auto=True, blend_size=1 * GB).run()
    assert names(world) == ["one first", "combined"]
    assert list(world.by_slot) == ["Card (00:00)", "4 × Card"]
    assert world.machine.outcome is Outcome.COMPLETE


def test_a_first_worker_that_dies_holds_nobody_back():
    class Dies(SimulatedMachine):
        def _loaded(self, child):
            if child.worker == 1:
                self._gone(child, None)
            else:
                super()._loaded(child)

    world = Dies(LIGHT, FOUR, tasks=100, cores=64, ram=16 * GB, auto=True, blend_size=BIG).run()
    assert world.machine.outcome is Outcome.COMPLETE


@pytest.mark.parametrize("tasks", [1, 2, 3])
def test_fewer_tasks_than_devices_are_rendered_together_without_auto(tasks):
    world = SimulatedMachine(LIGHT, FOUR, tasks=tasks, cores=64, auto=True).run()
    assert list(world.by_slot) == ["4 × Card"]
    assert names(world) == []


class Full(SimulatedMachine):
    """Its first worker finds no room once there are more of them than cards."""

    failed = False

    def frame_done(self, frame):
        more = len(self.children) > len(self.cards) and all(child.frames for child in self.children.values())
        if more and frame.child.worker == 1 and not self.failed:
            self.failed, frame.child.busy = True, False
            self._say(frame.child, Failed(frame.attempt, Fault.OUT_OF_VRAM, "no room"))
        else:
            super().frame_done(frame)


@pytest.mark.parametrize("cards", [1, 2])
def test_of_several_on_trial_one_takes_the_place_of_a_worker_that_finds_no_room(cards):
    world = Full(RIGGED, FOUR[:cards], tasks=100 * cards, cores=64, ram=256 * GB, auto=True).run()
    assert world.failed
    assert world.machine.outcome is Outcome.COMPLETE
    words = [facts["words"] for name, facts in decisions(world) if name == "drop"]
    assert words[0].startswith("One worker per GPU: three more were not possible (out of VRAM: no room")
    level = world.machine.auto._kinds[0].level
    assert [len(world.machine.auto._berths.of(device)) for device in world.devices] == [level] * cards


@pytest.mark.parametrize("cards", [1, 2])
def test_when_the_first_worker_of_a_card_finds_no_room_the_one_on_trial_takes_its_place(cards):
    world = Full(LIGHT, FOUR[:cards], tasks=1000, cores=16, auto=True).run()
    assert world.failed
    assert world.machine.outcome is Outcome.COMPLETE
    assert names(world) == ["try", "drop"]
    assert "one more was not possible (out of VRAM: no room" in world.machine.auto.words
    assert [len(world.machine.auto._berths.of(device)) for device in world.devices] == [1] * cards
