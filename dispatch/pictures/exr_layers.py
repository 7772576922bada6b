# SPDX-License-Identifier: GPL-3.0-or-later
"""The colours of an OpenEXR file with layers, which Blender does not hand to scripts.

Owns the unpacking of scan lines that are stored plainly or by ZIP (Blender's default); other compressions are not read.
Needs numpy, which Blender brings.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .exr import LINES, MULTI_PART, Part, headers
from .source import BrokenPicture, Source

_PLAIN, _ZIPS, _ZIP = 0, 2, 3
_NOT_LINES = 0xA00
"""Tiled or deep."""
_SIZES = {0: 4, 1: 2, 2: 4}
"""Bytes of a value by its type: whole number, half, float."""


@dataclass(frozen=True, slots=True)
class _Channel:
    name: str
    kind: int
    start: int
    """Byte of a scan line where its values begin, in pixels: to be multiplied by the width."""

    @property
    def is_colour(self) -> bool:
        """Whether it belongs to a picture as people see it: ``R`` or ``ViewLayer.Combined.R``."""
        *layers, last = self.name.split(".")
        return self.kind != 0 and last in ("R", "G", "B", "A") and (not layers or "Combined" in layers)


def colours(path: Path) -> Any | None:
    """Return rows × columns × channels of all combined pictures in the file, linear; None: they cannot be read."""
    import numpy

    try:
        with path.open("rb") as file:
            source = Source(path, file)
            (flags,) = source.unpack("<I", 4)
            multi = bool(flags & MULTI_PART)
            parts, offset = headers(source, multi)
            read = [part for part in parts if any(c.is_colour for c in _channels(part))]
            if flags & _NOT_LINES or not all(_is_readable(part) for part in read):
                return None
            found = []
            for part in parts:
                count = _chunk_count(part)
                if part in read:
                    found.append(_part(source, part, struct.unpack(f"<{count}Q", source.at(offset, count * 8)), multi))
                offset += count * 8
    except (OSError, BrokenPicture, ValueError, KeyError, struct.error, zlib.error):
        return None
    return numpy.concatenate(found, axis=2) if found and len({one.shape[:2] for one in found}) == 1 else None


def _part(source: Source, part: Part, offsets: tuple[int, ...], multi: bool) -> Any:
    import numpy

    left, top, right, bottom = _window(part)
    width, height = right - left + 1, bottom - top + 1
    channels = list(_channels(part))
    line = sum(_SIZES[c.kind] for c in channels) * width
    wanted = [c for c in channels if c.is_colour]
    made = numpy.empty((height, width, len(wanted)), dtype=numpy.float32)
    for offset in offsets:
        y, size = source.unpack("<ii", offset + 4 * multi)
        lines = min(LINES[_compression(part)], bottom - y + 1)
        data = _unpacked(source.at(offset + 4 * multi + 8, size), lines * line)
        rows = numpy.frombuffer(data, dtype=numpy.uint8).reshape(lines, line)
        for n, channel in enumerate(wanted):
            begin, length = channel.start * width, _SIZES[channel.kind] * width
            values = rows[:, begin : begin + length].copy().view("<f2" if channel.kind == 1 else "<f4")
            made[y - top : y - top + lines, :, n] = values
    return made


def _unpacked(data: bytes, length: int) -> bytes:
    """Undo ZIP as OpenEXR uses it: differences of bytes, first all even ones, then all odd ones."""
    import numpy

    if len(data) == length:  # it would not have become smaller
        return data
    packed = numpy.frombuffer(zlib.decompress(data), dtype=numpy.uint8).copy()
    if len(packed) != length:
        raise ValueError
    packed[1:] -= 128
    packed = numpy.cumsum(packed, dtype=numpy.uint8)
    whole = numpy.empty_like(packed)
    half = (length + 1) // 2
    whole[0::2], whole[1::2] = packed[:half], packed[half:]
    return whole.tobytes()


def _channels(part: Part) -> Iterator[_Channel]:
    data, at, start = part.attributes.get("channels", b"\0"), 0, 0
    while data[at]:
        end = data.index(0, at)
        kind, across, down = struct.unpack_from("<i4x2i", data, end + 1)
        if (across, down) != (1, 1):
            raise ValueError("a channel has fewer values than pixels")
        yield _Channel(data[at:end].decode("utf-8", "replace"), kind, start)
        start += _SIZES[kind]
        at = end + 17


def _is_readable(part: Part) -> bool:
    return part.kind in (b"", b"scanlineimage\0", b"scanlineimage") and _compression(part) in (_PLAIN, _ZIPS, _ZIP)


def _chunk_count(part: Part) -> int:
    if known := part.numbers("chunkCount", "<i"):
        return int(known[0])
    _, top, _, bottom = _window(part)
    return math.ceil((bottom - top + 1) / LINES[_compression(part)])


def _window(part: Part) -> tuple[int, int, int, int]:
    left, top, right, bottom = part.numbers("dataWindow", "<4i") or (0, 0, -1, -1)
    return left, top, right, bottom


def _compression(part: Part) -> int:
    return part.attributes["compression"][0]
