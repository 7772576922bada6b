# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from engine import CPU, FAKE, make_job
from fake_scene import write_blend

from dispatch import destination, interrupts, job, owners, preparation
from dispatch.job import Wish
from dispatch.model import Backend, Device, DispatchError, Order, Outcome, Strategy
from dispatch.owners import Owner
from dispatch.preflight import Plan
from dispatch.preparation import Found, Wishes
from dispatch.protocol import SceneFacts, SideOutput
from dispatch.snapshot import Snapshot


@pytest.fixture
def found(tmp_path: Path) -> Found:
    facts = SceneFacts(
        scene="Scene", scenes=("Scene",), engine="CYCLES", frame_start=1, frame_end=3, frame_step=1, width=4, height=4,
        output="/r/####", output_is_relative=False, first_path="/r/0001.png", last_path="/r/0003.png",
        file_format="PNG", is_movie=False, autoexec=True, external=(("/t.png", 1, 2),),
    )  # fmt: skip
    blend = write_blend(tmp_path / "shot.blend")
    return Found(blend, FAKE, facts, Plan(frames=[3, 2, 1], overwrite=True), (CPU,))


def test_the_job_keeps_frames_in_the_order_asked_for(found: Found) -> None:
    made = preparation.draft(Wishes("shot.blend", order=Order.BACKWARD), found, {"OCIO": "/c", "HOME": "/h"})
    assert (made.frames, made.order, made.in_order) == ("3-1", Order.BACKWARD, False)
    assert made.environment == {"OCIO": "/c"}
    assert (made.autoexec, made.external) == (True, (("/t.png", 1, 2),))
    assert made.blend_size == found.blend.stat().st_size


def test_unbaked_simulations_are_rendered_upwards_whatever_order_was_asked_for(found: Found) -> None:
    loose = replace(found, facts=replace(found.facts, unbaked=(("Cape", "CLOTH"),)))
    made = preparation.draft(Wishes("shot.blend", order=Order.BACKWARD), loose, {})
    assert (made.frames, made.order, made.in_order) == ("1-3", Order.FORWARD, True)


def test_the_job_knows_the_movie_and_what_a_test_render_replaces(found: Found) -> None:
    filmed = replace(found, plan=replace(found.plan, movie="/r/a.mp4"))
    made = preparation.draft(Wishes("shot.blend", movie=True, resolution=25, samples=12.5), filmed, {})
    assert (made.sequence, made.movie, made.resolution, made.samples) == (True, "/r/a.mp4", 25, 12.5)
    plain = preparation.draft(Wishes("shot.blend"), found, {})
    assert (plain.sequence, plain.movie, plain.resolution, plain.samples) == (False, "", 0, 0.0)


def test_devices_that_cannot_be_combined_are_refused_before_there_is_a_job(found: Found) -> None:
    cards = (Device("a", "A", Backend.OPTIX), Device("b", "B", Backend.HIP))
    with pytest.raises(DispatchError, match="cannot be one combined device"):
        preparation.draft(Wishes("shot.blend", strategy=Strategy.COMBINED), replace(found, devices=cards), {})


@pytest.mark.parametrize(
    ("text", "means"),
    [("", ""), ("//out/##", "//out/##"), ("out/##", "/here/out/##"), ("out/", "/here/out/"), ("/abs/#", "/abs/#")],
)
def test_an_output_is_relative_to_where_the_user_is(text: str, means: str) -> None:
    assert preparation.absolute_output(text, Path("/here")) == means


def test_the_folders_of_all_outputs_are_looked_at_once(found: Found, tmp_path: Path) -> None:
    sides = (
        SideOutput("depth", "/r/depth/"),
        SideOutput("mist", "/r/mist_"),
        SideOutput("there", str(tmp_path)),
        SideOutput("again", "/r/depth/"),
    )
    folders = preparation.output_folders(replace(found.facts, side_outputs=sides))
    assert folders == [Path("/r"), Path("/r/depth"), tmp_path]
    assert preparation.output_folders(found.facts, "/films/a.mp4") == [Path("/r"), Path("/films")]


@pytest.mark.parametrize("start", [b"BLENDER-v405", b"\x28\xb5\x2f\xfdxyz", b"\x1f\x8b\x08xyz"])
def test_plain_and_compressed_blend_files_are_recognised(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "a.blend").write_bytes(start)
    assert preparation.blend_file(str(tmp_path / "a.blend")) == tmp_path / "a.blend"


@pytest.mark.leaves_claims
def test_living_owners_of_a_folder_are_named_without_joining_it(tmp_path: Path) -> None:
    assert destination.at_work(tmp_path / "none") == ()
    me = Owner.new("shot 7")
    far = replace(Owner.new("shot 8"), host="render9", boot="another")
    gone = replace(Owner.new("old"), pid=2**22 + 5)
    for owner in (me, far, gone):
        owners.join(tmp_path, owner)
    before = sorted(tmp_path.rglob("*"))
    assert sorted(destination.at_work(tmp_path)) == sorted([f"'shot 7' on {me.words}", f"'shot 8' on {far.words}"])
    assert sorted(tmp_path.rglob("*")) == before
    (file,) = tmp_path.rglob(f"{far.id}.json")
    os.utime(file, (time.time() - 3600,) * 2)
    assert destination.at_work(tmp_path) == (f"'shot 7' on {me.words}",)


def test_a_running_job_with_the_same_output_is_found_by_name(tmp_path: Path) -> None:
    blend = write_blend(tmp_path / "shot.blend")
    folder = make_job(tmp_path / "jobs", blend, "/r/####", "1-3")
    assert destination.writer_of("/r/####", tmp_path / "jobs") == ""
    with job.lock(folder):
        assert destination.writer_of("/r/####", tmp_path / "jobs") == folder.name
        assert destination.writer_of("/r/other_####", tmp_path / "jobs") == ""
        there = Snapshot(folder.name, "shot", "rendering", 3, pid=os.getpid())
        job.write_snapshot(folder, there)
        assert destination.writer_of("/r/####", tmp_path / "jobs") == folder.name
        job.write_snapshot(folder, replace(there, state="ended", outcome=Outcome.COMPLETE))
        assert destination.writer_of("/r/####", tmp_path / "jobs") == "", "it counts down to a shut-down, or tidies"
        job.write_snapshot(folder, replace(there, state="ended", outcome=Outcome.STOPPED, pid=2**30))
        assert destination.writer_of("/r/####", tmp_path / "jobs") == folder.name, "resumed, nothing shown yet"


def test_ctrl_c_asks_first_then_insists_then_ends(tmp_path: Path) -> None:
    folder = make_job(tmp_path / "jobs", write_blend(tmp_path / "shot.blend"), "/r/####", "1-3")
    before = signal.getsignal(signal.SIGINT)
    with interrupts.asking_to_stop(folder) as unsaid:
        assert unsaid() == ""
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        assert [unsaid(), unsaid(), unsaid()] == [*interrupts.SAID, ""]
        assert [asked.wish for asked in job.take_wishes(folder)] == [Wish.STOP, Wish.STOP_NOW]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_being_told_to_end_stops_at_once_even_where_the_wish_cannot_be_written(tmp_path: Path) -> None:
    folder = make_job(tmp_path / "jobs", write_blend(tmp_path / "shot.blend"), "/r/####", "1-3")
    with interrupts.asking_to_stop(folder) as unsaid:
        signal.raise_signal(signal.SIGTERM)
        assert [asked.wish for asked in job.take_wishes(folder)] == [Wish.STOP_NOW]
        assert unsaid() == interrupts.SAID[1]
        (folder / "control").rmdir()
        signal.raise_signal(signal.SIGTERM)
        assert "cannot be told to stop-now" in unsaid()
