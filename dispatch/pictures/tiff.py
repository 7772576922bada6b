# SPDX-License-Identifier: GPL-3.0-or-later
"""TIFF and BigTIFF: the directory is written last and names every strip or tile."""

from __future__ import annotations

import struct

from .source import Source

_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Size of one value by type."""
_INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_WIDTH, _HEIGHT, _STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES = 256, 257, 273, 279, 324, 325
_WANTED = {_WIDTH, _HEIGHT, _STRIPS, _STRIP_SIZES, _TILES, _TILE_SIZES}


def tiff(source: Source) -> tuple[int, int]:
    """See that each strip or tile of each page lies inside the file; return the first page's (width, height)."""
    order = "<" if source.at(0, 2) == b"II" else ">"
    big = source.unpack(order + "H", 2)[0] == 43
    word = order + ("Q" if big else "I")
    offset = source.unpack(word, 8 if big else 4)[0]
    size: tuple[int, int] | None = None
    seen: set[int] = set()
    while offset and offset not in seen:
        seen.add(offset)
        tags, offset = _directory(source, order, big, offset)
        for starts, lengths in ((_STRIPS, _STRIP_SIZES), (_TILES, _TILE_SIZES)):
            _see_inside(source, tags.get(starts, ()), tags.get(lengths, ()))
        if not (tags.get(_STRIPS) or tags.get(_TILES)):
            raise source.broken("its directory names no pixels")
        if size is None and tags.get(_WIDTH) and tags.get(_HEIGHT):
            size = tags[_WIDTH][0], tags[_HEIGHT][0]
    if size is None:
        raise source.broken("its directory is missing")
    return size


def _see_inside(source: Source, starts: tuple[int, ...], lengths: tuple[int, ...]) -> None:
    if len(starts) != len(lengths):
        raise source.broken("its directory is damaged")
    for start, length in zip(starts, lengths, strict=True):
        if not start or not length:
            raise source.broken("a strip of it was never written")
        source.need(start, length)


def _directory(source: Source, order: str, big: bool, offset: int) -> tuple[dict[int, tuple[int, ...]], int]:
    """Return the wanted tags of the directory at the offset, and the offset of the next one (0: none)."""
    count_layout, entry, word = (order + "Q", 20, order + "Q") if big else (order + "H", 12, order + "I")
    room = struct.calcsize(word)
    (count,) = source.unpack(count_layout, offset)
    offset += struct.calcsize(count_layout)
    source.need(offset, count * entry)
    tags = {}
    for at in range(offset, offset + count * entry, entry):
        tag, kind, number = source.unpack(f"{order}HH{word[1:]}", at)
        length = _BYTES.get(kind, 0) * number
        value_at = at + 4 + room
        if length > room:
            (value_at,) = source.unpack(word, value_at)
        source.need(value_at, length)
        if tag in _WANTED and kind in _INTEGERS:
            tags[tag] = source.unpack(f"{order}{number}{_INTEGERS[kind]}", value_at)
    return tags, source.unpack(word, offset + count * entry)[0]
