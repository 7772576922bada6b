# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artist gets to see and read of a running job: sentences, telemetry, the snapshot.

Owns the last sentences and the thread that asks for telemetry. Sentences go to the journal too. Decides nothing.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from . import job, view, wording
from .gauges import Sample
from .journal import Journal
from .machine import Machine
from .model import Job, Outcome
from .recorder import NAME as TELEMETRY
from .recorder import Recorder
from .snapshot import Message, Snapshot
from .telemetry import Telemetry
from .view import Beside

LOOK = 2.0
"""Seconds between two looks at processes and cards: one costs some 10 ms of a core that a CPU render could use."""

GLANCE = 0.25
"""Seconds between two glances at the cards' load: one call of the driver for each."""

KEPT_MESSAGES = 20
"""Sentences in a snapshot; the journal has them all."""

Listener = Callable[[Snapshot], None]


class Voice:
    def __init__(
        self,
        task: Job,
        folder: Path,
        record: Journal,
        numbers: Sequence[int],
        pids: Callable[[], Mapping[int, int]],
        listener: Listener | None,
    ) -> None:
        """``numbers``: frame numbers by task. ``pids``: the children to watch, by worker; called on a thread."""
        self.beside = Beside(then=task.then)
        self._job = task
        self._folder = folder
        self._journal = record
        self._numbers = numbers
        self._pids = pids
        self._listener = listener
        self._began = time.monotonic()
        self._ended = 0.0
        self._messages: deque[Message] = deque(maxlen=KEPT_MESSAGES)
        self._notes: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._sample: Sample | None = None
        self._fresh: Sample | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="telemetry", daemon=True)
        self._thread.start()

    def tell(self, level: str, text: str, log: Path | None = None) -> None:
        """Say one sentence; it is on disk after the next sync of the journal. ``log`` tells more."""
        at, text = datetime.now().astimezone().isoformat(timespec="seconds"), wording.clean(text)
        self._messages.append(Message(at, level, text, str(log or "")))
        self._journal.write("told", {"level": level, "text": text})

    def note(self, level: str, text: str) -> None:
        """Leave a sentence for `tell_notes`; from any thread."""
        self._notes.put((level, text))

    def tell_notes(self) -> None:
        """Say what was noted since the last call."""
        with contextlib.suppress(queue.Empty):
            while True:
                self.tell(*self._notes.get_nowait())

    def gauged(self) -> Sample | None:
        """Return what telemetry saw since the last call, None where it has not looked again."""
        sample, self._fresh = self._fresh, None
        return sample

    def show(self, machine: Machine) -> None:
        """Replace the snapshot and hand it to the listener."""
        now = time.monotonic()
        snapshot = view.snapshot(
            self._job,
            machine,
            self._numbers,
            now=now,
            elapsed=(self._ended or now) - self._began,
            pid=os.getpid(),
            messages=self._messages,
            sample=self._sample,
            beside=self.beside,
        )
        with contextlib.suppress(OSError):  # a full disk stops no frame; the next one may work
            job.write_snapshot(self._folder, snapshot)
        if self._listener:
            self._listener(snapshot)

    def tell_claims(self, machine: Machine) -> None:
        """Say at the end which frames somebody else still has, and what was noted since the last look."""
        self.tell_notes()
        since = [t.since for t in machine.ledger.trouble.values() if t.elsewhere is not None]
        if since:
            words = wording.elsewhere(len(since), wording.moment(min(since), time.time()))
            self.tell("warning", f"{words}: finish them there, or release the claims and resume.")

    def show_end(self, machine: Machine, outcome: Outcome, audit: str) -> None:
        """Show the last snapshot, with what the audit found."""
        self.beside.outcome, self.beside.audit = outcome, audit
        self._ended = time.monotonic()  # the countdown to sleep after it is no render time
        self.show(machine)

    def close(self) -> None:
        """End the telemetry."""
        self._over.set()
        self._thread.join(5.0)

    def _watch(self) -> None:
        """On a thread of its own: a driver in trouble takes seconds to answer."""
        telemetry, recorder = Telemetry(), Recorder(self._folder / TELEMETRY)
        looked = time.monotonic()
        while not self._over.wait(GLANCE):
            telemetry.glance()
            if time.monotonic() - looked < LOOK:
                continue
            looked = time.monotonic()
            self._sample = self._fresh = sample = telemetry.sample(self._pids())
            recorder.add(datetime.now().astimezone(), sample)
        telemetry.close()
