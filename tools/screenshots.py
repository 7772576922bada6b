# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the pictures of the panel for the README, from the real application with simulated GPUs.

    python tools/screenshots.py --blender PATH [--zip FILE] [--only NAME] [FOLDER]

PATH is an application made by ``tools/real-blender.sh``, FILE the built extension (default: the one in dist/). Each
state of the panel becomes one small PNG in FOLDER (default: docs/images), cut to the panel. Needs psutil and nothing
else; run it with the Python of ``make ready``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from gui.home import private_environment  # noqa: E402
from gui.session import Session  # noqa: E402
from gui.simulated import fake_blender  # noqa: E402
from waiting import until  # noqa: E402

from dispatch import job, measure  # noqa: E402
from dispatch.measurement import Measurement, Recommendation, State  # noqa: E402
from dispatch.model import PROGRAM, Strategy  # noqa: E402

WIDTH = 352
"""Pixels of the properties editor, its tabs included: the panel itself gets 30 fewer."""
WINDOW = (640, 1500)
EDGE = 10
"""Pixels at the bottom of an editor that its round corners take."""
MOST = 60_000
"""Bytes of one picture."""


class Studio:
    """An installed application in a private home, and the way to one picture."""

    def __init__(self, blender: Path, extension: Path, folder: Path, home: Path) -> None:
        self.blender, self.folder, self.home = blender, folder, home
        words = ["--command", "extension", "install-file", "-r", "user_default", "-e", str(extension)]
        subprocess.run([blender, *words], env=private_environment(home), cwd=home, check=True, capture_output=True)
        (pynvml,) = home.rglob("site-packages/pynvml.py")
        shutil.copyfile(ROOT / "tests" / "gui" / "simulated" / "pynvml.py", pynvml)

    @contextmanager
    def artist(
        self, gpus: int, frames: int, seconds: float, unfolded: tuple[str, ...] = (), **behaviour: object
    ) -> Iterator[Session]:
        """A Blender with a saved scene, its panel alone in a narrow editor, on a machine with so many GPUs."""
        shutil.rmtree(self.home / "state", ignore_errors=True)
        program = fake_blender.launcher(self.home / "simulated", gpus=gpus, seconds=seconds, **behaviour)
        place = self.home / "shots" / "forest"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        env = {"MGD_GPUS": str(gpus)}
        with Session(self.blender, self.home, shots=self.home / "screens", size=WINDOW, env=env) as session:
            try:
                session.scene(place, frames, blender=program)
                session.do("bpy.context.scene.render.filepath = '//render/forest_####'")
                session.do(f"bpy.ops.wm.save_as_mainfile(filepath={str(place / 'forest.blend')!r})")
                session.do(f"unfold({unfolded!r})")
                session.show_panel()
                session.do(f"narrow({WIDTH})")
                session.settle()
                session.wait_for("sum('4090' in word for word in panel_words()) >= 2")
                yield session
            finally:
                self._end_jobs()

    def _end_jobs(self) -> None:
        for folder in job.folders(self.home / "state" / PROGRAM / "jobs"):
            if job.is_running(folder):
                job.ask(folder, job.Wish.STOP_NOW)
                until(lambda folder=folder: not job.is_running(folder), 60, f"the end of {folder.name}")

    def take(self, session: Session, name: str) -> None:
        """Cut the panel out of the screen and keep it small."""
        session.do("pointer(2, 2)")  # no button is lit
        session.settle()
        screen = session.shot(name)
        x, y, width, height = session.do("panel_box()")
        cut, picture = self.home / "cut.png", self.folder / f"{name}.png"
        tree = self.blender.with_name("in")
        words = ["-crop", f"{width}x{height - EDGE}+{x}+{y}", "+repage"]
        words += ["-fuzz", "5%", "-define", "trim:edges=south", "-trim", "+repage"]  # up to the last panel's edge
        words += ["-background", "#303030", "-gravity", "south", "-splice", "0x8"]
        words += ["-strip", "+dither", "-colors", "200", f"PNG8:{cut}"]
        subprocess.run([tree, "convert", screen, *words], check=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(cut, picture)
        size = picture.stat().st_size
        assert cut.stat().st_size < MOST, f"{picture} is too big for a README"
        print(f"{picture}: {size} bytes")


def idle(studio: Studio) -> None:
    with studio.artist(2, 250, 2.0) as session:
        studio.take(session, "idle")


def devices(studio: Studio) -> None:
    with studio.artist(2, 250, 2.0, unfolded=("MULTI_GPU_PT_devices",)) as session:
        studio.take(session, "devices")


def warning(studio: Studio) -> None:
    with studio.artist(2, 250, 2.0) as session:
        session.do("bpy.data.objects['Cube'].modifiers.new('Cloth', 'CLOTH')")
        session.do("bpy.ops.multi_gpu.check()")
        studio.take(session, "warning")


def running(studio: Studio, gpus: int = 2) -> None:
    with studio.artist(gpus, 250, 2.0) as session:
        session.do("bpy.ops.multi_gpu.render_animation()", seconds=60)
        session.wait_for_state("rendering", done=12 * gpus, seconds=120)
        studio.take(session, f"running-{gpus}")


def failed(studio: Studio) -> None:
    rule = {"at": "render", "do": "signal", "code": 11, "workers": [2], "frames": list(range(12, 251))}
    with studio.artist(2, 250, 1.2, rules=[rule]) as session:
        session.do("bpy.ops.multi_gpu.render_animation()", seconds=60)
        session.wait_for_state("rendering", done=20, seconds=120)
        studio.take(session, "failed-worker")


def finished(studio: Studio) -> None:
    with studio.artist(2, 24, 0.8) as session:
        session.do("bpy.ops.multi_gpu.render_animation()", seconds=60)
        session.wait_for_state("ended", seconds=120)
        studio.take(session, "finished")


def waiting(studio: Studio) -> None:
    with studio.artist(2, 250, 2.0) as session:
        session.do("bpy.ops.multi_gpu.render_animation()", seconds=60)
        session.wait_for_state("rendering", done=12, seconds=120)
        session.do("bpy.context.scene.render.filepath = '//render/close_up_####'")
        session.do("bpy.ops.multi_gpu.render_animation()", seconds=60)
        session.do("bpy.ops.multi_gpu.show_job(folder=session.seen().jobs[0].folder)")
        session.wait_for_state("waiting")
        studio.take(session, "waiting")


def measured(studio: Studio) -> None:
    with studio.artist(2, 250, 2.0, unfolded=("MULTI_GPU_PT_measure",)) as session:
        folder = studio.home / "state" / PROGRAM / "measurements" / "20261121-140200-forest-7f3a"
        folder.mkdir(parents=True)
        reason = (
            "2 per GPU: 24.1 frames/s, 93 % more than 1 per GPU, and as fast as 3 per GPU within the noise. "
            "A worker takes 2.1 GiB of RAM and 3.4 GiB of VRAM."
        )
        found = Measurement(
            **{"id": folder.name, "created": "2026-11-21T14:02:00+00:00", "state": State.COMPLETE, "name": "forest"},
            **{"blend": str(studio.home / "shots" / "forest" / "forest.blend"), "blender": "Blender", "devices": ()},
            scene="Scene",
            recommendation=Recommendation(Strategy.PER_DEVICE, 2, 0, reason),
        )
        measure.write(folder, found)
        session.wait_for("any('24.1 frames/s' in word for word in panel_words())")
        studio.take(session, "measured")


PICTURES: dict[str, Callable[[Studio], None]] = {
    "idle": idle,
    "devices": devices,
    "warning": warning,
    "running-2": running,
    "running-8": lambda studio: running(studio, 8),
    "failed-worker": failed,
    "finished": finished,
    "waiting": waiting,
    "measured": measured,
}


def main() -> None:
    """Read the command line, make the pictures."""
    parser = argparse.ArgumentParser(description="Make the pictures of the panel from the real application.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--blender", type=Path, required=True)
    parser.add_argument("--zip", type=Path, default=next((ROOT / "dist").glob("*.zip"), None))
    parser.add_argument("--only", choices=sorted(PICTURES), action="append")
    options = parser.parse_args()
    if options.zip is None:
        parser.error("there is no zip in dist/: run `make zip`, or say --zip FILE")
    with tempfile.TemporaryDirectory(prefix="mgd-shots-") as home:
        studio = Studio(options.blender.absolute(), options.zip.absolute(), options.folder.absolute(), Path(home))
        for name in options.only or PICTURES:
            PICTURES[name](studio)


if __name__ == "__main__":
    main()
