# SPDX-License-Identifier: GPL-3.0-or-later
"""Radiance HDR, DPX and Cineon. None has an end mark: the length follows from the header, or from walking the lines."""

from __future__ import annotations

from .source import Source

_LONGEST_HEADER = 1 << 16


def hdr(source: Source) -> tuple[int, int]:
    """Walk all scan lines: each pixel must have its bytes."""
    data = source.at(0, source.size)
    end = data.find(b"\n\n", 0, _LONGEST_HEADER)
    line_end = data.find(b"\n", end + 2, end + 200)
    words = data[end + 2 : line_end].split()
    if end < 0 or line_end < 0 or len(words) != 4 or not (words[1].isdigit() and words[3].isdigit()):
        raise source.broken("its header is cut or damaged")
    lines, length = int(words[1]), int(words[3])
    if not lines or not length:
        raise source.broken("it has no pixels")
    at = line_end + 1
    for _ in range(lines):
        at = _hdr_line(source, data, at, length)
    return (length, lines) if words[0][1:] == b"Y" else (lines, length)


def _hdr_line(source: Source, data: bytes, at: int, length: int) -> int:
    """Return the offset behind the scan line."""
    source.need(at, 4)
    if data[at] != 2 or data[at + 1] != 2 or data[at + 2] & 0x80:
        source.need(at, 4 * length)
        return at + 4 * length
    at += 4
    try:
        for _ in range(4):
            left = length
            while left > 0:
                count = data[at]
                if count > 128:
                    left -= count - 128
                    at += 2
                else:
                    left -= count
                    at += 1 + count
                if not count:
                    raise source.broken(f"there is no scan line at byte {at}")
    except IndexError:
        raise source.broken(f"it ends at byte {source.size}, inside a scan line") from None
    source.need(at)
    return at


def dpx(source: Source) -> tuple[int, int]:
    """The header tells where the pixels begin and how they are packed; where it tells the file's length, that too."""
    order = ">" if source.at(0, 4) == b"SDPX" else "<"
    (start,) = source.unpack(order + "I", 4)
    (length,) = source.unpack(order + "I", 16)
    width, height = source.unpack(order + "II", 772)
    descriptor, _, _, depth, packing, encoding = source.unpack(order + "BBBBHH", 800)
    channels = {50: 3, 51: 4, 52: 4, 100: 2, 101: 3, 102: 3, 103: 4}.get(descriptor, 1)
    if encoding == 0:
        source.need(start, height * _line(width * channels, depth, packing))
    if length != 0xFFFFFFFF:
        source.need(length)
    return width, height


def cineon(source: Source) -> tuple[int, int]:
    """As DPX; one channel after another or interleaved makes no difference for the length."""
    order = ">" if source.at(0, 4) == b"\x80\x2a\x5f\xd7" else "<"
    (start,) = source.unpack(order + "I", 4)
    (length,) = source.unpack(order + "I", 20)
    channels = min(source.at(193, 1)[0], 8)
    depth = source.at(198, 1)[0]
    width, height = source.unpack(order + "II", 200)
    packing = source.at(681, 1)[0]
    source.need(start, height * _line(width * channels, depth, packing))
    if length != 0xFFFFFFFF:
        source.need(length)
    return width, height


def _line(samples: int, depth: int, packing: int) -> int:
    """Bytes of one line; lines are padded to 32 bits. Packing 0 is the shortest that a writer may use."""
    if depth == 10 and packing:
        return -(-samples // 3) * 4
    if depth == 12 and packing:
        return samples * 2
    return samples * depth // 8
