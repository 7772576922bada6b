# SPDX-License-Identifier: GPL-3.0-or-later
"""The Windows functions we call, declared once: names, argument types, structures, constants.

Owns no decision. Importable everywhere; the libraries are loaded at the first call, and tests put their own in place
of `kernel32`.
"""

from __future__ import annotations

import ctypes
import functools
from ctypes import wintypes
from typing import Any

BELOW_NORMAL_PRIORITY_CLASS = 0x00004000
CREATE_NEW_PROCESS_GROUP = 0x00000200
CREATE_NO_WINDOW = 0x08000000
DETACHED_PROCESS = 0x00000008
CREATE_BREAKAWAY_FROM_JOB = 0x01000000

PROCESS_TERMINATE = 0x0001
PROCESS_QUERY_LIMITED_INFORMATION = 0x1000
SYNCHRONIZE = 0x00100000
WAIT_TIMEOUT = 0x102
ERROR_ACCESS_DENIED = 5
ERROR_SHARING_VIOLATION = 32
ERROR_LOCK_VIOLATION = 33

JOB_OBJECT_EXTENDED_LIMIT_INFORMATION = 9
JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE = 0x2000

ES_CONTINUOUS = 0x80000000
ES_SYSTEM_REQUIRED = 0x00000001

TH32CS_SNAPPROCESS = 0x2
INVALID_HANDLE_VALUE = ctypes.c_void_p(-1).value

_FILETIME_EPOCH = 11_644_473_600
"""Seconds from 1601, where Windows begins to count, to 1970."""


# Sizes are written out: a DWORD of ``ctypes.wintypes`` is longer on other systems, where tests measure these.


class FileTime(ctypes.Structure):
    """FILETIME."""

    _fields_ = [("dwLowDateTime", ctypes.c_uint32), ("dwHighDateTime", ctypes.c_uint32)]


class BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = [
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    ]


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = [
        ("BasicLimitInformation", BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    ]


class ProcessEntry(ctypes.Structure):
    """PROCESSENTRY32W."""

    _fields_ = [
        ("dwSize", ctypes.c_uint32),
        ("cntUsage", ctypes.c_uint32),
        ("th32ProcessID", ctypes.c_uint32),
        ("th32DefaultHeapID", ctypes.c_size_t),
        ("th32ModuleID", ctypes.c_uint32),
        ("cntThreads", ctypes.c_uint32),
        ("th32ParentProcessID", ctypes.c_uint32),
        ("pcPriClassBase", ctypes.c_int32),
        ("dwFlags", ctypes.c_uint32),
        # UTF-16 units: c_wchar has another size on other systems, and nobody reads the name.
        ("szExeFile", ctypes.c_uint16 * 260),
    ]


class MemoryCounters(ctypes.Structure):
    """PROCESS_MEMORY_COUNTERS."""

    _fields_ = [
        ("cb", ctypes.c_uint32),
        ("PageFaultCount", ctypes.c_uint32),
        ("PeakWorkingSetSize", ctypes.c_size_t),
        ("WorkingSetSize", ctypes.c_size_t),
        ("QuotaPeakPagedPoolUsage", ctypes.c_size_t),
        ("QuotaPagedPoolUsage", ctypes.c_size_t),
        ("QuotaPeakNonPagedPoolUsage", ctypes.c_size_t),
        ("QuotaNonPagedPoolUsage", ctypes.c_size_t),
        ("PagefileUsage", ctypes.c_size_t),
        ("PeakPagefileUsage", ctypes.c_size_t),
    ]


_POINTER = ctypes.c_void_p
_HANDLE = wintypes.HANDLE
_DWORD = ctypes.c_uint32
_BOOL = ctypes.c_int32

# Handles are pointers: without these ctypes would cut them to 32 bits.
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "OpenProcess": (_HANDLE, [_DWORD, _BOOL, _DWORD]),
    "CloseHandle": (_BOOL, [_HANDLE]),
    "TerminateProcess": (_BOOL, [_HANDLE, _DWORD]),
    "WaitForSingleObject": (_DWORD, [_HANDLE, _DWORD]),
    "GetProcessTimes": (_BOOL, [_HANDLE, _POINTER, _POINTER, _POINTER, _POINTER]),
    "GetCurrentProcess": (_HANDLE, []),
    "GetCurrentProcessId": (_DWORD, []),
    "SetPriorityClass": (_BOOL, [_HANDLE, _DWORD]),
    "CreateJobObjectW": (_HANDLE, [_POINTER, wintypes.LPCWSTR]),
    "SetInformationJobObject": (_BOOL, [_HANDLE, ctypes.c_int, _POINTER, _DWORD]),
    "AssignProcessToJobObject": (_BOOL, [_HANDLE, _HANDLE]),
    "SetThreadExecutionState": (_DWORD, [_DWORD]),
    "CreateToolhelp32Snapshot": (_HANDLE, [_DWORD, _DWORD]),
    "Process32FirstW": (_BOOL, [_HANDLE, _POINTER]),
    "Process32NextW": (_BOOL, [_HANDLE, _POINTER]),
    "ProcessIdToSessionId": (_BOOL, [_DWORD, _POINTER]),
    "GetProcessAffinityMask": (_BOOL, [_HANDLE, _POINTER, _POINTER]),
    "K32GetProcessMemoryInfo": (_BOOL, [_HANDLE, _POINTER, _DWORD]),
}


@functools.cache
def kernel32() -> Any:
    """The library with its functions declared."""
    # By name: mypy on another system knows no WinDLL.
    return declare(vars(ctypes)["WinDLL"]("kernel32", use_last_error=True))


def declare(library: Any) -> Any:
    """Give every function that we use its types; return the library."""
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


def last_error() -> int:
    """Code of the last call of this thread that failed."""
    return int(vars(ctypes)["get_last_error"]())


def seconds(low: int, high: int) -> float:
    """A FILETIME as seconds since the epoch."""
    return ((high << 32) | low) / 10_000_000 - _FILETIME_EPOCH
