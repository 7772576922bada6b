# SPDX-License-Identifier: GPL-3.0-or-later
"""The outer half of a test with a window: one real Blender on a display of its own, in a home of its own.

Owns the process from its start to its end: what hangs is killed, Blender first and its X server after it (the other
way round Blender hangs). Talks to `driver` through files, with a deadline for each answer. The mouse and the keys are
real ones (xdotool on the X server), never calls.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from gui.home import private_environment
from waiting import until

HERE = Path(__file__).resolve().parent
MODULE = "bl_ext.user_default.multi_gpu_dispatcher"
KEYS = {"F3": 69, "F12": 96, "Escape": "Escape", "Return": 36, "Down": 116}
"""Key codes: by name, F keys arrive with a modifier on the X server of Debian sid."""


SHOWN = """
import bl_ext.user_default.multi_gpu_dispatcher.operators.session as session
job = session.shown()
look = job and job.snapshot
found = job and {
    "state": job.state, "name": job.name, "frames": job.frames, "folder": str(job.folder),
    "done": look.done if look else 0, "audit": look.audit if look else "",
    "workers": [worker.slot for worker in look.workers] if look else [],
    "messages": [message.text for message in look.messages] if look else [],
}
found
"""
"""What a test asks of the panel's job, as plain data."""


class InBlender(Exception):
    """What was asked inside Blender raised; the text is its traceback."""


class Session:
    """A running Blender with a window."""

    def __init__(
        self,
        blender: Path,
        home: Path,
        *,
        shots: Path,
        size: tuple[int, int] = (1000, 900),
        words: tuple[object, ...] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Start it; ``blender`` has ``xvfb-blender`` and ``in`` beside it (tools/real-blender.sh)."""
        self.tree, self.home, self.size, self._shots = blender.parent, home, size, shots
        self.folder = home / f"gui-{time.monotonic_ns()}"
        self.folder.mkdir()
        self._asked = 0
        state = self.folder / "state"
        self.env = private_environment(home) | dict(env or {})
        own = {"MGD_GUI": str(self.folder), "XVFB_STATE": str(state), "XVFB_SIZE": f"{size[0]}x{size[1]}"}
        with (self.folder / "printed.log").open("wb") as log:
            self._wrapper = subprocess.Popen(
                [self.tree / "xvfb-blender", "--python", HERE / "driver.py", *map(str, words)],
                env=self.env | own,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            until(lambda: state.exists() or self._wrapper.poll() is not None, 120, "the X server")
            assert state.exists(), self.printed()
            said = dict(word.split("=") for word in state.read_text().split())
            self.pid, self._display = int(said["BLENDER_PID"]), said["DISPLAY"]
            self.do("None", seconds=180)
        except BaseException:
            self.end()
            raise

    # --- talk -------------------------------------------------------------------------------------------------------

    def do(self, text: str, seconds: float = 120.0, **names: object) -> Any:
        """Run Python inside; return the value of its last line. ``names`` stand for their values in it.

        Raises:
            InBlender: it raised there.
            AssertionError: Blender ended, or gave no answer in time.
        """
        number, self._asked = self._asked, self._asked + 1
        head = "".join(f"{name} = {value!r}\n" for name, value in names.items())
        ask = self.folder / f"ask-{number}.py"
        ask.with_suffix(".new").write_text(head + text, encoding="utf-8")
        ask.with_suffix(".new").rename(ask)
        found: list[dict[str, Any]] = []

        def answered() -> bool:
            found[:] = [line for line in self._answers() if line["number"] == number]
            return bool(found) or self._wrapper.poll() is not None

        until(answered, seconds, f"Blender's answer to {text[:80]!r}")
        assert found, f"Blender ended at {text[:80]!r}: {self.printed()[-3000:]}"
        if "error" in found[0]:
            raise InBlender(found[0]["error"])
        return found[0]["value"]

    def wait_for(self, text: str, seconds: float = 120.0, **names: object) -> Any:
        """Ask again and again until the value is true; return it."""
        last: list[Any] = []

        def holds() -> bool:
            last[:] = [self.do(text, **names)]
            return bool(last[0])

        try:
            until(holds, seconds, text)
        except AssertionError:
            self.shot("missed")
            raise AssertionError(
                f"{text} did not become true in {seconds} s: {last}; {self.printed()[-2000:]}"
            ) from None
        return last[0]

    def _answers(self) -> list[dict[str, Any]]:
        path = self.folder / "answers.jsonl"
        if not path.exists():
            return []
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def printed(self) -> str:
        """What Blender printed so far."""
        return (self.folder / "printed.log").read_text(encoding="utf-8", errors="replace")

    # --- the extension ----------------------------------------------------------------------------------------------

    def scene(self, output: Path, frames: int, samples: int = 1, blender: Path | None = None) -> None:
        """Make the open scene a small one; ``blender`` is the one to use by the preferences (default: this one)."""
        self.do(f"small_scene({str(output / '####')!r}, {frames}, {samples})")
        if blender is not None:
            self.prefer("blender", str(blender))
            self.shown()  # knows the session from here on
            self.do("session.wants_devices()")
            self.wait_for("'4090' in str(session.seen().devices)")

    def prefer(self, name: str, value: object) -> None:
        """Set one of the extension's preferences."""
        self.do(f"bpy.context.preferences.addons[{MODULE!r}].preferences.{name} = {value!r}")

    def shown(self) -> dict[str, Any] | None:
        """Return what the panel shows of its job: state, done, workers, audit."""
        return self.do(SHOWN)

    def wait_for_state(self, *states: str, seconds: float = 240.0, done: int = 0) -> dict[str, Any]:
        """Wait until the panel's job is in one of these states with so many frames done."""
        found: dict[str, Any] = {}

        def reached() -> bool:
            found.update(self.shown() or {"state": "no job", "done": 0})
            return found["state"] in states and found["done"] >= done

        try:
            until(reached, seconds)
        except AssertionError:
            shot = self.shot("missed")
            raise AssertionError(f"not {states} with {done} frames in {seconds} s but {found}, see {shot}") from None
        return found

    def words(self) -> str:
        """Every text of our panels, one a line."""
        words = "\n".join(self.do("panel_words()"))
        assert "cannot be shown" not in words, words  # what `ui.guard` leaves of a part whose drawing failed
        return words

    # --- hands and eyes ---------------------------------------------------------------------------------------------

    def show_panel(self, *, alone: bool = True) -> None:
        self.do(f"show_panel(alone={alone})")

    def buttons(self, parts: tuple[float, ...] = (0.5,)) -> list[str]:
        """Return what Blender says that the panel's buttons are, from top to bottom."""
        return self.do(f"buttons({parts!r})", seconds=240)

    def find(self, what: str, parts: tuple[float, ...] = (0.5,)) -> tuple[int, int]:
        """Return where the button is whose command or property path holds these words."""
        return self._place("find", what, parts)

    def click(self, what: str, parts: tuple[float, ...] = (0.5,)) -> None:
        """Press that button with the mouse."""
        self._place("press", what, parts)

    def _place(self, do: str, what: str, parts: tuple[float, ...]) -> tuple[int, int]:
        place = self.do(f"{do}({what!r}, {parts!r})", seconds=240)
        if place is None:
            raise AssertionError(f"no button {what!r} in the panel ({self.shot('no-button')}): {self.buttons(parts)}")
        return tuple(place)

    def click_beside(self, what: str, part: float) -> None:
        """Press what stands in the row of that button at this part of the width: a menu does not tell its name."""
        _, y = self.find(what, (0.25,))
        x = self.do(f"int(panel_box()[0] + {part} * panel_box()[2])")
        self.do(f"click({x}, {y})")
        self.settle()

    def click_nothing(self) -> None:
        """Click where the big area is empty."""
        self.do("click(region_of(big_area()).x + 100, region_of(big_area()).y + 60)")
        self.settle()

    def press(self, key: str) -> None:
        self._tool("key", str(KEYS[key]))

    def undo(self, *, redo: bool = False) -> None:
        """Ctrl Z over the big area, or Ctrl Shift Z."""
        self.do("pointer(region_of(big_area()).x + 60, region_of(big_area()).y + 60)")
        held = ["keydown", "37", *(["keydown", "50"] if redo else [])]
        self._tool(*held, "key", "52", "keyup", "50", "keyup", "37")
        self.settle()

    def type(self, words: str) -> None:
        self._tool("type", "--delay", "60", words)

    def search(self, words: str) -> None:
        """Run the first thing that F3 finds by these words, with the pointer over the big area."""
        self.do("pointer(region_of(big_area()).x + 60, region_of(big_area()).y + 60)")
        self.press("F3")
        self.settle()
        self.type(words)
        self.settle()
        self.shot("search-" + re.sub(r"\W+", "-", words))
        self.press("Return")
        self.settle()

    def settle(self) -> None:
        """Give Blender the time to handle events and draw."""
        self.do("(seconds for seconds in (0.3, 0.3))")

    def shot(self, name: str) -> Path:
        """Keep a picture of the whole screen."""
        self._shots.mkdir(parents=True, exist_ok=True)
        path = self._shots / f"{name}.png"
        # written inside the private home first: the tree of the application may not see our working tree
        taken = self.folder / "shot.png"
        if self._run("import", "-window", "root", str(taken)) == 0:
            shutil.copyfile(taken, path)
        return path

    def _tool(self, *words: str) -> None:
        assert self._run("xdotool", *words) == 0, words

    def _run(self, *words: str) -> int:
        env = self.env | {"DISPLAY": self._display}
        done = subprocess.run(
            [self.tree / "in", *words], env=env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120
        )
        return done.returncode

    # --- the end ----------------------------------------------------------------------------------------------------

    def quit(self, seconds: float = 120.0) -> int:
        """Quit as File > Quit does; return the exit status."""
        ask = self.folder / f"ask-{self._asked}.py"
        ask.with_suffix(".new").write_text("bpy.ops.wm.quit_blender()", encoding="utf-8")
        ask.with_suffix(".new").rename(ask)
        return self._wrapper.wait(seconds)

    def kill(self) -> None:
        """kill -9, as a crash would end it."""
        psutil.Process(self.pid).kill()
        self._wrapper.wait(60)

    def end(self) -> None:
        """Leave nothing behind, whatever state it is in."""
        if hasattr(self, "pid"):
            with contextlib.suppress(psutil.NoSuchProcess):
                if self._wrapper.poll() is None:
                    psutil.Process(self.pid).kill()
        else:
            self._wrapper.terminate()
        self._wrapper.wait(60)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
