# SPDX-License-Identifier: GPL-3.0-or-later
"""Measuring from the panel, and reports: the operators inside a real Blender, with fake children where one renders."""

from __future__ import annotations

from pathlib import Path

import pytest
from attached import ATTACHED, attached, jobs_of, make_job
from installed import Installed

from dispatch import job
from dispatch.model import Outcome
from dispatch.snapshot import Snapshot


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return attached(tmp_path / "user")


def ended_job(installed: Installed) -> Path:
    folder = make_job(jobs_of(installed))
    job.write_snapshot(folder, Snapshot(folder.name, "shot", "ended", 6, done=6, outcome=Outcome.COMPLETE))
    return folder


MADE = (
    ATTACHED
    + """
from dataclasses import replace
measure, noun, model = room("dispatch.measure"), room("dispatch.measurement"), room("dispatch.model")
ops, place = bpy.ops.multi_gpu, room("operators.preferences").measurements_root()
def put(name, advice=None, state="complete", **changes):
    '''A measurement's folder, as its process leaves it.'''
    folder = place / f"20261121-0600{len(list(place.glob('*'))):02}-{name}-7f3a"
    folder.mkdir(parents=True)
    found = noun.Measurement(folder.name, "2026-11-21T06:01:00+00:00", noun.State(state), bpy.data.filepath,
                             scene().name, name, "Blender 5.0.1", (), recommendation=advice, **changes)
    measure.write(folder, found)
    return folder
advice = noun.Recommendation(model.Strategy.PER_DEVICE, 2, 16, "2 per GPU: 24.1 frames/s.")
chosen = lambda: (scene().multi_gpu.strategy, scene().multi_gpu.per_device, scene().multi_gpu.threads)
"""
)


def test_what_was_measured_is_used_and_saved_as_a_preset_each_with_an_undo_step(installed: Installed) -> None:
    told = installed.run(
        MADE
        + """
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
tick.tick()
said = [refused(op) for op in (ops.use_measured, ops.keep_measured, ops.stop_measuring, ops.open_measurement)]
most = replace(advice, per_device=room("dispatch.measure_plan").STEPS[-1])
put("other", replace(advice, per_device=4)); put("shot", most)
seen_to(lambda: len(session.seen().measurements) == 2)
bpy.ops.ed.undo_push(message="before")
ops.use_measured()
bpy.ops.ed.undo_push(message="used")
used = chosen()
said.append(refused(ops.use_measured))
bpy.ops.ed.undo()
undone = chosen()
ops.keep_measured(); ops.keep_measured()
presets = [(p.name, p.strategy, p.per_device, p.threads) for p in scene().multi_gpu.presets]
kept = chosen()
put("shot", noun.Recommendation(model.Strategy.COMBINED, 1, 0, "Combined."))
session.refresh()
seen_to(lambda: len(session.seen().measurements) == 3)
ops.use_measured()
combined = chosen()
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1].replace("shot", "another"))
said.append(refused(ops.use_measured))
tell({"said": said, "used": used, "undone": undone, "presets": presets, "kept": kept, "combined": combined})
""",
        installed.folder / "shot.blend",
    )
    assert [words.partition("poll() ")[2] for words in told["said"]] == [
        "This scene was not measured yet: press Measure This Scene",
        "This scene was not measured yet: press Measure This Scene",
        "No scene is being measured",
        "This scene was not measured yet: press Measure This Scene",
        "These settings are in use",
        "This scene was not measured yet: press Measure This Scene",
    ]
    assert told["used"] == ["PER_DEVICE", 16, 16], "as many instances as a measurement can find fit into the panel"
    assert told["undone"] == told["kept"] == ["AUTO", 1, 0]
    assert told["presets"] == [["Measured", "PER_DEVICE", 16, 16], ["Measured.001", "PER_DEVICE", 16, 16]]
    assert told["combined"] == ["COMBINED", 1, 0]


def test_a_scene_is_measured_by_a_process_of_its_own_and_stopped(installed: Installed) -> None:
    told = installed.run(
        MADE
        + """
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
scene().frame_end, scene().render.engine, scene().render.filepath = 40, "CYCLES", "//out/x_####"
dirty = bpy.data.is_dirty
seen_to(lambda: session.interpreter() and session.seen().devices and not session.seen().looking)
# From now on a child hangs: it measures until it is stopped.
os.environ["BLENDER_FAKE_CHILD"] = json.dumps({"rules": [{"at": "Hello", "do": "hang"}]})
result = ops.measure_scene()
folder = Path(session.measured)
seen_to(lambda: [each.running for each in session.seen().measurements] == [True])
again = refused(ops.measure_scene)
seen_to(lambda: session.seen().measurements[0].found.state == "running")
ops.stop_measuring()
noticed = []
room("operators.notices").popup = lambda said, **_: noticed.extend(said)
room("operators.notices").is_idle = lambda: True
seen_to(lambda: not session.seen().measurements[0].running and noticed)
job_room = room("dispatch.job")
seen_to(lambda: not job_room.is_running(folder))  # it tidies after its last word
task = job_room.load(folder)
tell({
    "result": sorted(result), "again": again, "state": session.seen().measurements[0].found.state,
    "home": task.home, "then": task.then, "movie": task.movie, "place": str(folder.parent) == str(place),
    "left": sorted(p.name for p in folder.iterdir()), "dirty": bpy.data.is_dirty == dirty,
    "noticed": noticed, "jobs": len(session.seen().jobs), "trouble": session.trouble, "out": Path(sys.argv[1]).with_name("out").exists(),
})
""",
        installed.folder / "shot.blend",
    )
    assert told["result"] == ["FINISHED"]
    assert told["again"].endswith("A scene is being measured")
    assert told["state"] == "stopped"
    assert told["home"] == str(installed.folder / "shot.blend")
    assert (told["then"], told["movie"], told["place"]) == ("nothing", "", True)
    assert [words[:4] for words, _ in told["noticed"]] == ["shot"]
    assert told["jobs"] == 0, "a measurement is no job of the artist's"
    assert "scene" not in told["left"], "the copy of the scene goes with the process"
    assert not told["out"], "nothing is written to the scene's output"
    assert (told["trouble"], told["dirty"]) == ("", True)


OPENER = '#!/bin/sh\necho "$1" >> "$HOME/opened"\n'


def test_a_report_is_made_beside_blender_and_opened(installed: Installed, tmp_path: Path) -> None:
    folder = ended_job(installed)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("xdg-open", "open"):
        (tools / name).write_text(OPENER, encoding="utf-8")
        (tools / name).chmod(0o755)
    told = installed.run(
        MADE
        + """
os.environ["PATH"] = sys.argv[2] + os.pathsep + os.environ["PATH"]
seen_to(lambda: state() == "ended" and session.interpreter())
ops.open_report()
opened = Path(os.environ["HOME"], "opened")
seen_to(lambda: (opened.exists() and opened.read_text()) or session.trouble)
tell({"opened": opened.read_text().split() if opened.exists() else [], "trouble": session.trouble})
""",
        folder,
        tools,
    )
    page = folder / "report.html"
    assert (told["opened"], told["trouble"]) == ([str(page)], "")
    assert "<html" in page.read_text(encoding="utf-8")[:2000]


def test_a_report_that_cannot_be_made_is_one_sentence_in_the_panel(installed: Installed) -> None:
    folder = ended_job(installed)
    told = installed.run(
        MADE
        + """
seen_to(lambda: state() == "ended" and session.interpreter())
os.mkdir(os.path.join(sys.argv[1], "report.html"))
ops.open_report()
seen_to(lambda: session.trouble)
tell(session.trouble)
""",
        folder,
    )
    assert told.startswith("The report ")
    assert "cannot be written" in told
    assert "--" not in told, "the panel names no command line options"
