# SPDX-License-Identifier: GPL-3.0-or-later
"""BMP, IRIS and TGA: old formats whose headers tell enough to know where the pixels end."""

from __future__ import annotations

import struct

from .source import Source

_TARGA_FOOTER = b"TRUEVISION-XFILE.\0"


def bmp(source: Source) -> tuple[int, int]:
    """The header tells where the pixels begin, and the size of a line follows from it."""
    (start,) = source.unpack("<I", 10)
    (header,) = source.unpack("<I", 14)
    if header < 40:
        width, height, _, depth = source.unpack("<HHHH", 18)
        compression = length = 0
    else:
        width, height, _, depth, compression, length = source.unpack("<iiHHII", 18)
    if compression in (0, 3, 6):
        length = (width * depth + 31) // 32 * 4 * abs(height)
    source.need(start, length)
    return width, abs(height)


def iris(source: Source) -> tuple[int, int]:
    """Packed files have a table of lines, written last; plain ones have a length that follows from the header."""
    packed, depth, _, width, height, channels = source.unpack(">BBHHHH", 2)
    if not packed:
        source.need(512, width * height * channels * depth)
        return width, height
    lines = height * channels
    starts = source.unpack(f">{lines}I", 512)
    lengths = source.unpack(f">{lines}I", 512 + 4 * lines)
    for start, length in zip(starts, lengths, strict=True):
        if not start or not length:
            raise source.broken("a line of it was never written")
        source.need(start, length)
    return width, height


def may_be_targa(head: bytes) -> bool:
    """Whether the header is plausible; there is no magic number."""
    if len(head) < 18:
        return False
    palette, kind = head[1], head[2]
    width, height, depth = struct.unpack_from("<HHB", head, 12)
    fits = palette == 1 if kind in (1, 9) else palette in (0, 1) and kind in (2, 3, 10, 11)
    return fits and width > 0 and height > 0 and depth in (8, 15, 16, 24, 32)


def targa(source: Source) -> tuple[int, int]:
    """Plain pixels have a known length; packed ones are walked packet by packet."""
    comment, palette, kind, _, colours, bits = source.unpack("<BBBHHB", 0)
    width, height, depth = source.unpack("<HHB", 12)
    start = 18 + comment + (colours * ((bits + 7) // 8) if palette else 0)
    pixel = (depth + 7) // 8
    if kind < 8:
        source.need(start, width * height * pixel)
    else:
        _walk_packets(source, start, width * height, pixel)
    return width, height


def _walk_packets(source: Source, at: int, left: int, pixel: int) -> None:
    data = source.at(0, source.size)
    try:
        while left > 0:
            head = data[at]
            count = (head & 0x7F) + 1
            at += 1 + (pixel if head & 0x80 else pixel * count)
            left -= count
    except IndexError:
        raise source.broken(f"it ends at byte {source.size}, {left} pixels too early") from None
    source.need(at)
