# SPDX-License-Identifier: GPL-3.0-or-later
"""What this Blender knows about jobs and devices at present. Panels and operators ask here, and only here.

Owns the one `Watch` (a thread that reads files, so that nobody else need), which job is shown, and three words that
are put here from outside: `busy`, `trouble`, `findings`. All of it is plain data that outlives undo, file load and
windows. It must not touch a Scene, a window or a file.
"""

import importlib.util
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import bpy

from .. import dispatch
from ..dispatch import shown as rules
from ..dispatch.launch import Interpreter
from ..dispatch.model import DispatchError
from ..dispatch.preflight import Finding
from ..dispatch.watch import JobSeen, Seen, Watch
from . import errands, preferences

busy = ""
"""What is done at this moment (“Saving the scene …”); empty: nothing that keeps the artist waiting."""
trouble = ""
"""The last sentence of an operator that failed; stays until the next start or dismiss."""
findings: tuple[Finding, ...] = ()
"""Of the last full look at the scene."""
looked_at = ("", "")
"""That scene's name and its output: what was found about them says nothing about others."""
measured = ""
"""Folder of the measurement that was started from the open file; empty: none was."""


@dataclass(frozen=True)
class _Place:
    """What a watch is about; with another one it is opened anew."""

    root: Path
    blender: str


_on = False
_watch: Watch | None = None
_place: _Place | None = None
_asked = False
"""This watch was asked for the devices."""
_measures_until = 0.0
_wanted = ""
"""Folder of the job that the artist chose to see."""
_nothing = Seen()


def seen() -> Seen:
    """Return what the watch saw last; costs nothing."""
    watch = _opened()
    return watch.seen if watch else _nothing


def shown() -> JobSeen | None:
    """Return the job that the panel shows."""
    return rules.pick(seen().jobs, _wanted)


def show(folder: str) -> None:
    """Show this job until another is asked for; empty: whichever is the most interesting one."""
    global _wanted
    _wanted = folder
    refresh()


def refresh() -> None:
    """Look at the jobs now; the answer comes with one of the next ticks."""
    if watch := _opened():
        watch.refresh()


def wants_devices(*, again: bool = False) -> None:
    """Have the devices looked for, once per session unless it is to be done again; from anywhere, draw() included."""
    global _asked
    watch = _opened()
    if watch and (again or not _asked):
        _asked = True
        watch.find_devices()


def wants_destination(folder: str) -> None:
    """Have this output folder looked at for the next minute (`Seen.destination`); from anywhere, draw() included."""
    if watch := _opened():
        watch.look_at(folder)


def wants_size() -> None:
    """Have the size of the jobs folder measured (`Seen.bytes`) for the next minute; from anywhere, draw() included."""
    global _measures_until
    _measures_until = time.monotonic() + 60.0
    if watch := _opened():
        watch.measure(True)


def measures() -> bool:
    """Whether somebody wants to see the size of the jobs folder."""
    return time.monotonic() < _measures_until


def interpreter() -> Interpreter | None:
    """Return what runs the engine outside Blender; None until that is known, which takes seconds at first."""
    wants_devices()
    watch = _opened()
    return watch.interpreter if watch else None


def needed_interpreter() -> Interpreter:
    """Return it.

    Raises:
        DispatchError: it is not known, with what to do.
    """
    found = interpreter()
    if found is None:
        trouble_there = seen().trouble if not seen().looking else ""
        raise DispatchError(trouble_there or "Blender is still getting ready for this: try again in a few seconds.")
    return found


def package() -> Path:
    """Return the folder of the engine."""
    return Path(dispatch.__file__).parent


def sites() -> list[Path]:
    """Return the folders with psutil and pynvml: an extension's wheels lie where no other Python looks."""
    places: dict[Path, None] = {}
    for name in ("psutil", "pynvml"):
        spec = importlib.util.find_spec(name)
        if spec and spec.origin:
            parent = Path(spec.origin).parent
            places[parent.parent if spec.submodule_search_locations else parent] = None
    return list(places)


def blender() -> str:
    """Return the program whose devices are listed: that of the preferences, else this Blender."""
    chosen = preferences.get().blender
    return bpy.path.abspath(chosen) if chosen else bpy.app.binary_path or sys.executable or ""


def follow() -> None:
    """Follow what changed: another jobs folder or Blender in the preferences, nobody who wants the size any more."""
    if _watch is not None and not measures():
        _watch.measure(False)
    if _watch is not None and _place != _Place(preferences.jobs_root(), blender()):
        asked = _asked
        _close()
        if asked:
            wants_devices()


def _opened() -> Watch | None:
    global _watch, _place, _asked
    if _watch is None and _on:
        _place, _asked = _Place(preferences.jobs_root(), blender()), False
        _watch = Watch(
            _place.root,
            package=package(),
            interpreters=_interpreters(),
            sites=sites(),
            blender=_place.blender,
            measurements=preferences.measurements_root(),
        )
        _watch.start()
    return _watch


def _close() -> None:
    """Let the watch go without waiting for it: it may be looking at a slow disk."""
    global _watch, _place
    watch, _watch, _place = _watch, None, None
    if watch is not None:
        errands.send(lambda: watch.stop() or "")


def _interpreters() -> list[Interpreter]:
    """Return what may run the engine, best first. Each is tried before it is trusted: any may be a wrong program."""
    found = [Interpreter(sys.executable, is_blender=False)] if sys.executable else []
    bundled = Path(sys.prefix) / "bin" / ("python.exe" if sys.platform == "win32" else f"python3.{sys.version_info[1]}")
    if str(bundled) != sys.executable and bundled.is_file():
        found.append(Interpreter(str(bundled), is_blender=False))
    if bpy.app.binary_path:
        found.append(Interpreter(bpy.app.binary_path, is_blender=True))
    return found


CLASSES = ()


def register() -> None:
    global _on, _wanted, busy, trouble, findings, measured
    _on, _wanted, busy, trouble, findings, measured = True, "", "", "", (), ""


def unregister() -> None:
    global _on
    _on = False
    _close()
    errands.wait(2.0)
