# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows a job while it runs: plain lines, only the end, or one JSON event a line. `live` draws on a terminal.

Owns when something is shown; `report` owns what. A display never stops a render: when its stream is gone (a closed
pipe or terminal) it falls silent. It must not read files or decide anything.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Protocol, TextIO

from . import report, wording
from .findings import Finding, Level
from .model import EXIT_STATUS, SCHEMA
from .snapshot import Message, Snapshot

LINE_EVERY = 5.0
"""Seconds between two plain lines, at least."""
STILL_ALIVE_EVERY = 60.0
"""Seconds after which a plain line comes although nothing has finished."""
EVENT_EVERY = 1.0
"""Seconds between two JSON snapshots, at least."""


class Display(Protocol):
    """What the command line asks of whatever shows a job."""

    def finding(self, finding: Finding) -> None:
        """Show one finding of the preflight."""

    def created(self, job: str, folder: str, output: str) -> None:
        """The job folder is there: say under which name the job can be stopped, resumed and looked at."""

    def show(self, snapshot: Snapshot) -> None:
        """Show the job as it is now; called often, draws as often as makes sense."""

    def note(self, text: str) -> None:
        """Say one sentence now (an answer to the user's own keys)."""

    def ended(self, snapshot: Snapshot) -> None:
        """Show the end."""

    def close(self) -> None:
        """Give the terminal back; harmless when called twice."""


class Stream:
    """Writes lines until nobody reads them any more."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._open = True

    def line(self, text: str) -> None:
        if not self._open:
            return
        # Names and errors stand in it, which must not move the cursor; JSON has none of what is cleaned away.
        lines = (wording.clean(line, len(line)) for line in text.split("\n"))
        try:
            self._out.write("\n".join(lines) + "\n")
            self._out.flush()
        except (OSError, ValueError):
            self._open = False


class Quiet:
    """Only what is wrong, and the end."""

    def __init__(self, out: TextIO, errors: TextIO, program: str) -> None:
        self._stream = Stream(out)
        self._errors = Stream(errors)
        self._program = program

    def finding(self, finding: Finding) -> None:
        if finding.level is Level.ERROR:
            self._errors.line(f"error: {finding.text}")

    def created(self, job: str, folder: str, output: str) -> None:
        pass

    def show(self, snapshot: Snapshot) -> None:
        pass

    def note(self, text: str) -> None:
        self._errors.line(text)

    def ended(self, snapshot: Snapshot) -> None:
        for line in report.closing(snapshot, self._program):
            self._stream.line(line)

    def close(self) -> None:
        pass


class Plain(Quiet):
    """Lines for a log: each message, each tenth of the job, and now and then how far it is."""

    def __init__(self, out: TextIO, errors: TextIO, program: str, *, verbose: bool = False) -> None:
        super().__init__(out, errors, program)
        self._verbose = verbose
        self._messages: Sequence[Message] = ()
        self._shown: Snapshot | None = None

    def finding(self, finding: Finding) -> None:
        if finding.level is Level.ERROR:
            super().finding(finding)
        else:
            self._stream.line(f"{finding.level}: {finding.text}")

    def created(self, job: str, folder: str, output: str) -> None:
        self._stream.line(f"Job {job} → {output}")
        if self._verbose:
            self._stream.line(f"Job folder: {folder}")

    def show(self, snapshot: Snapshot) -> None:
        for message in report.fresh(self._messages, snapshot.messages):
            self._stream.line(report.message_line(message))
        self._messages = snapshot.messages
        if snapshot.outcome is None and self._due(snapshot):
            self._stream.line(report.overall(snapshot))
            if self._verbose:
                for sentence in report.reasons(snapshot):
                    self._stream.line(f"  {sentence}")
                for worker in report.alive(snapshot.workers):
                    self._stream.line(f"  {report.worker_line(worker)}")
            self._shown = snapshot

    def ended(self, snapshot: Snapshot) -> None:
        self.show(snapshot)
        super().ended(snapshot)

    def _due(self, now: Snapshot) -> bool:
        """A line for a new state, a tenth, or progress after a while: long silence and a flood both say nothing."""
        last = self._shown
        if last is None or last.state != now.state or report.percent(last) // 10 != report.percent(now) // 10:
            return True
        since = now.elapsed - last.elapsed
        return since >= (LINE_EVERY if now.done != last.done else STILL_ALIVE_EVERY)


class Events:
    """One JSON object a line on stdout, for programs (README, "Files and events")."""

    def __init__(self, out: TextIO) -> None:
        self._stream = Stream(out)
        self._messages: Sequence[Message] = ()
        self._shown: Snapshot | None = None

    def finding(self, finding: Finding) -> None:
        self.event("finding", level=finding.level, key=finding.key, text=finding.text)

    def created(self, job: str, folder: str, output: str) -> None:
        self.event("created", job=job, folder=folder, output=output)

    def show(self, snapshot: Snapshot) -> None:
        for message in report.fresh(self._messages, snapshot.messages):
            self.event("message", at=message.at, level=message.level, text=message.text, log=message.log)
        self._messages = snapshot.messages
        last = self._shown
        if last is None or last.state != snapshot.state or snapshot.elapsed - last.elapsed >= EVENT_EVERY:
            self._snapshot(snapshot)

    def note(self, text: str) -> None:
        self.event("note", text=text)

    def ended(self, snapshot: Snapshot) -> None:
        self.show(snapshot)
        if self._shown != snapshot:
            self._snapshot(snapshot)
        outcome = snapshot.outcome
        self.event(
            "ended",
            job=snapshot.job,
            outcome=outcome,
            exit=EXIT_STATUS[outcome] if outcome else None,
            audit=snapshot.audit,
            output=snapshot.output,
        )

    def close(self) -> None:
        pass

    def event(self, name: str, **values: object) -> None:
        """Write one event."""
        self._stream.line(json.dumps({"schema": SCHEMA, "event": name, **values}))

    def _snapshot(self, snapshot: Snapshot) -> None:
        self.event("snapshot", snapshot=dataclasses.asdict(snapshot))
        self._shown = snapshot


def choose(
    out: TextIO, errors: TextIO, program: str, *, events: bool, quiet: bool, verbose: bool, rich: Callable[[], bool]
) -> Display:
    """Return the display that fits; ``rich`` tells whether the library that draws can be imported."""
    if events:
        return Events(out)
    if quiet:
        return Quiet(out, errors, program)
    if out.isatty() and rich():
        from .live import Live

        return Live(out, errors, program)
    return Plain(out, errors, program, verbose=verbose)
