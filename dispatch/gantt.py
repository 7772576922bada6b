# SPDX-License-Identifier: GPL-3.0-or-later
"""The timeline of a job as a figure: one lane a slot, what its workers did, and when.

Owns the lanes' look. Pure; see `figures`. Each phase is one line with breaks, a single element of the page however
many frames there are: ten thousand bars of their own would be too slow to zoom.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from . import figures
from .figures import Figure
from .report_data import Bar
from .timeline import PHASES, Span, Timeline

PHASE_NAMES = {
    "evaluate": "evaluate",
    "sync": "sync",
    "render": "render",
    "write": "write",
    "carry": "file, beside the next frame",
}

MOST_LINES = 60
"""Decisions that get a line of their own."""


def gantt(timeline: Timeline, shown: Sequence[Bar], overview: Sequence[Bar], unit: figures.Scale) -> Figure:
    """Draw one lane a slot, grouped by card: what each worker did, in phases; idle time stays empty.

    ``overview`` stands for ``shown`` while more than so many bars are in sight; the page's script sees to that.
    """
    rows = _rows(timeline)
    pixels = 26 if len(rows) <= 24 else 18
    data = _traces(timeline, shown, rows, unit, pixels)
    ticks = sorted(rows, key=lambda lane: rows[lane])
    last = max(rows.values(), default=0.0)
    axis = {
        "tickvals": [rows[lane] for lane in ticks],
        "ticktext": [escape(figures.short(timeline.lanes[lane].name, 24)) for lane in ticks],
        "range": [last + 0.7, -0.7],
        "fixedrange": True,
        "showgrid": False,
        "zeroline": False,
    }
    layout = figures.layout(unit, height=int(pixels * (last + 1.4)) + 90, span=timeline.duration)
    layout |= {"yaxis": axis, "hovermode": "closest", "hoverdistance": 60}
    layout["shapes"] = lines(timeline, unit)
    whole: Figure = {"data": data, "layout": layout}
    if len(overview) < len(shown):
        whole |= {"overview": _traces(timeline, overview, rows, unit, pixels), "overview_from": len(overview)}
    return whole


def _traces(
    timeline: Timeline, shown: Sequence[Bar], rows: dict[int, float], unit: figures.Scale, pixels: int
) -> list[Figure]:
    def spans(name: str, colour: str, of: Sequence[Span]) -> Figure:
        return _segments(name, colour, [(rows[s.lane], s.begin, s.end) for s in of], unit, pixels)

    traces = [
        spans("loading", "--loading", timeline.loading),
        *_phase_traces(shown, rows, unit, pixels),
        spans("checked", "--checking", timeline.checking),
        spans("failed or lost", "--lost", timeline.lost),
        _hover(shown, rows, unit),
        _failures(timeline, rows, unit),
    ]
    return [trace for trace in traces if trace["x"]]


def _rows(timeline: Timeline) -> dict[int, float]:
    """Return lane → height on the page, cards apart from one another."""
    order = sorted(range(len(timeline.lanes)), key=lambda lane: (timeline.lanes[lane].card, lane))
    rows: dict[int, float] = {}
    height, before = -1.0, None
    for lane in order:
        card = timeline.lanes[lane].card
        height += 1.0 if before in (None, card) else 1.35
        rows[lane], before = height, card
    return rows


def _phase_traces(shown: Sequence[Bar], rows: dict[int, float], unit: figures.Scale, pixels: int) -> list[Figure]:
    made: list[list[tuple[float, float, float]]] = [[] for _ in PHASES]
    for bar in shown:
        at = bar.begin
        for number, seconds in enumerate(bar.phases[:4]):
            if seconds > 0:
                made[number].append((rows[bar.lane], at, at + seconds))
                at += seconds
        if bar.count == 1 and bar.phases[4] > 0:
            made[4].append((rows[bar.lane] + 0.42, at, at + bar.phases[4]))
    thick = [pixels] * 4 + [6]
    return [
        _segments(PHASE_NAMES[name], f"--{name}", segments, unit, size)
        for name, segments, size in zip(PHASES, made, thick, strict=True)
    ]


def _segments(
    name: str, colour: str, segments: Iterable[tuple[float, float, float]], unit: figures.Scale, pixels: int
) -> Figure:
    """One line with breaks: a single element of the page, however many segments."""
    x: list[float | None] = []
    y: list[float | None] = []
    for row, begin, end in segments:
        x += [unit.of(begin), unit.of(end), None]
        y += [round(row, 2), round(row, 2), None]
    look = {"color": colour, "width": round(pixels * 0.68), "simplify": False}
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": look, "hoverinfo": "skip"}


def _hover(shown: Sequence[Bar], rows: dict[int, float], unit: figures.Scale) -> Figure:
    """An unseen line through all bars that tells what they are."""
    x: list[float | None] = []
    y: list[float | None] = []
    told: list[list[Any] | None] = []
    for bar in shown:
        facts = [_frames_words(bar), *(round(seconds / bar.count, 3) for seconds in (sum(bar.phases[:4]), *bar.phases))]
        x += [unit.of(bar.begin), unit.of((bar.begin + bar.end) / 2), unit.of(bar.end), None]
        y += [rows[bar.lane]] * 3 + [None]
        told += [facts] * 3 + [None]
    words = "<br>".join(f"{name} %{{customdata[{n}]}} s" for n, name in enumerate(PHASE_NAMES.values(), 2))
    return {
        **{"type": "scatter", "mode": "lines", "x": x, "y": y, "customdata": told, "showlegend": False},
        **{"line": {"color": "rgba(0,0,0,0)", "width": 1, "simplify": False}},
        "hovertemplate": f"<b>%{{customdata[0]}}</b>: %{{customdata[1]}} s<br>{words}<extra></extra>",
    }


def _frames_words(bar: Bar) -> str:
    return f"frame {bar.first}" if bar.count == 1 else f"{bar.count} frames from {bar.first} on, on average"


def _failures(timeline: Timeline, rows: dict[int, float], unit: figures.Scale) -> Figure:
    known = [failure for failure in timeline.failures if failure.lane is not None]
    return {
        **{"type": "scatter", "mode": "markers", "name": "failure", "hovertemplate": "%{text}<extra></extra>"},
        "x": [unit.of(one.at) for one in known],
        "y": [rows[one.lane or 0] for one in known],
        "text": [escape(figures.short(f"{one.what}: {one.words}", 120)) for one in known],
        "marker": {"symbol": "x", "size": 9, "color": "--lost", "line": {"width": 1.5, "color": "--panel"}},
    }


def lines(timeline: Timeline, unit: figures.Scale) -> list[Figure]:
    """Return vertical lines where a run was resumed and where Auto decided."""

    def line(at: float, colour: str, dash: str) -> Figure:
        look = {"color": colour, "width": 1, "dash": dash}
        return {"type": "line", "x0": unit.of(at), "x1": unit.of(at), "yref": "paper", "y0": 0, "y1": 1, "line": look}

    resumed = [line(stretch.at, "--muted", "dash") for stretch in timeline.clock.stretches if stretch.resumed]
    return resumed + [line(one.at, "--auto", "dot") for one in timeline.decisions[:MOST_LINES]]
