# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws a running job on a terminal with rich: overall bar, one line per worker, one per device.

Owns the picture on the screen and gives the terminal back. Imported only where rich is there. What does not fit is
left out from the right and from below, so that a narrow or low terminal stays readable.
"""

from __future__ import annotations

import errno
import textwrap
import time
from collections.abc import Callable
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live as Screen
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from . import report, wording
from .display import Quiet
from .findings import Finding, Level
from .snapshot import DeviceView, Message, Snapshot, WorkerView

DRAWS_A_SECOND = 4
_COLOURS = {"error": "red", "warning": "yellow"}


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """rich would end the whole process here."""
        raise BrokenPipeError(errno.EPIPE, "nobody reads any more")


class Live(Quiet):
    """A terminal display; everything that stays is printed above the moving part."""

    def __init__(self, out: TextIO, errors: TextIO, program: str, *, width: int | None = None) -> None:
        super().__init__(out, errors, program)
        self._console = _Console(file=out, width=width, highlight=False)
        self._open = True
        self._screen: Screen | None = None
        self._messages: tuple[Message, ...] = ()
        self._drawn = 0.0

    def finding(self, finding: Finding) -> None:
        if finding.level is Level.ERROR:
            super().finding(finding)
        else:
            self._say(f"{finding.level}: {finding.text}", finding.level)

    def created(self, job: str, folder: str, output: str) -> None:
        self._say(f"Job {job} → {output}")

    def note(self, text: str) -> None:
        self._say(text, "warning")

    def show(self, snapshot: Snapshot) -> None:
        for message in report.fresh(self._messages, snapshot.messages):
            self._say(report.message_line(message), message.level)
        self._messages = snapshot.messages
        now = time.monotonic()
        if self._screen is None:
            # Drawn only from here: a thread of rich's own would draw between two lines of somebody else.
            self._screen = Screen(console=self._console, auto_refresh=False, vertical_overflow="crop")
            self._guarded(self._screen.start)
        elif now - self._drawn < 1 / DRAWS_A_SECOND:
            return
        self._drawn = now
        screen, picture = self._screen, draw(snapshot, self._console.width, self._console.height)
        self._guarded(lambda: screen.update(picture, refresh=True))

    def ended(self, snapshot: Snapshot) -> None:
        self._drawn = 0.0
        self.show(snapshot)
        self.close()
        super().ended(snapshot)

    def close(self) -> None:
        if self._screen is not None:
            self._guarded(self._screen.stop)
            self._screen = None

    def _say(self, text: str, level: str = "") -> None:
        self._guarded(lambda: self._console.print(Text(wording.clean(text), style=_COLOURS.get(level, ""))))

    def _guarded(self, draw: Callable[[], None]) -> None:
        """A terminal that went away must not end the render."""
        if not self._open:
            return
        try:
            draw()
        except (OSError, ValueError):
            self._open = False


def draw(snapshot: Snapshot, width: int, height: int) -> RenderableType:
    """Return the moving part of the screen, never wider or higher than asked."""
    workers = report.alive(snapshot.workers)
    devices = [device for device in snapshot.devices if _says_something(device)]
    # The head takes three lines, and the cursor stands below the picture. Workers go before devices and reasons.
    room = max(0, height - 4)
    shown = workers if len(workers) <= room else workers[: max(0, room - 1)]
    parts: list[RenderableType] = [*_head(snapshot, width), _workers(shown, width)]
    if len(shown) < len(workers):
        parts.append(_line(f"… and {wording.count(len(workers) - len(shown), 'more worker')}", "dim"))
    if len(devices) <= room - len(workers):
        parts += [_line(report.device_line(device), "dim") for device in devices]
        room -= len(devices)
    parts += _reasons(snapshot, width, room - len(workers))
    return Group(*parts)


def _head(snapshot: Snapshot, width: int) -> list[RenderableType]:
    done, total = min(snapshot.done, snapshot.total), max(1, snapshot.total)
    bar = Table.grid()  # alone, a bar does not end its line
    bar.add_row(
        ProgressBar(total, done, max(1, min(width, 100)), complete_style="green", finished_style="bright_green")
    )
    return [
        _line(f"{snapshot.name}: {snapshot.state}", "bold"),
        bar,
        _line(report.overall(snapshot)),
    ]


def _workers(workers: list[WorkerView], width: int) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=False)
    cells = [lambda w: w.slot, report.doing, report.sampled, report.pace]
    cells = cells[: 2 if width < 32 else 3 if width < 48 else 4]
    if width >= 64:
        cells.append(lambda w: f"{w.done:,} done")
    if width >= 80:
        cells.append(lambda w: f"RAM {wording.size(w.memory)}" if w.memory else "")
    if width >= 100:
        cells.append(lambda w: f"VRAM {wording.size(w.vram)}" if w.vram else "")
    for position in range(len(cells)):
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=None, min_width=4 if position == 0 else None)
    for worker in workers:
        table.add_row(*(_line(cell(worker)) for cell in cells))
    return table


def _reasons(snapshot: Snapshot, width: int, room: int) -> list[RenderableType]:
    """Sentences take several lines of a narrow terminal, and are cut from below rather than pushed off the screen."""
    lines = [line for sentence in report.reasons(snapshot) for line in _broken(sentence, width)]
    return [_line(line, "cyan") for line in lines[: max(0, room)]]


def _broken(sentence: str, width: int) -> list[str]:
    return textwrap.wrap(wording.clean(sentence), max(8, width))


def _says_something(device: DeviceView) -> bool:
    return device.state != "in use" or device.load is not None or device.vram_used is not None


def _line(text: str, style: str = "") -> Text:
    return Text(wording.clean(text), style=style, no_wrap=True, overflow="ellipsis")
