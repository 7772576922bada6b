# SPDX-License-Identifier: GPL-3.0-or-later
"""PNGs written without compression are packed: the same pixels, every other part as it was, and never a lost file."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

import pytest

from dispatch import pictures
from dispatch.pictures.packing import level_of, pack_png

WIDTH, HEIGHT = 700, 400
ROWS = b"".join(bytes([row % 5]) + bytes((3 * x // 7 + row) % 251 for x in range(3 * WIDTH)) for row in range(HEIGHT))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", zlib.crc32(kind + content))


def png(stream: bytes, *, size: int = 8192, text: bytes = b"Frame\x000007") -> bytes:
    """A picture as Blender writes it, with chunks before and behind the pixels."""
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    pixels = b"".join(chunk(b"IDAT", stream[at : at + size]) for at in range(0, len(stream), size))
    before = chunk(b"IHDR", header) + chunk(b"pHYs", b"\0" * 9) + chunk(b"tEXt", text) + chunk(b"abCd", b"unknown")
    return b"\x89PNG\r\n\x1a\n" + before + pixels + chunk(b"eXIf", b"MM\0*") + chunk(b"IEND", b"")


def parts(data: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Chunks in order, the run of pixels as one mark; and the unpacked pixels."""
    at, found, stream = 8, [], b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + length]
        if kind != b"IDAT":
            found.append((kind, content))
        elif found[-1][0] != b"IDAT":
            found.append((kind, b""))
        stream += content if kind == b"IDAT" else b""
        at += 12 + length
    return found, zlib.decompress(stream)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "x_0007.png"
    path.write_bytes(png(zlib.compress(ROWS, 0)))
    return path


@pytest.mark.parametrize("level", [1, 4, 9])
def test_packed_it_is_the_file_that_a_writer_with_this_level_makes(stored: Path, level: int) -> None:
    assert pack_png(stored, level)
    assert stored.read_bytes() == png(zlib.compress(ROWS, level))
    pictures.check(stored, "PNG", (WIDTH, HEIGHT))
    assert [path.name for path in stored.parent.iterdir()] == [stored.name]


@pytest.mark.parametrize("size", [5, 100, 8192, 1 << 20])
def test_pixels_and_all_other_parts_stay_whatever_the_chunks_are(stored: Path, size: int) -> None:
    stored.write_bytes(png(zlib.compress(ROWS[: 4 * (3 * WIDTH + 1)] if size == 5 else ROWS, 0), size=size))
    before = parts(stored.read_bytes())
    assert pack_png(stored, 1)
    assert parts(stored.read_bytes()) == before


@pytest.mark.parametrize("level", [1, 6, 9])
def test_what_is_compressed_already_is_left_alone(stored: Path, level: int) -> None:
    stored.write_bytes(png(zlib.compress(ROWS, level)))
    before = stored.read_bytes()
    assert not pack_png(stored, 9)
    assert stored.read_bytes() == before


def test_what_is_no_png_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.exr"
    path.write_bytes(b"\x76\x2f\x31\x01 something else")
    assert not pack_png(path, 1)
    assert [file.name for file in tmp_path.iterdir()] == ["x.exr"]


def test_a_cut_file_is_refused_and_stays(stored: Path) -> None:
    whole = stored.read_bytes()
    chance = random.Random(7)
    for end in (
        len(whole) - 1,
        len(whole) - 12,
        len(whole) - 30,
        40,
        *(chance.randrange(40, len(whole)) for _ in range(8)),
    ):
        stored.write_bytes(whole[:end])
        with pytest.raises(pictures.BrokenPicture):
            pack_png(stored, 1)
        assert stored.read_bytes() == whole[:end]
        assert [path.name for path in stored.parent.iterdir()] == [stored.name]


@pytest.mark.parametrize(
    "content",
    [
        png(zlib.compress(ROWS, 0)[:-300] + zlib.compress(ROWS, 0)[-200:]),
        png(zlib.compress(ROWS, 0) + b"more"),
        png(zlib.compress(ROWS, 0)).replace(chunk(b"eXIf", b"MM\0*"), chunk(b"IDAT", b"again")),
        png(zlib.compress(ROWS, 0)).replace(b"unknown", b"unknowN"),
        png(b""),
    ],
    ids=["cut stream", "longer stream", "one part more", "wrong checksum", "no pixels"],
)
def test_a_damaged_file_is_refused_and_stays(stored: Path, content: bytes) -> None:
    if content.endswith(chunk(b"IDAT", b"again") + chunk(b"IEND", b"")):
        content = content.replace(chunk(b"IDAT", b"again"), chunk(b"tIME", b"") + chunk(b"IDAT", b"again"))
    stored.write_bytes(content)
    with pytest.raises(pictures.BrokenPicture):
        pack_png(stored, 1)
    assert stored.read_bytes() == content


def test_where_the_packed_file_cannot_be_written_the_stored_one_stays(stored: Path) -> None:
    before = stored.read_bytes()
    stored.with_name(f"{stored.name}~").mkdir()
    with pytest.raises(OSError, match=r"directory|denied|Permission"):
        pack_png(stored, 1)
    assert stored.read_bytes() == before


def test_the_level_is_blenders() -> None:
    assert [level_of(percent) for percent in (0, 11, 12, 15, 22, 23, 50, 89, 90, 99, 100)] == [
        *(0, 0, 1, 1, 1, 2, 4, 8, 8, 8, 9)
    ]
