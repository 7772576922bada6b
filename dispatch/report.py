# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot in words: the lines that command line, log and panel show of a job.

Pure. Owns which figures are shown and in which order; `wording` says how a single figure reads. It must not draw,
keep state, or look at a clock.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import wording
from .model import Outcome
from .snapshot import DeviceView, Message, Snapshot, WorkerView

OUTCOMES = {
    Outcome.COMPLETE: "Complete",
    Outcome.INCOMPLETE: "Ended, not everything is there",
    Outcome.REFUSED: "Refused",
    Outcome.STOPPED: "Stopped",
    Outcome.IMPOSSIBLE: "Nothing could render",
}


def percent(snapshot: Snapshot) -> int:
    """Finished part of the job; 100 only when it is all done."""
    return snapshot.done * 100 // snapshot.total if snapshot.total else 100


def overall(snapshot: Snapshot) -> str:
    """``12 of 250 frames, 4 %, 4.2 frames/s, 3 min 20 s left``, and what else is not zero."""
    said = [f"{snapshot.done:,} of {wording.count(snapshot.total, 'frame')}", f"{percent(snapshot)} %"]
    if snapshot.state not in ("rendering", "ended"):
        said.append(snapshot.state)
    if snapshot.frames_per_second > 0:
        said.append(wording.rate(snapshot.frames_per_second))
    if snapshot.seconds_left is not None and snapshot.state == "rendering":
        said.append(f"{time_left(snapshot)} left")
    said += [f"{snapshot.found:,} were there already"] if snapshot.found else []
    said += [f"{snapshot.failed:,} given up"] if snapshot.failed else []
    said += [f"{snapshot.elsewhere:,} claimed elsewhere"] if snapshot.elsewhere else []
    return ", ".join(said)


def time_left(snapshot: Snapshot) -> str:
    """``3 min 20 s``, or ``12 to 18 min`` where frames differ in cost; empty while nobody knows."""
    if snapshot.seconds_left is None:
        return ""
    if snapshot.seconds_left_range is not None:
        return wording.span(*snapshot.seconds_left_range)
    return wording.duration(max(1.0, snapshot.seconds_left))


def reasons(snapshot: Snapshot) -> list[str]:
    """What Auto did last, and why the job is not faster: a sentence each, as far as they are known."""
    return [sentence for sentence in (snapshot.auto, snapshot.bottleneck) if sentence]


def alive(workers: Sequence[WorkerView]) -> list[WorkerView]:
    """The workers worth a line: those that are not gone."""
    return [worker for worker in workers if worker.state != "gone"]


def doing(worker: WorkerView) -> str:
    """``frame 17``, or its state where it renders nothing."""
    return f"frame {worker.frame}" if worker.frame is not None else worker.state


def sampled(worker: WorkerView) -> str:
    """How far its frame is: ``45 %``; empty while unknown."""
    if worker.frame is None or worker.samples <= 0:
        return ""
    return f"{min(100, worker.sample * 100 // worker.samples)} %"


def pace(worker: WorkerView) -> str:
    """``8.3 s/frame``; empty while unknown."""
    return f"{wording.duration(worker.seconds_per_frame)}/frame" if worker.seconds_per_frame > 0 else ""


def worker_line(worker: WorkerView) -> str:
    """One line for one worker."""
    said = [doing(worker), sampled(worker), pace(worker), f"{worker.done:,} done"]
    said += [f"RAM {wording.size(worker.memory)}"] if worker.memory else []
    said += [f"VRAM {wording.size(worker.vram)}"] if worker.vram else []
    return f"{worker.slot}: {', '.join(filter(None, said))}"


def device_line(device: DeviceView) -> str:
    """One line for one device: load, VRAM, temperature, power, as far as the driver tells them."""
    said = [device.state] if device.state != "in use" else []
    said += [f"{device.load:.0f} %"] if device.load is not None else []
    if device.vram_used is not None:
        total = f" of {wording.size(device.vram_total)}" if device.vram_total else ""
        said.append(f"VRAM {wording.size(device.vram_used)}{total}")
    said += [f"{device.temperature:.0f} °C"] if device.temperature is not None else []
    said += [f"{device.power:.0f} W"] if device.power is not None else []
    return f"{device.name}: {', '.join(said) or 'load not available'}"


def message_line(message: Message) -> str:
    """``14:02:11 warning: …``; the day is left out."""
    time = message.at[11:19]
    level = "" if message.level == "note" else f"{message.level}: "
    return f"{time} {level}{message.text}".strip()


def closing(snapshot: Snapshot, program: str) -> list[str]:
    """What is said when the job has ended; ``program`` is how the user calls us."""
    lines = []
    if snapshot.outcome is not None and snapshot.outcome is not Outcome.COMPLETE:
        lines.append(f"{OUTCOMES[snapshot.outcome]}.")
    lines.append(f"{snapshot.audit or overall(snapshot)}, in {wording.duration(snapshot.elapsed)}.")
    lines += [snapshot.bottleneck] if snapshot.bottleneck else []
    lines += [f"Pictures: {snapshot.output}"] if snapshot.output else []
    lines += [f"Movie: {snapshot.movie}"] if snapshot.movie else []
    if snapshot.outcome in (Outcome.STOPPED, Outcome.INCOMPLETE, Outcome.IMPOSSIBLE):
        lines.append(f"To go on: {program} resume {snapshot.job}")
    return lines


def summary(snapshot: Snapshot) -> list[str]:
    """Everything a status command says of one job."""
    state = OUTCOMES[snapshot.outcome] if snapshot.outcome else snapshot.state
    lines = [f"{snapshot.name} [{snapshot.job}]: {state}", f"  {snapshot.audit or overall(snapshot)}"]
    lines += [f"  Pictures: {snapshot.output}"] if snapshot.output else []
    lines += [f"  {sentence}" for sentence in reasons(snapshot)]
    if snapshot.outcome is None:
        lines += [f"  {worker_line(worker)}" for worker in alive(snapshot.workers)]
        lines += [f"  {device_line(device)}" for device in snapshot.devices]
    return lines + [f"  {message_line(message)}" for message in snapshot.messages]


def fresh(before: Sequence[Message], now: Sequence[Message]) -> list[Message]:
    """Return the messages that came since: both are windows on one list, oldest first."""
    for dropped in range(len(before) + 1):
        kept = list(before[dropped:])
        if list(now[: len(kept)]) == kept:
            return list(now[len(kept) :])
    return list(now)
