# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenEXR: one or more parts, scan lines or tiles, flat or deep. The table of offsets is written last.

Every chunk must have an offset, and the last chunk must end inside the file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from .source import Source

LINES = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256, 10: 256, 11: 32}
"""Scan lines per chunk by compression: none, RLE, ZIPS, ZIP, PIZ, PXR24, B44, B44A, DWAA, DWAB, HTJ2K256, HTJ2K32."""

_TILED, _LONG_NAMES, _DEEP, MULTI_PART = 0x200, 0x400, 0x800, 0x1000
_LONGEST_HEADER = 1 << 24


@dataclass(slots=True)
class Part:
    attributes: dict[str, bytes] = field(default_factory=dict)

    def numbers(self, name: str, layout: str) -> tuple[int, ...] | None:
        data = self.attributes.get(name, b"")
        return struct.unpack_from(layout, data) if len(data) >= struct.calcsize(layout) else None

    @property
    def kind(self) -> bytes:
        return self.attributes.get("type", b"")


def exr(source: Source) -> tuple[int, int]:
    """Return the size of the display window of the first part."""
    (flags,) = source.unpack("<I", 4)
    parts, offset = headers(source, bool(flags & MULTI_PART))
    for part in parts:
        tiled = part.kind in (b"tiledimage", b"deeptile") or (not part.kind and bool(flags & _TILED))
        deep = part.kind.startswith(b"deep") or (not part.kind and bool(flags & _DEEP))
        count = _chunks(source, part, tiled)
        if count < 1:
            raise source.broken("its header is damaged")
        source.need(offset, count * 8)
        offsets = struct.unpack(f"<{count}Q", source.at(offset, count * 8))
        offset += count * 8
        if not all(offsets):
            raise source.broken(f"{offsets.count(0)} of its {count} chunks were never written")
        _see_inside(source, max(offsets), tiled=tiled, deep=deep, numbered=bool(flags & MULTI_PART))
    window = parts[0].numbers("displayWindow", "<4i") if parts else None
    if window is None:
        raise source.broken("its header has no display window")
    return window[2] - window[0] + 1, window[3] - window[1] + 1


def _see_inside(source: Source, chunk: int, *, tiled: bool, deep: bool, numbered: bool) -> None:
    """See that the chunk at this offset ends inside the file."""
    at = chunk + 4 * numbered + (16 if tiled else 4)
    if deep:
        table, data = source.unpack("<QQ", at)
        source.need(at + 24, table + data)
    else:
        (length,) = source.unpack("<i", at)
        source.need(at + 4, length)


def headers(source: Source, multi: bool) -> tuple[list[Part], int]:
    """Return the parts and the offset behind their headers."""
    data = source.head(min(source.size, 1 << 16))
    while True:
        try:
            return _parse_headers(data, multi)
        except (IndexError, ValueError, struct.error):
            if len(data) >= min(source.size, _LONGEST_HEADER):
                raise source.broken("it ends inside its header") from None
            data = source.head(min(source.size, 16 * len(data)))


def _parse_headers(data: bytes, multi: bool) -> tuple[list[Part], int]:
    """Raises IndexError, ValueError or struct.error where the data ends too early."""
    parts: list[Part] = []
    at = 8
    while True:
        part = Part()
        while data[at]:
            end = data.index(0, at)
            name = data[at:end].decode("latin-1")
            at = data.index(0, end + 1) + 1
            (length,) = struct.unpack_from("<I", data, at)
            at += 4 + length
            if at > len(data):
                raise IndexError
            part.attributes[name] = data[at - length : at]
        at += 1
        if not part.attributes:
            return parts, at
        parts.append(part)
        if not multi:
            return parts, at


def _chunks(source: Source, part: Part, tiled: bool) -> int:
    """Return how many chunks the part has."""
    if (known := part.numbers("chunkCount", "<i")) is not None:
        return known[0]
    window = part.numbers("dataWindow", "<4i")
    compression = part.numbers("compression", "<B")
    if window is None or compression is None:
        raise source.broken("its header is damaged")
    width, height = window[2] - window[0] + 1, window[3] - window[1] + 1
    if tiled:
        return _tiles(source, part, width, height)
    if compression[0] not in LINES:
        raise source.broken(f"its compression ({compression[0]}) is not known")
    return -(-height // LINES[compression[0]])


def _tiles(source: Source, part: Part, width: int, height: int) -> int:
    description = part.numbers("tiles", "<IIB")
    if description is None or not description[0] or not description[1]:
        raise source.broken("its header is damaged")
    across, down, mode = description
    levels, up = mode & 0xF, bool(mode >> 4)

    def count(size: int, tile: int, level: int) -> int:
        reduced = -(-size >> level) if up else size >> level
        return -(-max(reduced, 1) // tile)

    def depth(size: int) -> int:
        return (size - 1).bit_length() + 1 if up else size.bit_length()

    if levels == 0:
        return count(width, across, 0) * count(height, down, 0)
    if levels == 1:
        return sum(count(width, across, n) * count(height, down, n) for n in range(depth(max(width, height))))
    return sum(count(width, across, n) for n in range(depth(width))) * sum(
        count(height, down, n) for n in range(depth(height))
    )
