# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip as an artist gets it: built, validated, installed, used from a shell and removed, in the real application.

Needs ``--blender PATH``, as `test_application` does.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest
from waiting import until

from dispatch import job

ROOT = Path(__file__).resolve().parents[2]
ID = "multi_gpu_dispatcher"
RESULT = "MGD-RESULT "
SCENE = """
import bpy, sys
scene = bpy.context.scene
scene.render.engine = "CYCLES"
scene.cycles.samples, scene.cycles.use_denoising = 1, False
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 32, 18, 100
scene.frame_end = 400
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[-1])
"""
HELD = (
    SCENE
    + """
hold = bpy.data.texts.new("hold.py")
hold.use_module = True
hold.write('''
import bpy, os, time
def hold(scene, *_):
    while scene.frame_current > 2 and not os.path.exists(bpy.data.filepath + ".go"):
        time.sleep(0.01)
bpy.app.handlers.render_pre.append(hold)
''')
bpy.ops.wm.save_mainfile()
"""
)
"""With a script in the file: no frame after the second one ends before there is a file ``….blend.go`` beside it."""


class Artist:
    """One user with a home of their own, in front of one application."""

    def __init__(self, blender: str, home: Path) -> None:
        self.blender, self.home = blender, home
        outside = {k: v for k, v in os.environ.items() if not k.startswith(("BLENDER", "MGD_CHILD", "XDG_"))}
        self.environment = {**outside, "HOME": str(home), "XDG_STATE_HOME": str(home / "state")}

    def start(self, *words: object) -> subprocess.Popen[str]:
        argv = [self.blender, *map(str, words)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True
        )

    def run(self, *words: object) -> tuple[int, str, str]:
        with self.start(*words) as process:
            try:
                out, errors = process.communicate(timeout=240)
            finally:
                process.kill()
        assert "Traceback" not in errors, errors
        return process.returncode, out, errors

    def command(self, *words: object) -> tuple[int, str, str]:
        return self.run("--command", ID, *words)

    def ask(self, expression: str) -> object:
        """Return what an expression is in a background Blender of this user."""
        code = f"import bpy, json; print('\\n{RESULT}' + json.dumps({expression}))"
        _, out, errors = self.run("-b", "--python-expr", code)
        assert RESULT in out, out + errors
        return json.loads(out.split(RESULT)[1].splitlines()[0])


@pytest.fixture(scope="session")
def blender(pytestconfig: pytest.Config) -> str:
    named = pytestconfig.getoption("blender")
    assert named, "say --blender PATH: an application made by tools/real-blender.sh"
    return str(named)


@pytest.fixture(scope="session")
def package(blender: str) -> Path:
    """The zip, built by this application."""
    environment = {**os.environ, "BLENDER": blender}
    # First, and not judged below: what pip says of this machine's package indexes is no warning of Blender's.
    for script in ("tools/wheels.sh", "tools/assets.sh"):
        subprocess.run(["sh", script], cwd=ROOT, check=True, timeout=240)
    for step in ("validate", "zip", "validate"):
        argv = ["sh", "tools/extension.sh", step]
        done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "WARN" not in done.stdout + done.stderr
    (found,) = (ROOT / "dist").glob(f"{ID}-*.zip")
    return found


@pytest.fixture
def artist(blender: str, package: Path, tmp_path: Path) -> Artist:
    """Somebody who has just installed the zip."""
    who = Artist(blender, tmp_path / "home")
    who.home.mkdir()
    status, out, errors = who.run("--command", "extension", "install-file", "-r", "user_default", "-e", package)
    assert (status, 'Installed "multi_gpu_dispatcher"' in out) == (0, True), out + errors
    return who


def test_the_zip_holds_what_blender_needs_and_nothing_of_our_tools(package: Path) -> None:
    with zipfile.ZipFile(package) as opened:
        names = opened.namelist()
    tops = {name.split("/")[0] for name in names if not name.endswith("/")}
    own = {"__init__.py", "blender_manifest.toml", "LICENSE", "README.md", "dispatch", "operators", "ui", "wheels"}
    assert tops == own
    assert package.stat().st_size < 3_500_000
    for folder in ("dispatch", "operators", "ui"):
        here = {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py")}
        if folder == "dispatch":
            assets = ("report.css", "report.js", "plotly.min.js", "plotly.LICENSE.txt")
            here |= {f"dispatch/assets/{name}" for name in assets}
        assert here == {name for name in names if name.startswith(f"{folder}/") and not name.endswith("/")}


def test_installed_it_has_its_libraries_and_removed_it_leaves_no_trace(artist: Artist) -> None:
    libraries = artist.ask("[__import__('psutil').__file__, __import__('pynvml').__file__]")
    assert all(str(artist.home) in path for path in libraries)  # the wheels of the zip, not something of the system
    assert artist.ask("hasattr(bpy.context.scene, 'multi_gpu')") is True
    assert artist.command("--help")[0] == 0
    status, out, _ = artist.run("--command", "extension", "remove", ID)
    assert (status, "Removed" in out) == (0, True)
    left = artist.ask("[hasattr(bpy.context.scene, 'multi_gpu'), [n for n in bpy.context.preferences.addons.keys()]]")
    assert left[0] is False
    assert not [name for name in left[1] if ID in name]
    # The state folder keeps the artist's jobs; it is empty here, as there was none.
    assert not [path for path in artist.home.rglob(f"*{ID}*") if path.is_file()]


def test_the_command_line_has_the_same_exit_statuses_and_clean_output(artist: Artist, tmp_path: Path) -> None:
    scene = tmp_path / "shot.blend"
    artist.run("-b", "--factory-startup", "--python-expr", SCENE, "--", scene)
    status, out, _ = artist.command("devices", "--json")
    assert status == 0
    assert [d["id"] for d in json.loads(out)["devices"]]
    assert artist.command("nonsense")[0] == 2
    status, _, errors = artist.command("render", tmp_path / "none.blend")
    assert (status, "There is no file" in errors) == (2, True)

    pictures = tmp_path / "pictures"
    status, out, errors = artist.command("render", scene, "-f", "1-5", "-o", pictures / "####", "--json")
    assert status == 0, errors
    events = [json.loads(line) for line in out.splitlines()]
    assert (events[-1]["event"], events[-1]["outcome"]) == ("ended", "complete")
    assert sorted(path.name for path in pictures.glob("*.png")) == [f"{frame:04d}.png" for frame in range(1, 6)]
    assert "5 of 5 frames complete" in artist.command("audit", "last")[1]
    page = tmp_path / "report.html"
    assert artist.command("report", "last", "-o", page)[:2] == (0, f"{page}\n")
    assert "5 of 5 frames complete" in page.read_text(encoding="utf-8")


def stops(jobs: Path) -> bool:
    """Whether the only job there hands out no more frames."""
    return all((shown := job.read_snapshot(folder)) and shown.state == "stopping" for folder in job.folders(jobs))


def test_ctrl_c_stops_after_the_current_frames_and_resume_goes_on(artist: Artist, tmp_path: Path) -> None:
    scene, pictures = tmp_path / "shot.blend", tmp_path / "pictures"
    artist.run("-b", "--factory-startup", "--python-expr", HELD, "--", scene)
    jobs = artist.home / "state" / ID / "jobs"
    command = ("--command", ID, "render", scene, "-f", "1-60", "-o", pictures / "####", "--autoexec")
    with artist.start(*command) as process:
        try:
            until(lambda: (pictures / "0002.png").exists() or process.poll() is not None, 120, "the second frame")
            process.send_signal(signal.SIGINT)
            until(lambda: stops(jobs) or process.poll() is not None, 120, "the stop")
            scene.with_name("shot.blend.go").touch()
            out, errors = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode == 3, out + errors
    assert f"blender --command {ID} resume" in out
    status, out, errors = artist.command("resume", "last")
    assert (status, "60 of 60 frames complete" in out) == (0, True), out + errors
