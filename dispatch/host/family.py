# SPDX-License-Identifier: GPL-3.0-or-later
"""Which processes belong to a process, and how all of them are ended: the same on every system.

Owns the walk over a table of processes; a system brings the table and the kill. A process is known by its id *and*
its start time, because ids are used again. Nothing is killed when the start time of the root does not fit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

SAME_START = 0.02
"""Seconds by which two readings of one start time may differ (formats round)."""


@dataclass(frozen=True, slots=True)
class Process:
    """One row of the system's table."""

    pid: int
    parent: int
    start: float
    """The system's own clock; only ever compared with another reading on the same system."""
    groups: frozenset[int] = frozenset()
    """Ids of its process group and session, where the system has these: they outlive a parent's death."""
    ended: bool = False
    """Dead, and only waiting for its parent to ask for the status."""


def family(table: Iterable[Process], root: int) -> list[Process]:
    """The root, its descendants, and whoever is in its process group or session; root first."""
    rows = {row.pid: row for row in table}
    children: dict[int, list[Process]] = {}
    for row in rows.values():
        children.setdefault(row.parent, []).append(row)
    found: dict[int, Process] = {}
    waiting = [row for row in rows.values() if row.pid == root] + [row for row in rows.values() if root in row.groups]
    while waiting:
        row = waiting.pop(0)
        if row.pid in found:
            continue
        found[row.pid] = row
        # A child is never older than its parent: where it looks so, the parent's id was used again.
        waiting += [c for c in children.get(row.pid, ()) if c.start >= row.start - SAME_START]
    return list(found.values())


def kill_family(
    pid: int,
    start: float | None,
    *,
    read_table: Callable[[], Iterable[Process]],
    kill: Callable[[Process], None],
    myself: int,
    wait: float,
) -> list[int]:
    """Kill the process and everything below it; look again until nothing new turns up.

    Returns the ids that are still there ``wait`` seconds later (0: does not wait for deaths, only for late forks).
    """
    table = {row.pid: row for row in read_table()}
    root = table.get(pid)
    if root is None or (start is not None and abs(root.start - start) > SAME_START):
        return []
    until = time.monotonic() + wait
    doomed: dict[int, Process] = {}
    while True:
        fresh = [m for m in family(table.values(), pid) if m.pid not in doomed and m.pid != myself]
        for member in fresh:
            doomed[member.pid] = member
            if not member.ended:
                kill(member)
        table = {row.pid: row for row in read_table() if row.pid != pid or _same(row, root)}
        left = [m.pid for m in doomed.values() if _lives(table.get(m.pid), m)]
        if not fresh and (not left or time.monotonic() >= until):
            return left
        if not fresh:
            time.sleep(0.02)


def _same(now: Process, then: Process) -> bool:
    return abs(now.start - then.start) <= SAME_START


def _lives(now: Process | None, then: Process) -> bool:
    return now is not None and not now.ended and _same(now, then)
