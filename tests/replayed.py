# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded jobs played again: exactly, event by event, or as a simulated machine that behaves like the recorded one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from statistics import fmean, pstdev
from typing import Any

from simulated_machine import GB, Scene

from dispatch.events import Command, Event
from dispatch.machine import Machine

PHASES = ("evaluate", "sync", "render", "write", "carry")
MB = 1 << 20


def replay(machine: Machine, events: Iterable[Event]) -> list[Command]:
    """Tell the machine what was recorded, in order; return what it answered. Reports that do not fit change nothing."""
    return [command for event in events for command in machine.handle(event)]


def scene_of(journal: Iterable[str], telemetry: Iterable[str] = (), *, warm_up: int = 2) -> Scene:
    """Return a scene whose frames go like those in a job's ``journal.jsonl``, rendered by one worker a card.

    ``telemetry``: lines of its ``telemetry.jsonl``, which tell the card's share of the render phase and the memory.
    """
    seen: dict[int, int] = {}
    frames: list[dict[str, Any]] = []
    for record in map(json.loads, journal):
        if record.get("what") == "rendered":
            seen[record["worker"]] = seen.get(record["worker"], 0) + 1
            if seen[record["worker"]] > warm_up:
                frames.append(record)
    mean = {name: fmean(frame["phases"].get(name, 0.0) for frame in frames) for name in PHASES}
    busy, vram = _card(telemetry)
    total = mean["evaluate"] + mean["sync"] + mean["render"] + mean["write"]
    gpu = mean["render"] if busy is None else min(mean["render"], busy * total)
    render = [frame["phases"]["render"] for frame in frames]
    scene = Scene(
        evaluate=mean["evaluate"],
        sync=mean["sync"],
        gpu=gpu,
        gap=mean["render"] - gpu,
        write=mean["write"],
        carry=mean["carry"],
        noise=pstdev(render) / fmean(render),
        ram=max(frame.get("memory", 0) for frame in frames) or 2 * GB,
    )
    return replace(scene, vram=vram) if vram else scene


def _card(telemetry: Iterable[str]) -> tuple[float | None, int]:
    """Return the cards' mean share of busy time and the most bytes that one worker had there."""
    loads: list[float] = []
    vram = 0
    for sample in map(json.loads, telemetry):
        loads += [card["load"] for card in sample.get("cards", {}).values() if card.get("load") is not None]
        vram = max([vram, *(worker.get("vram") or 0 for worker in sample.get("workers", {}).values())])
    # The first and last samples are of the start and the end, when cards wait.
    middle = loads[len(loads) // 5 : -len(loads) // 5]
    return (fmean(middle) / 100.0 if middle else None), vram


def lines_of(recording: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return a recording of `benchmarks.gpu` as lines of a journal and of its telemetry."""
    columns, samples = recording["frames"], recording["samples"]
    journal = [
        json.dumps(
            {
                "what": "rendered",
                "worker": worker,
                "memory": max(filter(None, samples["workers"][str(worker)]["memory"]), default=0) * MB,
                "phases": {name: columns[name][n] / 1000.0 for name in PHASES},
            }
        )
        for n, worker in enumerate(columns["worker"])
    ]
    telemetry = [
        json.dumps(
            {
                "cards": {pci: {"load": card["load"][n]} for pci, card in samples["cards"].items()},
                "workers": {w: {"vram": (told["vram"][n] or 0) * MB} for w, told in samples["workers"].items()},
            }
        )
        for n in range(len(samples["at"]))
    ]
    return journal, telemetry
