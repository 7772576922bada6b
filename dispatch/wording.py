# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers into plain English: durations, sizes, counts, lists of names, the closing sentence of a job.

Pure. Owns how things are said, so that panel, command line, log and report say them alike. It must not decide
anything, nor look at a clock: times of day are arguments.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime

LONGEST = 2000
"""Letters of one sentence: names and a driver's own words may be of any length."""

_HOSTILE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]")
"""Any of the following: most texts hold none, and a panel cleans a hundred of them at each draw."""
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P^_X][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)")
"""What tells a terminal to do something: colours, the cursor, its title."""
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""Control characters and every kind of new line: a space."""
_TURNING = re.compile(r"[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Marks that nobody sees and that turn the text around them, so that a name reads as another one."""
_JOINERS = re.compile(r"[\u200c\u200d]")
"""What nobody sees either, but Persian and Indic words are written with: without it a path is another one."""
_VIRAMA = 9
"""Combining class of the signs that tie Indic letters together."""
_HALF = re.compile(r"[\ud800-\udfff]")
"""Half characters, from file names that are no text: neither UTF-8 nor Blender knows them."""


def clean(text: str, longest: int = LONGEST) -> str:
    """Return words from outside (names, a driver's or a script's text) as one line that does nothing but be read.

    For panel, terminal and page alike; each of them escapes what is a tag or a rule to itself.
    """
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    if not _HOSTILE.search(text):
        return text
    text = _HALF.sub("?", _TURNING.sub("", _ESCAPES.sub("", text)))
    return _JOINERS.sub(_joiner, _UNSEEN.sub(" ", text))


def _joiner(found: re.Match[str]) -> str:
    """Return the joiner where it shapes the letters beside it (about Unicode's own rule for names, RFC 5892), else nothing."""
    text, at = found.string, found.start()
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if before and unicodedata.combining(before) == _VIRAMA:
        return found[0]
    if not before or not after:
        return ""
    if unicodedata.combining(after) == _VIRAMA:
        return found[0] if unicodedata.category(before) == "Lo" else ""
    arabic = unicodedata.bidirectional(before) in ("AL", "NSM") and unicodedata.bidirectional(after) == "AL"
    return found[0] if arabic else ""


def duration(seconds: float) -> str:
    """``0.42 s``, ``8.3 s``, ``45 s``, ``3 min 20 s``, ``2 h 05 min``, ``3 d 4 h``."""
    if seconds < 0:
        return "0 s"
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def span(least: float, most: float) -> str:
    """A time that is not known exactly: ``12 to 18 min``, ``50 s to 2 min``, ``about 5 h``. Seconds."""
    low, high = _roughly(least), _roughly(most)
    if low == high:
        return f"about {low[0]} {low[1]}"
    return f"{low[0]} to {high[0]} {high[1]}" if low[1] == high[1] else f"{low[0]} {low[1]} to {high[0]} {high[1]}"


def _roughly(seconds: float) -> tuple[str, str]:
    units = (("s", 1, 90), ("min", 60, 90), ("h", 3600, 36))
    unit, length = next(((unit, length) for unit, length, last in units if seconds < last * length), ("d", 86400))
    value = max(0.0, seconds) / length
    digits = 1 if unit in ("h", "d") and value < 9.95 else 0
    return f"{value:.{digits}f}".removesuffix(".0"), unit


def size(count: float) -> str:
    """Bytes as Blender shows them: ``512 B``, ``1.5 MiB``, ``140 GiB``."""
    value, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1000 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def count(number: int, one: str, many: str = "") -> str:
    """``1 frame``, ``250 frames``, ``100,000 frames``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def clock(seconds: float) -> str:
    """Time since a start, to be read down a column: ``0:07``, ``3:20``, ``2:05:00``."""
    whole = round(max(0.0, seconds))
    head = f"{whole // 3600}:{whole // 60 % 60:02d}" if whole >= 3600 else str(whole // 60)
    return f"{head}:{whole % 60:02d}"


def names(items: Sequence[str], most: int = 5) -> str:
    """``a``, ``a and b``, ``a, b and c``; past ``most`` of them ``a, b, c, d, e and 12 more``."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most:,} more"
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1] if items else "none"


def moment(epoch: float, now: float) -> str:
    """Local time of day, with the day where it is another one than ``now``'s (both in seconds since the epoch)."""
    then, today = datetime.fromtimestamp(epoch).astimezone(), datetime.fromtimestamp(now).astimezone()
    if then.date() == today.date():
        return f"{then:%H:%M}"
    return f"{then.day} {then:%b}{'' if then.year == today.year else f' {then.year}'} {then:%H:%M}"


def rate(per_second: float) -> str:
    """Frames in the unit that gives a readable number: ``4.2 frames/s``, ``31 frames/min``, ``2.5 frames/h``."""
    for factor, unit in ((1, "s"), (60, "min"), (3600, "h")):
        value = per_second * factor
        if value >= 0.995 or unit == "h":
            break
    return f"{value:.0f} frames/{unit}" if value >= 9.95 else f"{value:.1f} frames/{unit}"


def elsewhere(number: int, since: str = "") -> str:
    """``12 frames are claimed elsewhere since 14:02``; ``since`` is a moment's words."""
    verb = "is" if number == 1 else "are"
    return f"{count(number, 'frame')} {verb} claimed elsewhere" + (f" since {since}" if since else "")


def audit(
    complete: int,
    total: int,
    doubled: int = 0,
    retried: int = 0,
    given_up: int = 0,
    claimed_elsewhere: int = 0,
    missing: int = 0,
    again: int = 0,
) -> str:
    """The sentence a job ends with: ``250 of 250 frames complete, 0 rendered twice, 2 retried``.

    What is not zero is added behind: rendered again on purpose, given up, claimed elsewhere, missing or broken on disk.
    """
    said = [
        f"{complete:,} of {count(total, 'frame')} complete",
        f"{doubled:,} rendered twice",
        f"{retried:,} retried",
    ]
    said += [f"{again:,} rendered again"] if again else []
    said += [f"{given_up:,} given up"] if given_up else []
    said += [f"{claimed_elsewhere:,} claimed elsewhere"] if claimed_elsewhere else []
    said += [f"{missing:,} missing or broken"] if missing else []
    return ", ".join(said)
