# SPDX-License-Identifier: GPL-3.0-or-later
"""Strategies turned into slots."""

from __future__ import annotations

import itertools

import pytest

from dispatch.layout import plan, share
from dispatch.model import Backend, Device, DispatchError, Layout, Strategy

CPU = Device("CPU", "Some processor", Backend.CPU)
CARDS = tuple(
    Device(f"CUDA_NVIDIA H200_{pci}_OptiX", "NVIDIA H200", Backend.OPTIX, pci)
    for pci in ("0000:1a:00", "0000:3b:00", "0000:5e:00", "0000:9d:00")
)
AMD = Device("HIP_AMD Radeon PRO W7900_0000:03:00", "AMD Radeon PRO W7900", Backend.HIP, "0000:03:00")


def shape(layout: Layout) -> list[tuple[str, int]]:
    return [(slot.name, slot.threads) for slot in layout]


def test_auto_is_one_worker_a_gpu() -> None:
    layout = plan(CARDS, cores=32, tasks=100)
    assert shape(layout) == [(f"NVIDIA H200 ({card.pci[5:]})", 8) for card in CARDS if card.pci]
    assert [slot.devices for slot in layout] == [(card,) for card in CARDS]


def test_auto_combines_when_there_are_fewer_tasks_than_devices() -> None:
    layout = plan(CARDS, cores=32, tasks=3)
    assert shape(layout) == [("4 × NVIDIA H200", 32)]
    assert layout[0].devices == CARDS


def test_auto_never_combines_cards_of_two_makers() -> None:
    assert len(plan((CARDS[0], AMD), cores=8, tasks=1)) == 2


def test_copies_are_numbered_and_each_card_gets_its_first_one_first() -> None:
    layout = plan(CARDS[:2], strategy=Strategy.PER_DEVICE, per_device=2, cores=16, tasks=100)
    assert shape(layout) == [
        ("NVIDIA H200 (1a:00) 1", 8),
        ("NVIDIA H200 (3b:00) 1", 8),
        ("NVIDIA H200 (1a:00) 2", 8),
        ("NVIDIA H200 (3b:00) 2", 8),
    ]


def test_there_are_no_copies_without_tasks_for_them() -> None:
    assert len(plan(CARDS[:2], strategy=Strategy.PER_DEVICE, per_device=4, cores=16, tasks=3)) == 4
    assert len(plan(CARDS[:2], strategy=Strategy.PER_DEVICE, per_device=4, cores=16, tasks=2)) == 2


def test_threads_are_shared_by_the_workers_that_can_have_work() -> None:
    layout = plan(CARDS, strategy=Strategy.PER_DEVICE, cores=16, tasks=2)
    assert [slot.threads for slot in layout] == [8, 8, 8, 8]


def test_nobody_gets_one_thread_with_which_blender_spins() -> None:
    assert share([(CPU,), (CPU,)], cores=2, workers=99) == 2
    assert share([(CPU,)], cores=1, workers=1) == 2
    assert [slot.threads for slot in plan(CARDS, cores=4, tasks=9)] == [2, 2, 2, 2]
    assert {slot.threads for slot in plan((CPU,), threads=1, cores=2, tasks=9)} == {1}, "who asks for one gets one"


def test_workers_of_one_card_get_its_whole_part_of_the_cores_and_those_of_the_processor_share_it() -> None:
    assert share([CARDS[:1], CARDS[:1], CARDS[1:2]], cores=16, workers=99) == 8
    assert share([(CPU,), (CPU,), CARDS[:1], CARDS[:1]], cores=18, workers=99) == 6
    assert share([(), ()], cores=16, workers=99) == 8
    assert share([CARDS], cores=16, workers=99) == 16


def test_the_cpu_alone_has_two_lanes_in_auto() -> None:
    assert shape(plan((CPU,), cores=9, tasks=10)) == [("CPU", 4), ("CPU 2", 4)]
    assert shape(plan((CPU,), cores=2, tasks=10)) == [("CPU", 2), ("CPU 2", 2)]
    assert shape(plan((CPU,), cores=8, tasks=1)) == [("CPU", 8)]
    assert shape(plan((CPU,), cores=1, tasks=10)) == [("CPU", 2)]


def test_the_cpu_takes_as_many_lanes_as_are_asked_for() -> None:
    assert len(plan((CPU,), per_device=4, cores=8, tasks=10)) == 4
    assert shape(plan((CPU,), strategy=Strategy.PER_DEVICE, cores=8, tasks=10)) == [("CPU", 8)]
    assert shape(plan((CPU,), strategy=Strategy.COMBINED, per_device=3, cores=8, tasks=9)) == [("CPU", 8)]


def test_a_given_number_of_threads_is_every_workers() -> None:
    assert [slot.threads for slot in plan(CARDS, threads=3, cores=32, tasks=9)] == [3, 3, 3, 3]


def test_gpus_and_the_cpu_are_lanes_beside_each_other_or_one_device() -> None:
    assert shape(plan((CARDS[0], CPU), cores=8, tasks=9)) == [("NVIDIA H200", 4), ("CPU", 4)]
    combined = plan((*CARDS[:2], CPU), strategy=Strategy.COMBINED, cores=8, tasks=9)
    assert shape(combined) == [("2 × NVIDIA H200 + CPU", 8)]


def test_combined_refuses_two_backends() -> None:
    with pytest.raises(DispatchError, match="Devices of HIP and OPTIX cannot be one combined device"):
        plan((CARDS[0], AMD), strategy=Strategy.COMBINED, cores=8, tasks=9)


def test_tasks_in_order_get_one_worker_with_all_threads() -> None:
    assert shape(plan(CARDS, cores=16, tasks=100, in_order=True)) == [("NVIDIA H200 (1a:00)", 16)]
    assert shape(plan((CPU,), cores=16, tasks=100, in_order=True)) == [("CPU", 16)]
    layout = plan(CARDS, strategy=Strategy.COMBINED, cores=16, tasks=100, in_order=True)
    assert shape(layout) == [("4 × NVIDIA H200", 16)]


def test_other_engines_get_slots_without_devices() -> None:
    assert shape(plan(CARDS, engine="BLENDER_EEVEE_NEXT", cores=8, tasks=9)) == [("EEVEE", 8)]
    layout = plan(CARDS, engine="BLENDER_WORKBENCH", strategy=Strategy.PER_DEVICE, per_device=2, cores=8, tasks=9)
    assert shape(layout) == [("WORKBENCH 1", 4), ("WORKBENCH 2", 4)]
    assert all(slot.devices == () for slot in layout)


def test_cycles_without_a_device_is_refused() -> None:
    with pytest.raises(DispatchError, match="no device"):
        plan((), cores=8, tasks=9)


def test_every_layout_has_unique_names_and_threads() -> None:
    sets = [(CPU,), CARDS, CARDS[:1], (*CARDS[:2], CPU), (CARDS[0], AMD, CPU)]
    for devices, strategy, copies, tasks, cores, in_order in itertools.product(
        sets, (Strategy.AUTO, Strategy.PER_DEVICE), (0, 1, 3), (0, 1, 2, 50), (0, 1, 2, 64), (False, True)
    ):
        layout = plan(
            devices, strategy=strategy, per_device=copies, cores=cores, tasks=tasks, in_order=in_order, engine="CYCLES"
        )
        assert layout
        assert len({slot.name for slot in layout}) == len(layout)
        assert all(slot.threads >= 1 and slot.devices for slot in layout)
        assert len(layout) == 1 or not in_order
