# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fake child renders: a JSON script inside a file that begins like a .blend, and the tiny pictures of it.

``$BLENDER_FAKE_CHILD`` (a JSON object) lies over the script and is all that is known before a scene is named. Keys, all optional:

    frames [start, end, step]   size [width, height]   seconds (a frame)   devices [[id, name, backend], …]
    card_seconds: beside them, for which a frame holds its worker's cards exclusively (see `fake_cards`)
    facts {field of SceneFacts: value}   preferred [ids]   error "sentence for Inspected"
    pictures "real" | "link" | "none"    real: claims, temp folder, check, replace; link: one picture per child, linked to
                                         every final name (benchmarks); none: no file at all
    leak BYTES        that a child really keeps of each frame; it tells its real memory then
    renders PATH      one line a finished render is appended: ``frame attempt worker pid``
    gaps FOLDER       where each child leaves its gaps between a render's end and the next one's start, seconds
    says SECONDS      what it says that each frame took (default: what it took)
    counts FOLDER     where limited rules count how often they struck (default: beside the .blend)
    rules [{…}, …]    see `Rule`
"""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = b"BLENDER-v500\n"


@dataclass(frozen=True)
class Rule:
    """One way to misbehave."""

    at: str
    """A place (``start load inspect claim render write check movie commit leave end``; ``write``: half a picture is written) or a report's name (``Rendered``: before it goes out)."""
    do: str
    """``exit`` (code) ``signal`` (code) ``stop`` (SIGSTOP: alive, but deaf) ``hang`` ``sleep`` (seconds) ``await`` (path: until that file is there) ``ignore`` (Leave) ``deaf`` (to
    the end of stdin) ``garbage`` ``flood`` (stream, size) ``endless`` (the same without a line's end) ``close`` (the pipe)
    ``fail`` (fault, words) ``raise`` (the same, the fault read from Blender's ``words``) ``print`` (words, on stderr) ``broken`` (fault, words); of a check: ``differ`` ``unread``; of a report: ``half`` ``lost`` ``double`` ``other`` (another attempt's
    number) ``wrong-device``."""
    frames: tuple[int, ...] | None = None
    """None: any, and places without a frame."""
    workers: tuple[int, ...] | None = None
    devices: tuple[str, ...] | None = None
    """Only in a child that has one of these."""
    times: int | None = None
    """How often it strikes, for each frame, all children together; None: always."""
    seconds: float = 0.0
    code: int = 1
    fault: str = "unknown"
    words: str = "the script says so"
    path: str = ""
    stream: str = "stderr"
    """``stderr`` | ``stdout`` (what libraries print) | ``reports`` (the pipe)."""
    size: int = 100_000_000
    """Bytes."""


def write_blend(path: Path, **script: Any) -> Path:
    """Write a "scene" that this child can load (it begins like a real .blend) and return its path."""
    path.write_bytes(MAGIC + json.dumps(script).encode())
    return path


def png(width: int, height: int, note: str) -> bytes:
    """Return a whole grey PNG that carries ``note`` in a text chunk."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes([128]) * width for _ in range(height))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    text = chunk(b"tEXt", b"Comment\0" + note.encode("latin-1", "replace"))
    return b"\x89PNG\r\n\x1a\n" + head + text + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def frame_path(template: str, frame: int) -> str:
    """Return the final name as Blender would build it for PNG: the last group of '#' of the file name."""
    folder, name = os.path.split(template)
    groups = list(re.finditer("#+", name))
    if groups:
        width = len(groups[-1].group())
        name = name[: groups[-1].start()] + _number(frame, width) + name[groups[-1].end() :]
    else:
        name += _number(frame, 4)
    return os.path.join(folder, name if name.endswith(".png") else name + ".png")  # noqa: PTH118


def _number(frame: int, width: int) -> str:
    return f"{'-' if frame < 0 else ''}{abs(frame):0{width}d}"


class Script:
    """The scene's JSON and its rules."""

    def __init__(self, blend: str = "") -> None:
        data: dict[str, Any] = {}
        if blend:
            content = Path(blend).read_bytes()
            data = json.loads(content[content.index(b"\n") :] if content.startswith(b"BLENDER") else content)
        data |= json.loads(os.environ.get("BLENDER_FAKE_CHILD", "{}"))
        self.data = data
        self.counts = Path(data.get("counts") or (blend or "fake_child") + ".counts")
        lists = ("frames", "workers", "devices")
        self.rules = [
            Rule(**{k: tuple(v) if k in lists and v else v for k, v in r.items()}) for r in data.get("rules", [])
        ]

    def get(self, key: str, default: Any) -> Any:
        return self.data.get(key, default)

    def due(self, at: str, worker: int, frame: int | None, devices: tuple[str, ...] = ()) -> Iterator[Rule]:
        """Yield the rules that strike here and now; limited ones are counted across all children."""
        for index, rule in enumerate(self.rules):
            if rule.at != at or (rule.frames is not None and frame not in rule.frames):
                continue
            if rule.workers is not None and worker not in rule.workers:
                continue
            if rule.devices is not None and not set(rule.devices) & set(devices):
                continue
            if rule.times is None or self._count(f"{index}-{frame}", rule.times):
                yield rule

    def _count(self, name: str, times: int) -> bool:
        self.counts.mkdir(parents=True, exist_ok=True)
        for n in range(times):
            try:
                os.close(os.open(self.counts / f"{name}-{n}", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            return True
        return False


def scene_facts(protocol: Any, script: Script, request: Any) -> Any:
    """Plausible facts; ``facts`` of the script replaces any of them."""
    from mgd_dispatch.codec import from_plain

    start, end, step = script.get("frames", [1, 10, 1])
    width, height = script.get("size", [4, 4])
    output = request.output or str(Path(request.blend).resolve().parent / "render" / "####")
    facts: Mapping[str, Any] = {
        **{"scene": request.scene or "Scene", "scenes": ["Scene"], "engine": "CYCLES", "camera": "Camera"},
        **{"frame_start": start, "frame_end": end, "frame_step": step, "width": width, "height": height},
        **{"output": output, "output_is_relative": False, "file_format": "PNG", "is_movie": False},
        **{"first_path": frame_path(output, start), "last_path": frame_path(output, end)},
        **{"view_layers": ["ViewLayer"], "autoexec": bool(request.autoexec)},
        **script.get("facts", {}),
    }
    return from_plain(protocol.SceneFacts, dict(facts))
