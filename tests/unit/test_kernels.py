# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels are compiled by one worker of each kind; what is known is kept from job to job."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from machine_world import PICTURES, World

from dispatch import host
from dispatch.events import Tell
from dispatch.kernels import SAID_AFTER, WAIT_MOST, Kernels, kinds
from dispatch.kernels_known import MOST, KernelsKnown
from dispatch.model import Backend, BlenderProgram, Device, Fault, Job, Outcome, Slot
from dispatch.protocol import Failed, Progressed, Rendered, Skipped

H200 = Device("OPTIX_1", "NVIDIA H200", Backend.OPTIX)
CPU = Device("CPU", "Some processor", Backend.CPU)


class Cold(World):
    """Nothing is known of its cards, which are all of one kind."""

    def __init__(self, known=(), **settings):
        self.known = known
        super().__init__(**settings)

    def feed(self, event):
        if self.known is not None:
            self.machine.kernels, self.known = Kernels(self.known), None
        return super().feed(event)

    def hands(self) -> list[int]:
        return [len(w.hand) for w in self.machine.workers.values()]

    def told(self) -> list[str]:
        return [c.text for c in self.log if isinstance(c, Tell)]


def test_one_worker_of_a_kind_goes_first_and_the_others_start_at_its_first_sample():
    world = Cold(tasks=40, slots=3)
    world.start()
    assert [min(1, count) for count in world.hands()] == [1, 0, 0]
    attempt = world.begin(1)
    assert [min(1, count) for count in world.hands()] == [1, 0, 0]
    world.say(1, Progressed(attempt, 0, 30))
    assert [min(1, count) for count in world.hands()] == [1, 1, 1]
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert world.machine.kernels.rendered == {"CUDA GPU"}


def test_a_frame_that_shows_no_sample_lets_the_others_start_too():
    world = Cold(tasks=40, slots=2)
    world.start()
    attempt = world.begin(1)
    world.say(1, Rendered(attempt, PICTURES, world.phases))
    assert min(world.hands()) > 0


@pytest.mark.parametrize("what", ["failed", "claimed elsewhere", "dead"])
def test_when_the_first_one_comes_to_nothing_another_goes_first(what):
    world = Cold(tasks=40, slots=3)
    world.start()
    attempt = world.begin(1)
    if what == "failed":
        world.say(1, Failed(attempt, Fault.LOST_DEVICE, "no"))
    elif what == "claimed elsewhere":
        world.say(1, Skipped(attempt, owner="other"))
    else:
        world.machine.kill(world.now, world.machine.workers[1], Fault.HANG, "no sign of life")
    world.run()
    assert world.machine.outcome is Outcome.COMPLETE
    assert len(set(world.committed)) + world.machine.found == 40


def test_a_kind_that_is_known_makes_nobody_wait():
    world = Cold(known=["CUDA GPU"], tasks=40, slots=3)
    world.start()
    assert min(world.hands()) > 0


def test_the_artist_is_told_only_when_it_takes_long_and_others_wait():
    world = Cold(tasks=40, slots=2)
    world.start()
    world.begin(1)
    world.tick(SAID_AFTER - 1)
    assert not world.told()
    world.tick(2)
    world.tick(2)
    assert world.told() == ["Compiling GPU kernels for GPU: the other workers start when that is done."]
    alone = Cold(tasks=40, slots=1)
    alone.start()
    alone.begin(1)
    alone.tick(SAID_AFTER + 1)
    assert not alone.told()


def test_nobody_waits_for_ever_for_one_that_hangs():
    world = Cold(tasks=40, slots=2)
    world.start()
    world.begin(1)
    world.tick(WAIT_MOST - 1)
    assert world.hands()[1] == 0
    world.tick(2)
    assert world.hands()[1] > 0


def test_kinds_are_the_cards_of_a_slot_by_backend_and_the_cpu_needs_none():
    combined = Slot("all", (H200, replace(H200, id="OPTIX_2"), CPU), 4)
    assert kinds(combined) == {"OPTIX NVIDIA H200"}
    assert kinds(Slot("EEVEE", (), 4)) == frozenset()
    gate = Kernels([])
    for worker in (1, 2):
        assert gate.lets(0.0, worker, Slot("CPU", (CPU,), 4))
        gate.begins(0.0, worker, Slot("CPU", (CPU,), 4))


@pytest.mark.parametrize("first", [0, 1])
def test_different_kinds_do_not_wait_for_one_another(first):
    gate, other = Kernels([]), replace(H200, name="NVIDIA A40")
    slots = [Slot("a", (H200,), 4), Slot("b", (other,), 4)]
    gate.begins(0.0, 1, slots[first])
    assert gate.lets(0.0, 2, slots[1 - first])
    assert not gate.lets(0.0, 2, slots[first])


# --- what is kept -------------------------------------------------------------------------------------------------


@pytest.fixture
def job(state_folder) -> Job:
    blender = BlenderProgram("/b", False, (5, 0, 1), "abc")
    return Job("id", "name", "", "/a.blend", "Scene", "1", "/out/", blender, (replace(H200, backend=Backend.HIP),))


def rendered(known: KernelsKnown, *slots: Slot) -> Kernels:
    kernels = known.kernels()
    for worker, slot in enumerate(slots):
        kernels.finished(worker, slot)
    known.keep(kernels)
    return kernels


def waits(job: Job, slot: Slot) -> bool:
    kernels = KernelsKnown(job).kernels()
    kernels.begins(0.0, 1, slot)
    return not kernels.lets(0.0, 2, slot)


def test_what_has_rendered_is_known_to_the_next_job_of_the_same_blender(job):
    slot = Slot("a", job.devices, 4)
    assert waits(job, slot)
    rendered(KernelsKnown(job), slot)
    assert not waits(job, slot)
    assert waits(replace(job, blender=replace(job.blender, build="def")), slot)
    assert waits(replace(job, blender=replace(job.blender, version=(5, 1, 0))), slot)


def test_eevee_never_waits_and_keeps_nothing(job):
    eevee = replace(job, engine="BLENDER_EEVEE")
    slot = Slot("a", job.devices, 4)
    assert not waits(eevee, slot)
    rendered(KernelsKnown(eevee), slot)
    assert not (host.state_folder() / "kernels.json").exists()


@pytest.mark.parametrize("junk", [b"", b"{", b"[1]", b'{"kernels": 3}', b'{"kernels": [1, null]}', b"\xff" * 50])
def test_a_damaged_list_is_an_empty_one_and_is_mended(job, junk):
    place = host.private_folder(host.state_folder()) / "kernels.json"
    place.write_bytes(junk)
    slot = Slot("a", job.devices, 4)
    assert waits(job, slot)
    rendered(KernelsKnown(job), slot)
    assert not waits(job, slot)


def test_the_list_is_bounded_and_jobs_at_the_same_time_keep_one_another_s_entries(job):
    place = host.private_folder(host.state_folder()) / "kernels.json"
    place.write_text(json.dumps({"kernels": [f"OPTIX old {n} | x" for n in range(MOST)]}), encoding="utf-8")
    here, there = KernelsKnown(job), KernelsKnown(replace(job, blender=replace(job.blender, build="def")))
    slot = Slot("a", job.devices, 4)
    rendered(here, slot)
    rendered(there, slot)
    kept = json.loads(place.read_bytes())["kernels"]
    assert len(kept) == MOST
    assert len([entry for entry in kept if entry.startswith("HIP")]) == 2
    assert list(place.parent.iterdir()) == [place]


def test_a_place_that_cannot_be_written_is_no_error(job):
    (host.private_folder(host.state_folder()) / "kernels.json").mkdir()
    rendered(KernelsKnown(job), Slot("a", job.devices, 4))
