# SPDX-License-Identifier: GPL-3.0-or-later
"""The half of a test that lives inside the real Blender: does what it is told through files, and looks around.

Started with ``blender --python driver.py`` and `$MGD_GUI`, a folder. There `ask-N.py` (Python text) comes in and one
JSON line a request goes out to `answers.jsonl`. Everything runs in a persistent timer, so Blender draws and handles
events between two requests as it does for an artist. A request whose value is a generator goes on for several ticks:
it yields the seconds to wait. Knows nothing of what is tested.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import subprocess
import time
import traceback
from collections.abc import Generator
from pathlib import Path
from typing import Any, ClassVar

import bpy

FOLDER = Path(os.environ["MGD_GUI"])
TICK = 0.03
HEARS = 60.0
"""Seconds after which a mouse that Blender has not heard of is a fault; on a busy machine it takes one now and then."""
OURS = "multi_gpu"

_names: dict[str, Any] = {}
_state: dict[str, Any] = {"next": 0, "running": None}


# --- requests -------------------------------------------------------------------------------------------------------


def tick() -> float:
    """Go on with the request in hand, or take the next one; never raises."""
    try:
        if _state["running"] is None:
            path = FOLDER / f"ask-{_state['next']}.py"
            if not path.exists():
                return TICK
            value = evaluate(path.read_text(encoding="utf-8"))
            if not isinstance(value, Generator):
                answer(value=value)
                return TICK
            _state["running"] = value
        return float(next(_state["running"]))
    except StopIteration as end:
        answer(value=end.value)
    except BaseException:  # noqa: BLE001  (the test must hear of it, whatever it was)
        answer(error=traceback.format_exc())
    return TICK


def answer(**said: Any) -> None:
    """Write the answer and make room for the next request."""
    line = json.dumps({"number": _state["next"], **said}, default=str)
    _state["next"] += 1
    _state["running"] = None
    with (FOLDER / "answers.jsonl").open("a", encoding="utf-8") as out:
        out.write(line + "\n")


def evaluate(text: str) -> Any:
    """Run the text; its value is that of its last line, where that is an expression."""
    tree = ast.parse(text)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<test>", "exec"), _names)
    return eval(compile(ast.Expression(last.value), "<test>", "eval"), _names) if last else None


# --- looking around -------------------------------------------------------------------------------------------------


def window() -> Any:
    return bpy.context.window_manager.windows[0]


def big_area() -> Any:
    return max(window().screen.areas, key=lambda area: area.width * area.height)


def region_of(area: Any) -> Any:
    return next(region for region in area.regions if region.type == "WINDOW")


def only_ours() -> None:
    """Take every other panel out of the Render tab."""
    for panel in list(bpy.types.Panel.__subclasses__()):
        in_tab = getattr(panel, "bl_space_type", "") == "PROPERTIES" and getattr(panel, "bl_context", "") == "render"
        if in_tab and OURS not in panel.__module__ and hasattr(panel, "bl_rna"):
            with contextlib.suppress(RuntimeError):
                bpy.utils.unregister_class(panel)


def show_panel(*, alone: bool = True) -> Generator[float, None, None]:
    """Make the biggest area the Render tab of a properties editor."""
    if alone:
        only_ours()
    if big_area().type != "PROPERTIES":
        big_area().type = "PROPERTIES"
        yield 0.4
    big_area().spaces.active.context = "RENDER"
    yield 0.4


def narrow(width: int) -> None:
    """Make the big area so many pixels wide; it must stay the biggest."""
    area = big_area()
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area)):
        bpy.ops.screen.area_split(direction="VERTICAL", factor=width / area.width)


def unfold(names: tuple[str, ...]) -> None:
    """Open these sub-panels; before they are drawn for the first time, since Blender remembers what was folded."""
    for panel in our_panels():
        if panel.__name__ in names:
            bpy.utils.unregister_class(panel)
            panel.bl_options = panel.bl_options - {"DEFAULT_CLOSED"}
            bpy.utils.register_class(panel)


def panel_box() -> tuple[int, int, int, int]:
    """Where the panels are drawn: x, y from the top left corner, width, height."""
    region = region_of(big_area())
    return region.x, window().height - region.y - region.height, region.width, region.height


def xdotool(*words: object) -> None:
    subprocess.run(["xdotool", *map(str, words)], check=True, timeout=60)


class Pointer(bpy.types.Operator):
    """Tells where Blender believes the mouse to be, in pixels from the window's lower left corner."""

    bl_idname = "mgd.pointer"
    bl_label = "Where the Mouse Is"
    bl_options: ClassVar = {"INTERNAL"}

    def invoke(self, _context: Any, event: Any) -> set[str]:
        _state["pointer"] = (event.mouse_x, event.mouse_y)
        return {"CANCELLED"}


def heard_pointer() -> tuple[int, int]:
    with bpy.context.temp_override(window=window()):
        bpy.ops.mgd.pointer("INVOKE_DEFAULT")
    return _state["pointer"]


def pointer(x: int, y: int) -> Generator[float, None, None]:
    """Move the mouse, and wait until Blender has heard of it; the origin is the window's lower left corner."""
    xdotool("mousemove", x, window().height - 1 - y)
    end = time.monotonic() + HEARS
    while heard_pointer() != (x, y):
        assert time.monotonic() < end, f"the mouse is at {heard_pointer()}, not at {(x, y)}"
        yield TICK


def click(x: int, y: int) -> Generator[float, None, None]:
    """Press and release the left button there."""
    yield from pointer(x - 3, y)
    yield from pointer(x, y)
    yield 0.15
    xdotool("mousedown", 1)
    yield 0.1
    xdotool("mouseup", 1)
    yield 0.15


def under_pointer() -> str:
    """What Blender itself would copy from the button under the mouse: its command, or its property's path."""
    area = big_area()
    manager = bpy.context.window_manager
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area)):
        for copy in (bpy.ops.ui.copy_python_command_button, copy_path):
            manager.clipboard = ""
            try:
                if "FINISHED" in copy() and manager.clipboard:
                    return str(manager.clipboard)
            except RuntimeError:
                continue
    return ""


def copy_path() -> set[str]:
    return bpy.ops.ui.copy_data_path_button(full_path=True)


def feel(parts: tuple[float, ...] = (0.5,), step: int = 9) -> Generator[float | tuple[str, int, int], None, None]:
    """Move the mouse over the big area, line by line; yield what is a button as (what it is, x, y).

    ``parts`` of the width are looked at; a negative one is so many pixels from the right.
    """
    region = region_of(big_area())
    for y in range(region.y + region.height - 4, region.y + 2, -step):
        for part in parts:
            x = region.x + int(region.width * part if part >= 0 else region.width + part)
            yield from pointer(x, y)
            if what := under_pointer():
                yield what, x, y


def buttons(parts: tuple[float, ...] = (0.5,)) -> Generator[float, None, list[str]]:
    """Return every button of the big area, from top to bottom."""
    found = {}
    for felt in feel(parts):
        if isinstance(felt, tuple):
            found[felt[0]] = felt
        else:
            yield felt
    return list(found)


def find(what: str, parts: tuple[float, ...] = (0.5,)) -> Generator[float, None, tuple[int, int] | None]:
    """Return a place on the first button whose command or property holds these words, with the mouse on it.

    A panel that is drawn anew meanwhile moves its buttons: the place is felt again, and where it is another one now, all are.
    """
    for _ in range(3):
        for felt in feel(parts):
            if not isinstance(felt, tuple):
                yield felt
            elif what in felt[0]:
                x, y = felt[1], felt[2] - 5  # the line before was above it
                yield from pointer(x, y)
                yield 0.3
                if what in under_pointer():
                    return x, y
    return None


def press(what: str, parts: tuple[float, ...] = (0.5,)) -> Generator[float, None, tuple[int, int] | None]:
    """Find that button and press it."""
    place = yield from find(what, parts)
    if place is not None:
        yield from click(*place)
    return place


def small_scene(output: str, frames: int, samples: int = 1) -> None:
    """Make the open scene one that two cores render in no time; no build of Blender lacks what it needs."""
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_denoising = False
    scene.render.resolution_x = scene.render.resolution_y = 64
    scene.frame_start, scene.frame_end = 1, frames
    scene.render.filepath = output


class Recorder:
    """Stands in for a layout: keeps every text that a draw function puts on it, and draws nothing."""

    def __init__(self, words: list[str]) -> None:
        self.__dict__["words"] = words

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **said: self._put(name, args, said)

    def __setattr__(self, name: str, value: Any) -> None:
        pass

    def _put(self, name: str, args: tuple[Any, ...], said: dict[str, Any]) -> Recorder:
        text = said.get("text") or ""
        if name == "operator":
            text = f"[{text or args[0]}]"
        elif name == "prop" and "text" not in said:
            text = args[0].bl_rna.properties[args[1]].name
        if text:
            self.words.append(text)
        return self


class Drawn:
    """Stands in for a panel whose draw is called outside of Blender's own drawing."""

    def __init__(self, kind: Any, layout: Recorder) -> None:
        self.kind, self.layout = kind, layout

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.kind, name)
        return value.__get__(self) if callable(value) and hasattr(value, "__get__") else value


def our_panels() -> list[Any]:
    found = [p for p in bpy.types.Panel.__subclasses__() if OURS in p.__module__ and hasattr(p, "bl_rna")]
    return [p for p in found if getattr(p, "bl_context", "") == "render"]


def panel_words() -> list[str]:
    """Every text of our panels in the Render tab as they would be drawn now, folded ones too."""
    words: list[str] = []
    area = big_area()
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area)):
        for panel in our_panels():
            if not hasattr(panel, "poll") or panel.poll(bpy.context):
                drawn = Drawn(panel, Recorder(words))
                for part in ("draw_header", "draw"):
                    if hasattr(panel, part):
                        getattr(panel, part)(drawn, bpy.context)
    return words


bpy.utils.register_class(Pointer)
bpy.context.preferences.view.show_splash = False
_names.update(globals())
bpy.app.timers.register(tick, first_interval=0.5, persistent=True)
