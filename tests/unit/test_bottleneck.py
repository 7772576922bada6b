# SPDX-License-Identifier: GPL-3.0-or-later
"""What limits a job, kind by kind, each beside a case that is nearly the same and is something else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dispatch import bottleneck
from dispatch.bottleneck import Kind
from dispatch.evidence import Evidence
from dispatch.model import Phases

GIB = 1 << 30

LIGHT = Evidence(
    devices=tuple(f"NVIDIA H200 ({n}b:00)" for n in range(1, 5)),
    on_cpu=False,
    combined=False,
    each=1,
    auto=False,
    frames=250,
    phases=Phases(0.05, 0.26, 0.18, 0.03),
    size=3 * 1024 * 1024,
    kind="PNG",
    load=41.0,
    cpu=20.0,
    worker_cpu=80.0,
    need_ram=2 * GIB,
    free_ram=400 * GIB,
    need_vram=3 * GIB,
    free_vram=130 * GIB,
)
ONE = replace(LIGHT, devices=LIGHT.devices[:1])


def words(**changes: object) -> str:
    return bottleneck.steady(replace(LIGHT, **changes)).words


def test_preparation_on_one_thread_and_what_a_second_worker_would_gain() -> None:
    found = bottleneck.steady(ONE)
    assert found.words == (
        "GPU 41 % busy: 0.31 of 0.52 s a frame is scene preparation on one CPU thread; "
        "a second worker would gain up to 1.7×."
    )
    assert found.kind is Kind.PREPARATION
    assert "a second worker per GPU would gain up to 1.7×" in words()
    assert "on the CPU" in words(worker_cpu=400.0)
    assert "on the CPU" in words(worker_cpu=None)


def test_busy_gpus_are_the_limit() -> None:
    assert words(load=96.2) == (
        "GPUs 96 % busy: they are the limit; only more or faster cards, or fewer samples or pixels, help."
    )
    assert bottleneck.steady(replace(ONE, load=90.0)).words.startswith("GPU 90 % busy: it is the limit; only a faster")
    assert bottleneck.steady(replace(LIGHT, load=89.0)).kind is Kind.PREPARATION


def test_where_auto_is_on_it_tries_by_itself_and_nothing_is_advised() -> None:
    assert words(auto=True).endswith("scene preparation on one CPU thread.")


def test_more_workers_are_not_advised_for_a_handful_of_frames() -> None:
    assert "worker" not in words(frames=15)
    assert "a second worker" in words(frames=16)


def test_a_third_worker_is_advised_only_while_it_gains() -> None:
    assert "a third worker per GPU would gain up to 1.3×" in words(each=2, load=60.0)
    assert "worker" not in words(each=2, load=79.0), "three per GPU lost to two there"


def test_saving_is_the_limit_of_the_disk_or_of_the_format() -> None:
    slow = Phases(0.05, 0.05, 0.5, 0.4)
    assert words(phases=slow, kind="EXR", size=190 * 1024 * 1024, auto=True) == (
        "GPUs 41 % busy: saving 190 MiB EXR takes 0.40 of 1.00 s a frame: the disk is the limit."
    )
    assert "the disk, or the compression of the file, is the limit" in words(phases=slow, kind="EXR", size=5e6)
    assert "a frame, less compression helps" in words(phases=slow, kind="PNG", size=5e6)
    weak = Phases(0.05, 0.05, 0.5, 0.2)
    assert "a frame, a faster disk or less compression helps" in words(phases=weak, kind="EXR", size=190e6)
    assert "rendering" in words(phases=replace(slow, write=0.1)), "a tenth of a frame is no limit"
    beside = words(phases=Phases(0.05, 0.05, 0.5, 0.02, carry=0.8), kind="EXR", size=190 * 1024 * 1024)
    assert "saving 190 MiB EXR takes 0.80 s, longer than the 0.62 s of a frame: the disk is the limit" in beside
    assert "rendering" in words(phases=Phases(0.05, 0.05, 0.5, 0.02, carry=0.4)), "what is done beside costs nothing"


def test_a_busy_processor_is_the_limit_of_idle_gpus() -> None:
    found = bottleneck.steady(replace(LIGHT, cpu=97.0))
    assert found.words == (
        "CPU 97 % busy, GPUs 41 %: the processor is the limit; more workers would not help, "
        "simpler geometry and fewer modifiers do."
    )
    assert found.kind is Kind.CPU
    assert bottleneck.steady(replace(LIGHT, cpu=97.0, load=95.0)).kind is Kind.GPU
    assert "up to 1.2×" in words(cpu=86.0), "the processor bounds what another worker can gain"
    assert "worker" not in words(cpu=94.0)


def test_memory_that_prevents_another_worker_is_said_with_its_figures() -> None:
    assert words(free_vram=2 * GIB).endswith(
        "; a second worker per GPU does not fit: it needs 3.0 GiB of VRAM, 2.0 GiB are free."
    )
    assert words(free_ram=9 * GIB).endswith("does not fit: it needs 4 × 2.0 GiB of RAM, 9.0 GiB are free.")
    assert "would gain" in words(free_ram=11 * GIB)
    assert "would gain" in words(need_vram=None, free_vram=1), "a need that nobody tells forbids nothing"
    assert bottleneck.steady(replace(LIGHT, free_vram=GIB, auto=True)).kind is Kind.MEMORY
    assert bottleneck.steady(replace(LIGHT, free_vram=GIB, load=95.0)).kind is Kind.GPU


def test_a_combined_device_waits_for_itself() -> None:
    found = bottleneck.steady(replace(LIGHT, combined=True, load=40.0))
    assert found.words == (
        "GPUs 40 % busy: as one combined device they wait for 0.34 of 0.52 s of preparation and saving a frame, "
        "and for one another; one worker per GPU would gain up to 1.8×."
    )
    assert bottleneck.steady(replace(LIGHT, combined=True, load=97.0)).kind is Kind.GPU
    assert "would gain" not in words(combined=True, load=40.0, frames=7)
    assert "would gain" not in words(combined=True, load=None)


def test_rendering_that_leaves_the_gpu_idle_says_how_much_of_it_was_the_gpu() -> None:
    long = Phases(0.02, 0.03, 0.43, 0.04)
    assert words(phases=long, load=70.0, auto=True) == (
        "GPUs 70 % busy: 0.43 of 0.52 s a frame is rendering, 0.36 s of it on the GPU."
    )


def test_without_the_drivers_figures_it_says_so_and_promises_nothing() -> None:
    said = words(load=None, cpu=None)
    assert said == (
        "0.31 of 0.52 s a frame is scene preparation on one CPU thread; no driver tells here how busy the GPUs are."
    )
    long = replace(ONE, load=None, phases=Phases(0.02, 0.03, 0.43, 0.04))
    assert bottleneck.steady(long).words == (
        "0.43 of 0.52 s a frame is rendering; that is probably the limit, but no driver tells here how busy the GPU is."
    )
    assert bottleneck.steady(replace(LIGHT, load=None, cpu=97.0)).kind is Kind.CPU


def test_a_job_on_the_cpu_is_about_the_cpu() -> None:
    cpu = replace(ONE, devices=("CPU",), on_cpu=True, load=98.0, cpu=98.0, each=2, need_vram=None, free_vram=None)
    assert bottleneck.steady(cpu).words == (
        "CPU 98 % busy: it is the limit; only fewer samples or pixels, or a GPU, help."
    )
    idle = bottleneck.steady(replace(cpu, load=55.0, cpu=55.0))
    assert idle.words.startswith("CPU 55 % busy: 0.31 of 0.52 s a frame is scene preparation")
    assert "a third worker would gain up to 1.3×" in idle.words
    assert "cannot be told" in bottleneck.steady(replace(cpu, load=None, cpu=None)).words


@pytest.mark.parametrize(
    ("load", "each", "gained"),
    [(0.41, 1, 1.71), (0.46, 1, 1.65), (1.0, 1, 1.0), (0.0, 1, 1.0), (0.05, 1, 2.0), (0.98, 1, 1.01)],
)
def test_the_gain_of_one_more_worker(load: float, each: int, gained: float) -> None:
    assert bottleneck.gain(load, each) == pytest.approx(gained, abs=0.015)


def test_a_gain_never_exceeds_what_the_device_has_left_nor_the_number_of_workers() -> None:
    for each in (1, 2, 3, 4):
        for percent in range(1, 100, 7):
            more = bottleneck.gain(percent / 100, each)
            assert 1.0 <= more <= min((each + 1) / each, 100 / percent) + 1e-6


def test_words_of_the_end() -> None:
    assert bottleneck.slow_card("RTX 3060 (2b:00)", 1.8, 3, 12.0).words == (
        "RTX 3060 (2b:00) is 1.8× slower than the others and set the end: they waited 12 s."
    )
    assert "than the other and set the end: it waited" in bottleneck.slow_card("X", 2.0, 1, 3.0).words
    assert bottleneck.loading(12.0, 20.0).words == (
        "Starting and loading took 12 s of 20 s: with more frames it would not matter."
    )
    assert bottleneck.few_frames(3, 4, can_combine=True).words == (
        "3 frames for 4 GPUs: 1 has nothing to do; the strategy Combined lets all of them share each frame."
    )
    assert bottleneck.few_frames(1, 4, can_combine=False).words == "1 frame for 4 GPUs: 3 have nothing to do."
    assert bottleneck.uneven_end(3, 4, 12.0).words.startswith("3 of 4 GPUs waited 12 s for the last frame")
    assert bottleneck.claims(12).words == (
        "Only 12 frames that other programs have claimed are left: waiting for them."
    )


def test_frames_that_took_no_time_by_a_coarse_clock_are_no_error() -> None:
    assert words(phases=Phases(), load=None, cpu=None)
