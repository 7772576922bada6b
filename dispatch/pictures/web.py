# SPDX-License-Identifier: GPL-3.0-or-later
"""PNG, JPEG and WebP: each says where it ends. Every function returns (width, height) or raises BrokenPicture."""

from __future__ import annotations

from .source import Source

_TAIL = 1 << 16
"""Bytes that other programs may have put behind a JPEG's end."""


def png(source: Source) -> tuple[int, int]:
    """Walk the chunks up to IEND."""
    width, height = source.unpack(">II", 16)
    offset, pixels = 8, False
    while True:
        length, kind = source.unpack(">I4s", offset)
        source.need(offset + 8, length + 4)
        if not kind.isalpha():
            raise source.broken(f"there is no chunk at byte {offset}")
        if kind == b"IEND":
            break
        pixels = pixels or kind == b"IDAT"
        offset += 12 + length
    if not pixels:
        raise source.broken("it has no pixels")
    return width, height


def jpeg(source: Source) -> tuple[int, int]:
    """Walk the segments up to the first scan, then find the end mark: inside a scan it cannot occur."""
    size = None
    offset = 2
    while True:
        mark, kind, length = source.unpack(">BBH", offset)
        if mark != 0xFF:
            raise source.broken(f"there is no segment at byte {offset}")
        if kind == 0xFF:
            offset += 1
            continue
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = source.unpack(">HH", offset + 5)
            size = width, height
        source.need(offset + 2, length)
        offset += 2 + length
        if kind == 0xDA:
            break
    start = max(offset, source.size - _TAIL)
    if source.at(start, source.size - start).rfind(b"\xff\xd9") < 0:
        raise source.broken("its end mark is missing")
    if size is None:
        raise source.broken("it has no frame header")
    return size


def webp(source: Source) -> tuple[int, int]:
    """The header tells the length of the whole file; the first chunk tells the size in pixels."""
    length, _, kind, _ = source.unpack("<I4s4sI", 4)
    source.need(8, length)
    if kind == b"VP8X":
        low, high = source.at(24, 3), source.at(27, 3)
        return int.from_bytes(low, "little") + 1, int.from_bytes(high, "little") + 1
    if kind == b"VP8L":
        (bits,) = source.unpack("<I", 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = source.unpack("<HH", 26)
    return width & 0x3FFF, height & 0x3FFF
