# SPDX-License-Identifier: GPL-3.0-or-later
"""The pixels of a PNG of 8 bits a channel, for comparing small pictures without Blender.

Slow (plain Python): for pictures of some thousand pixels. Formats and sizes that a job renders are for the child to
compare.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from .source import BrokenPicture

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""PNG's colour types that are no palette → bytes of a pixel."""


def difference(one: Path, other: Path) -> float:
    """Return the mean difference of two pictures of one size, in steps of 255.

    Raises:
        BrokenPicture: one is no such PNG, or they differ in size.
        OSError: one cannot be read.
    """
    here, there = pixels(one), pixels(other)
    if len(here) != len(there):
        raise BrokenPicture(f"{one} and {other} differ in size.")
    return sum(abs(a - b) for a, b in zip(here, there, strict=True)) / max(1, len(here))


def pixels(path: Path) -> bytes:
    """Return the channels of every pixel, row after row.

    Raises:
        BrokenPicture: it is not a whole PNG of 8 bits a channel.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    try:
        return _pixels(data)
    except (struct.error, zlib.error, LookupError, ValueError) as error:
        raise BrokenPicture(f"{path} is no PNG of 8 bits that can be compared ({error}).") from error


def _pixels(data: bytes) -> bytes:
    if not data.startswith(_SIGNATURE):
        raise ValueError("no PNG")
    width, height, depth, colour, _, _, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if depth != 8 or interlaced:
        raise ValueError("other depth or order")
    step = _CHANNELS[colour]
    packed, at = b"", len(_SIGNATURE)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += 12 + length
    rows = zlib.decompress(packed)
    if len(rows) != height * (width * step + 1):
        raise ValueError("it has not as many pixels as it says")
    found, above = bytearray(), bytes(width * step)
    for start in range(0, len(rows), width * step + 1):
        above = _unfiltered(rows[start], rows[start + 1 : start + 1 + width * step], above, step)
        found += above
    return bytes(found)


def _unfiltered(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    """Undo one row's filter (PNG specification, 9.2)."""
    out = bytearray(row)
    for n, value in enumerate(row):
        left = out[n - step] if n >= step else 0
        corner = above[n - step] if n >= step else 0
        predicted = (0, left, above[n], (left + above[n]) // 2, _paeth(left, above[n], corner))[kind]
        out[n] = (value + predicted) & 255
    return bytes(out)


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))
