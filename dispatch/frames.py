# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames text to frame numbers and back, and the order in which frames are handed out.

Pure. Owns the little language ``1-250``, ``1-250x2``, ``1,5,10-20``, ``1-100 ^50-60``, ``10-1``, ``-5--1`` (Blender's
own ``1..250`` means the same as ``1-250``). Numbers stay in the order written and come once each. It must not know
scenes, files or workers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .model import DispatchError, Order

LAST_FRAME = 1_048_574
"""Blender's own limit, in both directions (``MAXFRAME``)."""
MOST_FRAMES = 10_000_000
"""Frames that a text may spell, doubles and excluded ones included: more would only be a slip of the hand."""

_HOW = "write it like 1-250, 1-250x2, 1,5,10-20 or 1-100 ^50-60"
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))
_PART = re.compile(
    r"(?P<out>\^\s*)?"
    r"(?P<first>[+-]?[0-9]+)"
    # A sign after a space begins a number of its own ('5 -3' is two frames), unless a space follows it too.
    r"(?:(?:-\s*|\s+-\s+|\s*\.\.\s*)(?P<last>[+-]?[0-9]+)(?:\s*[x×]\s*(?P<step>[+-]?[0-9]+))?)?"
    r"(?=[\s,;^]|$)"
)
_GAP = re.compile(r"[\s,;]*")


def parse(text: str) -> list[int]:
    """Return the frames of the text in the order written, each once; what follows a ``^`` is left out everywhere.

    Raises:
        DispatchError: a part cannot be read, a number is outside of Blender's range, or nothing is left.
    """
    clean = text.translate(_DASHES)
    wanted: dict[int, None] = {}
    unwanted: set[int] = set()
    spelled = 0
    position = _skip_gap(clean, 0)
    while position < len(clean):
        part = _PART.match(clean, position)
        if part is None:
            raise DispatchError(f"Frames: '{_word_at(clean, position)}' is neither a frame nor a range; {_HOW}.")
        frames = _spelled_by(part)
        spelled += len(frames)
        if spelled > MOST_FRAMES:
            raise DispatchError(f"Frames: '{_shortened(text)}' spells more than {MOST_FRAMES:,} frames; give fewer.")
        if part["out"]:
            unwanted.update(frames)
        else:
            wanted.update(dict.fromkeys(frames))
        position = _skip_gap(clean, part.end())
    if not wanted:
        raise DispatchError(f"Frames: '{_shortened(text)}' names no frame; {_HOW}.")
    kept = [frame for frame in wanted if frame not in unwanted] if unwanted else list(wanted)
    if not kept:
        raise DispatchError(f"Frames: '{_shortened(text)}' leaves out every frame that it names; {_HOW}.")
    return kept


def words(frames: Sequence[int]) -> str:
    """Return the canonical text of different frames, order kept: ``parse(words(f)) == f``."""
    parts: list[str] = []
    at = 0
    while at < len(frames):
        step, end = _run_at(frames, at)
        length = end - at
        if length >= 3 or (length == 2 and abs(step) == 1):
            parts.append(f"{frames[at]}-{frames[end - 1]}" + (f"x{abs(step)}" if abs(step) != 1 else ""))
            at = end
        else:
            parts.append(str(frames[at]))
            at += 1
    return ",".join(parts)


def span(start: int, end: int, step: int) -> list[int]:
    """Return the frames of a scene's own range: none where it ends before it starts."""
    return list(range(start, end + 1, max(step, 1)))


def arrange(frames: Iterable[int], order: Order) -> list[int]:
    """Return the frames in the order in which they shall be handed out, each exactly once.

    Forward is the order given, backward its reverse. Coarse to fine is the first, the last, the middle, the
    quarters, the eighths …: after any number of frames those done are spread about evenly.
    """
    given = list(frames)
    if order is Order.BACKWARD:
        given.reverse()
    if order is not Order.COARSE_TO_FINE or len(given) < 3:
        return given
    return [given[0], given[-1], *(given[i] for i in _middles(len(given)))]


def _middles(count: int) -> list[int]:
    """Return the positions strictly inside ``count`` positions, level by level of halving."""
    found: list[int] = []
    level = [(0, count - 1)]
    while level:
        finer = []
        for low, high in level:
            if high - low > 1:
                middle = (low + high) // 2
                found.append(middle)
                finer += [(low, middle), (middle, high)]
        level = finer
    return found


def _run_at(frames: Sequence[int], at: int) -> tuple[int, int]:
    """Return the step and the end (exclusive) of the evenly spaced run that begins at a position."""
    if at + 1 >= len(frames):
        return 1, at + 1
    step = frames[at + 1] - frames[at]
    end = at + 2
    while end < len(frames) and frames[end] - frames[end - 1] == step:
        end += 1
    return step, end


def _spelled_by(part: re.Match[str]) -> range:
    first = _number(part["first"], part)
    if part["last"] is None:
        return range(first, first + 1)
    last = _number(part["last"], part)
    step = _number(part["step"], part) if part["step"] else 1
    if step < 1:
        raise DispatchError(f"Frames: the step in '{part[0]}' must be 1 or more.")
    return range(first, last + 1, step) if last >= first else range(first, last - 1, -step)


def _number(digits: str, part: re.Match[str]) -> int:
    # Length first: Python refuses to convert thousands of digits.
    if len(digits.lstrip("+-0")) > len(str(LAST_FRAME)) or abs(int(digits)) > LAST_FRAME:
        raise DispatchError(
            f"Frames: '{_shortened(part[0])}' is outside of Blender's range, {-LAST_FRAME} to {LAST_FRAME}."
        )
    return int(digits)


def _skip_gap(text: str, position: int) -> int:
    gap = _GAP.match(text, position)
    return gap.end() if gap else position


def _word_at(text: str, position: int) -> str:
    found = re.compile(r"\^?\s*[^\s,;]+|.").match(text, position)
    return _shortened(found[0] if found else text[position:])


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"
