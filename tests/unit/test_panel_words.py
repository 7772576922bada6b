# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's lines, before a job and of a job."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dispatch import job_words, panel_words
from dispatch.model import Backend, Device, Outcome, Strategy, Then
from dispatch.snapshot import DeviceView, Message, Snapshot, WorkerView

GIB = 1 << 30
CPU = Device("CPU", "AMD Ryzen 9", Backend.CPU)
AMD = Device("HIP_AMD Radeon RX 7900 XTX_0000:03:00", "AMD Radeon RX 7900 XTX", Backend.HIP, "0000:03:00")


def nvidia(count: int) -> tuple[Device, ...]:
    return tuple(
        Device(f"CUDA_X_0000:{n:02x}:00_OptiX", "NVIDIA GeForce RTX 4090", Backend.OPTIX, f"0000:{n:02x}:00")
        for n in range(1, count + 1)
    )


def worker(number: int = 0, slot: str = "NVIDIA GeForce RTX 4090 (1b:00)", **changes: object) -> WorkerView:
    usual = {"frame": 17, "sample": 64, "samples": 128, "seconds_per_frame": 8.3, "vram": 9 * GIB}
    return WorkerView(number, slot, ("x",), "rendering", **{**usual, **changes})


def running(**changes: object) -> Snapshot:
    usual = {"state": "rendering", "done": 12, "frames_per_second": 4.2, "seconds_left": 200.0, "elapsed": 30.0}
    return Snapshot("id", "shot", total=250, **{**usual, **changes})


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA GeForce RTX 4090 (3b:00)", "RTX 4090 (3b:00)"),
        ("NVIDIA GeForce RTX 4090 (3b:00) 2", "RTX 4090 (3b:00) 2"),
        ("NVIDIA H200", "H200"),
        ("AMD Radeon RX 7900 XTX", "RX 7900 XTX"),
        ("AMD Radeon Graphics", "Radeon Graphics"),
        ("Intel(R) Arc(TM) A770 Graphics", "Arc A770 Graphics"),
        ("Apple M3 Max", "M3 Max"),
        ("CPU 2", "CPU 2"),
        ("AMD", "AMD"),
    ],
)
def test_a_devices_name_keeps_what_tells_it_apart(name: str, short: str) -> None:
    assert panel_words.device_name(name) == short


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        ("CYCLES", "Cycles"),
        ("BLENDER_EEVEE_NEXT", "EEVEE"),
        ("BLENDER_EEVEE", "EEVEE"),
        ("BLENDER_WORKBENCH", "Workbench"),
    ],
)
def test_engines_are_called_as_artists_call_them(engine: str, name: str) -> None:
    assert panel_words.engine_name(engine) == name


@pytest.mark.parametrize(
    ("devices", "engine", "said"),
    [
        (nvidia(4), "CYCLES", "250 frames on 4 GPUs"),
        (nvidia(1), "CYCLES", "250 frames on 1 GPU"),
        ((*nvidia(2), CPU), "CYCLES", "250 frames on 2 GPUs and the CPU"),
        ((CPU,), "CYCLES", "250 frames on the CPU"),
        ((), "CYCLES", "250 frames on no device"),
        (nvidia(4), "BLENDER_EEVEE_NEXT", "250 frames with EEVEE"),
    ],
)
def test_the_idle_line_says_what_the_button_will_do(devices: tuple[Device, ...], engine: str, said: str) -> None:
    assert panel_words.will_render(250, devices, engine) == said


@pytest.mark.parametrize(
    ("resolution", "samples", "step", "said"),
    [
        (25, 50, 1, "Test: 25 % size, 50 % samples"),
        (100, 100, 2, "Test: every 2nd frame"),
        (50, 100, 10, "Test: 50 % size, every 10th frame"),
        (100, 100, 1, ""),
    ],
)
def test_a_test_render_says_what_it_changes(resolution: int, samples: int, step: int, said: str) -> None:
    assert panel_words.test_render(resolution, samples, step) == said


@pytest.mark.parametrize(
    ("devices", "chosen", "given", "said"),
    [
        ((), Strategy.AUTO, {}, "No device is chosen: tick one under Devices"),
        (nvidia(1), Strategy.AUTO, {}, "1 worker on the GPU, more where that is faster"),
        (nvidia(1), Strategy.AUTO, {"tasks": 1}, "1 worker on the GPU"),
        (nvidia(2), Strategy.AUTO, {}, "2 workers: one per GPU, more where that is faster"),
        (nvidia(8), Strategy.AUTO, {}, "8 workers: one per GPU, more where that is faster"),
        (nvidia(8), Strategy.PER_DEVICE, {}, "8 workers: one per GPU"),
        (nvidia(8), Strategy.AUTO, {"tasks": 3}, "1 worker: all 8 GPUs on each frame"),
        (nvidia(8), Strategy.PER_DEVICE, {"tasks": 3}, "3 workers: one per frame"),
        (nvidia(4), Strategy.PER_DEVICE, {"per_device": 2}, "8 workers: two per GPU"),
        (nvidia(4), Strategy.PER_DEVICE, {"per_device": 2, "tasks": 6}, "6 workers: up to two per GPU"),
        (nvidia(2), Strategy.PER_DEVICE, {"per_device": 12, "tasks": 19}, "19 workers: up to 10 per GPU"),
        (nvidia(2), Strategy.COMBINED, {}, "1 worker: both GPUs on each frame"),
        (nvidia(1), Strategy.COMBINED, {}, "1 worker on the GPU"),
        ((*nvidia(2), AMD), Strategy.PER_DEVICE, {}, "3 workers: one per GPU (OptiX and HIP)"),
        ((*nvidia(2), AMD), Strategy.COMBINED, {}, "OptiX and HIP cannot be one device: choose Per GPU"),
        ((*nvidia(1), CPU), Strategy.PER_DEVICE, {}, "2 workers: one per device"),
        ((CPU,), Strategy.AUTO, {}, "2 workers: they share the CPU"),
        ((CPU,), Strategy.AUTO, {"cores": 1}, "1 worker on the CPU"),
        (nvidia(4), Strategy.AUTO, {"engine": "BLENDER_EEVEE_NEXT"}, "1 worker: EEVEE picks its GPU itself"),
    ],
)
def test_the_strategy_line_says_what_it_would_do_here(
    devices: tuple[Device, ...], chosen: Strategy, given: dict[str, object], said: str
) -> None:
    settled = {"tasks": 250, "cores": 16, **given}
    assert panel_words.strategy(devices, chosen, **settled) == said


def test_only_what_the_computer_does_to_itself_is_announced() -> None:
    assert "shuts down" in panel_words.then_line(Then.SHUT_DOWN)
    assert "sleep" in panel_words.then_line(Then.SLEEP)
    assert panel_words.then_line(Then.NOTIFY) == panel_words.then_line(Then.NOTHING) == ""


def test_figures_of_a_card_are_said_as_far_as_they_are_known() -> None:
    assert panel_words.memory(int(2.1 * GIB), 24 * GIB) == "2.1 of 24 GiB"
    assert panel_words.memory(None, 24 * GIB) == "24 GiB"
    assert panel_words.memory(5, None) == ""
    assert panel_words.load(98.2, 61.0) == "98 %  61 °C"
    assert panel_words.load(None, 61.0) == "61 °C"
    assert panel_words.load(None, None) == ""
    assert panel_words.chosen_of(3, 4) == "3 of 4"
    assert panel_words.chosen_of(0, 0) == ""


def test_a_running_job_says_how_far_it_is() -> None:
    now = running()
    assert job_words.done_of(now) == "12 of 250 frames"
    assert job_words.time_line(now, 1_700_000_000.0).startswith("3 min 20 s left · done at ")
    assert job_words.rate_line(now) == "4.2 frames/s"
    assert job_words.rate_line(replace(now, retried=2, failed=1, elsewhere=3, found=4)) == (
        "4.2 frames/s · 2 retried · 1 given up · 3 elsewhere · 4 were there"
    )
    assert job_words.status_bar(now) == "12 of 250 · 3 min 20 s left"


def test_time_left_is_a_range_where_frames_differ_in_cost() -> None:
    now = running(seconds_left_range=(720.0, 1080.0))
    assert job_words.time_line(now, 1_700_000_000.0).startswith("12 to 18 min left · done by ")
    assert job_words.status_bar(now) == "12 of 250 · 12 to 18 min left"


def test_reasons_are_about_what_happens_now_and_at_the_end_about_the_whole() -> None:
    now = running(auto="Two workers per GPU.", bottleneck="GPU 41 % busy.")
    assert job_words.reasons(now) == ("Two workers per GPU.", "GPU 41 % busy.")
    assert job_words.reasons(replace(now, state="paused")) == ()
    waits = replace(now, elsewhere=3)
    assert job_words.reasons(waits) == ("Two workers per GPU.",), "that it waits is said already"
    assert job_words.reasons(replace(now, state="ended", outcome=Outcome.COMPLETE)) == ("GPU 41 % busy.",)
    assert job_words.reasons(running()) == ()


def test_before_anything_is_done_nothing_is_promised() -> None:
    fresh = running(done=0, seconds_left=None, frames_per_second=0.0)
    assert (job_words.time_line(fresh, 0.0), job_words.rate_line(fresh)) == ("", "")
    assert job_words.status_bar(fresh) == "0 of 250"


@pytest.mark.parametrize("state", ["starting", "paused", "stopping", "writing movie"])
def test_other_states_than_rendering_have_a_sentence(state: str) -> None:
    assert job_words.doing(running(state=state)).endswith((".", "…"))
    assert job_words.time_line(running(state="paused"), 0.0) == ""
    assert job_words.doing(running()) == ""


def test_what_is_still_rendering_is_not_called_paused_and_the_end_is_not_called_a_stop() -> None:
    busy, idle = running(workers=(worker(),)), running()
    assert "Pausing" in job_words.doing(replace(busy, state="paused"))
    assert "are free" in job_words.doing(replace(idle, state="paused"))
    assert "Stopping" in job_words.doing(replace(busy, state="stopping"))
    assert "Stopping" not in job_words.doing(replace(idle, state="stopping"))


def test_a_job_that_only_waits_for_claimed_frames_says_so_and_what_to_do() -> None:
    assert "2 frames that another program has claimed" in job_words.doing(running(elsewhere=2))
    assert job_words.doing(running(elsewhere=2, workers=(worker(),))) == ""


def test_an_end_of_another_day_says_when_it_was() -> None:
    at = datetime(2026, 11, 20, 14, 2, tzinfo=UTC)
    ended = running(state="ended", updated=at.isoformat())
    assert job_words.when(ended, at.timestamp() + 60) == ""
    assert job_words.when(ended, at.timestamp() + 3 * 86400).startswith("20 Nov ")
    assert job_words.when(replace(ended, updated="no date"), 0.0) == ""


def test_a_waiting_job_says_behind_whom_and_how_long() -> None:
    waits = running(state="waiting", behind="shot 3")
    assert job_words.waiting(waits, 506.0) == "Waits for the devices that 'shot 3' has: about 8 min 26 s."
    assert job_words.waiting(replace(waits, ahead=2), 506.0) == (
        "Waits for the devices that 'shot 3' has, with 2 jobs before it: at least 8 min 26 s."
    )
    assert job_words.waiting(replace(waits, behind=""), None) == "Waits for its devices."


def test_workers_on_cards_of_one_kind_are_called_by_their_places() -> None:
    both = [worker(0), worker(1, "NVIDIA GeForce RTX 4090 (2b:00)")]
    assert job_words.worker_names(both) == ("RTX 4090", ("1b:00", "2b:00"))
    twice = [worker(0, "NVIDIA H200 (1b:00) 1"), worker(1, "NVIDIA H200 (1b:00) 2")]
    assert job_words.worker_names(twice) == ("H200", ("1b:00 1", "1b:00 2"))
    mixed = [worker(0), worker(1, "AMD Radeon RX 7900 XTX")]
    assert job_words.worker_names(mixed) == ("", ("RTX 4090 (1b:00)", "RX 7900 XTX"))
    assert job_words.worker_names([worker(0, "CPU 1"), worker(1, "CPU 2")]) == ("", ("CPU 1", "CPU 2"))
    assert job_words.worker_names([worker()]) == ("", ("RTX 4090 (1b:00)",))
    assert job_words.worker_names([]) == ("", ())


def test_a_worker_says_its_frame_in_variants_that_get_shorter() -> None:
    words = job_words.worker_words(worker())
    assert words[0] == "Frame 17 · 8.3 s/frame · 9.0 GiB"
    assert words[-1] == "17"
    assert [len(text) for text in words] == sorted((len(text) for text in words), reverse=True)
    assert job_words.worker_words(worker(seconds_per_frame=0.0, vram=0))[0] == "Frame 17"
    assert job_words.worker_words(replace(worker(frame=None), state="loading"))[0] == "loading the scene"


def test_a_workers_bar_is_its_samples() -> None:
    assert job_words.sampled(worker()) == 0.5
    assert job_words.sampled(worker(samples=0)) == 0.0
    assert job_words.sampled(worker(sample=999)) == 1.0
    assert job_words.sampled(worker(frame=None)) == 0.0


def test_troubles_are_the_newest_sentences_once_each() -> None:
    said = [("note", "a"), ("warning", "b"), ("error", "c"), ("warning", "b"), ("error", "d"), ("error", "e")]
    messages = [Message("", level, text) for level, text in said]
    assert [message.text for message in job_words.troubles(messages)] == ["e", "d", "b"]


def test_the_countdown_counts_down() -> None:
    assert job_words.countdown(Then.SHUT_DOWN, 142.4, 100.0) == "Shutting down in 42 s."
    assert job_words.countdown("sleep", 90.0, 100.0) == "Going to sleep in 0 s."


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome.COMPLETE, "Finished in 12 min 08 s"),
        (Outcome.INCOMPLETE, "Frames are missing"),
        (Outcome.STOPPED, "Stopped"),
        (Outcome.IMPOSSIBLE, "Nothing could render"),
    ],
)
def test_an_ended_job_says_how_it_ended(outcome: Outcome, said: str) -> None:
    ended = running(state="ended", outcome=outcome, elapsed=728.0, audit="250 of 250 frames complete")
    assert job_words.headline(ended) == said
    assert job_words.audit(ended) == "250 of 250 frames complete."
    assert job_words.audit(replace(ended, audit="")) == "12 of 250 frames."


def test_a_job_that_found_every_frame_there_does_not_say_that_it_rendered() -> None:
    ended = replace(running(state="ended", outcome=Outcome.COMPLETE), total=6, found=6)
    assert job_words.headline(ended) == "All frames were there already"
    assert job_words.headline(replace(ended, found=5)).startswith("Finished in")


def test_an_interrupted_job_says_what_is_there() -> None:
    assert job_words.interrupted(running(done=36)) == (
        "Interrupted: 36 of 250 frames are there. Resume goes on with the rest."
    )
    assert "Resume" in job_words.interrupted(None)


def test_devices_say_their_averages_where_they_did_something() -> None:
    views = [
        DeviceView("CUDA_X_0000:1b:00_OptiX", "NVIDIA GeForce RTX 4090", done=125, seconds_per_frame=8.3),
        DeviceView("CUDA_X_0000:2b:00_OptiX", "NVIDIA GeForce RTX 4090", done=1, seconds_per_frame=9.1),
        DeviceView("CUDA_X_0000:3b:00_OptiX", "NVIDIA GeForce RTX 4090"),
    ]
    common, rows = job_words.device_averages(views)
    assert (common, [name for name, _ in rows]) == ("RTX 4090", ["1b:00", "2b:00"])
    assert rows[0][1] == ("8.3 s/frame · 125 frames", "125 × 8.3 s", "8.3 s/frame")
    assert rows[1][1][0] == "9.1 s/frame · 1 frame"
    assert job_words.device_averages([]) == ("", ())


def test_a_job_in_a_list_says_its_state_in_a_word_or_two() -> None:
    assert job_words.job_line("rendering", running()) == "12 of 250"
    assert job_words.job_line("paused", running()) == "paused"
    assert job_words.job_line("interrupted", running()) == "interrupted"
    assert job_words.job_line("not started", None) == "not started"
    assert job_words.job_line("ended", running(outcome=Outcome.COMPLETE)) == "finished"
    assert job_words.job_line("ended", running(outcome=Outcome.STOPPED)) == "12 of 250"
