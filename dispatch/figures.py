# SPDX-License-Identifier: GPL-3.0-or-later
"""What all figures of a report share: the time axis, the frame around a chart, a line, how long a name may be.

Owns these. Pure. Colours are names of the page's own (``--render``), so that a chart follows the page from light to
dark. Everything that came from outside is escaped: plotly reads text as HTML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from . import wording

Figure = dict[str, Any]
"""What plotly draws: ``data`` and ``layout``; or a part of it."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The unit of a time axis."""

    seconds: float
    name: str

    def of(self, at: float) -> float:
        return round(at / self.seconds, 5)


def scale(duration: float) -> Scale:
    if duration < 600:
        return Scale(1.0, "seconds")
    return Scale(60.0, "minutes") if duration < 36_000 else Scale(3600.0, "hours")


def line(name: str, colour: str, x: Sequence[float], y: Sequence[float], dash: str = "solid") -> Figure:
    look = {"color": colour, "width": 1.8, "dash": dash}
    rounded = [round(value, 4) for value in y]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": escape(short(name, 48)),
        "x": list(x),
        "y": rounded,
        "line": look,
    }


def layout(unit: Scale | None, height: int, span: float = 0.0) -> Figure:
    made: Figure = {"height": height, "meta": {"time": unit is not None}, "hovermode": "x unified"}
    made["legend"] = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0}
    if unit is not None:
        made["xaxis"] = {"title": {"text": f"{unit.name} since the start"}, "range": [0, unit.of(span) * 1.01]}
    return made


def short(text: str, most: int) -> str:
    """Return words from outside as they fit into a figure."""
    return wording.clean(text, most)
