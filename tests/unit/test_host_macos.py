# SPDX-License-Identifier: GPL-3.0-or-later
"""The exact calls that macOS would get. Answers are as the manual pages show them."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dispatch.host import anywhere, family, macos, posix
from dispatch.model import PROGRAM

PS = """\
    1     0     1 Ss   Fri Nov 20 08:00:00 2026
  100     1   100 SN   Sat Nov 21 03:05:09 2026
  101   100   100 RN   Sat Nov 21 03:05:10 2026
  102   101   102 S+   Sat Nov 21 03:05:11 2026
  103     1   100 S    Sat Nov 21 03:05:12 2026
  104   100   100 Z    Sat Nov  1 03:05:13 2026
  200     1   200 S    Sat Nov 21 03:05:14 2026
"""
START = 1795230309.0
"""2026-11-21 03:05:09 UTC."""

COLUMNS = ["-o", "pid=", "-o", "ppid=", "-o", "pgid=", "-o", "state=", "-o", "lstart="]


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines of the tools that were asked."""
    calls: list[list[str]] = []

    def output(argv: list[str], deadline: float = 10.0) -> str:
        calls.append(argv)
        if argv[0] == "/usr/sbin/sysctl":
            return "5F2B1D9C-0000-4000-8000-3D2A7E1B9C55\n"
        if argv[1] == "-p":
            return "".join(line for line in PS.splitlines(keepends=True) if line.split()[0] == argv[2])
        return PS

    monkeypatch.setattr(macos, "tool_output", output)
    return calls


def test_a_start_time_is_what_ps_says(tools: list[list[str]]) -> None:
    assert macos.process_start_time(100) == START
    assert tools == [["/bin/ps", "-p", "100", *COLUMNS]]
    assert macos.process_start_time(4711) is None


@pytest.mark.usefixtures("tools")
def test_alive_is_who_still_runs_under_that_start_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posix, "exists", lambda pid: False)
    assert macos.is_alive(100, START)
    assert macos.is_alive(100, None)
    assert not macos.is_alive(100, START - 5)
    assert not macos.is_alive(104, None), "dead, and not collected"
    assert not macos.is_alive(4711, None)


def test_where_ps_does_not_work_a_process_that_exists_counts_as_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(macos, "tool_output", lambda argv: "")
    assert macos.is_alive(os.getpid(), 1.0)


@pytest.mark.usefixtures("tools")
def test_a_tree_is_ended_by_parent_and_group(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(posix, "kill", lambda process: killed.append(process.pid))
    assert sorted(macos.kill_tree(100, START)) == [100, 101, 102, 103]
    assert killed == [100, 101, 103, 102]
    killed.clear()
    macos.kill_tree(100, START - 5)
    assert killed == []


def test_lines_that_ps_does_not_print_are_passed_over() -> None:
    assert list(macos.parse("\nps: illegal option\n 1 2\n 1 2 3 S\n 1 2 3 S not a date at all\n")) == []
    (row,) = macos.parse("  7 1 7 Z  Sun Feb  1 00:00:01 1970\n")
    assert row == family.Process(7, 1, 31 * 86400 + 1.0, frozenset({7}), True)


def test_tools_speak_english_and_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    assert anywhere.tool_output(["sh", "-c", 'echo "$TZ $LC_ALL"']) == "UTC C\n"
    assert anywhere.tool_output(["sh", "-c", "echo half; exit 1"]) == ""
    assert anywhere.tool_output(["/no/such/tool"]) == ""
    assert anywhere.tool_output(["sleep", "60"], deadline=0.1) == ""


def test_the_boot_is_its_session(tools: list[list[str]]) -> None:
    assert macos.boot_id() == "5F2B1D9C-0000-4000-8000-3D2A7E1B9C55"
    assert tools == [["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]]


def test_state_lies_in_the_application_support(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert macos.state_folder() == tmp_path / "Library" / "Application Support" / PROGRAM


def test_a_remote_session_has_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    assert macos.has_display()
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    assert not macos.has_display()


def test_syncing_reaches_the_disk_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    calls: list[int] = []
    monkeypatch.setattr(fcntl, "fcntl", lambda fd, command: calls.append(command))
    macos.fsync_file(tmp_path / "file")
    assert calls == [51], "F_FULLFSYNC"


def test_a_drive_without_the_full_sync_gets_the_plain_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    plain: list[Path] = []
    code = errno.ENOTSUP

    def refuse(fd: int, command: int) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    monkeypatch.setattr(posix, "fsync_file", plain.append)
    macos.fsync_file(tmp_path / "file")
    assert plain == [tmp_path / "file"]
    code = errno.EIO
    with pytest.raises(OSError, match="no"):
        macos.fsync_file(tmp_path / "file")


class Caffeinate:
    """What Popen was called with."""

    calls: list[list[str]]
    ends: list[str]

    def __init__(self, argv: list[str], **options: Any) -> None:
        if argv[0] != "/usr/bin/caffeinate":
            raise FileNotFoundError(2, "No such file or directory")
        assert options["start_new_session"]
        self.calls.append(argv)

    def kill(self) -> None:
        self.ends.append("kill")

    def wait(self) -> None:
        self.ends.append("wait")


def test_the_machine_is_kept_awake_by_caffeinate_until_release_or_our_end(monkeypatch: pytest.MonkeyPatch) -> None:
    Caffeinate.calls, Caffeinate.ends = [], []
    monkeypatch.setattr(subprocess, "Popen", Caffeinate)
    with macos.KeepAwake("rendering") as awake:
        assert awake.held
    assert Caffeinate.calls == [["/usr/bin/caffeinate", "-i", "-w", str(os.getpid())]]
    assert Caffeinate.ends == ["kill", "wait"]


def test_a_system_without_caffeinate_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(argv: list[str], **options: Any) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(subprocess, "Popen", missing)
    with macos.KeepAwake("rendering") as awake:
        assert not awake.held
        assert awake.reason.startswith("caffeinate does not start (No such file or directory)")


def test_children_notice_our_end_by_their_stdin_alone() -> None:
    assert macos.parent_environment() == {}
    assert macos.pid_namespace() == ""
    macos.die_with_parent()
    assert macos.cores() >= 1
