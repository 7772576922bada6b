# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``doctor`` says of odd machines, from facts alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dispatch import doctor
from dispatch.doctor_nouns import Card, Computer, Driver, Facts, Grade, OnCard, Place, Programs, Traces, Trial
from dispatch.model import Backend, Device

GB = 1 << 30
CPU = Device("CPU", "Processor", Backend.CPU)
GPU = Device("CUDA_RTX_0000:3b:00_OptiX", "RTX 4090", Backend.OPTIX, "0000:3b:00")
CARD = Card("0000:3b:00", "RTX 4090", 24 * GB, 1 * GB, (8, 9), link_width=16, link_width_most=16)
WELL = Facts(
    Programs("0.1.0", "3.11.7", (("psutil", "7.0"),), "Blender 5.0.1", "/opt/blender", (5, 0, 1), "3.11.13"),
    Computer("Linux 6.1 (x86_64)", 16, 16, 64 * GB, 60 * GB, open_files=1024),
    Driver("", "570.86.10", "12.8", (CARD,)),
    (GPU, CPU),
    (Place("jobs folder", "/home/a/jobs", free=500 * GB, file_system="ext4"),),
    Traces(),
    (Trial("CPU", "", 3.0, 0.2, 0.0, is_cpu=True), Trial("RTX 4090", "", 4.0, 0.1, 0.3)),
)


def said(facts: Facts, grade: Grade, key: str) -> str:
    """Return the one sentence of that key; it has that grade."""
    found = [d for d in doctor.diagnose(facts) if d.key == key]
    assert [d.grade for d in found] == [grade], found
    return found[0].text


def with_card(**changes: object) -> Facts:
    return replace(WELL, driver=replace(WELL.driver, cards=(replace(CARD, **changes),)))  # type: ignore[arg-type]


def with_place(**changes: object) -> Facts:
    return replace(WELL, places=(replace(WELL.places[0], **changes),))  # type: ignore[arg-type]


def with_computer(**changes: object) -> Facts:
    return replace(WELL, computer=replace(WELL.computer, **changes))  # type: ignore[arg-type]


def without_cycles(facts: Facts = WELL) -> Facts:
    return replace(facts, devices=(CPU,))


def test_a_machine_that_is_well_is_called_so_in_every_line() -> None:
    found = doctor.diagnose(WELL)
    assert {d.grade for d in found} == {Grade.GOOD}
    assert doctor.worst(found) is Grade.GOOD
    assert all(d.text.endswith(".") for d in found)
    keys = {d.key for d in found}
    assert keys >= {"engine", "blender", "system", "memory", "driver", "devices", "card", "place", "jobs", "trial"}


def test_the_worst_grade_counts() -> None:
    assert doctor.worst(doctor.diagnose(with_card(ecc_errors=2))) is Grade.ERROR
    assert doctor.worst(doctor.diagnose(with_card(slowed=("power supply",)))) is Grade.WARNING
    assert doctor.worst(()) is Grade.GOOD


# --- cards that Cycles does not see


def test_a_card_hidden_by_a_mask_names_the_mask() -> None:
    facts = without_cycles(with_computer(masks=(("CUDA_VISIBLE_DEVICES", "-1"),)))
    text = said(facts, Grade.ERROR, "hidden-card")
    assert "RTX 4090 [0000:3b:00]" in text
    assert "CUDA_VISIBLE_DEVICES may hide it" in text
    assert "CUDA_VISIBLE_DEVICES=-1" in said(facts, Grade.WARNING, "masks")


def test_an_old_driver_names_the_one_that_is_needed() -> None:
    facts = replace(WELL, driver=replace(WELL.driver, version="470.223.02", cuda="11.4"))
    assert "535 or newer" in said(facts, Grade.ERROR, "driver")
    assert "install 535 or newer" in said(without_cycles(facts), Grade.ERROR, "hidden-card")


@pytest.mark.parametrize(
    ("version", "driver", "grade"),
    [
        ((4, 2, 0), "470.1", Grade.GOOD),
        ((4, 2, 0), "465.1", Grade.ERROR),
        ((5, 1, 0), "535.1", Grade.GOOD),
        ((5, 2, 0), "570.1", Grade.ERROR),
        ((5, 2, 0), "575.51", Grade.GOOD),
        ((5, 2, 0), "", Grade.GOOD),
    ],
)
def test_each_blender_asks_for_its_own_driver(version: tuple[int, int, int], driver: str, grade: Grade) -> None:
    programs = replace(WELL.programs, blender_version=version)
    said(replace(WELL, programs=programs, driver=replace(WELL.driver, version=driver)), grade, "driver")


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (with_card(split=True), "MIG"),
        (with_card(capability=(3, 5)), "compute capability 3.5, needed 5.0"),
        (with_computer(nodes=(("/dev/nvidia0", False), ("/dev/nvidiactl", True))), "may not open /dev/nvidia0:"),
        (with_computer(container=True), "--gpus all"),
        (WELL, "without CUDA and OptiX"),
    ],
)
def test_a_card_that_cycles_does_not_see_gets_the_likely_reason(facts: Facts, words: str) -> None:
    assert words in said(without_cycles(facts), Grade.ERROR, "hidden-card")


def test_a_card_of_another_address_is_not_taken_for_the_one_cycles_sees() -> None:
    other = replace(CARD, pci="0000:5e:00")
    facts = replace(WELL, driver=replace(WELL.driver, cards=(CARD, other)))
    assert "[0000:5e:00]" in said(facts, Grade.ERROR, "hidden-card")


def test_without_a_blender_nothing_is_said_of_hidden_cards() -> None:
    programs = Programs("0.1.0", "3.11.7", blender_error="No Blender is found: name one with --blender PATH.")
    facts = replace(without_cycles(), programs=programs, trials=())
    assert said(facts, Grade.ERROR, "blender").startswith("No Blender is found")
    assert not [d for d in doctor.diagnose(facts) if d.key in ("hidden-card", "devices")]


def test_a_machine_without_a_gpu_renders_on_the_processor() -> None:
    facts = replace(without_cycles(), driver=Driver("NVIDIA's driver tells nothing (not found)."))
    assert "renders on the processor" in said(facts, Grade.WARNING, "devices")
    said(facts, Grade.GOOD, "driver")
    closed = replace(facts, computer=replace(facts.computer, nodes=(("/dev/dri/renderD128", False),)))
    assert "'video' and 'render'" in said(closed, Grade.WARNING, "devices")
    contained = replace(facts, computer=replace(facts.computer, container=True))
    assert "--gpus all" in said(contained, Grade.WARNING, "devices")


def test_nvidia_cards_without_a_telling_driver_are_a_warning() -> None:
    said(
        replace(WELL, driver=Driver("NVIDIA's driver tells nothing (Driver/library mismatch).")),
        Grade.WARNING,
        "driver",
    )


# --- a card's health


@pytest.mark.parametrize(
    ("changes", "grade", "key", "words"),
    [
        ({"ecc_errors": 3}, Grade.ERROR, "ecc", "3 memory errors"),
        ({"slowed": ("heat, by the hardware",), "temperature": 93.0}, Grade.WARNING, "slowed", "at 93 °C (heat"),
        ({"temperature": 95.0}, Grade.WARNING, "slowed", "at 95 °C"),
        ({"link_width": 4}, Grade.WARNING, "link", "4 of its 16 PCIe lanes"),
        ({"vram_used": 20 * GB, "programs": (OnCard(7, "game"),)}, Grade.WARNING, "vram", "(game)"),
        ({"vram_used": 20 * GB}, Grade.WARNING, "vram", "(other programs)"),
    ],
)
def test_what_ails_a_card(changes: dict[str, object], grade: Grade, key: str, words: str) -> None:
    facts = with_card(**changes)
    assert words in said(facts, grade, key)
    assert not [d for d in doctor.diagnose(facts) if d.key == "card"], "it was called well too"


def test_a_card_that_tells_nothing_is_well() -> None:
    bare = Card("0000:3b:00", "RTX 4090")
    assert (
        said(replace(WELL, driver=replace(WELL.driver, cards=(bare,))), Grade.GOOD, "card") == "RTX 4090 [0000:3b:00]."
    )


# --- the computer


def test_what_ails_the_computer() -> None:
    assert "60.0 MiB of" in said(with_computer(ram_available=60 << 20), Grade.WARNING, "memory")
    assert "only 64 files" in said(with_computer(open_files=64), Grade.WARNING, "open-files")
    assert "only 100 processes" in said(with_computer(processes=100), Grade.WARNING, "processes")
    assert "switch sleep off" in said(
        with_computer(awake="This system has no systemd-inhibit."), Grade.WARNING, "sleep"
    )
    assert "2 cores of 64" in said(with_computer(cores=2, cores_there=64), Grade.GOOD, "system")


def test_without_rich_nothing_is_missing_but_a_nicer_terminal() -> None:
    programs = replace(WELL.programs, libraries=(("psutil", "7.0"), ("rich", "")))
    assert "psutil 7.0" in said(replace(WELL, programs=programs), Grade.GOOD, "libraries")


def test_missing_libraries_are_named() -> None:
    programs = replace(WELL.programs, libraries=(("psutil", "7.0"), ("pynvml", ""), ("rich", "")))
    assert "pynvml and rich" in said(replace(WELL, programs=programs), Grade.WARNING, "libraries")


# --- folders


@pytest.mark.parametrize(
    ("changes", "grade", "key", "words"),
    [
        ({"problem": "Permission denied"}, Grade.ERROR, "place", "(Permission denied)"),
        ({"free": 5 << 20}, Grade.ERROR, "space", "only 5.0 MiB free"),
        ({"free": 4 * GB}, Grade.WARNING, "space", "only 4.0 GiB free"),
        ({"failed": ("file locks",)}, Grade.ERROR, "file-system", "(file locks)"),
        ({"file_system": "nfs4"}, Grade.WARNING, "network-jobs", "network (nfs4)"),
        ({"ahead": -95.0}, Grade.WARNING, "clock", "1 min 35 s behind"),
        ({"ahead": 95.0}, Grade.WARNING, "clock", "1 min 35 s ahead of"),
        ({"sync": 4.0}, Grade.WARNING, "slow-disk", "4.0 s"),
    ],
)
def test_what_ails_a_folder(changes: dict[str, object], grade: Grade, key: str, words: str) -> None:
    facts = with_place(**changes)
    assert words in said(facts, grade, key)
    wells = [d for d in doctor.diagnose(facts) if d.key == "place" and d.grade is Grade.GOOD]
    assert not wells, "it was called well too"


def test_pictures_may_lie_on_a_network() -> None:
    said(with_place(role="output folder", file_system="nfs4"), Grade.GOOD, "place")


# --- jobs and trials


def test_what_is_left_of_jobs() -> None:
    facts = replace(WELL, traces=Traces(("shot",), ("2026-a-1",), ("2026-b-2",), (77,)))
    assert "process 77" in said(facts, Grade.WARNING, "left-blenders")
    assert "2026-a-1" in said(facts, Grade.WARNING, "interrupted-jobs")
    assert "2026-b-2" in said(facts, Grade.WARNING, "unreadable-jobs")
    assert "shot" in said(facts, Grade.GOOD, "running-jobs")


def test_a_device_that_cannot_render_is_an_error() -> None:
    trial = Trial("RTX 4090", "It rendered on the CPU instead.")
    assert "on RTX 4090: It rendered on the CPU" in said(replace(WELL, trials=(trial,)), Grade.ERROR, "trial")


def test_a_picture_that_differs_from_the_cpus_is_an_error() -> None:
    trial = Trial("RTX 4090", "", 4.0, 0.1, 40.0)
    assert "by 40.0 of 255" in said(replace(WELL, trials=(trial,)), Grade.ERROR, "trial")


def test_a_picture_without_one_to_compare_does_not_claim_to_agree() -> None:
    trial = Trial("RTX 4090", "", 4.0, 0.1, None)
    assert "agrees" not in said(replace(WELL, trials=(trial,)), Grade.GOOD, "trial")


def test_without_a_trial_that_is_said() -> None:
    assert "No picture was rendered" in said(replace(WELL, trials=(), rendered=False), Grade.GOOD, "trial")
