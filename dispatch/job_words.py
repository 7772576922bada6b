# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel says of a job that runs, waits or has ended.

Pure. Owns these short lines, beside `panel_words` (before there is a job), `wording` (single figures) and `report`
(a snapshot for command line and log). It must not draw, measure, look at a clock, or decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from . import devices as device_room
from . import report, wording
from .model import Backend, Device, Outcome, Then
from .panel_words import DOT, device_name
from .snapshot import DeviceView, Message, Snapshot, WorkerView

_AT = re.compile(r"(?P<kind>.+) \((?P<place>[^()]+)\)(?P<rest>.*)$")
"""``RTX 4090 (1b:00) 2``: a kind of card, where this one sits, which worker on it."""
_OUTCOMES = {
    Outcome.COMPLETE: "Finished",
    Outcome.INCOMPLETE: "Frames are missing",
    Outcome.REFUSED: "Refused",
    Outcome.STOPPED: "Stopped",
    Outcome.IMPOSSIBLE: "Nothing could render",
}


# ---------------------------------------------------------------- while it runs


def done_of(snapshot: Snapshot) -> str:
    """``12 of 250 frames``."""
    return f"{snapshot.done:,} of {wording.count(snapshot.total, 'frame')}"


def time_line(snapshot: Snapshot, now: float) -> str:
    """``3 min 20 s left · done at 14:32``; empty while nobody knows. ``now``: seconds since the epoch."""
    left = snapshot.seconds_left
    if left is None or snapshot.state not in ("rendering", "starting") or not snapshot.done:
        return ""
    known = snapshot.seconds_left_range
    end = f"done by {wording.moment(now + known[1], now)}" if known else f"done at {wording.moment(now + left, now)}"
    return f"{report.time_left(snapshot)} left{DOT}{end}"


def rate_line(snapshot: Snapshot) -> str:
    """``4.2 frames/s``, and what else is not zero: retried, given up, claimed elsewhere."""
    said = [wording.rate(snapshot.frames_per_second)] if snapshot.frames_per_second > 0 else []
    said += [f"{snapshot.retried:,} retried"] if snapshot.retried else []
    said += [f"{snapshot.failed:,} given up"] if snapshot.failed else []
    said += [f"{snapshot.elsewhere:,} elsewhere"] if snapshot.elsewhere else []
    said += [f"{snapshot.found:,} were there"] if snapshot.found else []
    return DOT.join(said)


def doing(snapshot: Snapshot) -> str:
    """One sentence for a job that renders nothing at present and has not ended; empty for others."""
    busy = any(worker.frame is not None for worker in snapshot.workers)
    if snapshot.state == "rendering" and snapshot.elsewhere and not busy:
        those = wording.count(snapshot.elsewhere, "frame")
        return f"Waits for {those} that another program has claimed: stop, then release the claims, if nobody renders."
    return {
        "starting": "Starting: the workers load the scene.",
        "paused": "Pausing after the current frames." if busy else "Paused: the devices are free.",
        "stopping": "Stopping after the current frames." if busy else "Looking at every finished frame …",
        "writing movie": "Writing the movie …",
    }.get(snapshot.state, "")


def reasons(snapshot: Snapshot) -> tuple[str, ...]:
    """What Auto decided last, and why the job is not faster; at the end only the latter, while it waits neither."""
    renders = snapshot.outcome is None and snapshot.state == "rendering"
    auto = snapshot.auto if renders else ""
    limit = snapshot.bottleneck if snapshot.outcome is not None or (renders and not doing(snapshot)) else ""
    return tuple(filter(None, (auto, limit)))


def waiting(snapshot: Snapshot, seconds: float | None) -> str:
    """Behind whom a job waits, and for how long. ``seconds``: what the job before it still needs, where known."""
    words = f"Waits for the devices that '{snapshot.behind}' has" if snapshot.behind else "Waits for its devices"
    words += f", with {wording.count(snapshot.ahead, 'job')} before it" if snapshot.ahead else ""
    if seconds is None:
        return f"{words}."
    return (
        f"{words}: at least {wording.duration(seconds)}."
        if snapshot.ahead
        else (f"{words}: about {wording.duration(seconds)}.")
    )


def worker_names(workers: Sequence[WorkerView]) -> tuple[str, tuple[str, ...]]:
    """What is common to all workers' cards, and a short name for each: ``RTX 4090``, then ``1b:00``, ``2b:00`` …"""
    return _told_apart([device_name(worker.slot) for worker in workers])


def _told_apart(names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Nothing is common where the cards are of several kinds, or where there is one."""
    parts = [_AT.match(name) for name in names]
    kinds = {part["kind"] if part else "" for part in parts}
    if len(names) < 2 or len(kinds) > 1 or "" in kinds:
        return "", tuple(names)
    return kinds.pop(), tuple(f"{part['place']}{part['rest']}" for part in parts if part)


def worker_words(worker: WorkerView) -> tuple[str, ...]:
    """What stands in a worker's bar, fullest first: the panel takes the first that fits."""
    if worker.frame is None:
        state = {"idle": "no frame to do", "loading": "loading the scene", "unkillable": "does not end"}
        state["checking"] = "checking a frame"
        return (state.get(worker.state, worker.state), worker.state)
    number = f"{worker.frame:,}" if abs(worker.frame) > 99_999 else str(worker.frame)
    pace = wording.duration(worker.seconds_per_frame) if worker.seconds_per_frame > 0 else ""
    vram = wording.size(worker.vram) if worker.vram else ""
    return (
        DOT.join(filter(None, (f"Frame {number}", f"{pace}/frame" if pace else "", vram))),
        DOT.join(filter(None, (f"Frame {number}", pace, vram))),
        DOT.join(filter(None, (number, pace, vram))),
        DOT.join(filter(None, (number, pace))),
        number,
    )


def sampled(worker: WorkerView) -> float:
    """How far the frame of a worker is, 0 to 1."""
    if worker.frame is None or worker.samples <= 0:
        return 0.0
    return min(1.0, worker.sample / worker.samples)


def troubles(messages: Sequence[Message], most: int = 3) -> tuple[Message, ...]:
    """The newest warnings and errors, newest first, each sentence once."""
    found: dict[str, Message] = {}
    for message in reversed(messages):
        if message.level != "note":
            found.setdefault(message.text, message)
    return tuple(found.values())[:most]


def countdown(then: str, then_at: float, now: float) -> str:
    """``Shutting down in 42 s.``; both times in seconds since the epoch."""
    verb = "Going to sleep" if then == Then.SLEEP else "Shutting down"
    return f"{verb} in {max(0, round(then_at - now))} s."


def status_bar(snapshot: Snapshot) -> str:
    """A few letters beside the bar: ``12 of 250 · 3 min 20 s left``."""
    counts = f"{snapshot.done:,} of {snapshot.total:,}"
    if snapshot.state == "rendering" and snapshot.seconds_left is not None and snapshot.done:
        return f"{counts}{DOT}{report.time_left(snapshot)} left"
    return counts if snapshot.state == "rendering" else f"{counts}{DOT}{snapshot.state}"


# ---------------------------------------------------------------- afterwards


def headline(snapshot: Snapshot) -> str:
    """``Finished in 12 min 08 s``. Where Overwrite is off and nothing was missing nothing was rendered."""
    word = _OUTCOMES.get(snapshot.outcome, "Ended") if snapshot.outcome else "Ended"
    if snapshot.outcome is Outcome.COMPLETE and snapshot.total and snapshot.found >= snapshot.total:
        return "All frames were there already"
    return f"{word} in {wording.duration(snapshot.elapsed)}" if snapshot.outcome is Outcome.COMPLETE else word


def when(snapshot: Snapshot, now: float) -> str:
    """The day and time of an end that was not today; empty: it was. ``now``: seconds since the epoch."""
    try:
        ended = datetime.fromisoformat(snapshot.updated).timestamp()
    except ValueError:
        return ""
    said = wording.moment(ended, now)
    return said if " " in said else ""


def audit(snapshot: Snapshot) -> str:
    """The audit as a sentence."""
    return f"{snapshot.audit or done_of(snapshot)}."


def interrupted(snapshot: Snapshot | None) -> str:
    """Of a job whose dispatcher died (logout, power cut, crash)."""
    if snapshot is None:
        return "Interrupted before the first frame. Resume goes on."
    return f"Interrupted: {done_of(snapshot)} are there. Resume goes on with the rest."


def device_averages(devices: Sequence[DeviceView]) -> tuple[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    """What is common to the cards that did something, and for each its short name and its figures.

    The figures come in variants, fullest first: ``8.3 s/frame · 63 frames``, ``63 × 8.3 s``.
    """
    plain = [Device(view.id, view.name, _backend(view.id), device_room.pci_address(view.id)) for view in devices]
    names = device_room.display_names(plain)
    busy = [view for view in devices if view.done]
    common, short = _told_apart([device_name(names[view.id]) for view in busy])
    return common, tuple(zip(short, map(_average, busy), strict=True))


def _average(device: DeviceView) -> tuple[str, ...]:
    pace = f"{wording.duration(device.seconds_per_frame)}/frame"
    brief = f"{device.done:,} × {wording.duration(device.seconds_per_frame)}"
    return f"{pace}{DOT}{wording.count(device.done, 'frame')}", brief, pace


def _backend(id: str) -> Backend:
    return Backend.CPU if id == "CPU" else Backend.CUDA


def job_line(state: str, snapshot: Snapshot | None) -> str:
    """A job's state in a list, in a word or two."""
    if snapshot is None or state not in ("rendering", "ended"):
        return state
    if snapshot.outcome is Outcome.COMPLETE:
        return "finished"
    return f"{snapshot.done:,} of {snapshot.total:,}"
