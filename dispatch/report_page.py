# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the report of a job or of a measurement: a folder in, one HTML file out that opens without any network.

Owns the files: which are read, where plotly's script comes from, where the page goes. What is said in it is
`job_sections`' and `measurement_sections`'.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import secrets
import webbrowser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import frames, given_paths, host, job, job_sections, journal, markup, measure, measurement_sections, recorder
from .markup import Html
from .measurement import Measurement
from .model import DispatchError
from .recorded import gauges
from .timeline import Timeline

NAME = "report.html"

_ASSETS = Path(__file__).resolve().parent / "assets"
_PLOTLY = "plotly.min.js"


def write(folder: Path, path: Path | None = None) -> Path:
    """Write the report of a job or of a measurement, running or ended, and return where it is.

    Args:
        folder: The job's or the measurement's.
        path: Default: ``report.html`` in the folder.

    Raises:
        DispatchError: the folder is neither, plotly is missing, or the page cannot be written.
    """
    of_measurement = (folder / measure.NAME).is_file()
    page = measurement_page(measure.read(folder)) if of_measurement else job_page(folder)
    return _put(page, path or folder / NAME)


def job_page(folder: Path) -> str:
    """Return the whole page of a job.

    Raises:
        DispatchError: the folder is no job, or plotly is missing.
    """
    task = job.load(folder)
    numbers = frames.arrange(frames.parse(task.frames), task.order)
    timeline = Timeline(task, numbers, journal.read(folder / journal.NAME))
    seen = gauges(timeline.clock, _lines(folder / recorder.NAME))
    body, drawn = job_sections.page(task, timeline, seen, job.read_snapshot(folder))
    return _page(f"Report of {task.name}", body, drawn)


def measurement_page(found: Measurement) -> str:
    """Return the whole page of a measurement.

    Raises:
        DispatchError: plotly is missing.
    """
    body, drawn = measurement_sections.page(found)
    return _page(f"Measurement of {found.name}", body, drawn)


def show(path: Path) -> bool:
    """Open a page in the user's browser; return whether there is one."""
    return webbrowser.open(path.absolute().as_uri())


def _page(title: str, body: Html, drawn: Mapping[str, Any]) -> str:
    scripts = [_plotly(), (_ASSETS / "report.js").read_text(encoding="utf-8")]
    style = (_ASSETS / "report.css").read_text(encoding="utf-8")
    return markup.page(title, body, drawn, style=style, scripts=scripts, nonce=secrets.token_urlsafe(16))


def has_script() -> bool:
    """Whether the extension's own copy of plotly's script is here: then no package is needed."""
    return (_ASSETS / _PLOTLY).is_file()


def _plotly() -> str:
    """Return plotly's script: the one that the extension carries, or that of the installed package."""
    places = [_ASSETS / _PLOTLY]
    if (found := importlib.util.find_spec("plotly")) and found.submodule_search_locations:
        places += [Path(place) / "package_data" / _PLOTLY for place in found.submodule_search_locations]
    for place in places:
        if place.is_file():
            return place.read_text(encoding="utf-8")
    raise DispatchError("The report needs plotly, which is not installed: pip install plotly.")


def _put(page: str, path: Path) -> Path:
    given_paths.mind_target(path, "The report")
    temp = path.with_name(path.name + ".new")
    try:
        # File names that are no text have half characters, which UTF-8 does not know.
        temp.unlink(missing_ok=True)
        with temp.open("x", encoding="utf-8", errors="replace") as file:  # never through a link that lies there
            file.write(page)
        host.replace(temp, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temp.unlink()
        raise DispatchError(f"The report {path} cannot be written ({error.strerror}): name another file.") from error
    return path


def _lines(path: Path) -> Iterator[Any]:
    """Yield the lines of telemetry that are whole."""
    try:
        file = path.open("rb")
    except OSError:
        return
    with file:
        for line in journal.lines(file):
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                continue
