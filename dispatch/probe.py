# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks for this machine's devices in a process of its own, and finds out which interpreter can run our engine.

Owns that process from its start to its end, and the list of devices kept from the last time. Never waits: whoever
owns the probe calls `look` now and then. Drivers may hang or crash while they list devices: here that is a sentence.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from . import findings, host, launch
from .codec import CodecError, from_plain, to_json
from .launch import Interpreter
from .listing import DevicesFound
from .model import SCHEMA

TRIAL = 30.0
"""Seconds within which an interpreter must have shown that it runs our engine: a first start from a slow disk."""

DEADLINE = 180.0
"""Seconds for a Blender and the drivers to list the devices: more than one of them may be started."""

_LONGEST = 4 << 20


class Probe:
    def __init__(self, package: Path, interpreters: Sequence[Interpreter], sites: Sequence[Path], blender: str) -> None:
        self.found: DevicesFound | None = None
        self.interpreter: Interpreter | None = None
        self.trouble = ""
        """Why there is no answer; one sentence."""
        self._package = package
        self._interpreters = tuple(interpreters)
        self._sites = tuple(sites)
        self._blender = blender
        self._asked = self._over = False
        self._left: list[Interpreter] = []
        self._running: _Running | None = None

    def ask(self) -> None:
        """Look for the devices (again) from the next `look` on. From any thread."""
        self._asked = True

    def look(self) -> bool:
        """Take the next step without waiting; return whether the search goes on."""
        if self._over:
            return False
        if self._asked and self._running is None:
            self._asked = False
            self.found = self.found or _kept(self._blender)
            self._left = [self.interpreter] if self.interpreter else list(self._interpreters)
            self._next("No program is known that could look for the devices: choose a Blender in the preferences.")
        elif self._running is not None and (answer := self._running.answer()) is not None:
            self._running = None
            self._heard(*answer)
        return self._running is not None

    def stop(self) -> None:
        """End what runs, and start nothing any more; nothing is left behind."""
        self._over = True
        running, self._running = self._running, None
        if running is not None:
            running.kill()

    def _next(self, why: str) -> None:
        """Try the next interpreter, or say why there is none."""
        while self._left and self._running is None:
            interpreter = self._left[0]
            known = interpreter == self.interpreter
            trial = ["status", "--json", "--jobs-dir", str(self._package)]  # loads everything and finds no job
            words = ["devices", "--json", "--blender", self._blender] if known else trial
            argv = launch.command_line(interpreter, self._package, words, self._sites)
            try:
                self._running = _Running(argv, DEADLINE if known else TRIAL)
            except OSError as error:
                why = f"{interpreter.program} does not run ({error.strerror or error})"
                self._left.pop(0)
        self.trouble = "" if self._running else _sentence(why)

    def _heard(self, said: list[dict[str, Any]], words: str) -> None:
        """One of our processes has ended and said this."""
        interpreter = self._left[0]
        if interpreter != self.interpreter:
            if any("jobs" in data for data in said):
                self.interpreter = interpreter
            else:
                self._left.pop(0)
            self._next(words)
            return
        found = next((found for data in said if (found := _devices(data)) is not None), None)
        if found is None:
            errors = [str(data.get("text")) for data in said if data.get("event") == "error"]
            self.trouble = findings.in_panel(errors[0]) if errors else _sentence(words)
            return
        self.trouble = ""
        self.found = found
        _keep(self._blender, found)


class _Running:
    """One process that prints JSON lines, and its deadline."""

    def __init__(self, argv: Sequence[str], seconds: float) -> None:
        """
        Raises:
            OSError: it cannot be started.
        """
        self._program = argv[0]
        self._until = time.monotonic() + seconds
        self._seconds = seconds
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        try:
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                env=launch.own_environment(os.environ),
                **host.popen_options(detached=False),
            )
        except BaseException:
            self._output.close()
            raise
        self._started = host.process_start_time(self._process.pid)

    def answer(self) -> tuple[list[dict[str, Any]], str] | None:
        """Return the objects it printed and words for why there are none; None: it still runs."""
        status = self._process.poll()
        if status is None and time.monotonic() < self._until:
            return None
        if status is None:
            words = f"{self._program} gave no answer within {self._seconds:.0f} s"
            self.kill()
            return [], words
        self._output.seek(0)
        lines = self._output.read(_LONGEST).decode("utf-8", "replace").splitlines()
        self._output.close()
        last = next((line.strip() for line in reversed(lines) if line.strip()), f"exit status {status}")
        return [data for line in lines if (data := _object(line)) is not None], f"{self._program} says: {last[:200]}"

    def kill(self) -> None:
        """End it with everything it started."""
        if self._process.poll() is None:
            host.kill_tree(self._process.pid, self._started)
            self._process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # a driver may hold it; it is not ours to wait for
                self._process.wait(1.0)
        self._output.close()


def _sentence(why: str) -> str:
    if why.endswith("."):
        return why
    return f"The devices cannot be listed ({why}): choose another Blender in the preferences, or look again."


def _object(line: str) -> dict[str, Any] | None:
    """A JSON object of ours; a Blender prints other things too."""
    if not line.startswith("{"):
        return None
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) and data.get("schema") == SCHEMA else None


def _devices(data: object) -> DevicesFound | None:
    try:
        return from_plain(DevicesFound, data)
    except CodecError:
        return None


# --- the list kept from last time --------------------------------------------------------------------------------


def _kept(blender: str) -> DevicesFound | None:
    try:
        return _devices(json.loads(_place(blender).read_bytes()))
    except (OSError, ValueError, RecursionError):
        return None


def _keep(blender: str, found: DevicesFound) -> None:
    try:
        place = _place(blender)
        host.private_folder(host.state_folder())
        host.private_folder(place.parent)
        temp = place.with_suffix(f".{os.getpid()}.new")
        temp.write_text(to_json(found), encoding="utf-8")
        host.replace(temp, place)
    except Exception:  # noqa: BLE001 - it is only a convenience
        return


def _place(blender: str) -> Path:
    """Where the list for this very program is kept: an update of Blender, or another mask of cards, is another list."""
    try:
        found = Path(blender).stat()
        which = f"{found.st_mtime_ns} {found.st_size}"
    except OSError:
        which = ""
    masks = sorted(launch.recorded(os.environ).items())
    key = hashlib.blake2b(f"{blender} {which} {masks}".encode(), digest_size=8).hexdigest()
    return host.state_folder() / "devices" / f"{key}.json"
