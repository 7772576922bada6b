# SPDX-License-Identifier: GPL-3.0-or-later
"""The operators on jobs and devices inside a real Blender: what they do, and why they are grey."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from attached import ATTACHED, attached, jobs_of, make_job
from fake_scene import png
from fake_tools import calls, tool
from installed import Installed

from dispatch import job
from dispatch.model import Backend, Device, Outcome
from dispatch.snapshot import DeviceView, Message, Snapshot


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return attached(tmp_path / "user")


@pytest.fixture
def jobs(installed: Installed) -> Path:
    return jobs_of(installed)


def end_job(folder: Path, name: str = "shot", outcome: Outcome = Outcome.COMPLETE, **more) -> Path:
    job.write_snapshot(folder, Snapshot(folder.name, name, "ended", 6, done=6, outcome=outcome, **more))
    return folder


def test_every_button_says_why_it_is_grey(installed, jobs):
    told = installed.run(
        ATTACHED
        + """
ops = bpy.ops.multi_gpu
names = ("pause", "go_on", "stop", "stop_now", "ahead", "share", "then", "stay", "release_claims", "dismiss",
         "remove_job", "show_job", "open_output", "open_log", "open_job_folder", "show_frame", "play")
tick.tick()
none = {name: refused(getattr(ops, name)) for name in names}
tell(none)
"""
    )
    assert told["pause"].endswith("No job is running")
    assert told["stay"].endswith("This computer is not about to sleep or shut down")
    assert told["ahead"].endswith("No job waits in line")
    assert all("There is no job" in told[name] for name in ("dismiss", "remove_job", "show_job", "open_log", "play"))
    assert all("poll()" in words and words[-1] not in ".!" for words in told.values())


def test_a_running_job_is_paused_goes_on_and_stops_and_says_no_to_what_makes_no_sense(installed, jobs):
    folder = make_job(jobs, seconds=0.2, frames="1-5000")
    told = installed.run(
        ATTACHED
        + """
ops = bpy.ops.multi_gpu
with dispatcher(sys.argv[1]):
    seen_to(lambda: state() == "rendering" and session.shown().snapshot.done)
    no = [refused(op) for op in (ops.go_on, ops.ahead, ops.stay, ops.dismiss, ops.remove_job, ops.release_claims)]
    ops.pause()
    seen_to(lambda: state() == "paused")
    no.append(refused(ops.pause))
    ops.then(action="NOTIFY")
    ops.go_on()
    seen_to(lambda: state() == "rendering")
    ops.stop()
    seen_to(lambda: state() == "ended")
no += [refused(op) for op in (ops.stop, ops.stop_now, ops.pause)]
frames_left = session.shown().snapshot.done
ops.dismiss()
seen_to(lambda: session.shown() is None)
ops.show_job(folder=sys.argv[1])
seen_to(lambda: state() == "ended")
ops.remove_job()
seen_to(lambda: not session.seen().jobs)
tell({"no": no, "dirty": bpy.data.is_dirty})
""",
        folder,
    )
    endings = [
        "shot is not paused",
        "shot does not wait in line",
        "This computer is not about to sleep or shut down",
        "shot is still running",
        "shot is still running: stop it first",
        "shot is still running: it waits for these frames itself",
        "shot is paused already",
        "shot is not running",
        "shot is not running",
        "shot is not running",
    ]
    assert [words.partition("poll() ")[2] for words in told["no"]] == endings
    assert not folder.exists()
    assert list((folder.parents[4] / "out-shot").glob("*.png")), "the pictures stay"


def test_an_order_without_a_name_is_for_the_only_job_it_fits_and_asks_which_one_where_there_are_two(installed, jobs):
    ended = end_job(make_job(jobs, "ended"), "ended")
    one, two = make_job(jobs, "one", "1-5000", 0.2), make_job(jobs, "two", "1-5000", 0.2)
    told = installed.run(
        ATTACHED
        + """
ended, one, two = sys.argv[1:]
ops, said = bpy.ops.multi_gpu, []
with dispatcher(one), dispatcher(two):
    seen_to(lambda: sum(j.state == "rendering" for j in session.seen().jobs) == 2)
    ops.show_job(folder=ended)
    seen_to(lambda: session.shown().name == "ended")
    said.append(refused(ops.stop_now))
    ops.stop_now(folder=one)
    seen_to(lambda: sum(j.state == "ended" for j in session.seen().jobs) == 2)
    ops.stop_now()
    seen_to(lambda: all(j.state == "ended" for j in session.seen().jobs))
said.append(refused(ops.show_job, folder="/nowhere"))
tell(said)
""",
        ended,
        one,
        two,
    )
    assert told == ["Error: ended is not running.", "Error: There is no job in /nowhere."]


def test_the_newest_picture_comes_into_one_image_without_dirtying_the_file(installed, jobs, tmp_path):
    folder = make_job(jobs)
    for name, pixels in (("a.png", (4, 2)), ("b.png", (6, 2))):
        (tmp_path / name).write_bytes(png(*pixels, name))
    end_job(folder, last_picture=str(tmp_path / "a.png"), messages=(Message("", "note", "x"),))
    told = installed.run(
        ATTACHED
        + """
look = room("operators.look")
look._show_image = look._image  # there is no editor here
blend, a, b, gone = sys.argv[1:]
bpy.ops.wm.save_as_mainfile(filepath=blend)
bpy.ops.wm.open_mainfile(filepath=blend)
dirty = bpy.data.is_dirty
seen_to(lambda: state() == "ended")
bpy.ops.multi_gpu.show_frame()
first = 'Newest Frame', tuple(bpy.data.images['Newest Frame'].size), len(bpy.data.images)
second = tuple(look._image(b).size), len(bpy.data.images)
exr = bpy.data.images.new("x", 8, 8, float_buffer=True)
exr.file_format = "OPEN_EXR"
exr.save(filepath=gone + ".exr")
bpy.data.images.remove(exr)
third = look._image(gone + ".exr")
third = tuple(third.size), len(bpy.data.images), third.name
os.unlink(a)
missing = refused(bpy.ops.multi_gpu.show_frame)
tell([first, second, third, missing, refused(bpy.ops.multi_gpu.play), bpy.data.is_dirty == dirty])
""",
        tmp_path / "x.blend",
        *(tmp_path / name for name in ("a.png", "b.png", "c")),
    )
    # the other image is Blender's own Render Result
    assert told[:3] == [["Newest Frame", [4, 2], 2], [[6, 2], 2], [[8, 8], 2, "Newest Frame"]]
    assert told[3].startswith("Error: The picture ")
    assert told[4] == "Error: This is no whole Blender, so it has no player: open the output folder instead."
    assert told[5] is True


def test_frames_are_played_at_the_speed_of_their_own_job(installed, jobs, tmp_path):
    made = {name: end_job(make_job(jobs, name, fps=fps), name) for name, fps in (("film", 24 / 1.001), ("older", 0.0))}
    for name, folder in made.items():
        picture = tmp_path / f"out-{name}" / f"{name}_0001.png"
        picture.parent.mkdir()
        picture.write_bytes(png(4, 2, "x"))
        end_job(folder, name, last_picture=str(picture))
    told = installed.run(
        ATTACHED
        + """
look, started = room("operators.look"), []
class Player:
    poll = staticmethod(lambda: 0)
look.host.spawn_detached = lambda argv, log: started.append(argv) or Player
bpy.app.binary_path = "/b/blender"
scene().render.fps, scene().render.fps_base = 60, 1.0
seen_to(lambda: len(session.seen().jobs) == 2)
for folder in sys.argv[1:]:
    bpy.ops.multi_gpu.play(folder=folder)
tell([argv[2:5] for argv in started])
""",
        *made.values(),
    )
    assert told == [["-f", "24", "1.001"], ["-f", "60", "1"]]


def test_what_the_system_cannot_open_is_said_in_the_panel_and_nothing_waits_for_it(installed, jobs, tmp_path):
    folder = end_job(make_job(jobs))
    (folder / "dispatcher.log").write_text("words")
    programs = tmp_path / "programs"
    programs.mkdir()
    opener = programs / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/opened\ncase "$1" in *.log) exit 0;; esac\nexit 3\n')
    opener.chmod(0o755)
    told = installed.run(
        ATTACHED
        + """
seen_to(lambda: state() == "ended")
missing = refused(bpy.ops.multi_gpu.open_output)
bpy.ops.multi_gpu.open_log()
bpy.ops.multi_gpu.open_job_folder()
seen_to(lambda: session.trouble and len(Path(sys.argv[1]).read_text().splitlines()) == 2)
trouble = session.trouble
bpy.ops.multi_gpu.dismiss()
tell([missing, trouble, session.trouble, state()])
""",
        tmp_path / "opened",
        PATH=f"{programs}:/usr/bin:/bin",
    )
    assert told[0].endswith("is not there yet: the first frame makes it.")
    assert told[1] == f"No program of this computer opens {folder}: open it by hand."
    assert told[2:] == ["", "ended"], "the first dismiss puts the trouble away, not the job"
    opened = (tmp_path / "opened").read_text().splitlines()
    assert sorted(opened) == sorted([str(folder), str(folder / "dispatcher.log")])


def test_stale_claims_of_others_are_released_beside_the_interface_and_resume_is_offered(installed, jobs):
    folder = make_job(jobs, frames="1-3", overwrite=False)
    output = jobs.parents[3] / "out-shot"
    output.mkdir()
    for number, age in ((1, 3600), (2, 0)):
        empty = output / f"shot_{number:04}.png"
        empty.touch()
        at = time.time() - age
        os.utime(empty, (at, at))
    end_job(folder, outcome=Outcome.INCOMPLETE, elsewhere=2)
    told = installed.run(
        ATTACHED
        + """
seen_to(lambda: state() == "ended" and session.interpreter())
notices, said = room("operators.notices"), []
notices.popup = lambda lines, resume="": said.append([lines, resume])
notices.is_idle = lambda: True
bpy.ops.multi_gpu.release_claims()
seen_to(lambda: said)
bpy.ops.multi_gpu.release_claims()
seen_to(lambda: session.trouble)
tell([said, session.trouble])
"""
    )
    assert told[0] == [[[["1 placeholder removed: the job can go on now.", "INFO"]], str(folder)]]
    assert told[1].startswith("There is no stale claim")
    assert [p.name for p in output.glob("*.png")] == ["shot_0002.png"]


def test_the_buttons_of_a_job_in_line_move_it_ahead_let_it_share_and_change_its_end(installed, jobs):
    make = {"frames": "1-4", "share_devices": False}
    folders = [make_job(jobs, "a", seconds=600.0, **make), make_job(jobs, "b", **make), make_job(jobs, "c", **make)]
    told = installed.run(
        ATTACHED
        + """
a, b, c = sys.argv[1:]
ops, said = bpy.ops.multi_gpu, {}
snapshot = lambda folder: next((j.snapshot for j in session.seen().jobs if j.folder == folder), None)
waits = lambda folder, ahead: (s := snapshot(folder)) and s.state == "waiting" and s.ahead == ahead
with contextlib.ExitStack() as stack:
    for folder, ready in ((a, lambda: snapshot(a) and snapshot(a).state == "rendering"),
                          (b, lambda: waits(b, 0)), (c, lambda: waits(c, 1))):
        stack.enter_context(dispatcher(folder))
        seen_to(ready)
    ops.show_job(folder=c)
    seen_to(lambda: session.shown().folder == c)
    ops.ahead()
    seen_to(lambda: waits(c, 0) and waits(b, 1))
    said["first already"] = refused(ops.ahead, folder=c)
    ops.then(folder=c, action="NOTIFY")
    seen_to(lambda: snapshot(c).then == "notify")
    ops.share(folder=c)
    seen_to(lambda: snapshot(c).outcome)
    said["c"] = [snapshot(c).outcome, [m.text for m in snapshot(c).messages]]
    said["a"] = snapshot(a).state
    said["runs"] = refused(ops.share, folder=a)
    ops.stop_now(folder=a)
    seen_to(lambda: snapshot(b).outcome == "complete")
tell(said)
""",
        *folders,
        PATH="/nowhere",
    )
    outcome, messages = told["c"]
    assert outcome == "complete"
    assert "Moved one place ahead in line." in messages
    assert "Shares its devices with the job 'a' from now on: both become slower." in messages
    assert told["a"] == "rendering"
    assert told["first already"] == "Error: c is the next in line already."
    assert told["runs"] == "Error: a does not wait in line."


def test_the_countdown_to_a_shut_down_is_seen_and_cancelled_from_the_panel(installed, jobs, tmp_path):
    logs = [tool(tmp_path / "bin", name) for name in ("systemctl", "loginctl", "notify-send")]
    folder = make_job(jobs, frames="1-2")
    told = installed.run(
        ATTACHED
        + """
ops = bpy.ops.multi_gpu
job.ask(Path(sys.argv[1]), job.Wish.PAUSE)
with dispatcher(sys.argv[1]) as process:
    seen_to(lambda: state() == "paused")
    ops.then(action="SHUT_DOWN")
    ops.go_on()
    seen_to(lambda: state() == "ended" and session.shown().snapshot.then_at)
    left = session.shown().snapshot.then_at - time.time()
    ops.stay()
    seen_to(lambda: not session.shown().running and session.shown().snapshot.then == "nothing")
    assert process.wait(60) == 0
tell([left, session.shown().snapshot.then, session.shown().snapshot.then_at, refused(ops.stay)])
""",
        folder,
        PATH=str(tmp_path / "bin"),
    )
    assert 30 < told[0] <= 60
    assert told[1:3] == ["nothing", 0.0]
    assert told[3].endswith("This computer is not about to sleep or shut down")
    assert calls(logs[0]) == calls(logs[1]) == []
    assert "in a minute" in calls(logs[2])[0][-1]


DEVICES = """
from types import SimpleNamespace
devices, selection, listing = room("operators.devices"), room("dispatch.selection"), room("dispatch.listing")
codec = room("dispatch.codec")
found = codec.from_plain(listing.DevicesFound, json.loads(sys.argv[1]))
watch_seen = session.seen
def seen(found=found):
    import dataclasses
    return dataclasses.replace(watch_seen(), devices=found)
session.seen = seen
ops, undo = bpy.ops.multi_gpu, []
def used():
    return [row.card[-5:] for row in devices.rows(bpy.context) if row.use and row.here]
def step():
    bpy.ops.ed.undo_push(message="step")
"""


def devices_found(*cards: tuple[str, str, bool]) -> str:
    """What a probe would print: (PCI bus, name, drives the display) and the processor."""
    listed = []
    for bus, name, display in cards:
        pci = f"0000:{bus}:00"
        ways = [
            {"id": f"CUDA_{name}_{pci}{tail}", "name": name, "backend": kind, "pci": pci, "uuid": None}
            for kind, tail in ((Backend.OPTIX, "_OptiX"), (Backend.CUDA, ""))
        ]
        listed.append({**ways[0], "preferred": False, "display": display, "backends": ways})
    cpu = {"id": "CPU", "name": "CPU", "backend": "CPU", "pci": None, "uuid": None}
    listed.append({**cpu, "preferred": False, "backends": [cpu]})
    return json.dumps({"blender": "Blender", "path": "/b", "devices": listed, "telemetry": "", "schema": 1})


def test_devices_are_switched_in_the_file_with_undo_and_the_others_stay_undecided(installed):
    told = installed.run(
        ATTACHED
        + DEVICES
        + """
said = [used()]
step()
ops.toggle_device(card="0000:01:00"); step(); said.append(used())
saved = [[c.card, c.name, c.backend, c.use] for c in scene().multi_gpu.devices]
ops.device_backend(card="0000:02:00", backend="CUDA")
said.append([d.backend for d in devices.chosen(bpy.context)]); step()
no = refused(ops.device_backend, card="0000:02:00", backend="HIP"), refused(ops.toggle_device, card="0000:77:00")
bpy.ops.ed.undo(); said.append([d.backend for d in devices.chosen(bpy.context)])
bpy.ops.ed.undo(); said.append([used(), len(scene().multi_gpu.devices)])
for action in ("ALL", "NONE", "GPUS"):
    ops.select_devices(action=action); said.append(used())
tell([said, saved, no])
""",
        devices_found(("01", "A", False), ("02", "B", False)),
    )
    said, saved, no = told
    assert said == [
        ["01:00", "02:00"],
        ["02:00"],
        ["CUDA"],
        ["OPTIX"],
        [["01:00", "02:00"], 0],
        ["01:00", "02:00", "CPU"],
        [],
        ["01:00", "02:00"],
    ]
    assert saved == [["0000:01:00", "A", "", False]]
    assert no == [
        "Error: B cannot be driven by HIP: choose OPTIX or CUDA.",
        "Error: There is no card 0000:77:00 in this computer: refresh the devices.",
    ]


def test_the_tooltip_of_a_device_has_its_whole_name_and_what_a_click_does(installed):
    told = installed.run(
        ATTACHED
        + DEVICES
        + """
tip = lambda card: devices.MULTI_GPU_OT_toggle_device.description(bpy.context, SimpleNamespace(card=card))
tell([tip("0000:01:00"), tip("CPU"), tip("0000:99:00")])
""",
        devices_found(("01", "NVIDIA GeForce RTX 4090 Ti Super", True), ("02", "B", False)),
    )
    assert told == [
        "NVIDIA GeForce RTX 4090 Ti Super, it drives the screen. Leave it out",
        "CPU. Render on it",
        "Render on this device, or leave it out",
    ]


def test_a_click_on_the_display_gpu_takes_it_although_it_was_to_be_left_free(installed):
    told = installed.run(
        ATTACHED
        + DEVICES
        + """
scene().multi_gpu.leave_display_free = True
before = used()
ops.toggle_device(card="0000:01:00")
tell([before, used(), scene().multi_gpu.leave_display_free])
""",
        devices_found(("01", "A", True), ("02", "B", False)),
    )
    assert told == [["02:00"], ["01:00", "02:00"], False]


def test_a_device_of_another_machine_is_shown_and_forgotten_and_the_one_here_keeps_its_choice(installed):
    told = installed.run(
        ATTACHED
        + DEVICES
        + """
ops.toggle_device(card="0000:01:00")
for card, name in (("0000:01:00", "Old Card"), ("0000:99:00", "Another")):
    made = scene().multi_gpu.devices.add(); made.card, made.name = card, name
absent = lambda: [row.name for row in devices.rows(bpy.context) if not row.here]
said = [absent()]
ops.forget_device(card="0000:01:00"); said.append(absent())
ops.forget_device(card="0000:99:00"); said.append(absent())
tell([said, used()])
""",
        devices_found(("01", "A", False), ("02", "B", False)),
    )
    assert told == [[["Old Card", "Another"], ["Another"], []], ["02:00"]]


def test_the_figures_of_the_running_job_are_the_ones_in_the_device_list(installed, jobs):
    folder = make_job(jobs, devices=(Device("CUDA_A_0000:01:00_OptiX", "A", Backend.OPTIX, "0000:01:00"),))
    view = DeviceView("CUDA_A_0000:01:00_OptiX", "A", vram_used=5, vram_total=9)
    job.write_snapshot(folder, Snapshot("x", "shot", "rendering", 6, devices=(view,)))
    with job.lock(folder):
        told = installed.run(
            ATTACHED
            + DEVICES
            + """
seen_to(lambda: state() == "rendering")
tell([[row.vram_used, row.vram_total] for row in devices.rows(bpy.context)])
""",
            devices_found(("01", "A", False)),
        )
    assert told == [[5, 9], [None, None]]
