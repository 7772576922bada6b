# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import command_line
import pytest
from engine import make_job
from fake_scene import write_blend
from waiting import below, until

from dispatch import blenders, cli, inspection, job, listing
from dispatch.model import DispatchError, Then

ROOT = Path(__file__).resolve().parents[2]
RENDER = ("--strategy", "per-device", "--per-device", "2", "--share-devices")


@pytest.fixture
def here(tmp_path: Path, state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def only_job() -> Path:
    (folder,) = job.folders(job.jobs_folder())
    return folder


def pictures(folder: Path) -> list[str]:
    return sorted(path.name for path in below(folder, "*.png"))


def test_a_render_ends_with_the_audit_sentence_and_every_picture(here: Path) -> None:
    blend = write_blend(here / "shot 7.blend", frames=[1, 5, 1])
    status, out, errors = command_line.run("render", blend, "-o", "out/f_##", *RENDER)
    assert (status, errors) == (0, "")
    assert "5 of 5 frames complete, 0 rendered twice, 0 retried, in " in out
    assert f"Pictures: {here}/out/f_##" in out
    assert pictures(here / "out") == [f"f_0{n}.png" for n in range(1, 6)]
    assert job.load(only_job()).name == "shot 7"


def test_what_happens_at_the_end_is_written_into_the_job(here: Path) -> None:
    blend = write_blend(here / "a.blend", frames=[1, 1, 1])
    assert command_line.run("render", blend, "-q", "--then", "notify", *RENDER)[0] == 0
    assert job.load(only_job()).then is Then.NOTIFY
    status, _, errors = command_line.run("render", blend, "-q", "--then", "explode", *RENDER)
    assert status == 2
    assert "--then" in errors


def test_frames_that_begin_with_a_minus_are_understood(here: Path) -> None:
    blend = write_blend(here / "a.blend")
    status, _, errors = command_line.run("render", blend, "-f", "-2--1,3", "-q", *RENDER)
    assert (status, errors) == (0, "")
    assert pictures(here) == ["-0001.png", "-0002.png", "0003.png"]
    assert job.load(only_job()).frames == "-2--1,3"


def test_json_events_tell_the_whole_story(here: Path) -> None:
    blend = write_blend(here / "a.blend", frames=[1, 3, 1], facts={"scripts_blocked": True})
    status, out, _ = command_line.run("render", blend, "--json", *RENDER)
    events: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert {event["schema"] for event in events} == {1}
    assert events[0] == {
        "schema": 1, "event": "finding", "level": "warning", "key": "scripts-blocked", "text": events[0]["text"],
    }  # fmt: skip
    assert events[1]["event"] == "created"
    assert Path(events[1]["folder"]) == only_job()
    assert events[-2]["snapshot"]["done"] == 3
    assert events[-1]["event"] == "ended"
    assert (events[-1]["outcome"], events[-1]["exit"]) == ("complete", 0)


def test_a_refused_scene_makes_no_job_and_no_folder(here: Path) -> None:
    blend = write_blend(here / "a.blend", facts={"camera": ""})
    status, out, errors = command_line.run("render", blend, "-o", here / "out" / "####")
    assert (status, out) == (2, "")
    assert errors.startswith("error: Scene 'Scene' has no camera")
    assert not (here / "out").exists()
    assert job.folders(job.jobs_folder()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["render", "none.blend"], "There is no file"),
        (["render", "."], "is a folder"),
        (["render", "text.blend"], "is not a .blend file"),
        (["render", "a.blend", "-f", "1-x"], "'1-x' is neither a frame nor a range"),
        (["render", "a.blend", "--devices", "RTX 9090"], "There is no device 'RTX 9090' here"),
        (["render", "a.blend", "--scene", "Scen"], "did you mean 'Scene'?"),
        (["render", "a.blend", "--limits", "lode=3"], "did you mean 'load'?"),
        (["render", "a.blend", "--limits", "load=x"], "load=900"),
        (["render", "a.blend", "--per-device", "0"], "'0' is not a number of 1 or more"),
        (["render", "a.blend", "--strategy", "magic"], "invalid choice: 'magic'"),
        (["render", "broken.blend"], "The file is damaged."),
        (["render", "a.blend", "-o", "text.blend/x_##"], "is not a folder"),
        (["render"], "FILE.blend"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        ([], "COMMAND"),
        (["status", "xyz"], "There is no job 'xyz'"),
        (["stop", "xyz"], "There is no job 'xyz'"),
        (["resume", "xyz"], "There is no job 'xyz'"),
        (["audit", "xyz"], "There is no job 'xyz'"),
        (["run", "xyz"], "is no job folder"),
    ],
)
def test_what_the_user_got_wrong_is_one_sentence_and_exit_status_2(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    for search in ("find", "likely"):
        monkeypatch.setattr(blenders, search, command_line.find)
    monkeypatch.setattr(inspection, "ENTRY", command_line.FAKE_ENTRY)
    write_blend(here / "a.blend")
    write_blend(here / "broken.blend", error="The file is damaged.")
    (here / "text.blend").write_text("hello", encoding="utf-8")
    status = cli.main(words)
    out, errors = capsys.readouterr()
    assert (status, out) == (2, "")
    assert said in errors
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "text",
    ["n" * 300, "/x" * 3000, "a\0b", "\udcff", "~nobody-of-this-name/x"],
    ids=["long name", "long path", "NUL", "half a character", "nobody's home"],
)
@pytest.mark.parametrize(
    "words",
    [
        *([name] for name in ("status", "stop", "resume", "audit", "release", "report", "support", "run")),
        *([name] for name in ("render", "measure", "doctor")),
        ["devices", "--blender"],
        ["stop", "last", "--jobs-dir"],
    ],
    ids=" ".join,
)
def test_no_name_is_a_fault_of_this_program(
    here: Path, capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    status = cli.main([*words, text])
    out, errors = capsys.readouterr()
    assert (status, out) == (2, "")
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1


def test_an_empty_name_is_no_job_and_not_the_only_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_job(job.jobs_folder(), write_blend(here / "a.blend"), str(here / "####"), "1")
    assert cli.main(["stop", ""]) == 2
    assert "There is no job ''" in capsys.readouterr().err


def test_a_job_folder_that_cannot_be_looked_into_hides_no_other(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_job(job.jobs_folder(), write_blend(here / "a.blend"), str(here / "####"), "1")
    loop = folder.parent / "00000000-000000-loop-0000"
    loop.mkdir()
    (loop / "job.json").symlink_to("n" * 300)
    assert cli.main(["status"]) == 0
    assert folder.name in capsys.readouterr().out


@pytest.mark.parametrize("command", ["report", "support"])
def test_a_folder_a_link_or_a_device_is_never_replaced_by_a_file(
    here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    folder = make_job(job.jobs_folder(), write_blend(here / "a.blend"), str(here / "####"), "1")
    (here / "folder").mkdir()
    (here / "link").symlink_to(here / "none")
    os.mkfifo(here / "pipe")
    for target in (here / "folder", here / "link", here / "pipe", Path("/")):
        status = cli.main([command, str(folder), "-o", str(target)])
        out, errors = capsys.readouterr()
        assert (status, out) == (2, "")
        assert f"cannot be written to '{target}': that is a folder, a link or a device" in errors
    assert (here / "link").is_symlink()
    assert (here / "pipe").is_fifo()


def test_an_error_is_an_event_too(here: Path) -> None:
    status, out, errors = command_line.run("render", "none.blend", "--json")
    assert status == 2
    assert json.loads(out)["event"] == "error"
    assert errors.startswith("error: ")


def test_a_frame_that_always_fails_gives_exit_status_1(here: Path) -> None:
    rule = {"at": "render", "do": "fail", "fault": "scene or script error", "frames": [2]}
    blend = write_blend(here / "a.blend", frames=[1, 3, 1], rules=[rule])
    status, out, _ = command_line.run("render", blend, "-q", "--limits", "backoff=0.01", *RENDER)
    assert status == 1
    assert "2 of 3 frames complete" in out
    assert "1 given up" in out


def test_children_that_never_start_give_exit_status_4(here: Path) -> None:
    blend = write_blend(here / "a.blend", rules=[{"at": "load", "do": "exit", "code": 9}])
    status, out, _ = command_line.run("render", blend, "-q", "--limits", "backoff=0.01,together=0.01", *RENDER)
    assert status == 4
    assert out.startswith("Nothing could render.")


def test_ctrl_c_stops_after_the_current_frames_and_resume_goes_on(here: Path) -> None:
    gate = here / "go"
    held = {"at": "render", "do": "await", "path": str(gate), "frames": list(range(9, 41))}
    blend = write_blend(here / "a.blend", frames=[1, 40, 1], rules=[held])
    with command_line.start("render", blend, *RENDER) as process:
        until(lambda: len(pictures(here)) > 3)
        process.send_signal(signal.SIGINT)
        until(lambda: getattr(job.read_snapshot(only_job()), "state", "") == "stopping")
        gate.touch()
        out, errors = process.communicate(timeout=120)
    assert process.returncode == 3
    assert "Stopping after the current frames; press Ctrl-C again to stop at once." in errors
    assert "Stopped." in out
    assert f"resume {only_job().name}" in out
    assert "Traceback" not in errors
    done = len(pictures(here))
    assert 3 < done < 40
    status, out, _ = command_line.run("resume", "last", "-q")
    assert status == 0
    assert "40 of 40 frames complete, 0 rendered twice" in out


def test_ctrl_c_twice_stops_at_once(here: Path) -> None:
    blend = write_blend(here / "a.blend", frames=[1, 4, 1], seconds=600)
    with command_line.start("render", blend, *RENDER) as process:
        until(lambda: below(here, "claims/*"))
        process.send_signal(signal.SIGINT)
        until(lambda: getattr(job.read_snapshot(only_job()), "state", "") == "stopping")
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=120)
    assert process.returncode == 3
    assert "Stopped." in out
    assert "Traceback" not in errors
    assert pictures(here) == []


def test_another_terminal_can_look_at_a_job_and_stop_it(here: Path) -> None:
    blend = write_blend(here / "a.blend", frames=[1, 4, 1], seconds=600)
    with command_line.start("render", blend, "-q", *RENDER) as process:
        until(lambda: below(here, "claims/*"))
        status, out, _ = command_line.run("status", "last")
        assert status == 0
        assert "0 of 4 frames, 0 %" in out
        assert json.loads(command_line.run("status", "last", "--json")[1])["running"] is True
        status, out, _ = command_line.run("stop", "last", "--now")
        assert status == 0
        assert "stops at once" in out
        process.communicate(timeout=120)
    assert process.returncode == 3
    status, out, _ = command_line.run("stop", "last")
    assert (status, "is not running" in out) == (0, True)
    assert list((only_job() / "control").iterdir()) == []


def test_audit_finds_a_picture_that_is_gone(here: Path) -> None:
    blend = write_blend(here / "a.blend", frames=[1, 3, 1])
    assert command_line.run("render", blend, "-q", *RENDER)[0] == 0
    status, out, _ = command_line.run("audit", "last")
    assert (status, out) == (0, "3 of 3 frames complete, 0 rendered twice, 0 retried.\n")
    (here / "render" / "0002.png").unlink()
    status, out, _ = command_line.run("audit", "last")
    assert status == 1
    assert "Missing, changed or broken: 2" in out
    found = json.loads(command_line.run("audit", "last", "--json")[1])
    assert (found["schema"], found["missing"], found["complete"]) == (1, [2], 2)


def test_status_lists_jobs_good_and_damaged(here: Path) -> None:
    assert "There are no jobs in" in command_line.run("status")[1]
    blend = write_blend(here / "a.blend", frames=[1, 3, 1])
    assert command_line.run("render", blend, "-q", *RENDER)[0] == 0
    damaged = job.jobs_folder() / "00000000-000000-damaged-0000"
    damaged.mkdir()
    (damaged / "job.json").write_text("{", encoding="utf-8")
    first, second = command_line.run("status")[1].splitlines()
    assert "cannot be read" in first
    assert second == f"{job.folders(job.jobs_folder())[1].name}: complete, 3 of 3 frames"
    data = json.loads(command_line.run("status", "--json")[1])
    assert (data["schema"], len(data["jobs"])) == (1, 2)
    assert data["jobs"][1]["snapshot"]["outcome"] == "complete"


@pytest.mark.leaves_claims
def test_a_job_whose_dispatcher_died_is_shown_as_interrupted(here: Path) -> None:
    blend = write_blend(here / "a.blend", frames=[1, 4, 1], seconds=600)
    with command_line.start("render", blend, "-q", *RENDER) as process:
        until(lambda: below(here, "claims/*"))
        until(lambda: job.read_snapshot(only_job()))
        process.kill()
        process.communicate(timeout=120)
    assert "interrupted" in command_line.run("status")[1]
    out = command_line.run("status", "last")[1]
    assert f"To go on: {cli.PROGRAM} resume {only_job().name}" in out


def test_devices_are_listed_for_people_and_for_programs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [["CUDA_a_0000:01:00", "Fake A", "CUDA"], ["CUDA_a_0000:01:00_OptiX", "Fake A", "OPTIX"]]
    script = {"devices": [*cards, ["CPU", "Fake processor", "CPU"]], "preferred": ["CUDA_a_0000:01:00"]}
    monkeypatch.setenv("BLENDER_FAKE_CHILD", json.dumps(script))
    status, out, _ = command_line.run("devices")
    assert status == 0
    assert "Fake A: OPTIX, ticked in Preferences" in out
    found = json.loads(command_line.run("devices", "--json")[1])
    assert [device["backend"] for device in found["devices"]] == ["OPTIX", "CPU"]
    assert found["schema"] == 1
    assert found["devices"][0]["pci"] == "0000:01:00"
    assert [way["backend"] for way in found["devices"][0]["backends"]] == ["OPTIX", "CUDA"]
    assert [(device["integrated"], device["display"]) for device in found["devices"]] == [(False, None)] * 2


def test_a_fault_of_ours_is_one_line_that_names_a_file(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(folder: Path) -> None:
        raise RuntimeError("cannot happen")

    (job.jobs_folder() / "20260101-000000-j-0000").mkdir(parents=True)
    (job.jobs_folder() / "20260101-000000-j-0000" / "job.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(listing, "look", broken)
    assert cli.main(["status"]) == 70
    said = capsys.readouterr().err
    assert said.startswith("error: a fault of this program (RuntimeError: cannot happen); the details are in ")
    assert said.count("\n") == 1
    details = Path(said.rsplit(" in ", 1)[1].strip())
    assert "Traceback" in details.read_text(encoding="utf-8")


def test_ctrl_c_before_there_is_a_job_is_no_traceback(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "prepare", interrupted)
    assert cli.main(["render", "a.blend"]) == 130
    assert capsys.readouterr().err == ""


def test_the_package_runs_as_a_plain_script_of_an_isolated_python(here: Path) -> None:
    (here / "site").mkdir()
    (here / "site" / "only_there.py").write_text("", encoding="utf-8")
    script = ROOT / "dispatch" / "__main__.py"
    done = subprocess.run(
        [sys.executable, "-I", script, "--site", here / "site", "status", "--json"],
        capture_output=True, encoding="utf-8", check=False, cwd=here, env=dict(os.environ), timeout=240,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"schema": 1, "jobs": []}


def test_as_a_script_the_rooms_are_not_importable_by_others(here: Path) -> None:
    """Without -I Python puts the script's folder on the path; it must not stay there."""
    code = (
        "import sys, runpy; sys.argv = ['x', 'status']; sys.path.insert(0, sys.argv.pop(0) and {!r})\n"
        "try: runpy.run_path({!r}, run_name='__main__')\n"
        "except SystemExit: pass\n"
        "import importlib.util; print(importlib.util.find_spec('frames'))"
    ).format(str(ROOT / "dispatch"), str(ROOT / "dispatch" / "__main__.py"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True, timeout=240)
    assert done.stdout.splitlines()[-1] == "None"


def test_a_reader_of_stdout_that_leaves_does_not_stop_the_render(here: Path) -> None:
    blend = write_blend(here / "a.blend", frames=[1, 20, 1], seconds=0.05)
    with command_line.start("render", blend, "-v", *RENDER) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(240) == 0
    assert len(pictures(here)) == 20


def test_limits_can_be_changed_by_name() -> None:
    from dispatch.deadlines import parse as limits

    assert limits("").load == 600.0
    assert (limits("load=900, deaths=2").load, limits("load=900,deaths=2").deaths) == (900.0, 2)
    with pytest.raises(DispatchError, match="deaths=900"):
        limits("deaths=2.5")


def test_placeholders_of_others_are_released_on_request(here: Path) -> None:
    blend = write_blend(here / "a.blend", frames=[1, 4, 1])
    for name, age in (("0002.png", 7200), ("0003.png", 60), ("0009.png", 7200), ("x0002.png", 7200)):
        path = here / name
        path.touch()
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    output = ("-o", "####", "--no-overwrite", "--limits", "foreign=0.5,claims=0.1")
    assert command_line.run("render", blend, "-q", *output, *RENDER)[0] == 1
    status, out, errors = command_line.run("release", "last")
    assert (status, errors) == (0, "")
    assert out == f"1 placeholder removed; to render them: {cli.PROGRAM} resume {only_job().name}.\n"
    assert command_line.run("release", "last", "--older-than", "0")[1].startswith("1 placeholder removed")
    assert command_line.run("release", "last", "--older-than", "0")[1] == "0 placeholders removed.\n"
    assert {p.name for p in here.glob("*.png")} == {"0001.png", "0004.png", "0009.png", "x0002.png"}
    assert not (here / ".mgd").exists()
    assert command_line.run("resume", "last", "-q")[0] == 0
    assert len(pictures(here)) == 6


def test_help_and_sentences_name_the_program_as_the_user_called_it(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    called = "blender --command multi_gpu_dispatcher"
    with pytest.raises(SystemExit):
        cli.main(["render", "--help"], program=called)
    assert capsys.readouterr().out.startswith(f"usage: {called} render")
    assert cli.main(["render"], program=called) == 2
    assert f"'{called} render --help' shows how." in capsys.readouterr().err
    blend = write_blend(here / "a.blend", frames=[1, 2, 1])
    folder = make_job(job.jobs_folder(), blend, str(here / "####"), "1-2")
    assert cli.main(["status", folder.name], program=called) == 0
    assert f"To go on: {called} resume {folder.name}" in capsys.readouterr().out
