# SPDX-License-Identifier: GPL-3.0-or-later
"""A measurement as plain text: the aligned tables, what they say, and the recommendation.

Pure. Owns columns and their order. What cannot be told is a dash. The HTML page has the same figures (`report_page`).
"""

from __future__ import annotations

from collections.abc import Sequence

from . import wording
from .measurement import Measurement, Point, Series, Speedup, State
from .model import Strategy
from .noise import Noise

HEAD = ("", "GPUs", "frames/s", "±", "s/frame", "speed-up", "ideal", "of ideal", "GPU load", "RAM each", "VRAM used")
WORK_HEAD = ("", "combined", "instances", "s/frame on one GPU", "combined / instances")


def lines(found: Measurement) -> list[str]:
    """Return the whole measurement, line by line."""
    said = [_title(found), ""]
    said += table(_known((HEAD, *rows(found))))
    if works := work_rows(found):
        said += ["", *table((WORK_HEAD, *works))]
    said += ["", *(scaling.words for scaling in found.scaling)] if found.scaling else []
    said += [crossing.words for crossing in found.crossings]
    said += [words for memory in found.memory if (words := _memory(memory.per_device, memory.vram_extra))]
    said += [f"Note: {note}" for note in found.notes]
    if found.recommendation is not None:
        said += ["", f"Recommended: {advice(found)}", found.recommendation.reason]
    else:
        said += ["", "No recommendation: too little was measured."]
    return said


def advice(found: Measurement) -> str:
    """Return the recommendation as the choice to make, in a few words; empty: there is none."""
    advised = found.recommendation
    if advised is None:
        return ""
    if advised.strategy is Strategy.COMBINED:
        return "Combined device"
    each = wording.count(advised.per_device, "instance")
    return f"{each} {'on the CPU' if any(point.way.on_cpu for point in found.points) else 'per GPU'}"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as aligned lines: the first column to the left, figures to the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _known(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Leave out the columns of which nothing is known."""
    kept = [at for at in range(len(rows[0])) if any(row[at] != "-" for row in rows[1:])]
    return [[row[at] for at in kept] for row in rows]


def _title(found: Measurement) -> str:
    names = [device.name for device in found.devices]
    cards = [f"{names.count(name)} × {name}" if names.count(name) > 1 else name for name in dict.fromkeys(names)]
    state = "" if found.state is State.COMPLETE else f" ({found.state.value})"
    return f"{found.name}{state}: {' + '.join(cards)}, {found.blender}, {wording.count(found.done, 'run')}"


def rows(found: Measurement) -> list[tuple[str, ...]]:
    """Return the ways to use 1 … N cards, a row each, in the columns of `HEAD`."""
    noise = Noise.of(found.points)
    points = sorted(
        found.of(Series.CARDS),
        key=lambda p: (p.way.strategy is not Strategy.COMBINED, p.way.per_device, p.way.cards),
    )
    return [_row(point, _line(found, point), noise) for point in points]


def _line(found: Measurement, point: Point) -> Speedup | None:
    return next(
        (
            line
            for scaling in found.scaling
            if (scaling.strategy, scaling.per_device) == (point.way.strategy, point.way.per_device)
            for line in scaling.lines
            if line.cards == point.way.cards
        ),
        None,
    )


def _row(point: Point, line: Speedup | None, noise: Noise) -> tuple[str, ...]:
    way = point.way
    name = "combined" if way.strategy is Strategy.COMBINED else f"{way.per_device} per GPU"
    name = way.words if way.on_cpu else name
    cards = "-" if way.on_cpu else str(way.cards)
    if not point.good:
        return (name, cards, "failed" if point.trouble else "-", *["-"] * (len(HEAD) - 3))
    loads = [run.gpu_load for run in point.good if run.gpu_load is not None]
    rams = [run.ram_each for run in point.good if run.ram_each]
    vrams = [run.vram_used for run in point.good if run.vram_used]
    return (
        name,
        cards,
        number(point.rate),
        f"{noise.margin(point) / point.rate * 100:.0f} %",
        number(point.seconds_per_frame),
        f"{line.speedup:.2f}" if line else "-",
        f"{line.cards:.2f}" if line else "-",
        f"{line.efficiency * 100:.0f} %" if line else "-",
        f"{sum(loads) / len(loads):.0f} %" if loads else "-",
        wording.size(max(rams)) if rams else "-",
        wording.size(max(vrams)) if vrams else "-",
    )


def work_rows(found: Measurement) -> list[tuple[str, ...]]:
    """Return the works per frame, a row each, in the columns of `WORK_HEAD`."""
    rows: list[tuple[str, ...]] = []
    points = [point for point in found.of(Series.WORK) if point.rate > 0]
    for by, factor in dict.fromkeys((point.by, point.factor) for point in points):
        same = [p for p in points if (p.by, p.factor) == (by, factor)]
        combined = next((p for p in same if p.way.strategy is Strategy.COMBINED), None)
        instances = next((p for p in same if p.way.strategy is not Strategy.COMBINED), None)
        size = f"{by} × {f'1/{round(1 / factor)}' if factor < 1 else f'{factor:g}'}"
        rows.append(
            (
                size,
                number(combined.rate) if combined else "-",
                number(instances.rate) if instances else "-",
                number(instances.way.cards / instances.rate) if instances else "-",
                f"{combined.rate / instances.rate:.2f}" if combined and instances else "-",
            )
        )
    return rows


def _memory(per_device: int, extra: int | None) -> str:
    if extra is None:
        return ""
    return f"With {per_device} on a card each worker more takes {wording.size(max(0, extra))} of VRAM."


def number(value: float) -> str:
    """Return a figure with three digits that count: ``24.1``, ``0.466``, ``0.0221``."""
    return f"{value:#.3g}".rstrip(".") if 0 < value < 999.5 else f"{value:.0f}"
