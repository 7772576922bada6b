# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: each command calls one room and says what came of it.

Owns exit statuses and the rule that a user never sees a traceback: what the user can mend is one sentence on stderr
(``error: …``), a fault of ours is one line that names a file with the details. It must not decide anything else.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.util
import io
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from . import (
    arguments,
    dispatcher,
    display,
    doctor_command,
    given_paths,
    host,
    interrupts,
    job,
    listing,
    measure,
    measure_command,
    release,
    report_page,
    support_command,
    wording,
)
from . import audit as auditing
from .arguments import PROGRAM
from .codec import to_json
from .display import Display, Events
from .job import Wish
from .model import EXIT_STATUS, SCHEMA, DispatchError, Outcome
from .preparation import prepare
from .showing import Showing
from .snapshot import Snapshot

STOPPED_EARLY = 130
"""Ctrl-C before there was a job: what shells expect."""
FAULT = 70
"""``EX_SOFTWARE``: a fault of this program."""


def main(words: Sequence[str], program: str = PROGRAM) -> int:
    """Run one command and return its exit status; ``program`` is how the user calls us, for what we say."""
    _soften_streams()
    try:
        given = arguments.parse(words, program)
    except DispatchError as error:
        return _error(str(error), events="--json" in words)
    try:
        return _COMMANDS[given.command](given)
    except DispatchError as error:
        return _error(str(error), events=getattr(given, "json", False))
    except KeyboardInterrupt:
        return STOPPED_EARLY
    except Exception:  # noqa: BLE001 - the last line of defence: say it in one line, keep the details
        return _fault(verbose=getattr(given, "verbose", False))
    finally:
        _let_go_of(sys.stdout)


def _devices(given: argparse.Namespace) -> int:
    found = listing.devices(given.blender, arguments.backend(given.backend), os.environ, factory=given.factory)
    _print(to_json(found) if given.json else "\n".join(listing.device_lines(found)))
    return 0 if found.devices else EXIT_STATUS[Outcome.IMPOSSIBLE]


def _doctor(given: argparse.Namespace) -> int:
    return doctor_command.run(given, os.environ, _print)


def _render(given: argparse.Namespace) -> int:
    root = job.jobs_folder(given.jobs_dir)
    with _display(given) as shown:
        prepared = prepare(arguments.wishes(given), os.environ, root)
        for finding in prepared.findings:
            shown.finding(finding)
        if prepared.job is None:
            return EXIT_STATUS[Outcome.REFUSED]
        folder = job.create(prepared.job, root, prepared.config)
        shown.created(prepared.job.id, str(folder), prepared.job.output)
        return _dispatch(folder, shown, given.program)


def _measure(given: argparse.Namespace) -> int:
    status = measure_command.run(given, _print)
    return _render(given) if given.render and status == 0 else status


def _resume(given: argparse.Namespace) -> int:
    folder = job.find(given.job, job.jobs_folder(given.jobs_dir))
    return _run_here(folder, given)


def _run(given: argparse.Namespace) -> int:
    return _run_here(Path(given.job).absolute(), given)


def _run_here(folder: Path, given: argparse.Namespace) -> int:
    known = job.load(folder)
    with _display(given) as shown:
        shown.created(known.id, str(folder), known.output)
        return _dispatch(folder, shown, given.program)


def _dispatch(folder: Path, shown: Display, program: str) -> int:
    """Run the dispatcher in this process and show it until the end."""
    last: list[Snapshot] = []
    with interrupts.asking_to_stop(folder) as unsaid:

        def listen(snapshot: Snapshot) -> None:
            while said := unsaid():
                shown.note(said)
            last[:] = [snapshot]
            if snapshot.outcome is None or snapshot.then_at:
                shown.show(snapshot)

        try:
            outcome = dispatcher.run(folder, listen)
        except KeyboardInterrupt:
            shown.note(f"Ended at once; to go on: {program} resume {folder.name}")
            return EXIT_STATUS[Outcome.STOPPED]
    if last:
        shown.ended(dataclasses.replace(last[0], outcome=outcome))
    return EXIT_STATUS[outcome]


def _status(given: argparse.Namespace) -> int:
    root = job.jobs_folder(given.jobs_dir)
    if given.job:
        found = listing.look(job.find(given.job, root))
        _print(to_json(found) if given.json else "\n".join(listing.job_lines(found, given.program)))
        return 0
    every = [listing.look(folder) for folder in job.folders(root)]
    if given.json:
        jobs = [dataclasses.asdict(found) for found in every]
        _print(json.dumps({"schema": SCHEMA, "jobs": jobs}))
    else:
        _print("\n".join(map(listing.short_line, every)) or f"There are no jobs in {root}.")
    return 0


def _stop(given: argparse.Namespace) -> int:
    folder = job.find(given.job, job.jobs_folder(given.jobs_dir))
    if not job.is_running(folder):
        # A wish left now would stop the next resume at once.
        _print(f"The job {folder.name} is not running.")
        return 0
    job.ask(folder, Wish.STOP_NOW if given.now else Wish.STOP)
    when = "at once" if given.now else "after its current frames"
    _print(f"The job {folder.name} stops {when}; to go on later: {given.program} resume {folder.name}")
    return 0


def _audit(given: argparse.Namespace) -> int:
    folder = job.find(given.job, job.jobs_folder(given.jobs_dir))
    found = auditing.audit(folder, job.load(folder), look_into=True)
    if given.json:
        _print(json.dumps({"schema": SCHEMA, "job": folder.name, **dataclasses.asdict(found)}))
    else:
        _print("\n".join(listing.audit_lines(found)))
    return EXIT_STATUS[Outcome.COMPLETE if found.complete == found.total else Outcome.INCOMPLETE]


def _release(given: argparse.Namespace) -> int:
    folder = job.find(given.job, job.jobs_folder(given.jobs_dir))
    removed = release.release(folder, given.older_than * 60.0)
    left = f"; to render them: {given.program} resume {folder.name}" if removed else ""
    _print(f"{wording.count(removed, 'placeholder')} removed{left}.")
    return 0


def _report(given: argparse.Namespace) -> int:
    folder = Path(given.job).absolute()
    if not given_paths.is_file(folder / measure.NAME):
        known = measure.folders(measure.root(given.jobs_dir))
        fitting = [place for place in known if place.name == given.job]
        folder = fitting[0] if fitting else job.find(given.job, job.jobs_folder(given.jobs_dir))
    path = report_page.write(folder, Path(given.output).absolute() if given.output else None)
    opened = given.open and report_page.show(path)
    _print(f"{path}{'' if opened or not given.open else ' (no browser was found)'}")
    return 0


def _support(given: argparse.Namespace) -> int:
    return support_command.run(given, os.environ, _print)


_COMMANDS = {
    "devices": _devices,
    "doctor": _doctor,
    "render": _render,
    "measure": _measure,
    "status": _status,
    "stop": _stop,
    "resume": _resume,
    "audit": _audit,
    "release": _release,
    "report": _report,
    "support": _support,
    "run": _run,
}


@contextlib.contextmanager
def _display(given: argparse.Namespace) -> Iterator[Display]:
    chosen = display.choose(
        sys.stdout,
        sys.stderr,
        given.program,
        events=given.json,
        quiet=given.quiet,
        verbose=given.verbose,
        rich=lambda: importlib.util.find_spec("rich") is not None,
    )
    shown = Showing(chosen)
    try:
        yield shown
    finally:
        shown.close()


def _print(text: str) -> None:
    display.Stream(sys.stdout).line(text)


def _error(text: str, *, events: bool) -> int:
    if events:
        Events(sys.stdout).event("error", text=text)
    display.Stream(sys.stderr).line(f"error: {text}")
    return EXIT_STATUS[Outcome.REFUSED]


def _fault(*, verbose: bool) -> int:
    details = traceback.format_exc()
    what = details.strip().splitlines()[-1]
    try:
        folder = host.private_folder(host.state_folder() / "faults")
        path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
        path.write_text(details, encoding="utf-8")
        where = f"the details are in {path}"
    except OSError:
        where, verbose = "the details follow", True
    display.Stream(sys.stderr).line(f"error: a fault of this program ({what}); {where}")
    if verbose:
        display.Stream(sys.stderr).line(details)
    return FAULT


def _soften_streams() -> None:
    """A character that the terminal does not know must not end a render; without a console there are no streams."""
    for name in ("stdout", "stderr"):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _let_go_of(stream: TextIO) -> None:
    """What is left in the buffer of a closed pipe would change our exit status when Python ends."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
