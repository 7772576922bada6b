# SPDX-License-Identifier: GPL-3.0-or-later
"""The exact calls that Windows would get. Each fake answers as Microsoft's documentation says the real one does."""

from __future__ import annotations

import ctypes
import errno
import importlib
import os
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dispatch import host
from dispatch.host import win32, windows, windows_files
from dispatch.model import PROGRAM

TABLE = {100: (1, 1000.0), 101: (100, 1001.0), 102: (101, 1002.0), 103: (100, 999.0), 200: (1, 1003.0)}
"""Process id: (parent's id, start). 103 is older than its parent: that id was somebody else's then."""


class Function:
    """A function of a library: takes declarations like a ctypes one, remembers its calls."""

    def __init__(self, name: str, answer: Callable[..., Any], calls: list[tuple[Any, ...]]) -> None:
        self.name, self.answer, self.calls = name, answer, calls

    def __call__(self, *arguments: Any) -> Any:
        self.calls.append((self.name, *arguments))
        return self.answer(*arguments)


class Kernel:
    """kernel32 with the processes of `TABLE`; a handle is the process id plus 5000."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.table = dict(TABLE)
        self.error = 0
        self.denied: set[int] = set()
        self.open_handles: list[int] = []
        self.limits: Any = None
        self._walk: list[int] = []

    def __getattr__(self, name: str) -> Function:
        function = Function(name, getattr(type(self), f"_{name}", lambda *_: 1).__get__(self), self.calls)
        setattr(self, name, function)
        return function

    def named(self, *names: str) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] in names]

    def _OpenProcess(self, access: int, inherit: bool, pid: int) -> int:  # noqa: N802
        self.error = 0 if pid in self.table else 87
        if pid in self.denied:
            self.error = win32.ERROR_ACCESS_DENIED
        if self.error:
            return 0
        self.open_handles.append(pid + 5000)
        return pid + 5000

    def _CloseHandle(self, handle: int) -> int:  # noqa: N802
        self.open_handles.remove(handle)
        return 1

    def _GetProcessTimes(self, handle: int, created: Any, *others: Any) -> int:  # noqa: N802
        ticks = int((self.table[handle - 5000][1] + 11_644_473_600) * 10_000_000)
        created._obj.dwLowDateTime, created._obj.dwHighDateTime = ticks & 0xFFFFFFFF, ticks >> 32
        assert len(others) == 3
        return 1

    def _WaitForSingleObject(self, handle: int, wait: int) -> int:  # noqa: N802
        return win32.WAIT_TIMEOUT

    def _TerminateProcess(self, handle: int, status: int) -> int:  # noqa: N802
        del self.table[handle - 5000]
        return 1

    def _CreateToolhelp32Snapshot(self, what: int, pid: int) -> int:  # noqa: N802
        self._walk = list(self.table)
        self.open_handles.append(77)
        return 77

    def _Process32FirstW(self, snapshot: int, entry: Any) -> int:  # noqa: N802
        assert entry._obj.dwSize == ctypes.sizeof(win32.ProcessEntry)
        return self._Process32NextW(snapshot, entry)

    def _Process32NextW(self, snapshot: int, entry: Any) -> int:  # noqa: N802
        if not self._walk:
            return 0
        pid = self._walk.pop(0)
        entry._obj.th32ProcessID, entry._obj.th32ParentProcessID = pid, self.table[pid][0]
        return 1

    def _CreateJobObjectW(self, security: None, name: None) -> int:  # noqa: N802
        self.open_handles.append(88)
        return 88

    def _SetInformationJobObject(self, job: int, kind: int, data: Any, size: int) -> int:  # noqa: N802
        self.limits = data._obj
        assert size == ctypes.sizeof(win32.ExtendedLimits)
        return 1

    def _GetCurrentProcess(self) -> int:  # noqa: N802
        return -1


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    fake = Kernel()
    monkeypatch.setattr(win32, "kernel32", lambda: win32.declare(fake))
    monkeypatch.setattr(win32, "last_error", lambda: fake.error)
    return fake


@pytest.mark.parametrize(
    ("structure", "size"),
    [(win32.BasicLimits, 64), (win32.ExtendedLimits, 144), (win32.ProcessEntry, 568), (win32.MemoryCounters, 72)],
)
def test_structures_are_as_large_as_on_64_bit_windows(structure: type[ctypes.Structure], size: int) -> None:
    assert ctypes.sizeof(structure) == size


def test_handles_are_declared_as_pointers(kernel: Kernel) -> None:
    library = win32.kernel32()
    for name in ("OpenProcess", "CreateJobObjectW", "GetCurrentProcess", "CreateToolhelp32Snapshot"):
        assert ctypes.sizeof(getattr(library, name).restype) == ctypes.sizeof(ctypes.c_void_p)


# --- starting


def test_children_run_below_normal_without_a_window_and_without_our_ctrl_c() -> None:
    assert windows.popen_options(detached=False) == {"creationflags": 0x4000 | 0x200 | 0x08000000}


def test_a_dispatcher_is_detached_and_leaves_the_job_of_its_blender() -> None:
    assert windows.popen_options(detached=True) == {"creationflags": 0x8 | 0x200 | 0x01000000}


@pytest.fixture
def popen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Popen was called with; refuses to leave the job, as Windows does where the job forbids it."""
    calls: list[dict[str, Any]] = []

    def start(argv: list[str], **options: Any) -> str:
        calls.append({"argv": argv, **options})
        if options["creationflags"] & 0x01000000:
            raise PermissionError(errno.EACCES, "Access is denied")
        return "started"

    monkeypatch.setattr(subprocess, "Popen", start)
    return calls


def test_where_the_job_may_not_be_left_the_dispatcher_starts_inside(
    tmp_path: Path, popen: list[dict[str, Any]]
) -> None:
    started: object = windows.spawn_detached(["python.exe", "-m", "dispatch"], log=tmp_path / "log", env={"A": "1"})
    assert started == "started"
    assert [call["creationflags"] for call in popen] == [0x01000208, 0x208]
    assert popen[1]["argv"] == ["python.exe", "-m", "dispatch"]
    assert popen[1]["env"] == {"A": "1"}
    assert popen[1]["stdin"] == subprocess.DEVNULL


def test_a_program_that_may_not_be_run_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(argv: list[str], **options: Any) -> None:
        raise PermissionError(errno.EACCES, "Access is denied")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(PermissionError):
        windows.spawn_detached(["x"], log=tmp_path / "log")


def test_children_end_with_the_last_handle_of_their_job(kernel: Kernel) -> None:
    job = windows.ChildrenJob()
    assert kernel.named("SetInformationJobObject")[0][1:3] == (88, 9)
    assert kernel.limits.BasicLimitInformation.LimitFlags == 0x2000
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        vars(process)["_handle"] = 4242
        job.add(process)
    assert kernel.named("AssignProcessToJobObject") == [("AssignProcessToJobObject", 88, 4242)]
    assert kernel.open_handles == [88]
    job.close()
    job.close()
    assert kernel.open_handles == []


def test_without_a_job_object_children_still_start(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kernel, "_SetInformationJobObject", lambda *_: 0)
    job = windows.ChildrenJob()
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        job.add(process)
    assert kernel.open_handles == []
    assert not kernel.named("AssignProcessToJobObject")


def test_a_child_can_lower_its_own_priority(kernel: Kernel) -> None:
    windows.lower_priority()
    assert kernel.named("SetPriorityClass") == [("SetPriorityClass", -1, 0x4000)]


# --- who is alive


def test_the_start_time_is_that_of_the_process(kernel: Kernel) -> None:
    assert windows.process_start_time(101) == pytest.approx(1001.0)
    assert kernel.named("OpenProcess") == [("OpenProcess", 0x1000, False, 101)]
    assert windows.process_start_time(4711) is None
    assert kernel.open_handles == []


def test_alive_is_who_still_runs_under_that_start_time(kernel: Kernel) -> None:
    assert windows.is_alive(101, 1001.0)
    assert windows.is_alive(101, None)
    assert not windows.is_alive(101, 900.0)
    assert not windows.is_alive(4711, None)
    assert kernel.named("OpenProcess")[0] == ("OpenProcess", 0x1000 | 0x100000, False, 101)
    assert kernel.open_handles == []


def test_the_dead_whose_handle_somebody_holds_are_not_alive(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kernel, "_WaitForSingleObject", lambda *_: 0)
    assert not windows.is_alive(101, 1001.0)


def test_who_may_not_be_looked_at_counts_as_alive(kernel: Kernel) -> None:
    kernel.denied.add(101)
    assert windows.is_alive(101, 1001.0)


def test_a_tree_is_ended_by_parent_and_age(kernel: Kernel) -> None:
    assert windows.kill_tree(100, 1000.0, wait=1.0) == []
    assert set(kernel.table) == {103, 200}
    assert kernel.named("TerminateProcess") == [("TerminateProcess", pid + 5000, 1) for pid in (100, 101, 102)]
    assert kernel.open_handles == []


def test_a_tree_whose_root_has_another_start_time_is_spared(kernel: Kernel) -> None:
    windows.kill_tree(100, 555.0)
    assert kernel.table == TABLE


def test_what_cannot_be_ended_is_named(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kernel, "_TerminateProcess", lambda *_: 0)
    assert windows.kill_tree(200, 1003.0) == [200]


# --- files


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock goes on by what is slept."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    return slept


def _denied(code: int) -> PermissionError:
    error = PermissionError(errno.EACCES, "in use")
    error.winerror = code  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize("code", [5, 32, 33])
def test_a_file_that_a_viewer_holds_is_replaced_when_it_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_waiting: list[float], code: int
) -> None:
    calls: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        calls.append((source, target))
        if len(calls) < 8:
            raise _denied(code)

    monkeypatch.setattr(os, "replace", move)
    windows.replace(tmp_path / "new.png", tmp_path / "old.png")
    assert calls == [(tmp_path / "new.png", tmp_path / "old.png")] * 8
    assert no_waiting == sorted(no_waiting)


def test_a_file_that_is_held_for_ever_is_an_error_after_ten_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_waiting: list[float]
) -> None:
    def move(source: Path, target: Path) -> None:
        raise _denied(32)

    monkeypatch.setattr(os, "replace", move)
    with pytest.raises(PermissionError):
        windows.replace(tmp_path / "new.png", tmp_path / "old.png")
    assert 9.0 < sum(no_waiting) <= 10.0


def test_a_folder_in_the_way_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_waiting: list[float]
) -> None:
    def move(source: Path, target: Path) -> None:
        raise _denied(5)

    monkeypatch.setattr(os, "replace", move)
    with pytest.raises(PermissionError):
        windows.replace(tmp_path / "new.png", tmp_path)
    assert no_waiting == []


def test_syncing_opens_the_file_for_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    flags: list[int] = []
    plain = os.open
    monkeypatch.setattr(os, "open", lambda path, how, *rest: flags.append(how) or plain(path, how, *rest))
    windows.fsync_file(tmp_path / "file")
    windows.fsync_folder(tmp_path)
    assert flags == [os.O_RDWR]


LONG = "\\".join(["a" * 50] * 5)


@pytest.mark.parametrize(
    ("path", "long"),
    [
        ("C:\\shots\\7.png", "C:\\shots\\7.png"),
        (f"C:\\{LONG}\\7.png", f"\\\\?\\C:\\{LONG}\\7.png"),
        (f"C:/{LONG}/x/../7.png".replace("\\", "/"), f"\\\\?\\C:\\{LONG}\\7.png"),
        (f"\\\\server\\share\\{LONG}\\7.png", f"\\\\?\\UNC\\server\\share\\{LONG}\\7.png"),
        (f"\\\\?\\C:\\{LONG}\\7.png", f"\\\\?\\C:\\{LONG}\\7.png"),
        ("\\\\.\\NUL", "\\\\.\\NUL"),
    ],
)
def test_a_long_path_takes_the_literal_form(path: str, long: str) -> None:
    assert windows_files.long_text(path) == long


class Msvcrt:
    """Locks by file and byte, refused to a second handle; a region that is locked cannot be read by others."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self) -> None:
        self.locked: dict[int, tuple[int, int]] = {}
        self.refuse = errno.EACCES
        self.modes: dict[int, int] = {}

    def setmode(self, fd: int, mode: int) -> None:
        self.modes[fd] = mode

    def locking(self, fd: int, mode: int, count: int) -> None:
        assert count == 1
        byte = os.lseek(fd, 0, os.SEEK_CUR)
        key = (os.fstat(fd).st_ino, byte)
        if mode == self.LK_UNLCK:
            del self.locked[fd]
        elif key in self.locked.values():
            raise OSError(self.refuse, "held")
        else:
            self.locked[fd] = key


@pytest.fixture
def msvcrt(monkeypatch: pytest.MonkeyPatch) -> Msvcrt:
    fake = Msvcrt()
    monkeypatch.setitem(sys.modules, "msvcrt", fake)
    assert importlib.import_module("msvcrt") is fake
    return fake


@pytest.mark.parametrize("code", [errno.EACCES, errno.EDEADLK])
def test_a_lock_lies_beyond_the_content_and_is_held_once(tmp_path: Path, msvcrt: Msvcrt, code: int) -> None:
    msvcrt.refuse = code
    path = tmp_path / "lock"
    with windows.lock_file(path) as lock:
        ((_, byte),) = msvcrt.locked.values()
        assert byte == 1 << 30
        lock.write(b"who\n")
        with pytest.raises(host.Locked):
            windows.lock_file(path)
    assert not msvcrt.locked
    assert path.read_bytes() == b"who\n"
    windows.lock_file(path).release()


def test_a_childs_pipes_carry_bytes_and_no_line_ends_are_translated(msvcrt: Msvcrt) -> None:
    windows.carry_bytes(7)
    assert msvcrt.modes == {7: 0x8000}


def test_a_drive_that_cannot_lock_is_not_taken_for_a_held_lock(tmp_path: Path, msvcrt: Msvcrt) -> None:
    msvcrt.refuse = errno.EINVAL
    with windows.lock_file(tmp_path / "lock"), pytest.raises(OSError, match="held") as caught:
        windows.lock_file(tmp_path / "lock")
    assert not isinstance(caught.value, host.Locked)


def test_state_lies_in_the_local_application_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    assert windows.state_folder() == tmp_path / PROGRAM
    assert windows.private_folder(windows.state_folder()).is_dir()
    monkeypatch.delenv("LOCALAPPDATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert windows.state_folder() == tmp_path / "AppData" / "Local" / PROGRAM


# --- the machine


def test_the_machine_is_kept_awake_by_the_threads_execution_state(kernel: Kernel) -> None:
    with windows.KeepAwake("rendering") as awake:
        assert awake.held
    assert [call[1] for call in kernel.named("SetThreadExecutionState")] == [0x80000001, 0x80000000]


def test_a_windows_that_refuses_to_stay_awake_is_said(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kernel, "_SetThreadExecutionState", lambda *_: 0, raising=False)
    with windows.KeepAwake("rendering") as awake:
        assert not awake.held
        assert "may fall asleep" in awake.reason
    assert len(kernel.calls) == 1


@pytest.mark.parametrize(("session", "display"), [(0, False), (1, True)])
def test_the_session_of_services_has_no_display(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, session: int, display: bool
) -> None:
    def answer(self: Kernel, pid: int, number: Any) -> int:
        number._obj.value = session
        return 1

    monkeypatch.setattr(Kernel, "_ProcessIdToSessionId", answer, raising=False)
    assert windows.has_display() is display


@pytest.mark.parametrize(("ours", "everybodys", "count"), [(0b1011, 0xFFFF, 3), (0xFFFF, 0xFFFF, 96), (0, 0, 96)])
def test_cores_follow_the_affinity(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, ours: int, everybodys: int, count: int
) -> None:
    def answer(self: Kernel, process: int, mine: Any, all_of_them: Any) -> int:
        mine._obj.value, all_of_them._obj.value = ours, everybodys
        return 1

    monkeypatch.setattr(Kernel, "_GetProcessAffinityMask", answer, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 96)
    assert windows.cores() == count


def test_peak_memory_is_the_peak_working_set(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(self: Kernel, process: int, counters: Any, size: int) -> int:
        assert size == counters._obj.cb == 72
        counters._obj.PeakWorkingSetSize = 5 << 30
        return 1

    monkeypatch.setattr(Kernel, "_K32GetProcessMemoryInfo", answer, raising=False)
    assert windows.peak_memory() == 5 << 30


class Winreg:
    """A registry that has the one value, or none."""

    HKEY_LOCAL_MACHINE = 1

    def __init__(self, value: int | None) -> None:
        self.value = value

    def OpenKey(self, root: int, path: str) -> Winreg:  # noqa: N802
        assert path.endswith(r"Memory Management\PrefetchParameters")
        if self.value is None:
            raise FileNotFoundError(path)
        return self

    def QueryValueEx(self, key: Winreg, name: str) -> tuple[int | None, int]:  # noqa: N802
        assert name == "BootId"
        return self.value, 4

    def __enter__(self) -> Winreg:
        return self

    def __exit__(self, *_: object) -> None:
        return None


@pytest.mark.parametrize(("value", "words"), [(812, "812"), (None, "")])
def test_the_boot_is_counted_in_the_registry(monkeypatch: pytest.MonkeyPatch, value: int | None, words: str) -> None:
    monkeypatch.setitem(sys.modules, "winreg", Winreg(value))
    assert windows.boot_id() == words


def test_what_the_job_object_does_needs_nothing_in_the_child() -> None:
    assert windows.parent_environment() == {}
    assert windows.pid_namespace() == ""
    windows.die_with_parent()
    windows.kill_orphans(100)


def test_a_folder_is_shown_elsewhere_by_a_junction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, str]] = []
    junctions = types.SimpleNamespace(CreateJunction=lambda target, link: made.append((target, link)))
    monkeypatch.setitem(sys.modules, "_winapi", junctions)
    windows.link_folder(tmp_path / "caches", tmp_path / "link")
    assert made == [(str(tmp_path / "caches"), str(tmp_path / "link"))]
