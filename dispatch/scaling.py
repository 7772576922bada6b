# SPDX-License-Identifier: GPL-3.0-or-later
"""How rates grow with the number of cards: speed-up, efficiency, and the serial share that fits them.

Pure. Owns the two laws. *Amdahl* for the combined device, where more cards share one frame: time = a + b / cards, the
serial share is a / (a + b). *Gustafson* for instances, where the frames in work grow with the cards: rate = c + d ×
cards, the serial share is c / (c + d). Both are straight lines, fitted to single runs. Judges no strategy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .measurement import Measurement, Point, Scaling, Serial, Series, Speedup
from .model import Strategy
from .noise import Noise, quantile

COUNTS = 3
"""Different numbers of cards that a fit needs."""

NOTHING = 0.001
"""A serial share below this limits nothing that could be seen."""


def scalings(measurement: Measurement, noise: Noise) -> tuple[Scaling, ...]:
    """Return how each way scales, those with one number of cards only left out."""
    points = [point for point in measurement.of(Series.CARDS) if point.rate > 0]
    ways = dict.fromkeys((point.way.strategy, point.way.per_device) for point in points)
    found = []
    for strategy, per_device in ways:
        own = [p for p in points if (p.way.strategy, p.way.per_device) == (strategy, per_device)]
        if strategy is Strategy.COMBINED:  # on one card both are the same thing
            own += [p for p in points if (p.way.cards, p.way.per_device) == (1, 1)]
        own.sort(key=lambda point: point.way.cards)
        if len(own) > 1 and own[0].way.cards == 1:
            found.append(_scaling(strategy, per_device, own, noise))
    return tuple(found)


def _scaling(strategy: Strategy, per_device: int, points: Sequence[Point], noise: Noise) -> Scaling:
    lines = tuple(_line(point, points[0], noise) for point in points)
    serial = serial_share(strategy, points) if len(points) >= COUNTS else None
    return Scaling(strategy, per_device, lines, serial, _words(strategy, per_device, lines, serial))


def _line(point: Point, base: Point, noise: Noise) -> Speedup:
    speedup = point.rate / base.rate
    relative = math.hypot(noise.margin(point) / point.rate, noise.margin(base) / base.rate)
    return Speedup(
        point.way.cards,
        point.rate,
        base.rate * point.way.cards,
        speedup,
        speedup / point.way.cards,
        0.0 if point is base else speedup * relative,
    )


def serial_share(strategy: Strategy, points: Sequence[Point]) -> Serial | None:
    """Fit the law that belongs to the strategy; None where the points carry no fit (fewer than three counts)."""
    if len({point.way.cards for point in points}) < COUNTS:
        return None
    runs = [(float(point.way.cards), run.rate) for point in points for run in point.good]
    if strategy is Strategy.COMBINED:
        share, low, high = _share([(1 / cards, 1 / rate) for cards, rate in runs])
        return Serial("Amdahl", share, low, high, 1 / share if share > NOTHING else None)
    return Serial("Gustafson", *_share(runs))


def _share(points: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Fit y = p + q·x, errors being a part of y; return p / (p + q) with its 95 % bounds, within 0 and 1."""
    weights = [1 / (y * y) for _, y in points]
    total = sum(weights)
    mx = sum(w * x for w, (x, _) in zip(weights, points, strict=True)) / total
    my = sum(w * y for w, (_, y) in zip(weights, points, strict=True)) / total
    sxx = sum(w * (x - mx) ** 2 for w, (x, _) in zip(weights, points, strict=True))
    q = sum(w * (x - mx) * (y - my) for w, (x, y) in zip(weights, points, strict=True)) / sxx
    p = my - q * mx
    left = sum(w * (y - p - q * x) ** 2 for w, (x, y) in zip(weights, points, strict=True))
    freedom = len(points) - 2
    variance = left / freedom
    vq, cov = variance / sxx, -mx * variance / sxx
    vp = variance / total - mx * cov
    whole = p + q
    error = math.sqrt(max(0.0, q * q * vp + p * p * vq - 2 * p * q * cov)) / (whole * whole)
    reach = quantile(freedom) * error
    share = p / whole
    return tuple(min(1.0, max(0.0, value)) for value in (share, share - reach, share + reach))  # type: ignore[return-value]


def _words(strategy: Strategy, per_device: int, lines: Sequence[Speedup], serial: Serial | None) -> str:
    name = "Combined" if strategy is Strategy.COMBINED else f"{per_device} per GPU"
    last = lines[-1]
    said = f"{name}: {last.cards} GPUs give {last.speedup:.2f} × one ({last.efficiency * 100:.0f} % of ideal)"
    if serial is None:
        return f"{said}; not enough points for a serial share: it takes {COUNTS} counts of GPUs."
    bounds = f"{serial.low * 100:.1f} to {serial.high * 100:.1f} %"
    if serial.high < NOTHING * 10:
        return f"{said}; no serial share is seen (at most {serial.high * 100:.1f} %, {serial.law})."
    said += f"; a serial share of {serial.share * 100:.1f} % fits ({bounds}, {serial.law})"
    if serial.limit is not None and serial.law == "Amdahl":
        said += f": no number of GPUs would give more than {serial.limit:.1f} ×"
    return f"{said}."
