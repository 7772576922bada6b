# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines and environments of children and dispatchers."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from dispatch import launch
from dispatch.model import Backend, BlenderProgram, Device

APPLICATION = BlenderProgram("/b/blender", False, (5, 2, 2))
MODULE = BlenderProgram("/v/bin/python", True, (5, 0, 1))
ENTRY = Path("/p/dispatch/child/entry.py")
NVIDIA = Device("CUDA_N_0000:3b:00_OptiX", "N", Backend.OPTIX, "0000:3b:00", "GPU-b")
SECOND = Device("CUDA_N_0000:1a:00_OptiX", "N", Backend.OPTIX, "0000:1a:00", "GPU-a")
AMD = Device("HIP_A_0000:03:00", "A", Backend.HIP, "0000:03:00")
CPU = Device("CPU", "Some processor", Backend.CPU)


def environment(base: dict[str, str], job: dict[str, str] | None = None, *devices: Device) -> dict[str, str]:
    return launch.child_environment(base, job or {}, devices=devices, config=None, threads=4)


def test_an_application_gets_the_exit_code_before_the_script() -> None:
    command = launch.child_command(APPLICATION, ENTRY, factory=False, autoexec=None, threads=0)
    assert command == ["/b/blender", "-b", "--python-exit-code", "77", "--python", str(ENTRY), "--"]


def test_every_choice_is_on_the_applications_command_line() -> None:
    command = launch.child_command(APPLICATION, ENTRY, factory=True, autoexec=False, threads=3)
    assert command[:6] == ["/b/blender", "-b", "--factory-startup", "-Y", "-t", "3"]
    assert "-y" in launch.child_command(APPLICATION, ENTRY, factory=False, autoexec=True, threads=0)


def test_a_module_is_run_by_its_python_without_the_scripts_folder_on_its_path() -> None:
    command = launch.child_command(MODULE, ENTRY, factory=True, autoexec=True, threads=3)
    assert command == ["/v/bin/python", "-P", str(ENTRY)]


def test_recorded_variables_of_the_job_replace_those_of_the_shell() -> None:
    base = {"OCIO": "/other", "BLENDER_USER_SCRIPTS": "/other", "HIP_VISIBLE_DEVICES": "3", "PATH": "/bin"}
    job = {"OCIO": "/studio/config.ocio", "CUDA_VISIBLE_DEVICES": "1"}
    env = environment(base, job)
    assert env["OCIO"] == "/studio/config.ocio"
    assert env["CUDA_VISIBLE_DEVICES"] == "1"
    assert "BLENDER_USER_SCRIPTS" not in env
    assert "HIP_VISIBLE_DEVICES" not in env
    assert env["PATH"] == "/bin"


def test_what_is_recorded_goes_round() -> None:
    base = {"OCIO": "/c", "BLENDER_SYSTEM_SCRIPTS": "/s", "CUE_GPU_CORES": "0,1", "HOME": "/h", "BLENDER": "/b"}
    assert launch.recorded(base) == {"OCIO": "/c", "BLENDER_SYSTEM_SCRIPTS": "/s", "CUE_GPU_CORES": "0,1"}
    assert environment(base, launch.recorded(base)).items() >= base.items()


def test_nvidia_cards_are_masked_by_uuid_in_the_slots_order() -> None:
    env = environment({"CUDA_VISIBLE_DEVICES": "0,1"}, None, NVIDIA, SECOND)
    assert env["CUDA_VISIBLE_DEVICES"] == "GPU-b,GPU-a"
    assert environment({}, None, NVIDIA, CPU)["CUDA_VISIBLE_DEVICES"] == "GPU-b"


def test_a_mask_stays_where_a_card_has_no_uuid() -> None:
    unknown = Device("CUDA_N_0000:5e:00", "N", Backend.CUDA, "0000:5e:00")
    job = {"CUDA_VISIBLE_DEVICES": "0,1"}
    assert environment({}, job, NVIDIA, unknown)["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert environment({}, job, AMD)["CUDA_VISIBLE_DEVICES"] == "0,1"
    assert "HIP_VISIBLE_DEVICES" not in environment({}, None, AMD)


def test_a_cpu_slot_sees_no_card_and_a_slot_without_devices_sees_all() -> None:
    env = environment({}, None, CPU)
    assert (env["CUDA_VISIBLE_DEVICES"], env["HIP_VISIBLE_DEVICES"]) == ("-1", "-1")
    assert "CUDA_VISIBLE_DEVICES" not in environment({})


def test_thread_settings_of_the_starter_do_not_reach_a_child() -> None:
    assert environment({"OMP_NUM_THREADS": "1"})["OMP_NUM_THREADS"] == "4"
    env = launch.child_environment({"OMP_NUM_THREADS": "1"}, {}, devices=(), config=Path("/private"), threads=0)
    assert "OMP_NUM_THREADS" not in env
    assert env["BLENDER_USER_CONFIG"] == str(Path("/private"))
    assert env["MGD_CHILD"] == "1"


def test_the_private_preferences_win_over_the_recorded_folder() -> None:
    env = launch.child_environment({}, {"BLENDER_USER_CONFIG": "/mine"}, devices=(), config=Path("/copy"), threads=0)
    assert env["BLENDER_USER_CONFIG"] == str(Path("/copy"))


def test_temporary_files_go_where_they_can_be_removed() -> None:
    env = launch.child_environment({"TMPDIR": "/tmp"}, {}, devices=(), config=None, threads=0, temp=Path("/job/temp"))
    assert env["TMPDIR"] == env["TEMP"] == env["TMP"] == str(Path("/job/temp"))
    assert environment({"TMPDIR": "/scratch"})["TMPDIR"] == "/scratch"


def test_the_line_in_the_log_runs_what_was_started(tmp_path: Path) -> None:
    base = {**os.environ, "GONE": "x"}
    env = {**base, "KEPT": "a b'c"}
    del env["GONE"]
    show = "import json,os,sys; print(json.dumps([sys.argv[1:], os.environ['KEPT'], 'GONE' in os.environ]))"
    line = launch.shell_words([sys.executable, "-c", show, "ä $x", ""], launch.environment_changes(base, env))
    out = subprocess.run(["sh", "-c", line], env=base, cwd=tmp_path, capture_output=True, check=True).stdout
    assert json.loads(out) == [["ä $x", ""], "a b'c", False]


def test_a_command_without_changes_is_only_the_command() -> None:
    command = ["/b/my blender", "-b"]
    assert shlex.split(launch.shell_words(command, windows=False)) == command


def test_the_line_for_windows_sets_and_clears_variables() -> None:
    line = launch.shell_words([r"C:\My Blender\blender.exe", "-b"], {"A": "1", "B": None}, windows=True)
    assert line == r'set "A=1" && set "B=" && "C:\My Blender\blender.exe" -b'


def test_a_dispatcher_loads_its_package_from_any_folder_under_a_private_name(tmp_path: Path) -> None:
    package, site = tmp_path / "some extension" / "dispatch", tmp_path / "wheels"
    package.mkdir(parents=True)
    site.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package.parent / "ui.py").write_text("raise SystemExit('shadowed')", encoding="utf-8")
    (site / "a_wheel.py").write_text("HERE = 'wheel'", encoding="utf-8")
    (package / "noun.py").write_text("WORD = 'noun'", encoding="utf-8")
    (package / "cli.py").write_text(
        "import importlib.util, a_wheel\nfrom .noun import WORD\n"
        "def main(argv):\n    print(__name__, *argv, WORD, a_wheel.HERE, importlib.util.find_spec('ui'))\n"
        "    return 3\n",
        encoding="utf-8",
    )
    main = Path(launch.__file__).with_name("__main__.py")
    (package / "__main__.py").write_text(main.read_text(encoding="utf-8"), encoding="utf-8")
    words = ["run", str(tmp_path / "job 1")]
    command = launch.command_line(launch.Interpreter(sys.executable, False), package, words, [site])
    done = subprocess.run(command, capture_output=True, text=True, cwd=package.parent)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.strip() == f"mgd_dispatch.cli run {tmp_path / 'job 1'} noun wheel None"


def test_our_own_processes_are_no_children_and_may_have_a_temporary_folder_of_their_own(tmp_path: Path) -> None:
    base = {"MGD_CHILD": "1", "PATH": "/bin", "TMPDIR": "/tmp"}
    assert launch.own_environment(base) == {"PATH": "/bin", "TMPDIR": "/tmp"}
    own = launch.own_environment(base, tmp_path)
    assert own == {"PATH": "/bin", **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(tmp_path))}
