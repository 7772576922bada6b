# SPDX-License-Identifier: GPL-3.0-or-later
"""JPEG 2000 (boxes or a bare code stream) and AVIF: files made of parts that tell their own length."""

from __future__ import annotations

from collections.abc import Iterator

from .source import Source

_END = b"\xff\xd9"


def jp2(source: Source) -> tuple[int, int]:
    """Find the code stream among the boxes and see that it is whole."""
    for kind, start, end in _boxes(source, 0, source.size):
        if kind == b"jp2c":
            return _stream(source, start, end)
    raise source.broken("its code stream is missing")


def j2k(source: Source) -> tuple[int, int]:
    """A code stream without boxes."""
    return _stream(source, 0, source.size)


def avif(source: Source) -> tuple[int, int]:
    """Every box must lie inside the file, the pixels among them."""
    size = None
    pixels = False
    for kind, start, end in _boxes(source, 0, source.size):
        pixels = pixels or kind == b"mdat"
        if kind == b"meta":
            size = size or _avif_size(source, start + 4, end)
    if not pixels or size is None:
        raise source.broken("its pixels or their size are missing")
    return size


def _avif_size(source: Source, start: int, end: int) -> tuple[int, int] | None:
    for kind, inner, inner_end in _boxes(source, start, end):
        if kind in (b"iprp", b"ipco") and (size := _avif_size(source, inner, inner_end)):
            return size
        if kind == b"ispe":
            width, height = source.unpack(">II", inner + 4)
            return width, height
    return None


def _boxes(source: Source, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, start of content, end)."""
    while at < end:
        length, kind = source.unpack(">I4s", at)
        start = at + 8
        if length == 1:
            (length,) = source.unpack(">Q", start)
            start += 8
        box_end = end if length == 0 else at + length
        if box_end < start:
            raise source.broken(f"there is no box at byte {at}")
        source.need(box_end)
        yield kind, start, box_end
        at = box_end


def _stream(source: Source, at: int, end: int) -> tuple[int, int]:
    """Walk the main header and the tile parts up to the end mark."""
    right, bottom, left, top = source.unpack(">IIII", at + 8)
    size = right - left, bottom - top
    at += 2
    while True:
        marker, length = source.unpack(">2sH", at)
        if marker == b"\xff\x90":
            (part,) = source.unpack(">I", at + 6)
            # 0: this last tile reaches to the end mark.
            at = at + part if part else end - 2
            if source.at(at, 2) == _END:
                return size
            if part < 14:
                raise source.broken("its end mark is missing")
        elif marker[0] == 0xFF and marker != _END and length >= 2:
            at += 2 + length
        else:
            raise source.broken(f"there is no segment at byte {at}")
