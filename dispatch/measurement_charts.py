# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a measurement's report: rate and speed-up over the cards, combined against instances over the work.

Owns their look. Pure; see `figures`.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from html import escape

from . import figures
from .figures import Figure
from .measure_plan import STEPS
from .measurement import Crossing, Measurement, Point, Series
from .model import Strategy
from .noise import Noise

MOST_COLOURS = 9


def rates(found: Measurement) -> Figure | None:
    """Draw frames per second of each way over the number of cards; None where nothing came to a rate."""
    noise = Noise.of(found.points)
    rows: dict[tuple[Strategy, int], list[Point]] = {}
    for point in found.of(Series.CARDS):
        if point.good:
            rows.setdefault((point.way.strategy, point.way.per_device), []).append(point)
    data = []
    for way, points in sorted(rows.items(), key=lambda row: _colour(*row[0])):
        points.sort(key=lambda point: point.way.cards)
        margins = [noise.margin(point) for point in points]
        name = _way(*way, on_cpu=points[0].way.on_cpu)
        at, values = [float(point.way.cards) for point in points], [point.rate for point in points]
        data.append(_measured(name, _colour(*way), at, values, margins, "frames/s"))
    if not data:
        return None
    if len({point.way.cards for points in rows.values() for point in points}) == 1:
        return _beside(data)
    return {"data": data, "layout": _over_cards(found, "frames / s")}


def speed_up(found: Measurement) -> Figure | None:
    """Draw observed speed-up against the ideal, with its uncertainty; None with less than two numbers of cards."""
    data = []
    for scaling in sorted(found.scaling, key=lambda one: _colour(one.strategy, one.per_device)):
        if len(scaling.lines) > 1:
            lines = sorted(scaling.lines, key=lambda line: line.cards)
            margins = [line.plus_minus for line in lines]
            name = _way(scaling.strategy, scaling.per_device)
            at, values = [float(line.cards) for line in lines], [line.speedup for line in lines]
            data.append(_measured(name, _colour(scaling.strategy, scaling.per_device), at, values, margins, "×"))
    if not data:
        return None
    most = max(line.cards for scaling in found.scaling for line in scaling.lines)
    ideal = figures.line("ideal", "--muted", [1.0, float(most)], [1.0, float(most)], dash="dash")
    return {"data": [ideal | {"hoverinfo": "skip"}, *data], "layout": _over_cards(found, "× one GPU")}


def work(found: Measurement) -> Figure | None:
    """Draw how combined compares with instances over the seconds of a frame on one card; None: not measured."""
    data = []
    for number, by in enumerate(dict.fromkeys(point.by for point in found.of(Series.WORK) if point.by)):
        pairs = sorted(_pairs(found, by))
        if pairs:
            at, values = [seconds for seconds, _ in pairs], [ratio for _, ratio in pairs]
            data.append(_measured(f"more and less {_noun(by)}", number, at, values, [], "×"))
    if not data:
        return None
    layout = figures.layout(None, height=340)
    title = "seconds of a frame on one GPU"
    layout["xaxis"] = {"type": "log", "title": {"text": title}, "tickformat": "~g", "dtick": "D2"}
    layout |= {"yaxis": {"rangemode": "tozero", "title": {"text": "combined / instances"}}, "hovermode": "closest"}
    layout["shapes"] = [_equal(), *(_crossing(one) for one in found.crossings if one.seconds)]
    return {"data": data, "layout": layout}


def _pairs(found: Measurement, by: str) -> list[tuple[float, float]]:
    """Return (seconds of a frame on one card, combined's rate over that of the instances) for each work per frame."""
    rated = [point for point in found.of(Series.WORK) if point.by == by and point.rate > 0]
    pairs = []
    for factor in sorted({point.factor for point in rated}):
        same = [point for point in rated if point.factor == factor]
        combined = next((p for p in same if p.way.strategy is Strategy.COMBINED), None)
        instances = next((p for p in same if p.way.strategy is not Strategy.COMBINED), None)
        if combined and instances:
            pairs.append((instances.way.cards / instances.rate, combined.rate / instances.rate))
    return pairs


def _equal() -> Figure:
    look = {"color": "--muted", "width": 1.2, "dash": "dash"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 1, "y1": 1, "line": look}


def _crossing(one: Crossing) -> Figure:
    look = {"color": "--auto", "width": 1.2, "dash": "dot"}
    return {"type": "line", "x0": one.seconds, "x1": one.seconds, "yref": "paper", "y0": 0, "y1": 1, "line": look}


def _measured(
    name: str, colour: int, at: Sequence[float], values: Sequence[float], margins: Sequence[float], unit: str
) -> Figure:
    trace = figures.line(name, f"--card{colour % MOST_COLOURS}", at, values)
    trace |= {"mode": "lines+markers", "marker": {"size": 8, "color": f"--card{colour % MOST_COLOURS}"}}
    trace["hovertemplate"] = f"{escape(name)}: %{{y:.3g}} {unit}<extra></extra>"
    if any(margins):
        trace["error_y"] = {"type": "data", "array": [round(m, 5) for m in margins], "thickness": 1.4, "width": 5}
        trace["hovertemplate"] = f"{escape(name)}: %{{y:.3g}} ± %{{error_y.array:.2g}} {unit}<extra></extra>"
    return trace


def _beside(data: Sequence[Figure]) -> Figure:
    """One bar a way: with a single number of cards there is nothing to draw a line over."""
    bars = [
        {
            **{"type": "bar", "x": [trace["name"]], "y": trace["y"], "marker": {"color": "--render"}},
            **{name: trace[name] for name in ("error_y", "hovertemplate") if name in trace},
        }
        for trace in data
    ]
    layout = figures.layout(None, height=300)
    layout |= {"yaxis": {"rangemode": "tozero", "title": {"text": "frames / s"}}, "showlegend": False, "bargap": 0.5}
    return {"data": bars, "layout": layout}


def _over_cards(found: Measurement, title: str) -> Figure:
    cards = sorted({point.way.cards for point in found.of(Series.CARDS)})
    layout = figures.layout(None, height=340)
    layout["xaxis"] = {"tickvals": cards, "title": {"text": "GPUs"}, "range": [cards[0] - 0.3, cards[-1] + 0.3]}
    layout |= {"yaxis": {"rangemode": "tozero", "title": {"text": title}}, "hovermode": "closest"}
    layout["showlegend"] = True
    return layout


def _colour(strategy: Strategy, per_device: int) -> int:
    """The same way has the same colour in every figure."""
    return 0 if strategy is Strategy.COMBINED else bisect(STEPS, per_device)


def _way(strategy: Strategy, per_device: int, *, on_cpu: bool = False) -> str:
    if strategy is Strategy.COMBINED:
        return "combined"
    return f"{per_device} per {'CPU' if on_cpu else 'GPU'}"


def _noun(by: str) -> str:
    return "pixels" if by == "resolution" else by
