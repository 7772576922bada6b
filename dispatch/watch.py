# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at jobs, devices and the output folder from a thread, so that an interface need not touch any file.

Owns `Watch` and the immutable views that it hands out: `seen` is replaced as a whole, its ``version`` changes only when
something did. It never raises and never waits: what may take long (a file server, a driver) happens in `probe` and
beside the thread. Changes nothing in a job's folder.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from . import destination
from .aside import Aside
from .jobs_seen import JobSeen, JobsSeen, size_of
from .launch import Interpreter
from .listing import DevicesFound
from .measurements_seen import MeasurementSeen, MeasurementsSeen
from .preflight import Destination
from .probe import Probe

__all__ = ["JobSeen", "MeasurementSeen", "Seen", "Watch"]

RUNNING = 0.25
"""Seconds between looks while a job runs."""

LIST = 2.0
"""Seconds between looks at the list of jobs, and at an output folder that cannot be written."""

PLACE = 10.0
"""Seconds between looks at an output folder that can be: looking means to make a file there for a moment."""

WANTED = 60.0
"""Seconds for which an output folder is looked at after somebody asked for it last."""

ROUGHLY = 64 << 20
"""Free bytes are told in steps: what changes all the time is no news."""

SIZE = 30.0
"""Seconds between two measurements of the jobs folder, while they are wanted."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that an interface shows, as it was at the last look."""

    version: int = 0
    jobs: tuple[JobSeen, ...] = ()
    """Newest first."""
    devices: DevicesFound | None = None
    looking: bool = False
    """A Blender is being asked for the devices."""
    trouble: str = ""
    """Why there are no devices; one sentence."""
    bytes: int = 0
    """Size of the jobs folder, once measured."""
    destination: Destination | None = None
    """The output folder that was asked for with `Watch.look_at`."""
    measurements: tuple[MeasurementSeen, ...] = ()
    """Newest first."""


class Watch:
    def __init__(
        self,
        root: Path,
        *,
        package: Path,
        interpreters: Sequence[Interpreter],
        sites: Sequence[Path],
        blender: str,
        measurements: Path | None = None,
    ) -> None:
        """
        Args:
            root: Folder that holds the jobs; need not be there.
            measurements: Folder that holds the measurements; need not be there. None: nobody wants to see any.
            package: Folder of this package, for the process that asks for devices.
            interpreters: Those that may run it, best first; the first that works is taken.
            sites: Folders with psutil and pynvml.
            blender: The Blender whose devices are asked for.
        """
        self._root = root
        self._jobs = JobsSeen(root)
        self._measurements = MeasurementsSeen(measurements) if measurements else None
        self._probe = Probe(package, interpreters, sites, blender)
        self._seen = Seen()
        self._output = ""
        self._output_wanted = 0.0
        self._measure = False
        self._wake = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="multi-gpu watch", daemon=True)
        self._place: Aside[Destination] = Aside("multi-gpu output folder")
        self._size: Aside[int] = Aside("multi-gpu size")
        self._complaint = ""
        self._due: dict[str, float] = {}

    @property
    def seen(self) -> Seen:
        """The newest view; reading it costs nothing."""
        return self._seen

    @property
    def interpreter(self) -> Interpreter | None:
        """The one that is known to work; None until `find_devices` has found it."""
        return self._probe.interpreter

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread and what it started; at most two seconds."""
        self._over.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(2.0)
        self._probe.stop()

    def refresh(self) -> None:
        """Look now."""
        self._due.clear()
        self._wake.set()

    def find_devices(self) -> None:
        """Ask (again) for the devices; the answer comes into ``seen.devices``, at first the one kept from last time."""
        self._probe.ask()
        self._wake.set()

    def look_at(self, output_folder: str) -> None:
        """Look at this folder, for a minute after the last time this was called; empty: at none."""
        self._output_wanted = time.monotonic()
        if output_folder != self._output:
            self._output = output_folder
            self._due.pop("place", None)
            self._wake.set()

    def measure(self, wanted: bool) -> None:
        """Keep ``seen.bytes`` up to date from now on, or no longer."""
        if wanted != self._measure:
            self._measure = wanted
            self._wake.set()

    # --- the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._over.is_set():
            self._wake.clear()
            try:
                busy = self._look()
            except Exception as error:  # noqa: BLE001  (an interface without its eyes is worse than one look missed)
                busy = False
                self._complain(error)
            self._wake.wait(RUNNING if busy else LIST)

    def _complain(self, error: Exception) -> None:
        """Log a fault of ours, but not the same one at every look."""
        if repr(error) != self._complaint:
            self._complaint = repr(error)
            _log.error("Multi-GPU Dispatcher: looking at the jobs failed", exc_info=error)

    def _look(self) -> bool:
        """Look at what is due; return whether something goes on that must be looked at soon."""
        everything = self._is_due("jobs", LIST)
        jobs = self._jobs.look(everything=everything)
        measured = self._measurements.look() if everything and self._measurements else self._seen.measurements
        probing = self._probe.look()
        self._look_aside()
        found = replace(
            self._seen,
            jobs=jobs,
            devices=self._probe.found,
            looking=probing,
            trouble=self._probe.trouble,
            destination=self._destination(),
            bytes=self._size.answer or 0,
            measurements=measured,
        )
        if found != self._seen:
            self._seen = replace(found, version=found.version + 1)
        return probing or self._place.busy or self._size.busy or any(j.running or j.starting for j in jobs)

    def _look_aside(self) -> None:
        output, last = self._output, self._destination()
        fine = last is not None and not last.obstacle
        wanted = output and time.monotonic() - self._output_wanted < WANTED
        if wanted and self._is_due("place", PLACE if fine else LIST):
            self._place.begin(lambda: _roughly(destination.look(Path(output))))
        if self._measure and self._is_due("size", SIZE):
            self._size.begin(lambda: size_of(self._root))

    def _destination(self) -> Destination | None:
        """The last answer, if it is about the folder that is wanted now."""
        last = self._place.answer
        return last if last is not None and self._output and last.folder == str(Path(self._output)) else None

    def _is_due(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + every
        return True


def _roughly(place: Destination) -> Destination:
    return place if place.free is None else replace(place, free=place.free - place.free % ROUGHLY)
