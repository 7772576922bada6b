# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a job from being faster, in one sentence with its figures.

Pure. Owns the kinds of limits, the order in which they are looked for, and their words. It never claims more than was
measured: without evidence there is no sentence, and a gain is said as the most that can be expected. It must not look
at the machine (`evidence` does) nor remember anything (`verdict` does).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from . import wording
from .evidence import Evidence

FULL = 90.0
"""Percent of load from which GPUs, or the CPU of a job without, are the limit."""
CPU_FULL = 95.0
"""Percent of all cores from which more workers would only take turns."""
WORTH_SAYING = 1.1
"""A smaller gain is noise."""
WORTH_A_THIRD = 1.25
"""The same from the third worker of a GPU on: time-slicing took more than a small gain on every card measured."""
FEW = 2
"""Frames for each worker of a layout, below which it is not worth to be talked of."""
LARGE = 0.2
"""Share of a frame that saving must have to be named instead of preparation."""
DECISIVE = 0.4
"""Share of a frame that saving must have to be called the limit."""
DISK = 200e6
"""Bytes a second that no format's compression reaches on one thread: what is slower may be either."""
PACKED = frozenset({"PNG", "JPG", "JPEG", "WEBP", "JP2", "J2C"})
"""Formats that cost more to pack than to write."""
DISPLAY_VRAM = 1 << 30
SPARE_RAM = 2 << 30
"""What a further worker must leave free."""


class Kind(StrEnum):
    """What the limit is."""

    GPU = "gpu"
    CPU = "cpu"
    PREPARATION = "preparation"
    SAVING = "saving"
    RENDERING = "rendering"
    """Most of a frame is rendering, and what the device does in it is not known or not all."""
    COMBINED = "combined"
    MEMORY = "memory"
    CLAIMS = "claims"
    FEW_FRAMES = "few frames"
    SLOW_CARD = "slow card"
    UNEVEN_END = "uneven end"
    LOADING = "loading"


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """The limit of a job."""

    kind: Kind
    words: str
    """One sentence."""
    gain: float = 1.0
    """What one more worker per device, or instances instead of the combined device, would gain at most; 1: nothing."""


def steady(seen: Evidence) -> Bottleneck:
    """Return the limit while every device has work."""
    cpu_first = seen.cpu is not None and seen.cpu >= CPU_FULL and not seen.on_cpu
    if seen.load is not None and seen.load >= FULL:
        return _busy(seen)
    if seen.on_cpu and seen.cpu is not None and seen.cpu >= FULL:
        return _busy(seen)
    if cpu_first:
        gpus = f", {_devices(seen)} {seen.load:.0f} %" if seen.load is not None else ""
        words = f"CPU {seen.cpu:.0f} % busy{gpus}: the processor is the limit; more workers would not help, {_LIGHTER}."
        return Bottleneck(Kind.CPU, words)
    if seen.combined:
        return _combined(seen)
    kind, what = _largest(seen)
    advice, limit, more = _advice(seen)
    return Bottleneck(limit or kind, _sentence(_head(seen), what, advice, _unknown(seen, kind)), more)


def gain(load: float, each: int) -> float:
    """Return the factor that one more worker on a device would gain, 1 for none.

    The workers of a device take turns on it and do the rest beside each other (mean value analysis of a closed queue);
    measured, 2 instead of 1 on an H200 gained 1.59 where this says 1.65.

    Args:
        load: Part of the time, 0 to 1, in which the device is busy now.
        each: Workers that it has now.
    """
    if not 0.0 < load < 1.0:
        return 1.0
    work = load / each  # of the device for one frame, where a worker's time for one is 1
    low, high = 0.0, 1.0
    for _ in range(40):  # what a worker does beside the device, so that its time for a frame comes to 1
        middle = (low + high) / 2
        low, high = (middle, high) if _cycle(work, middle, each) < 1.0 else (low, middle)
    return max(1.0, (each + 1) / _cycle(work, low, each + 1) / each)


def _cycle(work: float, beside: float, workers: int) -> float:
    waiting, cycle = 0.0, 0.0
    for number in range(1, workers + 1):
        turn = work * (1.0 + waiting)
        cycle = turn + beside
        waiting = number / cycle * turn
    return cycle


def instances_gain(load: float, cards: int) -> float:
    """Return what one worker per card would gain over the combined device that is busy so much (0 to 1) now."""
    return cards / ((1.0 - load) + cards * load)


# ---------------------------------------------------------------- words of single limits


def claims(frames: int) -> Bottleneck:
    """Nothing is left but what others have claimed."""
    them = "it" if frames == 1 else "them"
    words = f"Only {wording.count(frames, 'frame')} that other programs have claimed {'is' if frames == 1 else 'are'} left: waiting for {them}."
    return Bottleneck(Kind.CLAIMS, words)


def few_frames(frames: int, cards: int, *, can_combine: bool) -> Bottleneck:
    """There are fewer frames than cards, and each card takes whole frames."""
    rest = cards - frames
    idle = f"{rest} {'has' if rest == 1 else 'have'} nothing to do"
    advice = "; the strategy Combined lets all of them share each frame" if can_combine else ""
    return Bottleneck(Kind.FEW_FRAMES, f"{wording.count(frames, 'frame')} for {cards} GPUs: {idle}{advice}.")


def slow_card(name: str, factor: float, others: int, waited: float) -> Bottleneck:
    """One card took the last frame, and the others waited for it."""
    them, verb = ("the other", "it") if others == 1 else ("the others", "they")
    words = f"{name} is {factor:.1f}× slower than {them} and set the end: {verb} waited {wording.duration(waited)}."
    return Bottleneck(Kind.SLOW_CARD, words)


def uneven_end(idle: int, cards: int, waited: float) -> Bottleneck:
    """The last frames did not fill equal cards. ``waited``: mean seconds of those that had none left."""
    words = f"{idle} of {cards} GPUs waited {wording.duration(waited)} for the last frame: the frames are few or long."
    return Bottleneck(Kind.UNEVEN_END, words)


def loading(seconds: float, total: float) -> Bottleneck:
    """Most of a short job was its start."""
    words = f"Starting and loading took {wording.duration(seconds)} of {wording.duration(total)}: with more frames it would not matter."
    return Bottleneck(Kind.LOADING, words)


# ---------------------------------------------------------------- parts of the steady sentence

_LIGHTER = "simpler geometry and fewer modifiers do"


def _busy(seen: Evidence) -> Bottleneck:
    if seen.on_cpu:
        return Bottleneck(
            Kind.CPU, f"CPU {seen.load:.0f} % busy: it is the limit; only fewer samples or pixels, or a GPU, help."
        )
    one = len(seen.devices) == 1
    cards = "a faster or a second card" if one else "more or faster cards"
    it = "it is" if one else "they are"
    words = f"{_devices(seen)} {seen.load:.0f} % busy: {it} the limit; only {cards}, or fewer samples or pixels, help."
    return Bottleneck(Kind.GPU, words)


def _combined(seen: Evidence) -> Bottleneck:
    cards, frame = len(seen.devices), seen.phases.total
    prepared = _of(seen.phases.evaluate + seen.phases.sync + seen.phases.write, frame)
    what = f"as one combined device they wait for {prepared} of preparation and saving a frame, and for one another"
    more = instances_gain(seen.load / 100.0, cards) if seen.load is not None else 1.0
    advice = ""
    if more >= WORTH_SAYING and seen.frames >= FEW * cards:
        advice = f"one worker per GPU would gain up to {more:.1f}×"
    return Bottleneck(
        Kind.COMBINED, _sentence(_head(seen), what, advice, _unknown(seen, Kind.COMBINED)), more if advice else 1.0
    )


def _largest(seen: Evidence) -> tuple[Kind, str]:
    """Name what a frame spends most on beside rendering; rendering itself where that is little."""
    phases, frame = seen.phases, max(seen.phases.total, 1e-6)  # a coarse clock may have seen nothing pass
    prepared, saved = phases.evaluate + phases.sync, phases.write
    if phases.carry >= 0.95 * frame:  # done beside the next frame, which has to wait for it
        saved = phases.carry
    if saved >= LARGE * frame and saved > prepared:
        return Kind.SAVING, _saving(seen, saved, frame)
    if prepared >= LARGE * frame:
        return (
            Kind.PREPARATION,
            f"{_of(prepared, frame)} a frame is scene preparation{_threads(seen, prepared / frame)}",
        )
    gpu = seen.load / 100.0 * frame if seen.load is not None and seen.each == 1 and not seen.on_cpu else 0.0
    part = f", {wording.duration(gpu)} of it on the GPU" if 0 < gpu < phases.render else ""
    return Kind.RENDERING, f"{_of(phases.render, frame)} a frame is rendering{part}"


def _saving(seen: Evidence, saved: float, frame: float) -> str:
    picture = " ".join(filter(None, (wording.size(seen.size) if seen.size else "", seen.kind))) or "the picture"
    if saved > frame:
        head = f"saving {picture} takes {wording.duration(saved)}, longer than the {wording.duration(frame)} of a frame"
    else:
        head = f"saving {picture} takes {_of(saved, frame)} a frame"
    if seen.kind in PACKED:
        return f"{head}, less compression helps"
    if saved < DECISIVE * frame:
        return f"{head}, a faster disk or less compression helps"
    return f"{head}: the disk{'' if seen.size >= DISK * saved else ', or the compression of the file,'} is the limit"


def _threads(seen: Evidence, share: float) -> str:
    """How many threads worked on it at most: those of the whole frame, had they done nothing else."""
    if seen.worker_cpu is None:
        return " on the CPU"
    return " on one CPU thread" if seen.worker_cpu / share < 150.0 else " on the CPU"


def _advice(seen: Evidence) -> tuple[str, Kind | None, float]:
    """Say what one more worker on each device would bring, or that it does not fit."""
    place = f" per {'device' if seen.on_cpu else 'GPU'}" if len(seen.devices) > 1 else ""
    which = {1: "a second", 2: "a third"}.get(seen.each, "one more")
    if seen.load is None or not seen.devices or seen.frames < FEW * (seen.each + 1) * len(seen.devices):
        return "", None, 1.0
    more = min(gain(seen.load / 100.0, seen.each), 100.0 / seen.cpu if seen.cpu else float("inf"))
    if more < (WORTH_SAYING if seen.each == 1 or seen.on_cpu else WORTH_A_THIRD):
        return "", None, 1.0
    if short := _too_little(seen):
        return f"{which} worker{place} does not fit: {short}", Kind.MEMORY, 1.0
    # Where Auto is on it tries by itself, and says so.
    return ("" if seen.auto else f"{which} worker{place} would gain up to {more:.1f}×"), None, more


def _too_little(seen: Evidence) -> str:
    """Say which memory a further worker lacks; empty: none, as far as is known."""
    if seen.need_vram and seen.free_vram is not None and seen.free_vram < seen.need_vram + DISPLAY_VRAM:
        return f"it needs {wording.size(seen.need_vram)} of VRAM, {wording.size(seen.free_vram)} are free"
    ram = seen.need_ram * len(seen.devices) if seen.need_ram else 0
    if ram and seen.free_ram is not None and seen.free_ram < ram + SPARE_RAM:
        each = f"{len(seen.devices)} × " if len(seen.devices) > 1 else ""
        return f"it needs {each}{wording.size(seen.need_ram or 0)} of RAM, {wording.size(seen.free_ram)} are free"
    return ""


def _head(seen: Evidence) -> str:
    if seen.load is None:
        return ""
    return f"{_devices(seen)} {seen.load:.0f} % busy"


def _unknown(seen: Evidence, kind: Kind) -> str:
    """What is said where no driver tells the load."""
    if seen.load is not None:
        return ""
    if seen.on_cpu:
        return "the CPU's load cannot be told here"
    likely = "that is probably the limit, but " if kind is Kind.RENDERING else ""
    return f"{likely}no driver tells here how busy the {_devices(seen)} {'are' if len(seen.devices) > 1 else 'is'}"


def _sentence(head: str, what: str, *more: str) -> str:
    said = "; ".join(filter(None, (f"{head}: {what}" if head else what, *more)))
    return f"{said[:1].upper()}{said[1:]}."


def _devices(seen: Evidence) -> str:
    return "CPU" if seen.on_cpu else "GPU" if len(seen.devices) <= 1 else "GPUs"


def _of(part: float, whole: float) -> str:
    """``0.31 of 0.52 s``."""
    digits = 2 if whole < 9.95 else 1 if whole < 99.5 else 0
    return f"{part:.{digits}f} of {whole:.{digits}f} s"
