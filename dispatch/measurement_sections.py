# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of one measurement: which figures, tables and sentences, in which order.

Owns what is said of a measurement on the page; the tables' columns are `measure_table`'s. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from . import markup, measure_table, measurement_charts, wording
from .figures import Figure
from .markup import Html
from .measurement import Measurement, Memory, Series, State

STATES = {
    State.WAITING: "Not begun when this was written.",
    State.RUNNING: "Still being measured when this was written.",
    State.COMPLETE: "",
    State.STOPPED: "Stopped early: every point is good, some are missing.",
    State.FAILED: "Nothing could be measured.",
}


def page(found: Measurement) -> tuple[Html, dict[str, Figure]]:
    """Return the body of the page and its figures by name."""
    drawn = {
        "rates": measurement_charts.rates(found),
        "speed-up": measurement_charts.speed_up(found),
        "work": measurement_charts.work(found),
    }
    made = {name: figure for name, figure in drawn.items() if figure}
    body = markup.join(
        [
            _head(found),
            _advice(found),
            markup.section("Every way that was tried", _ways(found), *_troubles(found)),
            _figure("Frames per second", "rates", made, ["Means of the repeats; the bars are 95 % of the noise."]),
            _figure("Speed-up against the ideal", "speed-up", made, [scaling.words for scaling in found.scaling]),
            _work(found, made),
            _memory(found.memory),
            _notes(found),
            _settings(found),
        ]
    )
    return body, made


def _head(found: Measurement) -> Html:
    counts = Counter(device.name for device in found.devices)
    devices = wording.names([f"{n} × {name}" if n > 1 else name for name, n in counts.items()])
    under = f"{found.created[:16].replace('T', ' ')} · {found.blender} · {devices}"
    machine = f" · {found.machine}" if found.machine else ""
    return markup.head(f"{found.name}: what renders it fastest here", STATES[found.state], "bad", under + machine)


def _advice(found: Measurement) -> Html:
    advised = found.recommendation
    if advised is None:
        return markup.note("No recommendation:", "too little was measured.")
    best = max((point.rate for point in found.of(Series.CARDS)), default=0.0)
    parts = [markup.tile("Recommended", measure_table.advice(found))]
    if advised.threads:
        parts.append(markup.tile("CPU threads per worker", str(advised.threads)))
    if best > 0:
        parts.append(markup.tile("Fastest measured", wording.rate(best)))
    parts.append(markup.tile("Measured in", wording.count(found.done, "run"), wording.count(found.repeats, "round")))
    return markup.join([markup.tiles(parts), markup.note("Why:", advised.reason)])


def _ways(found: Measurement) -> Html:
    return _known(measure_table.HEAD, measure_table.rows(found), "Way")


def _known(head: Sequence[str], rows: Sequence[Sequence[str]], first: str) -> Html:
    """A table without the columns of which nothing is known."""
    if not rows:
        return markup.paragraph("Nothing yet.")
    kept = [at for at in range(len(head)) if at == 0 or any(row[at] != "-" for row in rows)]
    names = [head[at] or first for at in kept]
    return markup.table(names, [[row[at] for at in kept] for row in rows], numbers=range(1, len(kept)))


def _troubles(found: Measurement) -> list[Html]:
    return [markup.paragraph(f"{point.words}: {point.trouble}") for point in found.points if point.trouble]


def _figure(title: str, name: str, drawn: dict[str, Figure], words: Sequence[str]) -> Html:
    if name not in drawn:
        return Html("")
    return markup.section(title, markup.figure(name), *(markup.paragraph(one) for one in words))


def _work(found: Measurement, drawn: dict[str, Figure]) -> Html:
    rows = measure_table.work_rows(found)
    if not rows:
        return Html("")
    words = "Above 1 the combined device is faster than instances; the dotted line is where they cross."
    place = [markup.paragraph(words), markup.figure("work")] if "work" in drawn else []
    said = [markup.paragraph(crossing.words) for crossing in found.crossings]
    return markup.section(
        "More and less work per frame", *place, *said, _known(measure_table.WORK_HEAD, rows, "Work per frame")
    )


def _memory(found: Sequence[Memory]) -> Html:
    def told(size: int | None) -> str:
        return "-" if size is None else wording.size(max(0, size))

    rows = [
        [str(one.per_device), told(one.ram_each), told(one.vram_each), told(one.vram_used), told(one.vram_extra)]
        for one in found
    ]
    if not rows:
        return Html("")
    head = ["", "RAM of a worker", "VRAM of a worker", "VRAM in use on a card", "Each worker more"]
    return markup.section("Memory", _known(head, rows, "Workers per device"))


def _notes(found: Measurement) -> Html:
    return markup.section("Notes", *(markup.paragraph(note) for note in found.notes))


def _settings(found: Measurement) -> Html:
    pairs = [
        ("Measurement", found.id),
        ("File", found.blend),
        ("Scene", found.scene),
        ("Blender", found.blender),
        ("Machine", found.machine),
        ("Devices", "; ".join(f"{d.name} ({d.backend}{', ' + d.pci if d.pci else ''})" for d in found.devices)),
        ("CPU threads", f"{found.threads} per worker" if found.threads else "the card's part of the cores"),
        ("Rounds", f"{found.repeats}, each in another order (seed {found.seed})"),
        ("Frames of each run", str(found.frames_per_point or "as many as the time allowed")),
        ("Asked to take", f"{found.minutes:g} minutes"),
    ]
    return markup.section("How it was measured", markup.facts(pairs))
