# SPDX-License-Identifier: GPL-3.0-or-later
"""A compact recording of a real job: what its machine heard and what telemetry saw, for tests of decisions. Pure.

One JSON object of at most `MOST` characters; a longer job is cut at the end. Read by tests as a *recorded machine*:

* ``about``, ``until``: what was rendered where; seconds that the recording holds, from the start of the first worker
* ``events``: [seconds, what, facts] of the journal's records in `EVENTS`
* ``frames``: columns in the order in which frames were rendered: ``at`` in seconds, ``worker``, ``kb``; in
  milliseconds ``seconds`` (begin to whole picture), ``placed`` (from then until it was in place), and each phase
* ``samples``: columns of telemetry (`_samples`)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SCHEMA = 1
MOST = 48_000
PHASES = ("evaluate", "sync", "render", "write", "carry")
EVENTS = ("spawn", "layout", "auto", "worker ended", "slot closed", "failed", "check", "checked", "again")
"""Records that are kept as they are, with their moment first."""
_DROPPED = ("what", "at")


def record(
    records: Sequence[Mapping[str, Any]],
    looks: Iterable[Mapping[str, Any]],
    about: Mapping[str, Any],
    most: int = MOST,
) -> str:
    """Return the recording.

    Args:
        records: The journal, ``at`` in seconds since the epoch, in order.
        looks: ``at``, ``cards`` {pci: {load, vram}}, ``workers`` {n: {memory, cpu, vram}}, ``ram`` available, ``cpu``.
        about: Machine, scene and job in plain words and numbers; kept as it is.
    """
    start = next((r["at"] for r in records if r["what"] == "spawn"), 0.0)
    stop = next((r["at"] for r in records if r["what"] == "wish"), records[-1]["at"] if records else start)
    kept_looks = list(looks)
    until = stop - start
    while True:
        text = json.dumps(_cut(records, kept_looks, about, start, until), separators=(",", ":"))
        if len(text) <= most or until < 1.0:
            return text
        until *= 0.9


def _cut(
    records: Sequence[Mapping[str, Any]],
    looks: Sequence[Mapping[str, Any]],
    about: Mapping[str, Any],
    start: float,
    until: float,
) -> dict[str, Any]:
    inside = [r for r in records if 0 <= r["at"] - start <= until]
    events = [
        [round(r["at"] - start, 2), r["what"], {k: v for k, v in r.items() if k not in _DROPPED}]
        for r in inside
        if r["what"] in EVENTS
    ]
    placed = {r["attempt"]: r["at"] for r in inside if r["what"] == "committed"}
    rendered = [r for r in inside if r["what"] == "rendered"]
    frames: dict[str, list[Any]] = {
        "at": [round(r["at"] - start, 2) for r in rendered],
        "worker": [r["worker"] for r in rendered],
        "seconds": [_ms(r.get("seconds", 0.0)) for r in rendered],
        "kb": [sum(p["size"] for p in r["pictures"]) >> 10 for r in rendered],
        "placed": [_ms(placed[r["attempt"]] - r["at"]) if r["attempt"] in placed else None for r in rendered],
        **{name: [_ms(r["phases"].get(name, 0.0)) for r in rendered] for name in PHASES},
    }
    seen = [look for look in looks if 0 <= look["at"] - start <= until]
    return {
        "schema": SCHEMA,
        "about": dict(about),
        "until": round(until, 2),
        "events": events,
        "frames": frames,
        "samples": _samples(seen, start),
    }


def _samples(looks: Sequence[Mapping[str, Any]], start: float) -> dict[str, Any]:
    """Memory in MB. ``cards`` and ``workers``: one column for each figure of each, None where it was not told."""
    cards = sorted({pci for look in looks for pci in look.get("cards") or {}})
    workers = sorted({str(n) for look in looks for n in look.get("workers") or {}}, key=int)

    def column(group: str, name: str, figure: str) -> list[Any]:
        return [_figure(figure, (look.get(group) or {}).get(name, {}).get(figure)) for look in looks]

    return {
        "at": [round(look["at"] - start, 2) for look in looks],
        "cpu": [_figure("cpu", look.get("cpu")) for look in looks],
        "ram": [_figure("ram", look.get("ram")) for look in looks],
        "cards": {pci: {figure: column("cards", pci, figure) for figure in ("load", "vram")} for pci in cards},
        "workers": {n: {figure: column("workers", n, figure) for figure in ("memory", "cpu", "vram")} for n in workers},
    }


def _ms(seconds: float) -> int:
    return round(1000 * seconds)


def _figure(name: str, value: float | None) -> int | None:
    if value is None:
        return None
    return int(value) >> 20 if name in ("vram", "memory", "ram") else round(value)
