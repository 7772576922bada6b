# SPDX-License-Identifier: GPL-3.0-or-later
"""What Linux lets the groups have in which this process is: processors and memory, of both kinds of control groups.

A container, a service and a job of a cluster are such groups: the machine's own figures say nothing of what they may have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_NO_LIMIT = 1 << 62
"""What the old kind says where there is none is a little less than 2^63."""


def processors(root: Path) -> Iterator[float]:
    """Yield the processors' worth of every limit that holds for this process, its parents' limits included."""
    return _limits(root, "cpu", _quota_v2, _quota_v1)


def memory(root: Path) -> tuple[int | None, int | None]:
    """Return the bytes that all in the tightest group may have, and how many of them are free; None: no limit."""
    found = [*_limits(root, "memory", _memory_v2, _memory_v1)]
    return min((total for total, _ in found), default=None), min((free for _, free in found), default=None)


def _limits(root: Path, kind: str, v2: Callable[[Path], T | None], v1: Callable[[Path], T | None]) -> Iterator[T]:
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _limits_along(root / "sys/fs/cgroup", path, v2)
        elif kind in controllers.split(","):
            mounts = [root / "sys/fs/cgroup" / name for name in (controllers, kind)]
            mount = next((m for m in mounts if m.is_dir()), mounts[0])
            yield from _limits_along(mount, path, v1)


def _limits_along(mount: Path, path: str, read: Callable[[Path], T | None]) -> Iterator[T]:
    folder = mount / path.strip("/")
    # In a container the path is the one outside, and the limit lies at the top of the mount.
    for here in (folder, *folder.parents):
        value = read(here)
        if value is not None:
            yield value
        if here == mount:
            return


def _quota_v2(folder: Path) -> float | None:
    quota, _, period = _read(folder / "cpu.max").strip().partition(" ")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None


def _quota_v1(folder: Path) -> float | None:
    quota = _read(folder / "cpu.cfs_quota_us").strip()
    period = _read(folder / "cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() else None


def _memory_v2(folder: Path) -> tuple[int, int] | None:
    return _told(folder, "memory.max", "memory.current", "inactive_file ")


def _memory_v1(folder: Path) -> tuple[int, int] | None:
    return _told(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file ")


def _told(folder: Path, limit: str, usage: str, cached: str) -> tuple[int, int] | None:
    most, used = (_read(folder / name).strip() for name in (limit, usage))
    if not (most.isdecimal() and used.isdecimal()) or int(most) >= _NO_LIMIT:
        return None
    # Files that were read count as used, and give way at once.
    kept = [int(line.split()[1]) for line in _read(folder / "memory.stat").splitlines() if line.startswith(cached)]
    return int(most), max(0, int(most) - int(used) + sum(kept))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
