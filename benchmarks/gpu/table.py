# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured as Markdown: one table a scene, and what Auto did. Pure.

"Of one GPU", "of combined", "of plain per GPU": frames per second over those of the plain way in that scene. Phases are
mean seconds of a worker's frame; *between*: from the end of one frame's phases to the next one's begin; *beside*: done
with the file while the next frame renders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from .measuring import Measured
from .plan import SCENES, WHOLE

WORDS = {
    "plain-one": "one plain Blender, one GPU",
    "plain-combined": "one plain Blender, all GPUs",
    "plain": "a plain Blender per GPU, placeholders",
    "one": "**ours**, one worker on one GPU",
    "combined": "**ours**, combined device",
    "auto": "**ours, Auto**",
}
PHASES = ("evaluate", "sync", "render", "write")
SPEED = f"| way | frames/s | of one GPU | of combined | of plain per GPU | first picture | {WHOLE} frames |"
TIME = (
    "| way | GPUs busy | GPU s a frame | CPU | RAM, VRAM a card | evaluate | sync | render | write | between | beside |"
)


def page(results: Iterable[Measured], about: Sequence[str]) -> str:
    """Return all tables, below what is to be known of machine and run."""
    by_scene: dict[str, dict[str, list[Measured]]] = {}
    for result in results:
        by_scene.setdefault(result.scene, {}).setdefault(result.way, []).append(result)
    parts = ["\n".join(f"* {line}" for line in about)]
    parts += [_scene(name, by_scene[name]) for name in SCENES if name in by_scene]
    return "\n\n".join(parts) + "\n"


def _scene(name: str, ways: Mapping[str, list[Measured]]) -> str:
    order = [way for way in WORDS if way in ways and way != "auto"]
    order += sorted((way for way in ways if way not in WORDS), key=_count)
    order += ["auto"] * ("auto" in ways)
    lines = [f"### {name}: {SCENES[name].about}", "", *_table(SPEED, [_speed_row(way, ways) for way in order])]
    lines += ["", *_table(TIME, [_time_row(way, ways[way]) for way in order])]
    troubles = [f"* {r.key}: {' '.join(r.error.split())[-300:]}" for way in order for r in ways[way] if r.error]
    sentences = _auto(ways)
    return "\n".join([*lines, *([""] if sentences else []), *sentences, *([""] if troubles else []), *troubles])


def _count(way: str) -> tuple[int, int]:
    count, _, threads = way.partition("x")
    return int(count), int(threads or 0)


def good(results: Sequence[Measured]) -> list[Measured]:
    """Return the repeats that gave a rate; those of which it means little only where all do."""
    told = [result for result in results if result.rate]
    return [result for result in told if not result.error] or told


def rate(results: Sequence[Measured]) -> float:
    """Return their median; 0: there is none."""
    return median([result.rate for result in good(results)] or [0.0])


def _table(head: str, rows: Sequence[Sequence[str]]) -> list[str]:
    return [head, "|---" + "|---:" * (head.count("|") - 2) + "|", *("| " + " | ".join(row) + " |" for row in rows)]


def _middle(results: Sequence[Measured]) -> Measured:
    """The repeat whose rate is the median, or next to it."""
    speed = rate(results)
    return min(good(results), key=lambda result: abs(result.rate - speed), default=results[0])


def _speed_row(way: str, ways: Mapping[str, list[Measured]]) -> list[str]:
    speed, middle = rate(ways[way]), _middle(ways[way])
    return [
        words(way),
        _speed(ways[way]),
        *(_times(speed, ways.get(other)) for other in ("plain-one", "plain-combined", "plain")),
        f"{middle.first:.1f} s" if middle.first else "–",
        "–" if not middle.whole else f"{'' if middle.whole_measured else '≈ '}{middle.whole:.0f} s",
    ]


def _time_row(way: str, results: Sequence[Measured]) -> list[str]:
    result = _middle(results)
    load, mean = result.busy.load, result.phases
    total = sum(mean.get(name, 0.0) for name in PHASES)
    workers = sum(result.search["layout"].values()) if result.search else result.workers
    return [
        words(way),
        _loads(load),
        f"{sum(load) / 100 / result.rate:.3f}" if load and result.rate else "–",
        "–" if result.busy.cpu is None else f"{result.busy.cpu:.0f} %",
        _memory(result),
        *(f"{mean[name]:.3f}" if name in mean else "–" for name in PHASES),
        f"{workers / result.rate - total:.3f}" if mean and result.rate else "–",
        f"{mean['carry']:.3f}" if "carry" in mean else "–",
    ]


def words(way: str) -> str:
    """Say a way in words."""
    if way in WORDS:
        return WORDS[way]
    count, threads = _count(way)
    return f"**ours**, {count} per GPU" + (f", {threads} threads each" if threads else "")


def _speed(results: Sequence[Measured]) -> str:
    told = [result.rate for result in good(results)]
    if not told:
        return "–"
    return f"{median(told):.3g}" + (f" ({min(told):.3g}–{max(told):.3g})" if len(told) > 1 else "")


def _times(speed: float, others: Sequence[Measured] | None) -> str:
    base = rate(others) if others else 0.0
    return f"{speed / base:.2f} ×" if base and speed else "–"


def _loads(load: Sequence[float]) -> str:
    if not load:
        return "–"
    spread = f" ({min(load):.0f}–{max(load):.0f})" if len(load) > 1 and max(load) - min(load) >= 5 else ""
    return f"{sum(load) / len(load):.0f} %{spread}"


def _memory(result: Measured) -> str:
    told = [size for size in (result.busy.ram, max(result.busy.vram, default=None)) if size is not None]
    return ", ".join(f"{size / 2**30:.1f}" for size in told) + " GB" if told else "–"


def _auto(ways: Mapping[str, list[Measured]]) -> list[str]:
    """Say what Auto found, what it cost, and how it compares."""
    lines = []
    statics = {way: rate(results) for way, results in ways.items() if way[0].isdigit() or way == "combined"}
    best = max(statics, key=lambda way: statics[way], default="")
    for result in ways.get("auto", ()):
        found = result.search
        if not found:
            continue
        layout = ", ".join(f"{name}: {count}" for name, count in sorted(found["layout"].items()))
        over = "" if found["over"] else " (not over)"
        lines.append(
            f"Auto: search {found['seconds']:.0f} s{over}, {found['lost']:.1f} s of render lost to it, "
            f"{found['before']:.3g} frames/s before it, {found['after']:.3g} after. Workers at the end: {layout}."
        )
        lines += [f"* after {d['after']} s, {d['decision']}: {d['words']}" for d in found["decisions"]]
    speed = rate([result for result in ways.get("auto", ()) if not result.error])
    if speed and best and statics[best]:
        lines.append(f"Against the best static layout ({words(best)}): {100 * (speed / statics[best] - 1):+.1f} %.")
    return lines
