# SPDX-License-Identifier: GPL-3.0-or-later
"""Which devices a job gets, and the rows of the device list."""

from __future__ import annotations

import pytest

from dispatch import selection
from dispatch.listing import DeviceFound, DevicesFound
from dispatch.model import Backend, Device
from dispatch.selection import Choice
from dispatch.snapshot import DeviceView


def gpu(number, name="NVIDIA H200", **more):
    pci = f"0000:{number:02x}:00"
    ways = tuple(
        Device(f"CUDA_{name}_{pci}{tail}", name, kind, pci)
        for kind, tail in ((Backend.OPTIX, "_OptiX"), (Backend.CUDA, ""))
    )
    values = {"preferred": False, "backends": ways, **more}
    return DeviceFound(ways[0].id, f"{name} ({number:02x}:00)", Backend.OPTIX, pci, None, **values)


CPU = DeviceFound("CPU", "CPU", Backend.CPU, None, None, False, backends=(Device("CPU", "AMD EPYC", Backend.CPU),))
INTEGRATED = gpu(9, "Intel UHD", integrated=True)


def found(*devices):
    return DevicesFound("Blender 5.0.1", "/b", devices, "")


def cards(devices):
    return [device.card for device in devices]


def choice(number, use, name="NVIDIA H200", backend=""):
    return Choice(f"0000:{number:02x}:00", name, backend, use)


@pytest.mark.parametrize(
    ("devices", "used"),
    [
        ((gpu(1), gpu(2), CPU), ["0000:01:00", "0000:02:00"]),
        ((gpu(1), gpu(2, preferred=True), CPU), ["0000:02:00"]),
        ((gpu(1), INTEGRATED, CPU), ["0000:01:00"]),
        ((INTEGRATED, CPU), ["0000:09:00"]),
        ((CPU,), ["CPU"]),
        ((), []),
    ],
)
def test_preselected_is_what_is_ticked_in_preferences_else_every_real_gpu_else_what_there_is(devices, used):
    assert cards(selection.chosen(found(*devices), (), False)) == used
    assert [row.card for row in selection.rows(found(*devices), (), False) if row.use] == used


def test_a_decision_about_one_card_leaves_the_others_as_they_are():
    here = found(gpu(1), gpu(2), CPU)
    assert cards(selection.chosen(here, [choice(1, False)], False)) == ["0000:02:00"]
    assert cards(selection.chosen(here, [Choice("CPU", "another CPU", "", True)], False))[-1] == "CPU"


def test_leaving_every_device_out_leaves_none_rather_than_another_one():
    assert selection.chosen(found(gpu(1), CPU), [choice(1, False)], False) == ()


def test_a_decision_made_in_another_machine_is_not_about_the_card_in_the_same_place_here():
    rows = selection.rows(found(gpu(1), CPU), [choice(1, False, "GeForce GTX 970")], False)
    assert [(row.name, row.here, row.use) for row in rows] == [
        ("NVIDIA H200 (01:00)", True, True),
        ("CPU", True, False),
        ("GeForce GTX 970", False, False),
    ]


def test_the_backend_is_the_chosen_one_where_the_card_has_it_and_else_the_best():
    here = found(gpu(1))
    assert selection.chosen(here, (), False)[0].backend is Backend.OPTIX
    cuda = selection.chosen(here, [choice(1, True, backend="CUDA")], False)[0]
    assert (cuda.backend, cuda.id) == (Backend.CUDA, "CUDA_NVIDIA H200_0000:01:00")
    assert selection.chosen(here, [choice(1, True, backend="HIP")], False)[0].backend is Backend.OPTIX
    row = selection.rows(here, [choice(1, True, backend="CUDA")], False)[0]
    assert (row.backend, row.backends) == ("CUDA", ("OPTIX", "CUDA"))


def test_the_display_gpu_is_left_free_where_another_gpu_can_render():
    screen = gpu(1, display=True)
    assert cards(selection.chosen(found(screen, gpu(2)), (), True)) == ["0000:02:00"]
    assert cards(selection.chosen(found(screen, CPU), (), True)) == ["0000:01:00"]
    assert [row.display for row in selection.rows(found(screen, gpu(2)), (), True)] == [True, False]


def test_nothing_is_shown_or_chosen_before_anybody_knows_what_is_here():
    assert selection.rows(None, [choice(1, True)], False) == ()
    assert selection.chosen(None, (), False) == ()


def test_a_list_from_an_older_version_without_backends_still_gives_its_device():
    old = DeviceFound("CUDA_X_0000:01:00", "X", Backend.CUDA, "0000:01:00", "GPU-1", False)
    assert selection.chosen(found(old), (), False) == (
        Device("CUDA_X_0000:01:00", "X", Backend.CUDA, "0000:01:00", "GPU-1"),
    )


def test_the_figures_of_a_running_job_replace_the_older_ones_where_they_are_known():
    rows = selection.rows(found(gpu(1, vram_used=1, vram_total=9, load=5.0), gpu(2)), (), False)
    views = (DeviceView("CUDA_NVIDIA H200_0000:01:00", "H", vram_used=7, temperature=60.0),)
    first, second = selection.with_figures(rows, views)
    assert (first.vram_used, first.vram_total, first.load, first.temperature) == (7, 9, 5.0, 60.0)
    assert second == rows[1]
