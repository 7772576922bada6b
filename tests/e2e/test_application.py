# SPDX-License-Identifier: GPL-3.0-or-later
"""The real application: its background processes as children, and the dispatcher under its own Python.

pytest on the outside (another Python); inside, the command line as a user would type it. Needs ``--blender PATH``, an
application made by ``tools/real-blender.sh``: ``in`` beside it runs any program of the same tree.
"""

from __future__ import annotations

import json
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import campaign
import engine
import psutil
import pytest
from waiting import until

from dispatch import job

ROOT = Path(__file__).resolve().parents[2]
FRAMES = 12
RESULT = "MGD-RESULT "


class Application:
    """One Blender and the Python that lives in it."""

    def __init__(self, blender: Path) -> None:
        self.blender = blender
        self.inside = str(blender.with_name("in"))
        code = f"import sys; sys.stderr.write('\\n{RESULT}' + sys.executable + '\\n')"
        argv = [str(blender), "-b", "--factory-startup", "--python-exit-code", "3", "--python-expr", code]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)
        self.python = done.stderr.split(RESULT)[1].split("\n")[0]

    def dispatch(self, *words: object) -> subprocess.Popen[str]:
        """Start a command of ours with that Python."""
        argv = [self.inside, self.python, "-W", "error", "-m", "dispatch", *map(str, words)]
        return subprocess.Popen(
            argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *words: object) -> tuple[int, str, str]:
        with self.dispatch(*words) as process:
            try:
                out, errors = process.communicate(timeout=300)
            finally:
                process.kill()
        return process.returncode, out, errors


@pytest.fixture(scope="session")
def application(pytestconfig: pytest.Config) -> Application:
    blender = pytestconfig.getoption("blender")
    assert blender, "say --blender PATH: an application made by tools/real-blender.sh"
    return Application(Path(blender))


@pytest.fixture
def jobs(tmp_path: Path, state_folder: Path) -> Path:
    """Where job folders go; leases and whatever else is private goes into a state folder of the test's own."""
    return tmp_path / "jobs"


def pixels(path: Path) -> bytes:
    """Return a PNG's pixels, unpacked: our child packs them with its own zlib, and the rest holds dates and times."""
    data, position, found = path.read_bytes(), 8, b""
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        if data[position + 4 : position + 8] == b"IDAT":
            found += data[position + 8 : position + 8 + length]
        position += 12 + length
    return zlib.decompress(found)


def render_options(output: Path, jobs: Path) -> list[object]:
    return ["--output", output / "####", "--jobs-dir", jobs, "--blender", "blender", "--strategy", "per-device"]


def finals(folder: Path) -> list[Path]:
    return [folder / f"{frame:04d}.png" for frame in range(1, FRAMES + 1)]


def job_folder(jobs: Path) -> Path:
    (folder,) = job.folders(jobs)
    return folder


def test_its_own_python_has_the_version_that_this_test_is_about(application: Application) -> None:
    code = "import sys; print(sys.version_info >= (3, 14))"
    argv = [application.inside, application.python, "-c", code]
    assert subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout == "True\n"


def test_the_devices_are_listed(application: Application) -> None:
    status, out, errors = application.run("devices", "--json", "--blender", "blender")
    assert status == 0, errors
    assert "CPU" in json.dumps(json.loads(out))


def test_a_job_is_pixel_identical_to_a_plain_animation_render(
    application: Application, tmp_path: Path, jobs: Path, make_scene: Callable[..., Path]
) -> None:
    blend, output, plain = make_scene(FRAMES, "64x36", 4), tmp_path / "out", tmp_path / "plain"
    words = ["render", blend, *render_options(output, jobs), "--per-device", 2, "--json"]
    status, out, errors = application.run(*words)
    assert status == 0, errors + out
    events = [json.loads(line) for line in out.splitlines()]
    assert f"{FRAMES} of {FRAMES} frames complete, 0 rendered twice, 0 retried" in json.dumps(events[-1])
    assert sorted(output.iterdir()) == finals(output)
    task = job.load(job_folder(jobs))
    assert not task.blender.is_module
    assert task.blender.version >= (5, 2, 0)
    subprocess.run(
        [application.blender, "-b", blend, "-o", f"{plain}/####", "-a"], check=True, capture_output=True, timeout=300
    )
    assert [f.name for f in finals(output) if pixels(f) != pixels(plain / f.name)] == []


def test_a_killed_dispatcher_is_resumed_and_nothing_is_lost_or_left_over(
    application: Application,
    tmp_path: Path,
    jobs: Path,
    make_scene: Callable[..., Path],
    hold_scene: Callable[..., Path],
) -> None:
    output, gate = tmp_path / "out", tmp_path / "go"
    blend = hold_scene(make_scene(FRAMES, "64x36", 64), gate, 4)
    words = ["render", blend, *render_options(output, jobs), "--per-device", 2, "--autoexec", "-q"]
    with application.dispatch(*words) as dispatcher:
        until(lambda: job.folders(jobs) and len(engine.commits(job_folder(jobs))) >= 2, 240, "the first frames")
        children = psutil.Process(dispatcher.pid).children(recursive=True)
        dispatcher.kill()
        dispatcher.communicate(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive, "children outlive their dispatcher"
    assert 2 <= len(engine.commits(job_folder(jobs))) < FRAMES
    gate.touch()
    status, out, errors = application.run("resume", job_folder(jobs), "-q")
    assert status == 0, errors + out
    campaign.assert_all_whole(finals(output))
    assert sorted(output.iterdir()) == finals(output)
    assert max(engine.commits(job_folder(jobs)).values()) == 1
    status, out, errors = application.run("audit", job_folder(jobs))
    assert status == 0, errors + out


def test_a_scene_without_a_camera_is_refused_with_a_sentence(
    application: Application, tmp_path: Path, jobs: Path, make_scene: Callable[..., Path]
) -> None:
    blend = tmp_path / "blind.blend"
    code = (
        f"import bpy; bpy.ops.wm.open_mainfile(filepath={str(make_scene(2))!r}); bpy.context.scene.camera = None;"
        f"bpy.ops.wm.save_as_mainfile(filepath={str(blend)!r})"
    )
    argv: list[Any] = [application.blender, "-b", "--factory-startup", "--python-exit-code", "3", "--python-expr", code]
    subprocess.run(argv, check=True, capture_output=True, timeout=120)
    status, _, errors = application.run("render", blend, *render_options(tmp_path / "out", jobs))
    assert status == 2
    assert "camera" in errors
    assert not (tmp_path / "out").exists()
