# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity, names and choice of devices."""

from __future__ import annotations

import pytest

from dispatch.devices import (
    NvmlDevice,
    choose,
    display_names,
    from_cycles,
    is_integrated,
    pci_address,
    unique,
    with_uuids,
)
from dispatch.model import Backend, Device, DispatchError


def device(id: str, name: str, kind: str) -> Device:
    made = from_cycles(id, name, kind)
    assert made is not None
    return made


def nvidia(pci: str, name: str = "NVIDIA H200", kind: str = "CUDA") -> Device:
    return device(f"CUDA_{name}_{pci}" + ("_OptiX" if kind == "OPTIX" else ""), name, kind)


CPU = device("CPU", "AMD EPYC 9534", "CPU")
TWO_CARDS = (
    nvidia("0000:3b:00"),
    nvidia("0000:5e:00"),
    CPU,
    nvidia("0000:3b:00", kind="OPTIX"),
    nvidia("0000:5e:00", kind="OPTIX"),
    CPU,
)
MIXED = (
    nvidia("0000:01:00", "NVIDIA GeForce RTX 4090", "OPTIX"),
    device("HIP_AMD Radeon(TM) Graphics_0000:0e:00", "AMD Radeon(TM) Graphics", "HIP"),
    device("HIP_AMD Radeon RX 7900 XTX_0000:03:00", "AMD Radeon RX 7900 XTX", "HIP"),
    CPU,
)


def pcis(devices: tuple[Device, ...]) -> list[str]:
    return [d.pci or d.id for d in devices]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("CUDA_NVIDIA H200_0000:3b:00", "0000:3b:00"),
        ("CUDA_NVIDIA H200_0000:3b:00_OptiX", "0000:3b:00"),
        ("CUDA_Tesla_10000:3b:00_OptiX", "10000:3b:00"),
        ("HIP_AMD Radeon RX 7900 XTX_0000:03:00", "0000:03:00"),
        ("ONEAPI_Intel(R) Level-Zero_Intel(R) Arc(TM) A770 Graphics_0000:03:00.0", "0000:03:00"),
        ("ONEAPI_Intel(R) Level-Zero_Intel(R) Arc(TM) A770 Graphics", None),
        ("METAL_Apple M3 Max (GPU - 40 cores)", None),
        ("CPU", None),
        ("00000000:3B:00.0", "0000:3b:00"),
        ("00010000:3B:00.0", "10000:3b:00"),
    ],
)
def test_every_spelling_of_a_pci_address_is_read(text: str, address: str | None) -> None:
    assert pci_address(text) == address


def test_an_unknown_kind_of_device_is_left_out() -> None:
    assert from_cycles("X_1", "X", "VULKAN_RT") is None


def test_a_card_appears_once_with_its_best_backend_and_the_cpu_last() -> None:
    assert [(d.backend, d.card) for d in unique(TWO_CARDS)] == [
        (Backend.OPTIX, "0000:3b:00"),
        (Backend.OPTIX, "0000:5e:00"),
        (Backend.CPU, "CPU"),
    ]


def test_a_requested_backend_is_used_for_every_card() -> None:
    assert [d.backend for d in unique(TWO_CARDS, Backend.CUDA)] == [Backend.CUDA, Backend.CUDA, Backend.CPU]


def test_uuids_are_joined_by_pci_and_never_by_index() -> None:
    cards = [NvmlDevice("0000:5e:00", "GPU-5e", "B"), NvmlDevice("0000:3b:00", "GPU-3b", "A")]
    joined = with_uuids((*unique(TWO_CARDS), MIXED[2]), cards)
    assert [d.uuid for d in joined] == ["GPU-3b", "GPU-5e", None, None]


def test_a_split_card_gets_no_uuid() -> None:
    assert with_uuids(unique(TWO_CARDS), [NvmlDevice("0000:3b:00", "", "A")])[0].uuid is None


@pytest.mark.parametrize(
    ("name", "kind", "integrated"),
    [
        ("AMD Radeon(TM) Graphics", "HIP", True),
        ("AMD Radeon 780M", "HIP", True),
        ("AMD Radeon 890M Graphics", "HIP", True),
        ("AMD Radeon RX 7900 XTX", "HIP", False),
        ("AMD Radeon RX 6800M", "HIP", False),
        ("AMD Radeon PRO W7900", "HIP", False),
        ("Intel(R) UHD Graphics 770", "ONEAPI", True),
        ("Intel(R) Arc(TM) Graphics", "ONEAPI", True),
        ("Intel(R) Arc(TM) 140V GPU (16GB)", "ONEAPI", True),
        ("Intel(R) Arc(TM) A770 Graphics", "ONEAPI", False),
        ("Intel(R) Arc(TM) Pro B50 Graphics", "ONEAPI", False),
        ("Intel(R) Data Center GPU Max 1100", "ONEAPI", False),
        ("Apple M3 Max (GPU - 40 cores)", "METAL", False),
        ("NVIDIA GeForce RTX 4090", "CUDA", False),
    ],
)
def test_integrated_gpus_are_known_by_their_names(name: str, kind: str, integrated: bool) -> None:
    assert is_integrated(device(f"{kind}_{name}", name, kind)) is integrated


def test_all_means_every_discrete_gpu() -> None:
    assert pcis(choose(MIXED, (), "all")) == ["0000:01:00", "0000:03:00"]
    assert pcis(choose(TWO_CARDS, (), "gpu")) == ["0000:3b:00", "0000:5e:00"]


def test_all_means_the_cpu_where_there_is_no_gpu() -> None:
    assert choose((CPU,), (), "all") == (CPU,)
    with pytest.raises(DispatchError, match=r"finds no GPU here\. Devices: CPU"):
        choose((CPU,), (), "gpu")


def test_an_integrated_gpu_is_used_where_it_is_the_only_one_or_named() -> None:
    assert pcis(choose((MIXED[1], CPU), (), "all")) == ["0000:0e:00"]
    assert pcis(choose(MIXED, (), "0e:00,gpu")) == ["0000:0e:00", "0000:01:00", "0000:03:00"]


def test_a_backend_that_is_not_here_is_refused_and_never_becomes_the_cpu() -> None:
    for spec in ("all", "gpu", None):
        with pytest.raises(DispatchError, match=r"no OPTIX device here\. Devices: CPU"):
            choose((CPU, nvidia("0000:3b:00")), (), spec, Backend.OPTIX)


def test_the_cpu_backend_is_the_cpu() -> None:
    assert choose(TWO_CARDS, (), "all", Backend.CPU) == (CPU,)


def test_ticked_cards_are_preselected_whatever_their_backend() -> None:
    assert choose(TWO_CARDS, (TWO_CARDS[1].id, "CPU"), None) == (TWO_CARDS[4],)
    assert pcis(choose(TWO_CARDS, (), None)) == ["0000:3b:00", "0000:5e:00"]
    assert pcis(choose(TWO_CARDS, ("CPU", "CUDA_sold card_0000:99:00"), None)) == ["0000:3b:00", "0000:5e:00"]
    assert pcis(choose(MIXED, tuple(d.id for d in MIXED), None)) == ["0000:01:00", "0000:03:00"]


@pytest.mark.parametrize("word", ["0000:5e:00", "5e:00", "CUDA_NVIDIA H200_0000:5e:00_OptiX", "5E:00 "])
def test_a_card_is_named_by_id_or_address_or_part(word: str) -> None:
    assert choose(TWO_CARDS, (), word) == (TWO_CARDS[4],)


def test_a_full_id_also_names_the_backend() -> None:
    assert choose(TWO_CARDS, (), TWO_CARDS[0].id) == (TWO_CARDS[0],)


def test_an_id_may_hold_a_comma() -> None:
    odd = device("METAL_Apple, M9", "Apple, M9", "METAL")
    assert choose((odd, CPU), (), "METAL_Apple, M9") == (odd,)


def test_words_are_joined_and_a_card_is_taken_once() -> None:
    assert pcis(choose(TWO_CARDS, (), "gpu,cpu,3b:00")) == ["0000:3b:00", "0000:5e:00", "CPU"]


def test_an_unknown_device_is_refused_with_what_there_is() -> None:
    with pytest.raises(DispatchError, match=r"There is no device 'RTX 9090' here\. Devices: NVIDIA H200 \(3b:00\) \["):
        choose(TWO_CARDS, (), "RTX 9090")


def test_an_ambiguous_part_is_refused() -> None:
    with pytest.raises(DispatchError, match="'H200' fits 2 devices"):
        choose(TWO_CARDS, (), "H200")


def test_an_empty_choice_is_refused() -> None:
    with pytest.raises(DispatchError, match="No device is named"):
        choose(TWO_CARDS, (), " , ")


def test_cards_of_one_name_are_told_apart() -> None:
    assert list(display_names(unique(TWO_CARDS)).values()) == ["NVIDIA H200 (3b:00)", "NVIDIA H200 (5e:00)", "CPU"]
    assert display_names(unique(TWO_CARDS)[:1]) == {TWO_CARDS[3].id: "NVIDIA H200"}
    far = (nvidia("0000:3b:00"), nvidia("0001:3b:00"))
    assert list(display_names(far).values()) == ["NVIDIA H200 (0000:3b:00)", "NVIDIA H200 (0001:3b:00)"]
    metal = (device("METAL_a", "Radeon Pro", "METAL"), device("METAL_b", "Radeon Pro", "METAL"))
    assert list(display_names(metal).values()) == ["Radeon Pro (1)", "Radeon Pro (2)"]
