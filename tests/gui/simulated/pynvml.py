# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for NVIDIA's library beside `fake_blender`: as many cards, with figures as a busy machine shows them.

Put in place of the extension's own `pynvml` in a private home; `$MGD_GPUS` says how many cards there are.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from types import SimpleNamespace

GB = 1 << 30
BUSES = ("01", "02", "25", "41", "61", "81", "a1", "c1")


class NVMLError(Exception):
    """No card of that number."""


def nvmlInit() -> None:  # noqa: N802  (the library's own names)
    if not nvmlDeviceGetCount():
        raise NVMLError("Driver Not Loaded")


def nvmlShutdown() -> None:  # noqa: N802
    pass


def nvmlDeviceGetCount() -> int:  # noqa: N802
    return int(os.environ.get("MGD_GPUS", "0"))


def nvmlDeviceGetHandleByIndex(index: int) -> int:  # noqa: N802
    return index


def nvmlDeviceGetPciInfo(card: int) -> SimpleNamespace:  # noqa: N802
    return SimpleNamespace(busId=f"00000000:{BUSES[card].upper()}:00.0")


def nvmlDeviceGetUUID(card: int) -> str:  # noqa: N802
    return f"GPU-00000000-0000-0000-0000-{card:012d}"


def nvmlDeviceGetName(card: int) -> str:  # noqa: N802
    return "NVIDIA GeForce RTX 4090"


def nvmlDeviceGetMemoryInfo(card: int) -> SimpleNamespace:  # noqa: N802
    return SimpleNamespace(total=24 * GB, used=int((7.1 + 0.3 * (card % 4)) * GB) if card else int(9.4 * GB))


def nvmlDeviceGetUtilizationRates(card: int) -> SimpleNamespace:  # noqa: N802
    return SimpleNamespace(gpu=92 + (int(time.time() * 2) + 3 * card) % 8)


def nvmlDeviceGetTemperature(card: int, sensor: int) -> int:  # noqa: N802
    return 61 + (5 * card) % 11


def nvmlDeviceGetPowerUsage(card: int) -> int:  # noqa: N802
    return 338_000 + 4_000 * card


def nvmlDeviceGetComputeRunningProcesses(card: int) -> list[SimpleNamespace]:  # noqa: N802
    """The children that the engine tied to this card by its UUID."""
    mark = f"CUDA_VISIBLE_DEVICES={nvmlDeviceGetUUID(card)}\0".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes():
                found.append(SimpleNamespace(pid=int(path.parent.name), usedGpuMemory=int((5.2 + 0.1 * card) * GB)))
    return found


def nvmlDeviceGetDisplayActive(card: int) -> int:  # noqa: N802
    return int(card == 0)


def nvmlDeviceGetDisplayMode(card: int) -> int:  # noqa: N802
    return int(card == 0)
