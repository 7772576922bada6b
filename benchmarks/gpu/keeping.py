# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a recording of an Auto job beside the results, before its folder goes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from dispatch import host

from . import recording
from .gauge import Gauge
from .plan import Cell
from .runs import Card, EngineRun

EVERY = 10
"""Of our own looks, where the engine recorded none: one in two seconds."""


def keep(out: Path, about: Sequence[str], cards: Sequence[Card], cell: Cell, run: EngineRun, gauge: Gauge) -> None:
    """Write ``recording-SCENE.json`` of an Auto job; nothing for other ways."""
    folder = run.folder
    if cell.way.name != "auto" or folder is None:
        return
    looks = list(_recorded(folder / "telemetry.jsonl")) or _own(gauge, cards)
    job = json.loads((folder / "job.json").read_bytes())["job"]
    facts = {
        "machine": list(about),
        "scene": cell.scene.name,
        "tasks": cell.scene.frames,
        "cores": job["cores"] or host.cores(),
        "devices": job["devices"],
        "blend_size": job["blend_size"],
    }
    text = recording.record(run.records(), looks, facts)
    (out / f"recording-{cell.scene.name}.json").write_text(text, encoding="utf-8")


def _recorded(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what the job's own recorder saw; nothing where it left none."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            look = json.loads(line)
            look["at"] = datetime.fromisoformat(look["at"]).timestamp()
        except (ValueError, KeyError, TypeError):
            continue  # torn: the job was ended
        yield look


def _own(gauge: Gauge, cards: Sequence[Card]) -> list[dict[str, Any]]:
    names = [card.pci or card.id for card in cards if card.uuid]
    return [
        {
            "at": look.at,
            "cpu": look.cpu,
            "cards": {
                name: {"load": load, "vram": vram}
                for name, load, vram in zip(names, look.load, look.vram, strict=False)
            },
        }
        for look in gauge.looks[::EVERY]
    ]
