# SPDX-License-Identifier: GPL-3.0-or-later
"""What one worker more is expected to gain, and whether that is worth a try."""

from __future__ import annotations

import pytest

from dispatch.prospect import Cores, prospect, worth_it

IDLE = Cores(32, load=20.0, used=6.0)


def seen(load: float, cores: Cores, workers: int = 3, *, on_cpu: bool = False):
    return prospect(workers=workers, devices=2, load=load, render_share=0.2, cores=cores, on_cpu=on_cpu)


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
    assert (found.limit, found.most, found.likely, found.told) == ("share", 0.5, 0.25, False)


def test_on_the_processor_its_own_load_counts():
    found = seen(0.0, Cores(8, load=97.0, used=4.0), on_cpu=True)
    assert found.limit == "device"
    assert not found.worth_a_try


@pytest.mark.parametrize(("left", "worth"), [(240.0, False), (500.0, False), (1200.0, True)])
def test_two_percent_are_worth_a_try_in_a_long_job_only(left, worth):
    frames = {"workers": 3, "load": 10.0, "interval": 5.5, "each": 2}
    assert worth_it(0.018, left=left, **frames) is worth
    assert worth_it(0.5, left=240.0, **frames)
