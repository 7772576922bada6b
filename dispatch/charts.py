# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a job's report beside its timeline: rate, gauges, frame times, where the time went.

Owns their look. Pure; see `figures`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from . import figures, wording
from .figures import Figure
from .gantt import PHASE_NAMES, lines
from .job_lanes import Card
from .recorded import Gauge, Gauges
from .report_data import Outlier, Rates, Share
from .timeline import PHASES, Said, Timeline

GAP = 0.06
"""Between two panels, of the whole height."""

MOST_MARKED = 400
"""Outliers with a mark."""


def rate(timeline: Timeline, found: Rates, unit: figures.Scale) -> Figure:
    """Draw frames per second against what all workers would do at the pace of one alone; Auto's decisions above."""
    at = [unit.of(moment) for moment in found.at]
    name = f"ideal: every worker {'as fast as one alone' if found.alone else 'without gaps'}"
    ideal = [figures.line(name, "--muted", at, found.ideal, dash="dash")]
    if found.alone and any(abs(a - b) > 1e-9 for a, b in zip(found.ideal, found.per_card, strict=True)):
        ideal.append(figures.line("every card as fast as with one worker", "--sync", at, found.per_card, dash="dot"))
    observed = figures.line("frames per second", "--render", at, found.observed)
    observed |= {"fill": "tozeroy", "fillcolor": "--render-soft"}
    data = [*ideal, observed, _decisions(timeline.decisions, max((*found.ideal, *found.observed)), unit)]
    layout = figures.layout(unit, height=320, span=timeline.duration)
    layout |= {"yaxis": {"rangemode": "tozero", "title": {"text": "frames / s"}}, "shapes": lines(timeline, unit)}
    return {"data": [trace for trace in data if trace["x"]], "layout": layout}


def _decisions(decisions: Sequence[Said], height: float, unit: figures.Scale) -> Figure:
    return {
        **{"type": "scatter", "mode": "markers", "name": "Auto decides", "hovertemplate": "%{text}<extra></extra>"},
        "x": [unit.of(one.at) for one in decisions],
        "y": [round(height * 1.06, 4)] * len(decisions),
        "text": [escape(figures.short(one.words, 160)) for one in decisions],
        "marker": {"symbol": "diamond", "size": 10, "color": "--auto"},
    }


class Panel(NamedTuple):
    """One of the plots that stand below each other."""

    title: str
    series: list[tuple[str, Gauge, int]]
    """Name, values, number of the colour."""
    unit: float
    most: bool
    """Of several readings the largest counts, not their mean."""


def machine(timeline: Timeline, seen: Gauges, unit: figures.Scale) -> Figure | None:
    """Draw load and memory of cards and machine, one below the other over one time axis; None: nothing was seen."""
    panels = [panel for panel in _panels(timeline.cards, seen) if panel.series]
    if not panels:
        return None
    layout = figures.layout(unit, height=150 * len(panels) + 90, span=timeline.duration)
    layout["xaxis"]["anchor"] = f"y{len(panels)}" if len(panels) > 1 else "y"
    data: list[Figure] = []
    named: set[str] = set()
    for number, panel in enumerate(panels):
        axis = f"axis{number + 1}" if number else "axis"
        top = 1.0 - number / len(panels)
        limit = {"range": [0, 105]} if "%" in panel.title else {"rangemode": "tozero"}
        place = {
            "domain": [round(top - 1.0 / len(panels) + (GAP if number + 1 < len(panels) else 0.0), 4), round(top, 4)]
        }
        layout[f"y{axis}"] = {**place, **limit, "title": {"text": panel.title}}
        for name, gauge, colour in panel.series:
            thin = gauge.thinned(max) if panel.most else gauge.thinned()
            at, values = [unit.of(moment) for moment in thin.at], [value / panel.unit for value in thin.value]
            trace = figures.line(name, f"--card{colour % 9}", at, values)
            data.append(trace | {"yaxis": f"y{axis[4:]}", "legendgroup": name, "showlegend": name not in named})
            named.add(name)
    return {"data": data, "layout": layout}


def _panels(cards: Sequence[Card], seen: Gauges) -> list[Panel]:
    names: dict[str, str] = {}
    for card in sorted(cards, key=lambda card: len(card.pci)):  # one that also rendered alone goes by its own name
        for pci in card.pci:
            names.setdefault(pci, card.name if len(card.pci) == 1 else pci)

    def of_cards(known: Mapping[str, Gauge]) -> list[tuple[str, Gauge, int]]:
        return [(name, known[pci], n) for n, (pci, name) in enumerate(names.items()) if pci in known and known[pci].at]

    def of_machine(*series: tuple[str, Gauge, int]) -> list[tuple[str, Gauge, int]]:
        return [one for one in series if one[1].at]

    return [
        Panel("GPU load, %", of_cards(seen.load), 1.0, False),
        Panel("GPU memory, GiB", of_cards(seen.vram), 2.0**30, True),
        Panel("CPU, %", of_machine(("CPU, all cores", seen.cpu, 8)), 1.0, False),
        Panel(
            "RAM, GiB", of_machine(("RAM in use", seen.ram, 5), ("RAM of the workers", seen.workers, 6)), 2.0**30, True
        ),
    ]


def times(timeline: Timeline, chosen: Mapping[int, Sequence[int]], apart: Sequence[Outlier]) -> Figure:
    """Draw seconds over frame numbers, one colour a card, outliers ringed."""
    frames = timeline.frames
    data = []
    for card, indices in sorted(chosen.items()):
        data.append(
            {
                **{"type": "scatter", "mode": "markers", "name": escape(figures.short(timeline.cards[card].name, 30))},
                "x": [frames.number[i] for i in indices],
                "y": [round(frames.seconds(i), 4) for i in indices],
                "marker": {"size": 5, "color": f"--card{card % 9}", "opacity": 0.75},
                "hovertemplate": "frame %{x}: %{y} s<extra>%{fullData.name}</extra>",
            }
        )
    marked = apart[:MOST_MARKED]
    ring = {"symbol": "circle-open", "size": 12, "color": "--lost", "line": {"width": 2}}
    data.append(
        {
            **{"type": "scatter", "mode": "markers", "name": "outlier", "marker": ring},
            "x": [frames.number[one.index] for one in marked],
            "y": [round(one.seconds, 4) for one in marked],
            "text": [f"{one.times:.1f} × its neighbours, most of it {one.phase}" for one in marked],
            "hovertemplate": "frame %{x}: %{y} s, %{text}<extra></extra>",
        }
    )
    layout = figures.layout(None, height=320)
    layout["xaxis"] = {"title": {"text": "frame"}}
    layout |= {"yaxis": {"rangemode": "tozero", "title": {"text": "seconds"}}, "hovermode": "closest"}
    return {"data": [trace for trace in data if trace["x"]], "layout": layout}


def where_it_went(cards: Sequence[Card], found: Sequence[Share]) -> Figure:
    """Draw each card's workers' time in parts of a hundred."""
    parts = [*((PHASE_NAMES[name], f"--{name}", n) for n, name in enumerate(PHASES[:4]))]
    places = list(range(len(found)))
    names = [escape(figures.short(cards[share.card].name, 24)) for share in found]
    whole = [sum(share.phases) + share.loading + share.lost + share.checking + share.idle or 1.0 for share in found]

    def trace(name: str, colour: str, seconds: Sequence[float]) -> Figure:
        percent = [round(100 * part / all, 1) for part, all in zip(seconds, whole, strict=True)]
        told = [wording.duration(part) for part in seconds]
        return {
            **{"type": "bar", "orientation": "h", "name": name, "x": percent, "y": places, "customdata": told},
            "marker": {"color": colour},
            "hovertemplate": f"{name}: %{{x}} %, %{{customdata}}<extra></extra>",
        }

    data = [trace(name, colour, [share.phases[n] for share in found]) for name, colour, n in parts]
    data.append(trace("loading", "--loading", [share.loading for share in found]))
    data.append(trace("failed or lost", "--lost", [share.lost for share in found]))
    data.append(trace("checked", "--checking", [share.checking for share in found]))
    data.append(trace("idle", "--idle", [share.idle for share in found]))
    layout = figures.layout(None, height=34 * len(found) + 110)
    layout["meta"]["left"] = 170
    layout["legend"]["traceorder"] = "normal"
    layout["xaxis"] = {"range": [0, 100], "title": {"text": "% of the workers' time"}, "fixedrange": True}
    axis = {"tickvals": places, "ticktext": names, "autorange": "reversed", "fixedrange": True, "showgrid": False}
    layout |= {"barmode": "stack", "bargap": 0.35, "yaxis": axis}
    return {"data": [t for t in data if any(t["x"])], "layout": layout}
