# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a PNG as a stranger would: is it whole, and which frame does it show?

Owns its own decoder (every chunk's CRC, the whole picture unpacked); shares nothing with the engine. A fake child's
picture says its frame in a comment, a real one by its colour (`coloured_scene`).
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""Colour type → samples a pixel."""


class NotWhole(Exception):
    """What is wrong with the picture."""


@dataclass(frozen=True)
class Png:
    """A picture that was read to its last byte."""

    width: int
    height: int
    depth: int
    """Bits a sample."""
    channels: int
    comment: str
    rows: tuple[bytes, ...]
    """Unfiltered samples of each line."""

    def pixel(self, x: int, y: int) -> tuple[int, ...]:
        """The 8-bit samples of a pixel (of deeper ones the upper byte)."""
        size = self.depth // 8
        begin = x * self.channels * size
        return tuple(self.rows[y][begin + n * size] for n in range(self.channels))


def read(path: Path) -> Png:
    """Read a picture.

    Raises:
        NotWhole: it is no whole PNG of 8 or 16 bits.
        OSError: it cannot be read.
    """
    data = path.read_bytes()
    if not data.startswith(SIGNATURE):
        raise NotWhole("begins like no PNG" if data else "is empty")
    head, packed, comment, position = b"", bytearray(), "", len(SIGNATURE)
    while True:
        if position + 12 > len(data):
            raise NotWhole("ends in the middle of a chunk")
        (length,) = struct.unpack_from(">I", data, position)
        kind, content = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        position += length + 12
        if position > len(data) or data[position - 4 : position] != struct.pack(">I", zlib.crc32(kind + content)):
            raise NotWhole(f"chunk {kind!r} is cut or damaged")
        if kind == b"IHDR":
            head = content
        elif kind == b"IDAT":
            packed += content
        elif kind == b"tEXt" and content.startswith(b"Comment\0"):
            comment = content[8:].decode("latin-1")
        elif kind == b"IEND":
            break
    if position != len(data):
        raise NotWhole("goes on after its end")
    return _unpacked(head, bytes(packed), comment)


def frame_of(png: Png) -> int | None:
    """Return the frame that the picture shows; None: it does not say."""
    if png.comment:
        found = re.match(r"frame (-?\d+)\b", png.comment)
        return int(found[1]) if found else None
    red, green, blue = (png.pixel(png.width // 2, png.height // 2) * 3)[:3]
    return red // 16 + green // 16 * 16 + blue // 16 * 256


def _unpacked(head: bytes, packed: bytes, comment: str) -> Png:
    if len(head) != 13:
        raise NotWhole("has no header")
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", head)
    if depth not in (8, 16) or colour not in CHANNELS or interlaced:
        raise NotWhole(f"has {depth} bits, colour type {colour}: not what a render writes")
    try:
        raw = zlib.decompress(packed)
    except zlib.error as error:
        raise NotWhole(f"cannot be unpacked ({error})") from None
    step = CHANNELS[colour] * depth // 8
    line = 1 + width * step
    if len(raw) != line * height:
        raise NotWhole(f"has {len(raw)} bytes of pixels instead of {line * height}")
    rows: list[bytes] = []
    above = bytes(line - 1)
    for y in range(height):
        above = _unfiltered(raw[y * line], raw[y * line + 1 : (y + 1) * line], above, step)
        rows.append(above)
    return Png(width, height, depth, CHANNELS[colour], comment, tuple(rows))


def _unfiltered(kind: int, line: bytes, above: bytes, step: int) -> bytes:
    out = bytearray(line)
    for n in range(len(out)):
        left = out[n - step] if n >= step else 0
        corner = above[n - step] if n >= step else 0
        match kind:
            case 0:
                break
            case 1:
                out[n] = (out[n] + left) & 255
            case 2:
                out[n] = (out[n] + above[n]) & 255
            case 3:
                out[n] = (out[n] + (left + above[n]) // 2) & 255
            case 4:
                out[n] = (out[n] + _nearest(left, above[n], corner)) & 255
            case _:
                raise NotWhole(f"has a line with filter {kind}")
    return bytes(out)


def _nearest(left: int, above: int, corner: int) -> int:
    """The PNG standard's predictor (Paeth)."""
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))
