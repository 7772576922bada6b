# SPDX-License-Identifier: GPL-3.0-or-later
"""What one worker more is expected to gain, and whether that is worth a try."""

from __future__ import annotations

import pytest

from dispatch.prospect import Cores, prospect, worth_it

IDLE = Cores(32, load=20.0, used=6.0)


def seen(load: float, cores: Cores, workers: int = 3, *, on_cpu: bool = False, room: int = 1):
    return prospect(workers=workers, devices=2, load=load, render_share=0.2, cores=cores, on_cpu=on_cpu, room=room)


@pytest.mark.parametrize(("load", "tried"), [(50.0, True), (90.0, True), (96.0, False), (100.0, False)])
def test_a_full_card_gains_nothing(load, tried):
    found = seen(load, IDLE)
    assert found.worth_a_try is tried
    assert found.limit == ("share" if load == 50.0 else "device")
    assert found.likely == pytest.approx(found.most / 2)


@pytest.mark.parametrize(("cpu", "tried"), [(59.0, True), (97.0, True), (98.3, True), (99.5, False), (100.0, False)])
def test_a_nearly_full_processor_is_no_reason_not_to_try(cpu, tried):
    """What it promises is no bound: three workers on each of two H200 left it 98 % busy, and a fourth gained 3 %."""
    found = seen(18.0, Cores(32, load=cpu, used=0.32 * cpu))
    assert found.worth_a_try is tried
    if cpu > 90.0:
        assert found.limit == "cpu"
        assert found.likely == found.most == pytest.approx(100.0 / cpu - 1.0)


def test_the_bound_that_allows_no_try_is_the_one_that_is_told():
    found = seen(97.0, Cores(32, load=98.0, used=31.0))
    assert not found.worth_a_try
    assert found.limit == "device", "the idle cores promise less, and would still be worth a try"


def test_where_nobody_tells_the_phases_and_the_number_of_workers_bound_it():
    found = prospect(workers=2, devices=1, load=None, render_share=0.25, cores=Cores(8), on_cpu=False)
    assert (found.limit, found.most, found.likely, found.told) == ("share", 0.5, 0.375, False)


@pytest.mark.parametrize(
    ("load", "cores", "workers", "room", "more"),
    [
        pytest.param(6.0, Cores(64, load=5.0, used=3.0), 1, 7, 3, id="both idle: four times as many"),
        pytest.param(6.0, Cores(64, load=5.0, used=3.0), 1, 2, 2, id="room for two"),
        pytest.param(6.0, Cores(64, load=5.0, used=3.0), 2, 6, 6, id="up to what a device may have"),
        pytest.param(40.0, Cores(64, load=20.0, used=12.0), 4, 4, 3, id="as the half of what is idle allows"),
        pytest.param(38.0, Cores(64, load=12.0, used=7.0), 1, 7, 1, id="the card is nearer to its end"),
        pytest.param(6.0, Cores(32, load=58.0, used=18.0), 1, 7, 1, id="the processor is"),
        pytest.param(6.0, Cores(32), 1, 7, 1, id="nobody tells what the processor does"),
    ],
)
def test_several_workers_are_tried_at_once_where_card_and_processor_are_far_from_busy(load, cores, workers, room, more):
    found = seen(load, cores, workers, room=room)
    assert found.more == more
    assert found.most <= more / workers, "no more than each of them renders as much as the first"


def test_a_job_of_few_frames_is_worth_a_try_that_is_decided_at_once():
    frames = {"workers": 1, "load": 10.0, "interval": 2.0, "each": 2, "left": 60.0}
    assert worth_it(2.0, more=3, **frames)
    assert not worth_it(0.2, **frames)


def test_on_the_processor_its_own_load_counts():
    found = seen(0.0, Cores(8, load=97.0, used=4.0), on_cpu=True)
    assert found.limit == "device"
    assert not found.worth_a_try


@pytest.mark.parametrize(("left", "worth"), [(240.0, False), (500.0, False), (1200.0, True)])
def test_two_percent_are_worth_a_try_in_a_long_job_only(left, worth):
    frames = {"workers": 3, "load": 10.0, "interval": 5.5, "each": 2}
    assert worth_it(0.018, left=left, **frames) is worth
    assert worth_it(0.5, left=240.0, **frames)
