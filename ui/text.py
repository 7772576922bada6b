# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that fits: words wrapped, names shortened and variants chosen by their measured width.

Owns measuring. Blender cuts what is too long without a word, so every text of unknown length goes through here.
Widths are pixels on the screen.
"""

import functools
from collections.abc import Callable, Sequence

import blf
from bpy.types import Context, UILayout

from ..dispatch import wording

UNIT = 20
"""Pixels of one row, at scale 1."""
ICON = 24
"""What an icon takes from the text beside it."""
MARGIN = 38
"""What a panel keeps to itself at the left and right together, the scroll bar included, at scale 1."""
BOX = 16
"""What a box takes of that."""
BUTTON = 12
"""What a button or a bar keeps around its text."""

LONGEST = 500
"""Letters of a text that are shown at most."""

_ELLIPSIS = "…"


def scale(context: Context) -> float:
    """Return the pixels of a pixel: Resolution Scale and the screen's own."""
    return context.preferences.system.ui_scale or 1.0


def column(context: Context, *, box: bool = False, icon: bool = False) -> float:
    """Return how wide the text of a whole row may be in the region that is drawn."""
    width = context.region.width if context.region else 280
    return max(1.0, width - (MARGIN + BOX * box + ICON * icon) * scale(context))


def measured(text: str, context: Context) -> float:
    """Return how wide a text is drawn in a label."""
    return _width(_bounded(text), _points(context))


def wrapped(text: str, pixels: float, context: Context) -> list[str]:
    """Break a text into lines, between words where that is possible."""
    return list(_wrapped(text, int(pixels), _points(context)))


def shortened(text: str, pixels: float, context: Context) -> str:
    """Return the text, with its middle left out where it is too wide: both ends of a name say something."""
    return _shortened(text, int(pixels), _points(context))


def first_fit(variants: Sequence[str], pixels: float, context: Context) -> str:
    """Return the first variant that fits, the last one shortened if none does."""
    for text in variants:
        if measured(text, context) <= pixels:
            return _bounded(text)
    return shortened(variants[-1], pixels, context)


def paragraph(
    layout: UILayout, text: str, context: Context, *, icon: str = "NONE", box: bool = False, less: float = 0.0
) -> None:
    """Draw a text as tight lines. ``less``: pixels at scale 1 that something beside it takes."""
    pixels = column(context, box=box, icon=icon != "NONE") - less * scale(context)
    lines = layout.column(align=True)
    lines.scale_y = 0.8
    for number, line in enumerate(wrapped(text, pixels, context)):
        lines.label(text=line, icon=icon if number == 0 or icon == "NONE" else "BLANK1")


def quiet(layout: UILayout, text: str, context: Context, *, box: bool = False, icon: str = "NONE") -> None:
    """Draw a text that explains, greyed."""
    grey = layout.column(align=True)
    grey.active = False
    paragraph(grey, text, context, box=box, icon=icon)


def _points(context: Context) -> float:
    return context.preferences.ui_styles[0].widget.points * scale(context)


@functools.lru_cache(maxsize=4096)
def _width(text: str, points: float) -> float:
    blf.size(0, points)
    return blf.dimensions(0, text)[0]


def _most(low: int, high: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number for which it fits, at least ``low``; what fits with one fits with every smaller one."""
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


@functools.lru_cache(maxsize=512)
def _wrapped(text: str, pixels: int, points: float) -> tuple[str, ...]:
    lines: list[str] = []
    line = ""
    for word in _bounded(text).split():
        longer = f"{line} {word}" if line else word
        if _width(longer, points) <= pixels:
            line = longer
            continue
        if line:
            lines.append(line)
        while word and _width(word, points) > pixels:  # a path: broken where it must
            fits = _most(1, len(word), lambda n, word=word: _width(word[:n], points) <= pixels)
            lines.append(word[:fits])
            word = word[fits:]
        line = word
    return (*lines, line) if line else tuple(lines)


@functools.lru_cache(maxsize=512)
def _shortened(text: str, pixels: int, points: float) -> str:
    text = " ".join(_bounded(text).split())
    if _width(text, points) <= pixels:
        return text

    def short(kept: int) -> str:
        # The end tells cards of one name apart, so it gets the larger half.
        end = kept - kept // 2
        return text[: kept - end].rstrip() + _ELLIPSIS + text[-end:].lstrip()

    kept = _most(1, len(text) - 1, lambda kept: _width(short(kept), points) <= pixels)
    return short(kept) if kept > 1 else _ELLIPSIS


def _bounded(text: str) -> str:
    """Clean it, and cut what nobody would read and what would keep Blender measuring: job folders may hold anything."""
    return wording.clean(text, LONGEST)
