# SPDX-License-Identifier: GPL-3.0-or-later
"""Linux: /proc, prctl, cgroups, logind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ..model import PROGRAM
from . import cgroups, family, posix
from .anywhere import Awake, MemoryAllowed
from .ending import LINUX
from .posix import ChildrenJob as ChildrenJob
from .posix import carry_bytes as carry_bytes
from .posix import fsync_file as fsync_file
from .posix import fsync_folder as fsync_folder
from .posix import is_locked as is_locked
from .posix import is_own as is_own
from .posix import kill_orphans as kill_orphans
from .posix import link_folder as link_folder
from .posix import lock_file as lock_file
from .posix import long_path as long_path
from .posix import others_may_write as others_may_write
from .posix import popen_options as popen_options
from .posix import private_folder as private_folder
from .posix import replace as replace
from .posix import spawn_detached as spawn_detached

notify, sleep_now, shut_down = LINUX.notify, LINUX.sleep_now, LINUX.shut_down

PARENT = "MGD_PARENT"
"""Environment variable that tells a child whose child it is: ``pid start-time pid-namespace``."""

ORPHANED = 75
"""Exit status of a child whose dispatcher is gone."""

_PR_SET_PDEATHSIG = 1
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_OOM_SCORE = 500
_INHIBIT_DEADLINE = 5.0


def boot_id() -> str:
    """Changes with every start of the machine; empty where unknown."""
    return _read(Path("/proc/sys/kernel/random/boot_id")).strip()


def pid_namespace() -> str:
    """Process ids mean the same only within one of these (containers have their own); empty where unknown."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def process_start_time(pid: int) -> float | None:
    """Seconds from boot to the start of the process; None where there is none. A dead one that waits to be collected
    still has one."""
    row = _row(pid)
    return None if row is None else row.start


def is_alive(pid: int, start_time: float | None) -> bool:
    """Whether the very process still runs; without a start time: any process of that id. The dead that wait to be
    collected do not count; one that the system hides from us does."""
    row = _row(pid)
    if row is None:
        return posix.exists(pid)
    return not row.ended and (start_time is None or abs(row.start - start_time) <= family.SAME_START)


def kill_tree(pid: int, start_time: float | None, wait: float = 0.0) -> list[int]:
    """Kill the process, what it started and what is in its session, if it is still the one that started then.

    Returns the ids that still live after ``wait`` seconds.
    """
    return family.kill_family(pid, start_time, read_table=_table, kill=posix.kill, myself=os.getpid(), wait=wait)


def _table() -> Iterator[family.Process]:
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            row = _row(int(entry.name))
            if row is not None:
                yield row


def _row(pid: int) -> family.Process | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
        # The name stands in brackets and may itself hold brackets and spaces: the fields begin after the last one.
        state, parent, group, session, *rest = text[text.rindex(b")") + 2 :].split()
        start = int(rest[15]) / _TICKS
    except (OSError, ValueError, IndexError):
        return None
    return family.Process(pid, int(parent), start, frozenset((int(group), int(session))), state in (b"Z", b"X"))


def parent_environment() -> dict[str, str]:
    """What a child must have in its environment for `die_with_parent`."""
    pid = os.getpid()
    return {PARENT: f"{pid} {process_start_time(pid)} {pid_namespace()}"}


def die_with_parent() -> None:
    """Make the kernel kill this process when the thread that started it ends; called inside the child.

    A parent that died before that is noticed too. It need not be the direct parent: where Blender is started through
    a script, the dispatcher stands further up.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    words = os.environ.get(PARENT, "").split()
    if len(words) == 3 and words[2] == pid_namespace() and not is_alive(int(words[0]), float(words[1])):
        os._exit(ORPHANED)


def lower_priority() -> None:
    """Run below normal priority, and be the one that goes when memory runs out, not the artist's own Blender."""
    posix.lower_priority()
    try:
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE), encoding="ascii")
    except OSError:
        return


def state_folder() -> Path:
    """The one private, local place of this user for jobs and leases. Not made by this call."""
    base = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification: a path that is not absolute is to be ignored.
    return (Path(base) if base.startswith("/") else posix.home() / ".local" / "state") / PROGRAM


def has_display() -> bool:
    """Whether an artist may sit in front of this session."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def cores(root: Path = Path("/")) -> int:
    """Logical processors that this process may really use: affinity and cgroup quota respected."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([count, *(int(quota) for quota in cgroups.processors(root))]))


def memory_allowed(root: Path = Path("/")) -> MemoryAllowed:
    """What the kernel says of memory: what this process's groups may have together, and whom it has killed for it."""
    kills = [line for line in _read(root / "proc/vmstat").splitlines() if line.startswith("oom_kill ")]
    return MemoryAllowed(*cgroups.memory(root), int(kills[0].split()[1]) if kills else None)


def peak_memory() -> int:
    """Largest resident size of this process so far, bytes; 0: unknown.

    Not ``getrusage``: its figure outlives exec and would be the dispatcher's.
    """
    for line in _read(Path("/proc/self/status")).splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


class KeepAwake(Awake):
    """A logind inhibitor, held by a small process that ends with its stdin, and so with us."""

    _process: subprocess.Popen[bytes] | None = None

    def _begin(self) -> str:
        tool = shutil.which("systemd-inhibit")
        if tool is None:
            return "This system has no systemd-inhibit, so the machine may fall asleep while it renders."
        # Blocking sleep needs a right that a remote session may lack; blocking idleness does not.
        if self._try(tool, "idle:sleep") or self._try(tool, "idle"):
            return ""
        return "The session manager does not let us keep the machine awake, so it may fall asleep while it renders."

    def _try(self, tool: str, what: str) -> bool:
        process = subprocess.Popen(
            inhibit_command(tool, what, self.why),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        self._process = process
        # The tool starts `cat` once it holds: what comes back from it tells that.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"held")
        ready, _, _ = select.select([process.stdout], [], [], _INHIBIT_DEADLINE)
        if ready and process.stdout.read(4) == b"held":
            return True
        self._end()
        return False

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        posix.kill(family.Process(process.pid, 0, 0.0))
        process.wait()
        posix.kill_orphans(process.pid)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def inhibit_command(tool: str, what: str, why: str) -> list[str]:
    """Hold the inhibitor while stdin is open; what is written there comes back once it is held."""
    return [tool, f"--what={what}", f"--who={PROGRAM}", f"--why={why}", "--mode=block", "cat"]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
