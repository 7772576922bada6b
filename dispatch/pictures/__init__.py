# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this picture file whole? Blender says FINISHED over truncated files, so we look for each format's own end.

Owns the table from format to check, and the digest of a file. The format is found by the content, never by the name.
A check reads headers and tables and skips over the pixels (TGA and HDR have no end mark: their packets are walked).
It proves that all bytes that the file announces are there; it does not decode pixels nor test checksums.
Needs neither Blender nor other libraries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from ..model import Picture
from . import codestream, exr, film, plain, tiff, web
from .source import BrokenPicture, Source

__all__ = ["BrokenPicture", "check", "digest", "dimensions", "is_whole"]

Size = tuple[int, int]

_HEAD = 32

_FORMATS: tuple[tuple[str, Callable[[bytes], bool], Callable[[Source], Size]], ...] = (
    ("PNG", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), web.png),
    ("JPEG", lambda head: head.startswith(b"\xff\xd8\xff"), web.jpeg),
    ("WEBP", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", web.webp),
    ("EXR", lambda head: head.startswith(b"\x76\x2f\x31\x01"), exr.exr),
    ("TIFF", lambda head: head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), tiff.tiff),
    ("JPEG 2000", lambda head: head[4:12] == b"jP  \r\n\x87\n", codestream.jp2),
    ("JPEG 2000", lambda head: head.startswith(b"\xff\x4f\xff\x51"), codestream.j2k),
    ("AVIF", lambda head: head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis", b"mif1"), codestream.avif),
    ("HDR", lambda head: head.startswith((b"#?RADIANCE", b"#?RGBE")), film.hdr),
    ("DPX", lambda head: head[:4] in (b"SDPX", b"XPDS"), film.dpx),
    ("CINEON", lambda head: head[:4] in (b"\x80\x2a\x5f\xd7", b"\xd7\x5f\x2a\x80"), film.cineon),
    ("BMP", lambda head: head.startswith(b"BM"), plain.bmp),
    ("IRIS", lambda head: head.startswith(b"\x01\xda"), plain.iris),
    # Last: it has no magic number, only a plausible header.
    ("TARGA", plain.may_be_targa, plain.targa),
)

_BLENDER_NAMES = {
    "OPEN_EXR": "EXR",
    "OPEN_EXR_MULTILAYER": "EXR",
    "JPEG2000": "JPEG 2000",
    "TARGA_RAW": "TARGA",
}


def check(path: Path, expect_format: str | None = None, size: Size | None = None) -> None:
    """Return when the file is a whole picture.

    Args:
        expect_format: Blender's name of the format (``image_settings.file_format``).
        size: Width and height in pixels (of the display window for EXR) that it must have.

    Raises:
        BrokenPicture: it is not, or has another format or size, or cannot be read.
    """
    name, found = _examine(path)
    if expect_format is not None and name != _BLENDER_NAMES.get(expect_format, expect_format):
        raise BrokenPicture(f"{path} holds {name} data, not {expect_format}.")
    if size is not None and found != size:
        raise BrokenPicture(f"{path} has {found[0]} × {found[1]} pixels, not {size[0]} × {size[1]}.")


def is_whole(path: Path) -> bool:
    """Whether the file is a whole picture of any known format."""
    try:
        _examine(path)
    except BrokenPicture:
        return False
    return True


def dimensions(path: Path) -> Size:
    """Return width and height in pixels.

    Raises:
        BrokenPicture: the file is no whole picture.
    """
    return _examine(path)[1]


def digest(path: Path) -> Picture:
    """Return the file's size and hash.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb", buffering=0) as file:
        found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16))
        return Picture(str(path), file.tell(), found.hexdigest())


def _examine(path: Path) -> tuple[str, Size]:
    try:
        with path.open("rb") as file:
            source = Source(path, file)
            if not source.size:
                raise source.broken("it is empty")
            head = source.head(_HEAD)
            for name, matches, examine in _FORMATS:
                if matches(head):
                    return name, examine(source)
            raise source.broken("it is no picture of a known format")
    except (OSError, ValueError) as error:  # the latter: a name that no file system knows
        raise BrokenPicture(f"{path} cannot be read ({getattr(error, 'strerror', '') or error}).") from error
