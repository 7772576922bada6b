# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of frames that do not fit into memory: where they are tried next, and why one is given up. Pure, text only."""

from __future__ import annotations

from .model import Fault
from .rungs import ALONE, ALONE_IN_RAM, CPU, OVER, TOGETHER, Climb
from .wording import count, size


def tried_next(label: str, where: str, climb: Climb, place: str) -> str:
    """``where``: the slot in which it did not fit."""
    memory = "VRAM" if climb.fault is Fault.OUT_OF_VRAM else "RAM"
    head = f"{label[:1].upper()}{label[1:]} does not fit on {where} (out of {memory}{tail(climb.words)})"
    return f"{head}: it is tried {_where(place)}."


def _where(place: str) -> str:
    if place.startswith(OVER):
        return "on a card with more room"
    if place.startswith(ALONE):
        return f"alone on {place.removeprefix(ALONE)}, in a fresh Blender"
    words = {ALONE_IN_RAM: "alone, while the other workers rest", TOGETHER: "on all cards together"}
    return words.get(place, "on the processor" if place == CPU else "again")


def given_up(label: str, climb: Climb, ram: tuple[int, int], *, cpu_allowed: bool) -> str:
    """``ram``: bytes of the machine's RAM that are free, and all of them; 0 where nobody tells."""
    head = f"{label[:1].upper()}{label[1:]} is given up: it does not fit"
    if climb.fault is Fault.OUT_OF_RAM:
        free, total = ram
        told = f" ({size(total)}, {size(free)} of them free now)" if total else ""
        return f"{head} into this machine's RAM{told}, not even alone{tail(climb.words)}; {_SMALLER}."
    helps = _SMALLER if cpu_allowed else f'let the processor render it ("If a Frame Does Not Fit"), or {_SMALLER}'
    return f"{head}{_figures(climb)}{tail(climb.words)}; {helps}."


_SMALLER = "make the frame smaller: Simplify, a texture limit, fewer subdivisions"


def _figures(climb: Climb) -> str:
    if not climb.name:
        return " on any card"
    card = f"{climb.name}, the {'biggest card' if climb.biggest else 'card with the most room'}"
    if not climb.total:
        return f" on {card}, not even alone"
    more = (
        f" and needs more than the {size(climb.free)} that were free of its {size(climb.total)}" if climb.free else ""
    )
    return f" on {card}, not even alone{more or f' ({size(climb.total)})'}"


def went_on(frames: int) -> str:
    return f"{count(frames, 'frame')} did not fit before the job was interrupted: the search goes on where it was."


def too_small(kind: str, total: int, others: int) -> str:
    """``kind``: name of the cards; ``total``: bytes of their memory, ``others``: of it that others hold; 0: not told."""
    told = f" ({size(total)})" if total else ""
    if others:
        told = f", of whose {size(total)} other programs hold {size(others)}"
    return f"Frames do not fit on {kind}{told}: other cards take them, and only now and then one is tried there."


def kept_nothing(frames: int) -> str:
    return f"{frames} frames fitted only into a fresh Blender: from now on no worker keeps the scene's data between frames."


def taken(label: str, words: str) -> str:
    """``words``: what got no RAM."""
    head = f"{label[:1].upper()}{label[1:]} was rendered alone, and still there was too little RAM for all of it"
    return f"{head} ({words}): look at it, and at others for which that is so. They are put in place as they are."


def tail(words: str) -> str:
    """Return words that explain, to be put behind a sentence."""
    return f": {words.rstrip('.')}" if words else ""


def reason(fault: Fault, words: str) -> str:
    """Return the kind of a failure with the words that explain it; words that begin with the kind say both."""
    return words.rstrip(".") if words.lower().startswith(fault) else f"{fault}{tail(words)}"
