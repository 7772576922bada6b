# SPDX-License-Identifier: GPL-3.0-or-later
"""Compress a PNG that was written without compression, as Blender itself would have compressed it.

Blender chooses the filter of each row before it compresses, whatever the compression. So the stored file holds the
very bytes that it would hand to zlib, and packing them at the same level gives its own file again, byte for byte where
both have the same zlib: tried with 4.2, 4.5 and 5.0. Every other chunk stays as it is, in its place.

Other formats are saved by Blender as they are: no Blender ships what would write them to the same bytes, and an EXR
costs the same with and without ZIP (its codec runs on all cores).

zlib gives Python's lock back while it works, so this is fit for a thread beside the render. Must not decide which
files are packed.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .. import host
from .source import BrokenPicture

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK = 8192
"""Bytes of pixels in one chunk, as libpng writes them."""
_PIECE = 1 << 19
"""Bytes that are packed at a time, so that a large picture needs no memory of its size."""


def level_of(percent: int) -> int:
    """Return zlib's level for Blender's compression, 0 to 100 percent."""
    return min(9, max(0, percent * 9 // 100))


def pack_png(path: Path, level: int) -> bool:
    """Compress the file's pixels in place; whatever happens, a file as it was or the packed one is there.

    Args:
        level: Of zlib, 1 to 9.

    Returns:
        False where it is no PNG, or one whose pixels are compressed already: it is left alone.

    Raises:
        BrokenPicture: the file is not whole; it is left alone.
        OSError: it cannot be read, or the packed one cannot be written.
    """
    packed = path.with_name(f"{path.name}~")
    try:
        with path.open("rb") as source:
            if source.read(len(_SIGNATURE)) != _SIGNATURE:
                return False
            with packed.open("wb") as target:
                target.write(_SIGNATURE)
                if not _pack(_Chunks(path, source), target, level):
                    return False
        host.replace(packed, path)
        return True
    finally:
        with contextlib.suppress(OSError):
            packed.unlink(missing_ok=True)


class _Chunks:
    """The chunks of a PNG, one after the other, up to IEND."""

    def __init__(self, path: Path, source: BinaryIO) -> None:
        self._path = path
        self._source = source

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        kind = b""
        while kind != b"IEND":
            length, kind = struct.unpack(">I4s", self._read(8))
            content = self._read(length)
            if struct.unpack(">I", self._read(4)) != (zlib.crc32(content, zlib.crc32(kind)),):
                raise self.broken(f"the checksum of a part named {kind!r} is wrong")
            yield kind, content

    def broken(self, why: str) -> BrokenPicture:
        return BrokenPicture(f"{self._path} is not a whole picture: {why}.")

    def _read(self, count: int) -> bytes:
        data = self._source.read(count)
        if len(data) != count:
            raise self.broken("it ends too early")
        return data


def _pack(chunks: _Chunks, target: BinaryIO, level: int) -> bool:
    """Copy the chunks, the pixels packed. Return False at once where they are compressed already."""
    pixels: _Pixels | None = None
    for kind, content in chunks:
        if kind != b"IDAT":
            if pixels is not None and not pixels.ended:
                _write_pixels(target, pixels.end(chunks))
            _write_chunk(target, kind, content)
            continue
        if pixels is None:
            if not _is_stored(content):
                return False
            pixels = _Pixels(level)
        elif pixels.ended:
            raise chunks.broken("its pixels do not follow one another")
        _write_pixels(target, pixels.take(content))
    if pixels is None:
        raise chunks.broken("it has no pixels")
    return True


def _is_stored(content: bytes) -> bool:
    """Whether zlib's stream begins with a block that is not compressed."""
    return len(content) > 2 and content[0] & 0x0F == 8 and content[2] & 0x06 == 0


class _Pixels:
    """The stream of pixels: stored in, compressed out, in portions of whole chunks."""

    def __init__(self, level: int) -> None:
        self.ended = False
        self._stored = zlib.decompressobj()
        self._packer = zlib.compressobj(level)
        self._waiting = bytearray()
        self._ready = bytearray()

    def take(self, content: bytes) -> bytes:
        self._waiting += content
        return self._turn(last=False) if len(self._waiting) >= _PIECE else b""

    def end(self, chunks: _Chunks) -> bytes:
        """Return what is left.

        Raises:
            BrokenPicture: the stream is not whole.
        """
        self.ended = True
        rest = self._turn(last=True)
        if not self._stored.eof or self._stored.unused_data:
            raise chunks.broken("its pixels are cut")
        return rest

    def _turn(self, *, last: bool) -> bytes:
        try:
            self._ready += self._packer.compress(self._stored.decompress(bytes(self._waiting)))
        except zlib.error as error:
            raise BrokenPicture(f"The pixels of a picture are damaged ({error}).") from None
        self._waiting.clear()
        if last:
            self._ready += self._packer.flush()
        whole = len(self._ready) if last else len(self._ready) // _CHUNK * _CHUNK
        out = bytes(self._ready[:whole])
        del self._ready[:whole]
        return out


def _write_pixels(target: BinaryIO, packed: bytes) -> None:
    for start in range(0, len(packed), _CHUNK):
        _write_chunk(target, b"IDAT", packed[start : start + _CHUNK])


def _write_chunk(target: BinaryIO, kind: bytes, content: bytes) -> None:
    target.write(struct.pack(">I4s", len(content), kind))
    target.write(content)
    target.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))))
