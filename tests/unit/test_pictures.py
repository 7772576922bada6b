# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole pictures of every format, made here from the specifications, and every cut of them.

What real Blenders write is looked at in ``tests/integration/test_pictures_real.py``.
"""

from __future__ import annotations

import hashlib
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_scene import png

from dispatch import pictures
from dispatch.pictures import BrokenPicture

W, H = 20, 6
PIXELS = bytes(range(1, 241)) + bytes(range(1, 121))
assert len(PIXELS) == W * H * 3


def jpeg() -> bytes:
    thumbnail = b"\xff\xd8 a small picture with an end of its own \xff\xd9"
    app = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, H, W, 1) + b"\1\x11\0"
    scan = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\1\0\0\x3f\0"
    return b"\xff\xd8" + app + frame + scan + PIXELS + b"\xff\xd9"


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(kind + struct.pack("<I", len(data)) + data for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_lossy() -> bytes:
    return riff((b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", W, H) + PIXELS))


def webp_lossless() -> bytes:
    return riff((b"VP8L", b"\x2f" + struct.pack("<I", (W - 1) | (H - 1) << 14) + PIXELS + b"\0"))


def webp_extended() -> bytes:
    size = (W - 1).to_bytes(3, "little") + (H - 1).to_bytes(3, "little")
    return riff((b"VP8X", b"\0\0\0\0" + size), (b"ALPH", b"ab"), (b"VP8 ", PIXELS))


def attribute(name: str, kind: str, data: bytes) -> bytes:
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<I", len(data)) + data


def exr_header(compression: int = 0, **more: tuple[str, bytes]) -> bytes:
    window = struct.pack("<4i", 0, 0, W - 1, H - 1)
    return (
        attribute("compression", "compression", bytes([compression]))
        + attribute("dataWindow", "box2i", window)
        + attribute("displayWindow", "box2i", window)
        + b"".join(attribute(name, kind, data) for name, (kind, data) in more.items())
        + b"\0"
    )


def exr_parts(flags: int, headers: list[bytes], chunks: list[list[bytes]]) -> bytes:
    """Put the offset tables behind the headers and the chunks behind these."""
    head = b"\x76\x2f\x31\x01" + struct.pack("<I", 2 | flags) + b"".join(headers) + (b"\0" if flags & 0x1000 else b"")
    at = len(head) + 8 * sum(map(len, chunks))
    table, body = b"", b""
    for chunk in (chunk for part in chunks for chunk in part):
        table += struct.pack("<Q", at + len(body))
        body += chunk
    return head + table + body


def line_chunk(y: int) -> bytes:
    data = bytes(range(W * 2))
    return struct.pack("<ii", y, len(data)) + data


def tile_chunk(x: int, y: int, level: int = 0) -> bytes:
    return struct.pack("<5i", x, y, level, level, 30) + bytes(30)


def exr_lines() -> bytes:
    return exr_parts(0, [exr_header()], [[line_chunk(y) for y in range(H)]])


def exr_zip() -> bytes:
    return exr_parts(0, [exr_header(3)], [[line_chunk(0)]])


def exr_tiles() -> bytes:
    header = exr_header(tiles=("tiledesc", struct.pack("<IIB", 8, 4, 0)))
    return exr_parts(0x200, [header], [[tile_chunk(x, y) for y in range(2) for x in range(3)]])


def exr_mipmap() -> bytes:
    header = exr_header(tiles=("tiledesc", struct.pack("<IIB", 8, 8, 1)))
    chunks = [*(tile_chunk(x, 0) for x in range(3)), tile_chunk(0, 0, 1), tile_chunk(1, 0, 1)]
    return exr_parts(0x200, [header], [[*chunks, *(tile_chunk(0, 0, level) for level in (2, 3, 4))]])


def exr_many_parts() -> bytes:
    header = exr_header(type=("string", b"scanlineimage"), chunkCount=("int", struct.pack("<i", H)))
    parts = [[struct.pack("<i", n) + line_chunk(y) for y in range(H)] for n in range(2)]
    return exr_parts(0x1000, [header, header], parts)


def exr_deep() -> bytes:
    header = exr_header(type=("string", b"deepscanline"))
    chunk = struct.pack("<iQQQ", 0, 5, 7, 9) + bytes(12)
    return exr_parts(0x800, [header], [[chunk] * H])


def tiff(order: str, big: bool, tiles: bool = False) -> bytes:
    """Two strips (or tiles), then the directory with its values behind it."""
    word, entry = (order + "Q", 20) if big else (order + "I", 12)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    head += struct.pack(order + "HHQ", 8, 0, 16 + len(PIXELS)) if big else struct.pack(order + "I", 8 + len(PIXELS))
    start, half = len(head), len(PIXELS) // 2
    directory = struct.pack(order + ("Q" if big else "H"), 5)
    values_at = start + len(PIXELS) + len(directory) + 5 * entry + struct.calcsize(word)
    values = b""
    rows: list[tuple[int, int, tuple[int, ...]]] = [(256, 3, (W,)), (257, 4, (H,)), (282, 5, (72, 1))]
    kind = 16 if big else 4
    rows += [(324 if tiles else 273, kind, (start, start + half)), (325 if tiles else 279, kind, (half, half))]
    for tag, kind, numbers in rows:
        letter = {3: "H", 4: "I", 5: "I", 16: "Q"}[kind]
        data = struct.pack(f"{order}{len(numbers)}{letter}", *numbers)
        count = 1 if kind == 5 else len(numbers)
        directory += struct.pack(f"{order}HH{word[1:]}", tag, kind, count)
        if len(data) > struct.calcsize(word):
            directory += struct.pack(word, values_at + len(values))
            values += data
        else:
            directory += data.ljust(struct.calcsize(word), b"\0")
    return head + PIXELS + directory + struct.pack(word, 0) + values


def bmp() -> bytes:
    line = (W * 24 + 31) // 32 * 4
    info = struct.pack("<IiiHHIIiiII", 40, W, -H, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + line * H, 0, 0, 54) + info + bytes(line * H)


def targa(kind: int) -> bytes:
    return struct.pack("<BBBHHBHHHHBB", 3, 0, kind, 0, 0, 0, 0, 0, W, H, 24, 0) + b"abc"


def targa_raw() -> bytes:
    return targa(2) + PIXELS


def targa_packed() -> bytes:
    return targa(10) + b"\xe3abc" + b"\x13" + bytes(60)


def hdr() -> bytes:
    line = b"\2\2" + struct.pack(">H", W) + 3 * (bytes([128 + W]) + b"x") + bytes([W]) + bytes(W)
    return b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (H, W) + line * H


def hdr_flat() -> bytes:
    return b"#?RGBE\nFORMAT=32-bit_rle_rgbe\n\n-Y 6 +X 4\n" + b"abcd" * 24


def dpx(order: str) -> bytes:
    data = bytearray(2048)
    data[:4] = b"SDPX" if order == ">" else b"XPDS"
    pixels = bytes(W * H * 4)
    struct.pack_into(order + "I", data, 4, 2048)
    struct.pack_into(order + "I", data, 16, 2048 + len(pixels))
    struct.pack_into(order + "II", data, 772, W, H)
    struct.pack_into(order + "BBBBHH", data, 800, 50, 2, 2, 10, 1, 0)
    return bytes(data) + pixels


def cineon() -> bytes:
    data = bytearray(2048)
    data[:4] = b"\x80\x2a\x5f\xd7"
    pixels = bytes(W * H * 4)
    struct.pack_into(">I", data, 4, 2048)
    struct.pack_into(">I", data, 20, 2048 + len(pixels))
    data[193], data[198], data[681] = 3, 10, 5
    struct.pack_into(">II", data, 200, W, H)
    return bytes(data) + pixels


def iris_plain() -> bytes:
    return struct.pack(">HBBHHHH", 474, 0, 1, 3, W, H, 3).ljust(512, b"\0") + PIXELS


def iris_packed() -> bytes:
    lines, line = H * 3, b"\x94a\0"
    at = 512 + 8 * lines
    table = b"".join(struct.pack(">I", at + n * len(line)) for n in range(lines)) + struct.pack(">I", len(line)) * lines
    return struct.pack(">HBBHHHH", 474, 1, 1, 3, W, H, 3).ljust(512, b"\0") + table + line * lines


def j2k(known_length: bool = True) -> bytes:
    size = b"\xff\x51" + struct.pack(">HHIIII", 20, 0, W + 5, H + 7, 5, 7)
    tile = b"\xff\x93" + PIXELS
    length = 12 + len(tile) if known_length else 0
    return b"\xff\x4f" + size + b"\xff\x90" + struct.pack(">HHIBB", 10, 0, length, 0, 1) + tile + b"\xff\xd9"


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def jp2() -> bytes:
    return box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + box(b"jp2h", b"") + box(b"jp2c", j2k())


def jp2_open_end() -> bytes:
    return box(b"jP  ", b"\r\n\x87\n") + struct.pack(">I4s", 0, b"jp2c") + j2k(known_length=False)


def avif() -> bytes:
    size = box(b"ispe", struct.pack(">III", 0, W, H))
    meta = box(b"meta", bytes(4) + box(b"pitm", bytes(6)) + box(b"iprp", box(b"ipco", size)))
    return box(b"ftyp", b"avif\0\0\0\0mif1") + meta + box(b"mdat", PIXELS)


WHOLE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "png": ("PNG", lambda: png(W, H, "a note")),
    "jpeg": ("JPEG", jpeg),
    "webp lossy": ("WEBP", webp_lossy),
    "webp lossless": ("WEBP", webp_lossless),
    "webp extended": ("WEBP", webp_extended),
    "exr lines": ("OPEN_EXR", exr_lines),
    "exr zip": ("OPEN_EXR", exr_zip),
    "exr tiles": ("OPEN_EXR", exr_tiles),
    "exr mipmap": ("OPEN_EXR", exr_mipmap),
    "exr parts": ("OPEN_EXR_MULTILAYER", exr_many_parts),
    "exr deep": ("OPEN_EXR", exr_deep),
    "tiff": ("TIFF", lambda: tiff("<", big=False)),
    "tiff big-endian": ("TIFF", lambda: tiff(">", big=False)),
    "tiff tiles": ("TIFF", lambda: tiff("<", big=False, tiles=True)),
    "bigtiff": ("TIFF", lambda: tiff("<", big=True)),
    "bmp": ("BMP", bmp),
    "targa raw": ("TARGA_RAW", targa_raw),
    "targa packed": ("TARGA", targa_packed),
    "hdr": ("HDR", hdr),
    "dpx": ("DPX", lambda: dpx(">")),
    "dpx little-endian": ("DPX", lambda: dpx("<")),
    "cineon": ("CINEON", cineon),
    "iris plain": ("IRIS", iris_plain),
    "iris packed": ("IRIS", iris_packed),
    "jpeg 2000": ("JPEG2000", jp2),
    "jpeg 2000 open end": ("JPEG2000", jp2_open_end),
    "jpeg 2000 stream": ("JPEG2000", j2k),
    "avif": ("AVIF", avif),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "picture"


@pytest.mark.parametrize("kind", WHOLE)
def test_a_picture_is_whole_and_every_cut_of_it_is_not(path: Path, kind: str) -> None:
    file_format, make = WHOLE[kind]
    content = make()
    path.write_bytes(content)
    pictures.check(path, file_format, (W, H))
    assert pictures.dimensions(path) == (W, H)
    for end in reversed(range(len(content))):
        os.truncate(path, end)
        assert not pictures.is_whole(path), f"cut to {end} of {len(content)} bytes"


@pytest.mark.parametrize("kind", WHOLE)
def test_a_damaged_file_is_refused_or_taken_but_never_stops_the_check(path: Path, kind: str) -> None:
    content = WHOLE[kind][1]()
    chance = random.Random(kind)
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 1, 4))):
            damaged[chance.randrange(min(len(damaged), 900))] = chance.choice(
                (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))
            )
        path.write_bytes(damaged)
        pictures.is_whole(path)


@pytest.mark.parametrize("kind", ["png", "jpeg", "jpeg 2000 stream", "webp lossy", "tiff", "exr lines", "bmp"])
def test_what_other_programs_put_behind_a_picture_does_no_harm(path: Path, kind: str) -> None:
    path.write_bytes(WHOLE[kind][1]() + b"more")
    assert pictures.is_whole(path)


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"hello", b"\n" * 100, b"\0" * 17, b"RIFF1234WAVE" + bytes(50)])
def test_what_is_no_picture_is_not_whole(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert not pictures.is_whole(path)


def test_a_flat_hdr_needs_four_bytes_a_pixel(path: Path) -> None:
    path.write_bytes(hdr_flat())
    pictures.check(path, "HDR", (4, 6))
    path.write_bytes(hdr_flat()[:-1])
    assert not pictures.is_whole(path)


@pytest.mark.parametrize("entry", range(H))
def test_an_exr_with_an_unwritten_chunk_is_not_whole(path: Path, entry: int) -> None:
    content = bytearray(exr_lines())
    at = len(exr_parts(0, [exr_header()], [[]])) + 8 * entry
    content[at : at + 8] = bytes(8)
    path.write_bytes(content)
    with pytest.raises(BrokenPicture, match="1 of its 6 chunks were never written"):
        pictures.check(path)


def test_a_picture_of_another_size_or_format_is_refused_in_words(path: Path) -> None:
    path.write_bytes(png(W, H, ""))
    with pytest.raises(BrokenPicture, match=f"has {W} × {H} pixels, not 40 × 12"):
        pictures.check(path, "PNG", (40, 12))
    with pytest.raises(BrokenPicture, match="holds PNG data, not JPEG"):
        pictures.check(path, "JPEG")


def test_a_file_that_cannot_be_read_is_not_whole(path: Path) -> None:
    with pytest.raises(BrokenPicture, match="cannot be read"):
        pictures.check(path)
    path.mkdir()
    assert not pictures.is_whole(path)


def test_the_digest_is_of_the_whole_content(path: Path) -> None:
    content = bytes(range(256)) * 9000
    path.write_bytes(content)
    found = pictures.digest(path)
    assert (found.path, found.size) == (str(path), len(content))
    assert found.hash == hashlib.blake2b(content, digest_size=16).hexdigest()
