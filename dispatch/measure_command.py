# SPDX-License-Identifier: GPL-3.0-or-later
"""``measure`` on the command line: from a file or a prepared folder to the table, and to what ``--render`` goes on with.

Owns the order of its steps and what is printed. It must not measure by itself (`measuring`) nor decide what is best.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from . import arguments, given_paths, interrupts, job, measure, measure_table, measuring, report_page
from .codec import to_json
from .display import Stream
from .findings import Finding, Level
from .measurement import Measurement, State
from .model import EXIT_STATUS, DispatchError, Outcome
from .preparation import Wishes, prepare

QUICK = (2, 3.0)
"""Repeats and minutes of ``--quick``."""

_STATUS = {
    State.COMPLETE: EXIT_STATUS[Outcome.COMPLETE],
    State.STOPPED: EXIT_STATUS[Outcome.STOPPED],
}


def run(given: argparse.Namespace, show: Callable[[str], None]) -> int:
    """Measure and print the table; return the exit status. Sets the recommended choices in ``given``.

    Raises:
        DispatchError: nothing could be measured.
    """
    aside = Stream(sys.stderr if given.json else sys.stdout)
    say: Callable[[str], object] = (lambda line: None) if given.quiet else aside.line
    folder = Path(given.blend).absolute()
    if not given_paths.is_file(folder / measure.NAME):
        prepared = _prepared(given, os.environ, say)
        if prepared is None:
            return EXIT_STATUS[Outcome.REFUSED]
        folder = prepared
    with interrupts.asking_to_stop(folder):
        found = measuring.run(folder, say)
    show(to_json(found) if given.json else "\n".join(["", *measure_table.lines(found)]))
    if given.report:
        try:
            report_page.write(folder, Path(given.report).absolute())
        except DispatchError as error:
            if not given.render:
                raise
            Stream(sys.stderr).line(f"warning: {error}")  # the render was asked for too, and needs no report
    _take(found, given)
    return _STATUS.get(found.state, EXIT_STATUS[Outcome.INCOMPLETE])


def _prepared(given: argparse.Namespace, environ: Mapping[str, str], say: Callable[[str], object]) -> Path | None:
    """Return the folder of a measurement of this file; None where a finding forbids it, which was said."""
    wishes = arguments.wishes(given)
    jobs = job.jobs_folder(given.jobs_dir)
    place = measure.root(given.jobs_dir)
    if given.render and not _may(prepare(wishes, environ, jobs).findings, say):
        return None
    # Its pictures go into the measurement's own folder: what is wrong with the scene's output does not matter.
    own = place / "pictures" / "####"
    prepared = prepare(_for_measuring(wishes, str(own)), environ, jobs)
    if not _may(prepared.findings, say) or prepared.job is None:
        return None
    repeats, minutes = QUICK if given.quick else (given.repeats, given.minutes)
    return measure.create(
        prepared.job,
        place,
        prepared.config,
        repeats=repeats,
        minutes=minutes,
        frames_per_point=given.frames_per_point,
        work_per_frame=given.work_per_frame,
        seed=given.seed,
    )


def _for_measuring(wishes: Wishes, output: str) -> Wishes:
    return dataclasses.replace(wishes, output=output, overwrite=True, sequence=True, movie=False, allow_unbaked=False)


def _may(findings: tuple[Finding, ...], say: Callable[[str], object]) -> bool:
    errors = [finding for finding in findings if finding.level is Level.ERROR]
    for finding in errors:
        Stream(sys.stderr).line(f"error: {finding.text}")
    for finding in findings:
        if finding.level is Level.WARNING:
            say(f"warning: {finding.text}")
    return not errors


def _take(found: Measurement, given: argparse.Namespace) -> None:
    if found.recommendation is not None:
        given.strategy = found.recommendation.strategy
        given.per_device, given.threads = found.recommendation.per_device, found.recommendation.threads
