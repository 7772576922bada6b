# SPDX-License-Identifier: GPL-3.0-or-later
"""Every part of the panel is drawn in every state: nothing raises, nothing named is missing, nothing is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from installed import ROOT, Installed

DRAW_ALL = f"""
sys.path.insert(0, {str(ROOT / "tests")!r})
enable()
import drawn, drawn_states
session, rules, guard = room("operators.session"), room("dispatch.shown"), room("ui.guard")
show = drawn.pretend(session, rules)
context = drawn.Context()
scene, chosen = bpy.context.scene, bpy.context.scene.multi_gpu
scene.render.engine = "CYCLES"

def drawn_now():
    told = {{}}
    for kind in drawn.ours(MODULE):
        layout = drawn.draw(kind, context)
        if layout is not None:
            told[kind.__name__.removeprefix("MULTI_GPU_PT_")] = {{
                "said": layout.said, "needed": layout.needed(), "operators": layout.operators,
                "for_any_job": [g.name for g in layout.given if "folder" in g.allowed and not g.values.get("folder")],
            }}
    return told

def every_state():
    told = {{}}
    for name, seen in drawn_states.states(room).items():
        show(seen)
        told[name] = drawn_now()
    return told
"""

STATES = [
    *("idle", "idle, two makers", "idle, CPU only", "idle, looking", "idle, no answer"),
    *("running", "running on 8", "running, 16 workers", "failed worker", "starting", "waiting", "paused", "stopping"),
    *("running, costs vary", "measuring", "measuring, at its start", "measured", "measured in part"),
    "measured without result",
    *("writing movie", "countdown", "finished", "incomplete", "stopped", "interrupted", "never started"),
]
COLUMN = 214


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each part says in each state, with all that makes it longest."""
    installed = Installed(tmp_path_factory.mktemp("panels"))
    return installed.run(
        DRAW_ALL
        + """
findings = room("dispatch.findings")
preset = chosen.presets.add()
preset.name = "Final"
chosen.default_preset = preset.name
gone = chosen.devices.add()
gone.card, gone.name = "0000:99:00", "NVIDIA GeForce RTX 3090 Ti"
chosen.use_test, chosen.use_frames, chosen.frames, chosen.step = True, True, "1-250, 300", 2
chosen.strategy = "PER_DEVICE"
session.findings = (
    findings.error("unbaked-simulation", "Simulations are not baked: 'Cape' (cloth); ", "bake them."),
    findings.warning("missing-files", "2 files that the scene uses are missing: '/mnt/assets/textures/oak_planks_8k.exr'."),
)
session.looked_at = (bpy.context.scene.name, "")
session.trouble = "The scene cannot be saved to '/jobs/20261121-0600-shot_010-7f3a': the disk is full."
session.measured = "/measurements/id"
tell(every_state())
"""
    )


def words(parts: dict[str, Any], *names: str) -> str:
    return " ".join(text for name in names or parts for text in parts.get(name, {"said": []})["said"])


@pytest.mark.parametrize("state", STATES)
def test_every_part_is_drawn(told: dict[str, Any], state: str) -> None:
    assert "main" in told[state]
    assert "cannot be shown" not in words(told[state])


@pytest.mark.parametrize("state", STATES)
def test_nothing_is_cut_in_an_editor_of_280_pixels(told: dict[str, Any], state: str) -> None:
    wide = {name: part["needed"] for name, part in told[state].items() if part["needed"] > COLUMN}
    assert not wide, {name: told[state][name]["said"] for name in wide}


def test_no_state_is_forgotten(told: dict[str, Any]) -> None:
    assert sorted(told) == sorted(STATES)


def test_idle_says_what_the_button_will_do_and_what_stands_in_the_way(told: dict[str, Any]) -> None:
    said = words(told["idle"], "main")
    assert "Render Animation" in said
    assert "Render Frame 1" in said
    assert "126 frames on 2 GPUs" in said
    assert "2 workers: one per GPU" in said
    assert "Simulations are not baked" in said
    assert "the disk is full" in said
    assert {"multi_gpu.bake", "multi_gpu.find_files"} <= set(told["idle"]["main"]["operators"])
    assert "3 workers" not in words(told["idle, two makers"], "main")  # the AMD card is not ticked in Preferences
    assert "on the CPU" in words(told["idle, CPU only"], "main")
    assert "Looking for GPUs" in words(told["idle, looking"], "main", "devices")
    assert "which GPUs there are" in words(told["idle, no answer"], "main")


def test_devices_show_cards_figures_and_those_that_are_elsewhere(told: dict[str, Any]) -> None:
    said = words(told["idle"], "devices")
    for text in ("2 of 3", "RTX 4090 (1b:00)", "RTX 4090 (2b:00)", "2.0 of 24 GiB", "96 %  61 °C", "OptiX", "CPU"):
        assert text in said
    assert "RTX 3090 Ti: not" in said
    assert "Leave Display GPU Free" in said
    assert "multi_gpu.forget_device" in told["idle"]["devices"]["operators"]


def test_running_shows_how_far_it_is_and_what_each_worker_does(told: dict[str, Any]) -> None:
    said = words(told["running"], "main")
    for text in ("12,345 of 100,000 frames", "left · done at", "28 frames/min", "RTX 4090", "1b:00", "2b:00", "12345"):
        assert text in said
    offered = set(told["running"]["main"]["operators"])
    assert {"multi_gpu.pause", "multi_gpu.open_output", "multi_gpu.show_frame"} <= offered
    assert "multi_gpu.render_animation" not in offered
    assert "multi_gpu.render_animation" in told["running"]["next"]["operators"]
    many = words(told["running, 16 workers"], "main")
    assert all(f"{0x1B + 16 * card:02x}:00 {copy}" in many for card in range(8) for copy in (1, 2))


def test_failures_are_sentences_with_their_logs(told: dict[str, Any]) -> None:
    said = words(told["failed worker"], "main")
    assert "crashed at frame 14" in said
    assert "ran out of GPU memory" in said
    assert "2 retried · 1 given up" in said
    assert told["failed worker"]["main"]["operators"].count("multi_gpu.open_log") == 2


@pytest.mark.parametrize("state", ["finished", "incomplete", "stopped", "interrupted", "never started"])
def test_every_job_that_is_over_offers_its_support_bundle(told: dict[str, Any], state: str) -> None:
    assert "multi_gpu.save_support_bundle" in told[state]["main"]["operators"]
    assert "multi_gpu.save_support_bundle" in told[state]["jobs"]["operators"]
    assert ("Support Bundle" in words(told[state], "main")) == (state != "finished"), "quiet where all went well"


def test_waiting_says_behind_whom_and_offers_what_helps(told: dict[str, Any]) -> None:
    said = words(told["waiting"], "main")
    assert "'shot_010' has" in said
    assert "at least 2 d 4 h" in said
    offered = set(told["waiting"]["main"]["operators"])
    assert {"multi_gpu.ahead", "multi_gpu.share", "multi_gpu.stop_now"} <= offered


@pytest.mark.parametrize(
    ("state", "said", "offered"),
    [
        ("starting", "Starting", "multi_gpu.pause"),
        ("paused", "Paused", "multi_gpu.go_on"),
        ("stopping", "current frames", "multi_gpu.open_output"),
        ("writing movie", "Writing the movie", "multi_gpu.open_output"),
        ("countdown", "Shutting down in", "multi_gpu.stay"),
        ("finished", "Finished in 7 h 13 min", "multi_gpu.play"),
        ("incomplete", "12 claimed elsewhere", "multi_gpu.release_claims"),
        ("incomplete", "Frames are missing", "multi_gpu.resume"),
        ("stopped", "Stopped", "multi_gpu.resume"),
        ("interrupted", "Interrupted: 12,345 of 100,000", "multi_gpu.resume"),
        ("never started", "look at its log", "multi_gpu.dismiss"),
    ],
)
def test_each_state_says_what_it_is_and_offers_what_can_be_done(
    told: dict[str, Any], state: str, said: str, offered: str
) -> None:
    assert said in words(told[state], "main")
    assert offered in told[state]["main"]["operators"]


@pytest.mark.parametrize("state", STATES)
def test_every_button_of_a_job_names_its_job_since_another_may_be_shown_at_the_click(
    told: dict[str, Any], state: str
) -> None:
    anonymous = {name for part in told[state].values() for name in part["for_any_job"]}
    # the one that puts a sentence away is about no job; a log has a path of its own
    assert anonymous <= {"multi_gpu.dismiss", "multi_gpu.open_log"}


def test_missing_frames_are_offered_beside_a_job_of_the_open_file_only(told: dict[str, Any], tmp_path: Path) -> None:
    assert "multi_gpu.render_missing" not in told["incomplete"]["main"]["operators"]
    offered = Installed(tmp_path).run(
        DRAW_ALL
        + """
show(drawn_states.states(room)["incomplete"])
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
import dataclasses
seen = session.seen()
show(dataclasses.replace(seen, jobs=(dataclasses.replace(seen.jobs[0], home=sys.argv[1]), *seen.jobs[1:])))
offered = drawn_now()["main"]["operators"]
show(dataclasses.replace(seen, jobs=(dataclasses.replace(seen.jobs[0], output="", snapshot=None, error="It cannot be read."),)))
tell([offered, drawn_now()["main"]["operators"]])
""",
        tmp_path / "a.blend",
    )
    offered, damaged = offered
    assert {"multi_gpu.render_missing", "multi_gpu.resume"} <= set(offered)
    assert "multi_gpu.resume" not in damaged


def test_of_a_text_of_any_length_little_is_measured_and_names_stay_on_one_line(tmp_path: Path) -> None:
    measured, lines, name = Installed(tmp_path).run(
        DRAW_ALL
        + """
import blf
text, measured, dimensions = room("ui.text"), [], blf.dimensions
blf.dimensions = lambda font, words: measured.append(len(words)) or dimensions(font, words)
lines = text.wrapped("/mnt/" + "x" * 1_000_000, 200, context)
name = text.shortened("été\\n" * 100_000, 120, context)
tell([sum(measured), lines, name])
"""
    )
    assert 0 < measured < 50_000, "letters that Blender measured"
    assert 5 < len(lines) < 100
    assert "\n" not in name


def test_a_running_job_says_what_auto_did_and_why_it_is_not_faster(told: dict[str, Any]) -> None:
    said = words(told["running"], "main")
    assert "Two workers per GPU: 24.1 instead of 12.5 frames/s" in said
    assert "0.31 of 0.52 s a frame is scene preparation" in said
    assert "multi_gpu.open_report" in told["running"]["main"]["operators"]
    paused = words(told["paused"], "main")
    assert "Two workers" not in paused
    assert "79 % busy" not in paused, "a figure of something that does not happen now"
    assert "1.7 to 2.9 d left · done by" in words(told["running, costs vary"], "main")


def test_at_its_end_a_job_keeps_why_it_was_not_faster_and_offers_its_report(told: dict[str, Any]) -> None:
    said = words(told["finished"], "main")
    assert "GPUs 79 % busy" in said
    assert "Two workers per GPU" not in said
    assert "multi_gpu.open_report" in told["finished"]["main"]["operators"]


def test_the_measure_part_offers_starts_shows_and_uses(told: dict[str, Any]) -> None:
    assert told["idle"]["measure"]["operators"] == ["multi_gpu.measure_scene"]
    assert "Auto needs none of this" in words(told["idle"], "measure")
    now = told["measuring"]["measure"]
    assert now["operators"] == ["multi_gpu.stop_measuring"]
    assert "12 of 40 · about 6 min left" in words(told["measuring"], "measure")
    assert "3 per GPU on 2 GPUs" in words(told["measuring"], "measure")
    assert "Starting …" in words(told["measuring, at its start"], "measure")
    result = words(told["measured"], "measure")
    assert "Per GPU, 2 instances, 16 threads" in result
    assert "24.1 frames/s" in result
    assert "Measured on 2026-11-21" in result
    offered = told["measured"]["measure"]["operators"]
    assert offered == [
        f"multi_gpu.{name}" for name in ("use_measured", "keep_measured", "open_measurement", "measure_scene")
    ]
    assert "not to the end" in words(told["measured in part"], "measure")
    assert "Nothing could render" in words(told["measured without result"], "measure")
    assert "multi_gpu.use_measured" not in told["measured without result"]["measure"]["operators"]


CHECKS = """
doctor, doctor_words = room("operators.doctor"), room("dispatch.doctor_words")
def check(*checks, doing="", trouble="", over=1.0):
    made = doctor.Check()
    made.found = doctor_words.read([json.dumps({"schema": 1, "exit": 0, "checks": [
        {"grade": grade, "key": key, "text": text} for grade, key, text in checks]})]) if checks else None
    made.trouble, made.over_at, made._run.doing = trouble, over, doing
    return made
hidden = ("Cycles does not see NVIDIA GeForce RTX 3090 (0000:3b:00): the driver is too old for this Blender: install 535 "
          "or newer.")
place = ("The jobs folder /home/somebody/.local/state/multi_gpu_dispatcher/jobs has only 0.4 GiB free: make room, or choose "
         "another place with --jobs-dir.")
well = [("good", f"thing-{n}", "It is well.") for n in range(14)]
checks = {
    "none": None,
    "begun": check(over=0.0),
    "running": check(over=0.0, doing="Rendering a small picture on NVIDIA GeForce RTX 4090 (1b:00); the first one on a card may "
                     "take minutes …"),
    "bad": check(("warning", "sleep", "The machine may fall asleep: switch sleep off."), *well, ("error", "hidden-card", hidden),
                 ("error", "space", place)),
    "slow": check(("warning", "sleep", "The machine may fall asleep: switch sleep off."), *well),
    "well": check(*well),
    "failed": check(trouble="This machine cannot be checked: exit status -9; Show All has what it printed."),
}
"""


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the part about this machine says in each state of a check, and the preferences beside it."""
    return Installed(tmp_path_factory.mktemp("machine")).run(
        DRAW_ALL
        + CHECKS
        + """
import recording_layout
show(drawn_states.states(room)["idle"])
told = {}
for name, each in checks.items():
    doctor._check = each
    told[name] = drawn_now()["machine"]
    header = recording_layout.Layout()
    kind = next(kind for kind in drawn.ours(MODULE) if kind.__name__.endswith("machine"))
    kind.draw_header_preset(drawn.Drawn(kind, header), context)
    told[name]["header"] = header.said
    told[name]["name"] = recording_layout.measured(kind.bl_label) + header.needed()
    layout = recording_layout.Layout()
    own = drawn.Drawn(bpy.context.preferences.addons[MODULE].preferences, layout)
    room("ui.preferences").draw(own, context)
    told[name]["preferences"] = layout.operators
doctor._check = None
tell(told)
"""
    )


def test_this_machine_says_what_cannot_work_first_and_only_counts_what_is_good(checked: dict[str, Any]) -> None:
    offered = {name: [each.removeprefix("multi_gpu.") for each in part["operators"]] for name, part in checked.items()}
    again = ["check_machine", "open_check"]
    assert offered == {
        "none": ["check_machine"],
        "begun": ["stop_checking"],
        "running": ["stop_checking"],
        **dict.fromkeys(("bad", "slow", "well", "failed"), again),
    }
    said = {name: " ".join(part["said"]) for name, part in checked.items()}
    assert "renders a small picture on each device" in said["none"]
    assert "Looking at this machine …" in said["begun"]
    assert "RTX 4090 (1b:00); the first one" in said["running"]
    hidden, place, sleep, good = map(said["bad"].index, ("RTX 3090", "GiB free", "fall asleep", "14 things are good."))
    assert hidden < place < sleep < good
    assert "choose another jobs folder in the add-on's preferences" in said["bad"]
    assert "--" not in said["bad"]
    assert "This machine can render: 14 things are good." in said["well"]
    assert "exit status -9; Show All" in said["failed"]
    assert [checked[name]["header"] for name in ("none", "running", "bad", "slow", "well", "failed")] == [
        *([], [], ["2 errors"], ["1 warning"], ["good"], []),
    ]


def test_what_is_said_of_this_machine_fits_and_stands_in_the_preferences_too(checked: dict[str, Any]) -> None:
    wide = {name: part["said"] for name, part in checked.items() if part["needed"] > COLUMN}
    assert not wide
    assert all(part["name"] + 50 < COLUMN for part in checked.values()), "beside the triangle and the indentation"
    for part in checked.values():
        assert part["preferences"][-len(part["operators"]) :] == part["operators"]


def test_jobs_are_listed_when_there_are_some_and_the_oldest_only_counted(told: dict[str, Any]) -> None:
    assert "jobs" not in told["idle"]
    assert "and 5 older ones" in words(told["interrupted"], "jobs")
    assert told["interrupted"]["jobs"]["operators"].count("multi_gpu.show_job") == 10


def test_the_image_editor_shows_the_job_only(told: dict[str, Any]) -> None:
    assert "image" not in told["idle"]
    assert "12,345 of 100,000 frames" in words(told["running"], "image")
    assert "multi_gpu.render_animation" not in told["running"]["image"]["operators"]


def test_a_part_that_fails_says_so_in_one_line_and_leaves_the_others(tmp_path: Path) -> None:
    told = Installed(tmp_path).run(
        DRAW_ALL
        + """
import logging
logging.disable()
room("ui.devices").session = None
show(drawn_states.states(room)["idle"])
tell(drawn_now())
"""
    )
    assert "This part cannot be shown" in words(told, "devices")
    assert "Render Animation" in words(told, "main")


def test_without_a_wish_the_panel_is_quiet(tmp_path: Path) -> None:
    """A new file: no box, no warning, a handful of lines."""
    told = Installed(tmp_path).run(
        DRAW_ALL
        + """
show(drawn_states.states(room)["idle"])
tell(drawn_now())
"""
    )
    assert told["main"]["said"] == [
        *("Render Animation", "Render Frame 1", "250 frames on 2 GPUs"),
        *("Auto", "Per GPU", "Combined", "2 workers: one per GPU, more where", "that is faster"),
    ]


def test_menus_status_bar_preferences_and_presets_are_drawn(tmp_path: Path) -> None:
    told = Installed(tmp_path).run(
        DRAW_ALL
        + """
import recording_layout
chosen.presets.add().name = "Final"
show(drawn_states.states(room)["running"])
told = {}
for kind in drawn.ours(MODULE, bpy.types.Menu):
    layout = drawn.draw(kind, context) if kind.__name__ != "MULTI_GPU_MT_presets" else recording_layout.Layout()
    told[kind.__name__] = {"said": layout.said, "operators": layout.operators}
for name, part in (("render", room("ui.menus").render_menu), ("status", room("ui.statusbar").draw)):
    layout = recording_layout.Layout()
    part(drawn.Drawn(bpy.types.Menu, layout), context)
    told[name] = {"said": layout.said, "operators": layout.operators}
show(drawn_states.states(room)["countdown"])
layout = recording_layout.Layout()
room("ui.statusbar").draw(drawn.Drawn(bpy.types.Menu, layout), context)
told["countdown"] = layout.said
chosen.then = "SHUT_DOWN"
show(drawn_states.states(room)["idle"])
told["idle"] = drawn_now()["main"]["said"]
layout = recording_layout.Layout()
own = drawn.Drawn(bpy.context.preferences.addons[MODULE].preferences, layout)
room("ui.preferences").draw(own, context)
told["preferences"] = {"said": layout.said, "operators": layout.operators}
tell(told)
"""
    )
    assert {"multi_gpu.stop", "multi_gpu.stop_now"} <= set(told["MULTI_GPU_MT_stop"]["operators"])
    assert told["MULTI_GPU_MT_then"]["operators"] == ["multi_gpu.then"] * 4
    for words_typed in (
        "Render Animation on All GPUs",
        "Render Missing Frames on All GPUs",
        "Stop Render on All GPUs",
        "Measure Scene on All GPUs",
        "Open Report of All GPUs",
        "Check This Machine (Doctor)",
        "Save Support Bundle (Bug Report)",
    ):
        assert words_typed in told["render"]["said"]
    assert told["status"]["said"][0].startswith("12,345 of 100,000")
    assert told["countdown"][0].startswith("Shutting down in ")
    assert "Then this computer shuts down" in told["idle"], "a file carries that choice from day to day"
    assert {"Jobs Folder", "Resume by Itself"} <= set(told["preferences"]["said"])
