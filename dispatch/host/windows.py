# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows: processes, job objects, priority classes, sleep (``windows_files``: the rest). Written after the documentation;
tests look at the calls. Importable everywhere: what only Windows has is looked up when it is called."""

from __future__ import annotations

import ctypes
import importlib
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import family, win32
from .anywhere import Awake
from .anywhere import memory_allowed as memory_allowed
from .ending import WINDOWS
from .windows_files import carry_bytes as carry_bytes
from .windows_files import fsync_file as fsync_file
from .windows_files import fsync_folder as fsync_folder
from .windows_files import is_locked as is_locked
from .windows_files import is_own as is_own
from .windows_files import link_folder as link_folder
from .windows_files import lock_file as lock_file
from .windows_files import long_path as long_path
from .windows_files import others_may_write as others_may_write
from .windows_files import private_folder as private_folder
from .windows_files import replace as replace
from .windows_files import state_folder as state_folder

notify, sleep_now, shut_down = WINDOWS.notify, WINDOWS.sleep_now, WINDOWS.shut_down

_BOOT_KEY = r"SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters"


class ChildrenJob:
    """A job object that ends its processes when its last handle is closed, that is when this process dies."""

    def __init__(self) -> None:
        kernel = win32.kernel32()
        limits = win32.ExtendedLimits()
        limits.BasicLimitInformation.LimitFlags = win32.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
        self._handle = kernel.CreateJobObjectW(None, None)
        if self._handle and not kernel.SetInformationJobObject(
            self._handle, win32.JOB_OBJECT_EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), ctypes.sizeof(limits)
        ):
            self.close()

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Make the process end with this one; where Windows refuses, the end of its stdin ends it."""
        if self._handle:
            win32.kernel32().AssignProcessToJobObject(self._handle, int(vars(process)["_handle"]))

    def close(self) -> None:
        """End all that are left."""
        handle, self._handle = self._handle, None
        if handle:
            win32.kernel32().CloseHandle(handle)


def boot_id() -> str:
    """Changes with every start of the machine; empty where unknown. Start times here are absolute, so that an empty
    one does no harm."""
    winreg = importlib.import_module("winreg")
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _BOOT_KEY) as key:
            return str(winreg.QueryValueEx(key, "BootId")[0])
    except OSError:
        return ""


def pid_namespace() -> str:
    """Empty: there is only one."""
    return ""


def process_start_time(pid: int) -> float | None:
    """Seconds since the epoch; None where there is no such process or we may not look at it."""
    handle = _open(pid, win32.PROCESS_QUERY_LIMITED_INFORMATION)
    if not handle:
        return None
    try:
        return _start(handle)
    finally:
        win32.kernel32().CloseHandle(handle)


def is_alive(pid: int, start_time: float | None) -> bool:
    """Whether the very process still runs; without a start time: any process of that id. One that we may not look at
    counts."""
    handle = _open(pid, win32.PROCESS_QUERY_LIMITED_INFORMATION | win32.SYNCHRONIZE)
    if not handle:
        return win32.last_error() == win32.ERROR_ACCESS_DENIED
    try:
        # Somebody's handle keeps the dead in the table: only waiting tells whether it still runs.
        if win32.kernel32().WaitForSingleObject(handle, 0) != win32.WAIT_TIMEOUT:
            return False
        start = _start(handle)
        return start_time is None or start is None or abs(start - start_time) <= family.SAME_START
    finally:
        win32.kernel32().CloseHandle(handle)


def kill_tree(pid: int, start_time: float | None, wait: float = 0.0) -> list[int]:
    """Kill the process and what it started, if it is still the one that started then.

    Returns the ids that still live after ``wait`` seconds.
    """
    return family.kill_family(pid, start_time, read_table=_table, kill=_kill, myself=os.getpid(), wait=wait)


def kill_orphans(pid: int) -> None:
    """Does nothing: what a dead child left behind is in the job object and ends with this process at the latest."""


def _open(pid: int, access: int) -> Any:
    return win32.kernel32().OpenProcess(access, False, pid)


def _start(handle: Any) -> float | None:
    created, *others = (win32.FileTime() for _ in range(4))
    if not win32.kernel32().GetProcessTimes(handle, ctypes.byref(created), *(ctypes.byref(o) for o in others)):
        return None
    return win32.seconds(created.dwLowDateTime, created.dwHighDateTime)


def _kill(process: family.Process) -> None:
    kernel = win32.kernel32()
    handle = _open(process.pid, win32.PROCESS_TERMINATE | win32.PROCESS_QUERY_LIMITED_INFORMATION)
    if not handle:
        return
    try:
        # The handle holds the id: what it names now is what is terminated.
        start = _start(handle)
        if start is not None and abs(start - process.start) <= family.SAME_START:
            kernel.TerminateProcess(handle, 1)
    finally:
        kernel.CloseHandle(handle)


def _table() -> Iterator[family.Process]:
    """Every process that we may look at: nothing else can be ours."""
    kernel = win32.kernel32()
    snapshot = kernel.CreateToolhelp32Snapshot(win32.TH32CS_SNAPPROCESS, 0)
    if snapshot in (None, win32.INVALID_HANDLE_VALUE):
        return
    try:
        entry = win32.ProcessEntry()
        entry.dwSize = ctypes.sizeof(entry)
        more = kernel.Process32FirstW(snapshot, ctypes.byref(entry))
        while more:
            start = process_start_time(entry.th32ProcessID)
            if start is not None:
                yield family.Process(entry.th32ProcessID, entry.th32ParentProcessID, start)
            more = kernel.Process32NextW(snapshot, ctypes.byref(entry))
    finally:
        kernel.CloseHandle(snapshot)


def popen_options(*, detached: bool) -> dict[str, Any]:
    """Keywords for Popen: no window, no Ctrl-C from our console; children below normal priority."""
    if detached:
        flags = win32.DETACHED_PROCESS | win32.CREATE_NEW_PROCESS_GROUP | win32.CREATE_BREAKAWAY_FROM_JOB
    else:
        flags = win32.BELOW_NORMAL_PRIORITY_CLASS | win32.CREATE_NEW_PROCESS_GROUP | win32.CREATE_NO_WINDOW
    return {"creationflags": flags}


def spawn_detached(
    argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a process that outlives this one; what it prints is appended to ``log``.

    Raises:
        OSError: the program or the log cannot be opened.
    """
    options = popen_options(detached=True)
    while True:
        try:
            with log.open("ab") as output:
                return subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=None if env is None else dict(env),
                    cwd=cwd,
                    **options,
                )
        except PermissionError:
            # A job object around this Blender (a launcher, a terminal) may forbid to leave it.
            if not options["creationflags"] & win32.CREATE_BREAKAWAY_FROM_JOB:
                raise
            options["creationflags"] &= ~win32.CREATE_BREAKAWAY_FROM_JOB


def parent_environment() -> dict[str, str]:
    """Nothing: the job object ends the children."""
    return {}


def die_with_parent() -> None:
    """Does nothing: the job object ends the children."""


def lower_priority() -> None:
    """Run below normal priority from now on; called inside the child."""
    kernel = win32.kernel32()
    kernel.SetPriorityClass(kernel.GetCurrentProcess(), win32.BELOW_NORMAL_PRIORITY_CLASS)


def has_display() -> bool:
    """Whether an artist may sit in front of this session: any but that of services."""
    kernel = win32.kernel32()
    session = ctypes.c_uint32()
    known = kernel.ProcessIdToSessionId(kernel.GetCurrentProcessId(), ctypes.byref(session))
    return not known or session.value != 0


def cores() -> int:
    """Logical processors that this process may use."""
    kernel = win32.kernel32()
    ours, all_of_them = ctypes.c_size_t(), ctypes.c_size_t()
    count = os.cpu_count() or 1
    if not kernel.GetProcessAffinityMask(kernel.GetCurrentProcess(), ctypes.byref(ours), ctypes.byref(all_of_them)):
        return count
    # On machines with more than 64 processors the masks say nothing about the other groups.
    return max(1, ours.value.bit_count()) if ours.value != all_of_them.value else count


def peak_memory() -> int:
    """Largest resident size of this process so far, bytes; 0: unknown."""
    kernel = win32.kernel32()
    counters = win32.MemoryCounters()
    counters.cb = ctypes.sizeof(counters)
    if not kernel.K32GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb):
        return 0
    return int(counters.PeakWorkingSetSize)


class KeepAwake(Awake):
    """The thread's execution state; Windows forgets it with the thread."""

    def _begin(self) -> str:
        if win32.kernel32().SetThreadExecutionState(win32.ES_CONTINUOUS | win32.ES_SYSTEM_REQUIRED):
            return ""
        return "Windows does not let us keep the machine awake, so it may fall asleep while it renders."

    def _end(self) -> None:
        win32.kernel32().SetThreadExecutionState(win32.ES_CONTINUOUS)
