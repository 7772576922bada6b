# SPDX-License-Identifier: GPL-3.0-or-later
"""Check This Machine and Save Support Bundle inside a real Blender: processes beside it, with fake children in them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from attached import ATTACHED, TESTS, attached, jobs_of, make_job
from installed import Installed

from dispatch import job
from dispatch.model import Outcome
from dispatch.snapshot import Snapshot

SMALL_SCENE = f"""\
import runpy, sys
sys.path.insert(0, {str(TESTS)!r})
runpy.run_path({str(TESTS / "fake_small_scene.py")!r}, run_name="__main__")
"""
CARDS = [["CPU", "Fake processor", "CPU"], ["CUDA_Fast_0000:3b:00_OptiX", "Fast card", "OPTIX"]]
OPENER = '#!/bin/sh\necho "$1" >> "$HOME/opened"\n'


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    made = attached(tmp_path / "user")
    (made.place / "dispatch" / "child" / "small_scene.py").write_text(SMALL_SCENE, encoding="utf-8")
    (tmp_path / "temp").mkdir()
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("xdg-open", "open"):
        (tools / name).write_text(OPENER, encoding="utf-8")
        (tools / name).chmod(0o755)
    return made


CHECKED = (
    ATTACHED
    + """
import psutil, threading
temp, tools = Path(sys.argv[1]) / "temp", Path(sys.argv[1]) / "bin"
os.environ["TMPDIR"], os.environ["PATH"] = str(temp), str(tools) + os.pathsep + os.environ["PATH"]
os.environ["FAKE_VERSION"], os.environ["FAKE_BUILD"] = ".".join(map(str, bpy.app.version)), bpy.app.build_hash.decode()
doctor, ops = room("operators.doctor"), bpy.ops.multi_gpu
noticed, opened = [], Path(os.environ["HOME"], "opened")
room("operators.notices").popup = lambda said, **_: noticed.extend(text for text, _ in said)
room("operators.notices").is_idle = lambda: True
def over(): return doctor.last() is not None and not doctor.last().running
def below(): return psutil.Process().children(recursive=True)
def command(process):
    '''Its command line; empty: it has ended.'''
    try:
        return " ".join(process.cmdline()) if process.status() != psutil.STATUS_ZOMBIE else ""
    except psutil.Error:
        return ""
def alive(them): return [p.pid for p in them if command(p)]
def left(): return sorted(p.name for p in temp.iterdir())
def nothing_left():
    '''The session's own search for devices has things there, too.'''
    seen_to(lambda: not session.seen().looking and not left())
    return True
def hanging(press):
    '''Press a button; return the processes that it started, once the child that lists devices hangs.'''
    session.wants_devices()
    seen_to(lambda: session.interpreter() and session.seen().devices and not session.seen().looking)
    os.environ["BLENDER_FAKE_CHILD"] = json.dumps({"rules": [{"at": "inspect", "do": "hang"}]})
    before, them = set(below()), set()
    press()
    def hangs():
        them.update(p for p in below() if p not in before)
        return any(command(p).endswith("entry.py") for p in them)  # one just forked has our own, all of this text
    until(hangs, 60, "the child that lists devices")
    return [p for p in them if command(p)]
"""
)


def test_a_check_runs_beside_blender_and_says_what_it_found(installed: Installed, tmp_path: Path) -> None:
    told = installed.run(
        CHECKED
        + """
before = bpy.data.is_dirty, len(bpy.data.texts), len(bpy.data.images)
said = [refused(ops.stop_checking), refused(ops.open_check)]
result = ops.check_machine()       # at once, before it is known what runs the engine
running = doctor.last().running
said += [refused(ops.check_machine), refused(ops.open_check)]
doing = set()
seen_to(lambda: doing.add(doctor.last().doing) or over())
found = doctor.last().found
seen_to(lambda: noticed)
again = [doctor.news() for _ in range(3)]
ops.open_check()
seen_to(lambda: opened.exists() and opened.read_text().endswith("\\n"))
tell({
    "said": said, "result": sorted(result), "running": running, "doing": sorted(doing), "noticed": noticed,
    "levels": [str(each.level) for each in found.findings], "panel": [each.panel for each in found.findings],
    "good": found.good, "again": again, "opened": opened.read_text().split(), "nothing_left": nothing_left(),
    "same": before == (bpy.data.is_dirty, len(bpy.data.texts), len(bpy.data.images)), "trouble": session.trouble,
    "check": doctor.last().trouble, "jobs": len(session.seen().jobs),
})
""",
        tmp_path,
        BLENDER_FAKE_CHILD=json.dumps(
            {"devices": CARDS, "rules": [{"at": "Loaded", "do": "wrong-device", "devices": [CARDS[1][0]]}]}
        ),
    )
    assert [words.partition("poll() ")[2] for words in told["said"]] == [
        "This machine is not being checked",
        "This machine was not checked yet: press Check This Machine",
        "This machine is being checked",
        "This machine was not checked yet: press Check This Machine",
    ]
    assert (told["result"], told["running"], told["check"], told["trouble"]) == (["FINISHED"], True, "", "")
    assert any("Rendering a small picture on " in line for line in told["doing"]), told["doing"]
    assert told["levels"] == sorted(told["levels"]), "errors first"
    assert told["panel"][0].startswith("A small picture could not be rendered on Fast card: ")
    assert not [words for words in told["panel"] if "--" in words.replace("--gpus", "")]
    assert told["good"] > 3
    assert told["noticed"][0].startswith("This machine was checked: 1 error")
    assert told["panel"][0] in told["noticed"]
    assert told["noticed"][-1].endswith("things are good.")
    assert told["again"] == [None, None, None], "it is told once"
    (path,) = told["opened"]
    text = Path(path).read_text(encoding="utf-8")
    assert "good     A small picture was rendered on CPU: " in text
    assert "error    A small picture could not be rendered on Fast card: " in text
    assert (told["same"], told["nothing_left"], told["jobs"]) == (True, True, 0)


def test_a_check_that_is_stopped_leaves_nothing_and_another_can_begin(installed: Installed, tmp_path: Path) -> None:
    told = installed.run(
        CHECKED
        + """
them = hanging(ops.check_machine)
names = left()
ops.stop_checking()
seen_to(lambda: not alive(them))
state = doctor.last() is None, refused(ops.stop_checking).partition("poll() ")[2]
os.environ["BLENDER_FAKE_CHILD"] = "{}"
ops.check_machine()
seen_to(over)
tell({"them": len(them), "names": names, "state": state, "found": doctor.last().found is not None,
      "trouble": [session.trouble, doctor.last().trouble], "nothing_left": nothing_left(), "noticed": noticed})
""",
        tmp_path,
    )
    assert told["them"] >= 2, "the doctor and its child"
    assert told["names"], "what it left while it ran"
    assert told["state"] == [True, "This machine is not being checked"]
    assert (told["found"], told["trouble"], told["nothing_left"]) == (True, ["", ""], True)


def test_disabling_the_extension_ends_a_check_and_a_bundle(installed: Installed, tmp_path: Path) -> None:
    told = installed.run(
        CHECKED
        + """
them = [*hanging(ops.check_machine), *hanging(ops.save_support_bundle)]
disable()
until(lambda: not alive(them) and not left(), 60, "the end of all that was started")
until(lambda: not [t for t in threading.enumerate() if t.name.startswith("multi-gpu")], 60, "the end of the threads")
timers = bpy.app.timers.is_registered(tick.tick)
enable()
doctor = room("operators.doctor")
tell({"them": len(them), "timers": timers, "after": doctor.last() is None, "home": sorted(os.listdir(os.environ["HOME"]))})
""",
        tmp_path,
    )
    assert told["them"] >= 4
    assert (told["timers"], told["after"]) == (False, True)
    assert not [name for name in told["home"] if name.endswith((".zip", ".new"))]


TROUBLES = {
    "crash": (
        "def run(*_): raise KeyError('of the test')",
        "a fault of this program (KeyError: 'of the test')",
    ),
    "killed": ("def run(*_):\n    import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)", "exit status -9"),
    "no JSON": ("def run(given, environ, show):\n    show('all is {well')\n    return 0", "no answer (exit status 0)"),
    "other JSON": (
        'def run(given, environ, show):\n    show(\'{"schema": 1, "checks": [{"grade": "fine"}]}\')\n    return 1',
        "no answer (exit status 1)",
    ),
    "deep JSON": (
        "def run(given, environ, show):\n    show('{\"schema\":' + '[' * 100_000)\n    return 0",
        "no answer (exit status 0)",
    ),
    "nothing": ("def run(*_): return 0", "no answer (exit status 0)"),
}


@pytest.mark.parametrize("how", TROUBLES)
def test_a_doctor_that_fails_is_one_sentence(installed: Installed, tmp_path: Path, how: str) -> None:
    code, words = TROUBLES[how]
    with (installed.place / "dispatch" / "doctor_command.py").open("a", encoding="utf-8") as room:
        room.write(f"\n\n{code}\n")
    told = installed.run(
        CHECKED
        + """
ops.check_machine()
seen_to(lambda: over() and noticed)
check = doctor.last()
tell({"trouble": check.trouble, "found": check.found, "noticed": noticed, "text": doctor.text().read_text(),
      "session": session.trouble, "again": ops.check_machine.poll(), "nothing_left": nothing_left()})
""",
        tmp_path,
    )
    assert told["trouble"].startswith(f"This machine cannot be checked: {words}")
    assert told["trouble"].endswith(".")
    assert told["noticed"] == [told["trouble"]]
    assert (told["found"], told["session"], told["again"], told["nothing_left"]) == (None, "", True, True)


def test_a_doctor_that_is_not_there_is_one_sentence(installed: Installed, tmp_path: Path) -> None:
    told = installed.run(
        CHECKED
        + """
seen_to(lambda: session.interpreter() and not session.seen().looking)
(Path(room("dispatch.cli").__file__).parent / "__main__.py").unlink()
ops.check_machine()
seen_to(lambda: over() and noticed)
tell(doctor.last().trouble)
""",
        tmp_path,
    )
    assert told == "This machine cannot be checked: exit status 2; Show All has what it printed."


def test_where_nothing_runs_the_engine_the_button_says_so(installed: Installed, tmp_path: Path) -> None:
    told = installed.run(
        CHECKED
        + """
interpreter = room("dispatch.launch").Interpreter("/nowhere/python", is_blender=False)
session._interpreters = lambda: [interpreter]
said = [refused(ops.check_machine), refused(ops.save_support_bundle)]
tell({"said": said, "busy": session.busy, "check": doctor.last() is None})
""",
        tmp_path,
    )
    assert all("/nowhere/python" in words for words in told["said"])
    assert (told["busy"], told["check"]) == ("", True)


def ended_job(installed: Installed) -> Path:
    folder = make_job(jobs_of(installed))
    job.write_snapshot(folder, Snapshot(folder.name, "shot", "ended", 6, done=5, outcome=Outcome.INCOMPLETE))
    return folder


def test_a_support_bundle_of_a_job_is_saved_and_shown(installed: Installed, tmp_path: Path) -> None:
    folder = ended_job(installed)
    told = installed.run(
        CHECKED
        + """
seen_to(lambda: state() == "ended")
result = ops.save_support_bundle(folder=sys.argv[2])
again = refused(ops.save_support_bundle)
seen_to(lambda: noticed or session.trouble)
seen_to(lambda: opened.exists() and opened.read_text().endswith("\\n"))
other = Path(sys.argv[1], "elsewhere.zip")
seen_to(lambda: ops.save_support_bundle.poll())
ops.save_support_bundle(target=str(other))          # the job that is shown
seen_to(lambda: len(noticed) == 2 or session.trouble)
tell({"result": sorted(result), "again": again, "noticed": noticed, "trouble": session.trouble, "other": str(other),
      "opened": opened.read_text().split(), "dirty": bpy.data.is_dirty, "nothing_left": nothing_left()})
""",
        tmp_path,
        folder,
    )
    home = installed.folder / "home"
    bundle = home / f"multi_gpu_dispatcher-support-{folder.name}.zip"
    assert (told["result"], told["trouble"]) == (["FINISHED"], "")
    assert told["again"].endswith("A support bundle is being made")
    assert told["noticed"] == [
        f"The support bundle is {path}: look through it before you send it." for path in (bundle, told["other"])
    ]
    assert told["opened"][0] == str(home)
    assert told["nothing_left"]
    for path in (bundle, Path(told["other"])):
        with zipfile.ZipFile(path) as packed:
            assert {"machine.txt", "job/job.json", "job/snapshot.json"} <= set(packed.namelist())


def test_without_a_job_the_bundle_is_about_the_machine(installed: Installed, tmp_path: Path) -> None:
    told = installed.run(
        CHECKED
        + """
tick.tick()
ops.save_support_bundle()
seen_to(lambda: noticed or session.trouble)
tell([noticed, session.trouble])
""",
        tmp_path,
    )
    assert told[1] == ""
    (bundle,) = (installed.folder / "home").glob("*.zip")
    with zipfile.ZipFile(bundle) as packed:
        assert "machine.json" in packed.namelist()
        assert not [name for name in packed.namelist() if name.startswith("job/")]


def test_a_bundle_that_cannot_be_saved_is_one_sentence(installed: Installed, tmp_path: Path) -> None:
    folder = ended_job(installed)
    told = installed.run(
        CHECKED
        + """
import shutil
seen_to(lambda: state() == "ended" and session.interpreter())
Path(sys.argv[1], "file").write_text("x")
said = [refused(ops.save_support_bundle, folder="/nowhere/job")]
def bundle(**words):
    session.trouble = ""
    seen_to(lambda: ops.save_support_bundle.poll())
    ops.save_support_bundle(**words)
    seen_to(lambda: session.trouble)
    said.append(session.trouble)
bundle(target=str(Path(sys.argv[1], "file", "x.zip")))
seen = session.seen()
session.seen = lambda: seen       # the job goes between two looks
shutil.rmtree(sys.argv[2])
bundle(folder=sys.argv[2])
tell([said, noticed])
""",
        tmp_path,
        folder,
    )
    said, noticed = told
    assert said[0].endswith("There is no job in /nowhere/job: it may have been removed.")
    assert said[1].startswith("The support bundle cannot be saved: The bundle cannot be written to ")
    assert said[1].endswith(": make room there, or mend its permissions.")
    assert said[2] == "There is no support bundle: shot was removed meanwhile."
    assert noticed == []
