# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artist allows for frames that fit on no card, from the command line to the machine."""

from __future__ import annotations

import dataclasses

import pytest

from dispatch import arguments, staff
from dispatch.model import Backend, BlenderProgram, Device, DispatchError, Job

JOB = Job(
    **{
        "id": "a",
        "name": "a",
        "created": "",
        "blend": "/a.blend",
        "scene": "Scene",
        "frames": "1",
        "output": "/a/####",
    },
    **{"blender": BlenderProgram("/b", False, (5, 0, 1)), "devices": (Device("CPU", "CPU", Backend.CPU),), "cores": 8},
)


@pytest.mark.parametrize(
    ("text", "resorts"),
    [("none", ()), ("cpu", ("cpu",)), ("cpu, combined", ("combined", "cpu")), ("", ()), ("combined", ("combined",))],
)
def test_the_words_of_the_option_are_understood_in_any_order(text, resorts):
    assert arguments.last_resort(text) == resorts


def test_a_word_that_is_unknown_is_named_with_those_that_are_known():
    with pytest.raises(DispatchError, match=r"does not know 'gpu': use none, combined, cpu\."):
        arguments.last_resort("cpu,gpu")


def test_only_cycles_has_another_device_for_a_frame():
    allowed = dataclasses.replace(JOB, last_resort=("cpu",))
    assert staff.resort(allowed).allowed == ("cpu",)
    assert staff.resort(dataclasses.replace(allowed, engine="BLENDER_EEVEE")).allowed == ()


def test_a_worker_with_the_machine_to_itself_has_its_threads_unless_the_artist_chose():
    assert staff.resort(JOB).threads == 8
    assert staff.resort(dataclasses.replace(JOB, threads=3)).threads == 3


def test_a_measurement_and_frames_in_order_do_not_climb():
    assert staff.resort(JOB).climbs
    assert not staff.resort(dataclasses.replace(JOB, gather=True)).climbs
    assert not staff.resort(dataclasses.replace(JOB, in_order=True)).climbs
