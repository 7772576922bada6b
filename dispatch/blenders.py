# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the Blender that runs the children: an application, or a Python that can import bpy.

Owns the order of the search and the probe. A program counts only after a real short run in which it told its own
version: names, folders and printed banners prove nothing (a shim, a wrapper, a missing library). Keeps nothing and
writes nothing, so any number of probes may run side by side. Never imports bpy.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from . import given_paths, host
from .model import BlenderProgram, DispatchError

OLDEST = (4, 2, 0)
PROBE_SECONDS = 60.0
"""A first start from a slow disk, with a virus scanner, takes tens of seconds."""

_MARK = "MGD_PROBE "
_KEPT = 64 << 10
_DIE_SECONDS = 10.0  # from the kill on; what does not die by then is left to the system
_DRAIN_SECONDS = 5.0  # for the rest of the pipe; something that the program left behind may hold it open for ever
_SAY = f"print({_MARK!r} + json.dumps([list(bpy.app.version), bpy.app.build_hash.decode()]), flush=True)"
_IN_BLENDER = f"import bpy, json; {_SAY}"
# A Python with bpy ends by os._exit, since its normal end was seen to hang (bpy 4.5); so it removes its own folder.
_IN_PYTHON = f"""\
import json, os
try:
    import bpy
except ImportError as error:
    print({_MARK!r} + json.dumps(str(error)), flush=True)
else:
    {_SAY}
    try:
        os.rmdir(bpy.app.tempdir)
    except OSError:
        pass
os._exit(0)
"""


def likely(spec: str | None, environ: Mapping[str, str]) -> BlenderProgram | None:
    """Return what `find` would try first, by its name alone and of no version yet; None: there is nothing to try.

    Raises:
        DispatchError: what the user named is not there or cannot be run.
    """
    named = spec or environ.get("BLENDER")
    found = shutil.which("blender", path=environ.get("PATH"))
    if named:
        path = _program(named, environ)
    elif found:
        path = Path(found).absolute()
    elif _this_python_has_bpy():
        path = Path(sys.executable)
    else:
        return None
    return BlenderProgram(str(path), _is_python_by_name(path), (0, 0, 0))


def find(spec: str | None, environ: Mapping[str, str]) -> BlenderProgram:
    """Return the Blender that ``spec`` names, else ``$BLENDER``, else ``blender`` on PATH, else this Python.

    A name that the user gave must work; a ``blender`` on PATH that does not is passed over when this Python has bpy.
    Takes about a second, `PROBE_SECONDS` a try at most.

    Raises:
        DispatchError: nothing there, not executable, not a Blender, or one before 4.2.
    """
    first = likely(spec, environ)
    if first is None:
        raise DispatchError(
            "No Blender is found: name one with --blender PATH (the application, or a Python that can import bpy)."
        )
    try:
        return probe(Path(first.path), environ)
    except DispatchError:
        if spec or environ.get("BLENDER") or first.path == sys.executable or not _this_python_has_bpy():
            raise
    return probe(Path(sys.executable), environ)


def probe(path: Path, environ: Mapping[str, str]) -> BlenderProgram:
    """Run the program shortly and return what it says of itself.

    Raises:
        DispatchError: as for `find`.
    """
    application = [str(path), "-b", "--factory-startup", "--python-exit-code", "77", "--python-expr", _IN_BLENDER]
    python = [str(path), "-P", "-c", _IN_PYTHON]
    # Each of the two refuses the other's options at once, so the name only decides which is tried first.
    tries = [python, application] if _is_python_by_name(path) else [application, python]
    last = ""
    for command in tries:
        answer, said = _ask(command, environ)
        if isinstance(answer, str):
            raise DispatchError(
                f"'{path}' is a Python that cannot import bpy ({answer}): name the Blender application, "
                "or a Python with the bpy module, after --blender."
            )
        if answer is not None:
            return _accepted(path, answer, is_module=command is python)
        last = said or last
    raise DispatchError(
        f"'{path}' is neither the Blender application nor a Python that can import bpy"
        + (f" (it says: {last})" if last else "")
        + ": name another one after --blender."
    )


def _this_python_has_bpy() -> bool:
    return bool(sys.executable) and importlib.util.find_spec("bpy") is not None


def _is_python_by_name(path: Path) -> bool:
    return path.name.lower().startswith("python")


def _accepted(path: Path, answer: tuple[tuple[int, int, int], str], *, is_module: bool) -> BlenderProgram:
    version, build = answer
    program = BlenderProgram(str(path), is_module, version, build)
    if version < OLDEST:
        raise DispatchError(f"'{path}' is {program.words}, but 4.2 is the oldest that works: name a newer one.")
    return program


def _program(named: str, environ: Mapping[str, str]) -> Path:
    """Return the executable that a user's words mean: a file, a bare name on PATH, an app bundle, or its folder."""
    path = given_paths.whole(named)  # a virtual environment's python is a link and must be called by the link's name
    if not given_paths.exists(path) and Path(named).name == named:
        on_path = shutil.which(named, path=environ.get("PATH"))
        path = Path(on_path).absolute() if on_path else path
    if not given_paths.exists(path):
        raise DispatchError(f"There is no '{named}': check the path given with --blender or in $BLENDER.")
    if path.is_dir():
        inside = ("Contents/MacOS/Blender", "blender", "blender.exe", "Blender.app/Contents/MacOS/Blender")
        path = next((path / name for name in inside if (path / name).is_file()), path)
    if path.is_dir():
        raise DispatchError(f"There is no Blender in the folder '{path}': name the program itself.")
    if not os.access(path, os.X_OK):
        raise DispatchError(f"'{path}' is not a program that can be run: check the path and its permissions.")
    return path


_Answer = tuple[tuple[int, int, int], str] | str | None


def _ask(command: list[str], environ: Mapping[str, str]) -> tuple[_Answer, str]:
    """Run a probe; return its answer (a text: why bpy does not import; None: none) and the last line it said."""
    lines = [line.strip() for line in _run(command, environ).splitlines() if line.strip()]
    for line in lines:
        if line.startswith(_MARK):
            return _parsed(line.removeprefix(_MARK)), ""
    return None, lines[-1][:200] if lines else ""


def _parsed(text: str) -> _Answer:
    try:
        data = json.loads(text)
        if isinstance(data, str):
            return data
        (major, minor, patch), build = data
        return (int(major), int(minor), int(patch)), str(build)
    except (ValueError, TypeError):
        return None


def _run(command: list[str], environ: Mapping[str, str]) -> str:
    """Return what the program printed at last, whatever it is and whenever it ends."""
    env = {**environ, "MGD_CHILD": "1", "PYTHONUTF8": "1"}
    try:
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **host.popen_options(detached=False),
        )
    except OSError as error:
        raise DispatchError(
            f"'{command[0]}' cannot be started ({error.strerror or error}): check the path given with --blender."
        ) from None
    assert process.stdout is not None
    started = host.process_start_time(process.pid)
    said = bytearray()
    reader = threading.Thread(target=_keep_tail, args=(process.stdout, said), daemon=True)
    reader.start()
    try:
        process.wait(PROBE_SECONDS)
    except subprocess.TimeoutExpired:
        host.kill_tree(process.pid, started)
        process.kill()  # where the tree could not be told; a no-op else
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_DIE_SECONDS)
        raise DispatchError(
            f"'{command[0]}' gave no answer within {PROBE_SECONDS:.0f} s: start it by hand to see what it waits for."
        ) from None
    finally:
        reader.join(_DRAIN_SECONDS)
    return bytes(said).decode("utf-8", "replace")


def _keep_tail(stream: IO[bytes], said: bytearray) -> None:
    with stream:
        while chunk := os.read(stream.fileno(), 4096):
            said += chunk
            del said[:-_KEPT]
