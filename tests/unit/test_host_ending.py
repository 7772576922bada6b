# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices, sleep and switching off: the commands of each system, and what comes of them, with tools that only note."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from fake_tools import calls, tool

from dispatch import host
from dispatch.host import ending
from dispatch.host.ending import MACOS, WINDOWS

TITLE, TEXT = 'Multi-GPU\'s "render"', "shot <7> & 'co' done: 100 %\nTwo lines \\ $HOME `x`"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty PATH but for this folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_a_notice_says_its_words_whatever_is_in_them(tools: Path) -> None:
    log = tool(tools, "notify-send")
    assert host.notify(TITLE, TEXT) == ""
    assert calls(log) == [["--app-name", "multi_gpu_dispatcher", "--icon", "blender", "--", TITLE, TEXT]]


def test_sleep_and_switching_off_use_one_tool_once(tools: Path) -> None:
    log, other = tool(tools, "systemctl"), tool(tools, "loginctl")
    assert host.sleep_now() == ""
    assert host.shut_down() == ""
    assert calls(log) == [["suspend", "--no-ask-password"], ["poweroff", "--no-ask-password"]]
    assert calls(other) == []


def test_where_one_tool_refuses_the_other_is_tried_and_the_first_reason_is_told(tools: Path) -> None:
    tool(tools, "systemctl", "sys.exit('Failed to suspend system via logind: Access denied')")
    log = tool(tools, "loginctl")
    assert host.sleep_now() == ""
    assert calls(log) == [["suspend"]]
    tool(tools, "loginctl", "sys.exit(1)")
    assert host.sleep_now() == "systemctl says: Failed to suspend system via logind: Access denied"


def test_what_is_not_there_or_does_not_answer_is_a_sentence(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert host.notify(TITLE, TEXT) == "there is no notify-send on this system"
    assert host.shut_down() == "there is no systemctl on this system"
    monkeypatch.setattr(ending, "NOTICE", 0.2)
    monkeypatch.setattr(ending, "POWER", 0.2)
    for name in ("notify-send", "systemctl"):
        tool(tools, name, "time.sleep(600)")
    assert host.notify(TITLE, TEXT) == "the system did not answer in time"
    assert host.shut_down() == "the system did not answer in time"
    assert host.sleep_now() == "", "it comes back when the machine has woken up"


def test_macos_commands() -> None:
    ((program, option, script),) = MACOS.notices(TITLE, TEXT)
    assert (program, option) == ("/usr/bin/osascript", "-e")
    assert script == (
        "display notification \"shot <7> & 'co' done: 100 % Two lines \\\\ $HOME `x`\" "
        'with title "Multi-GPU\'s \\"render\\""'
    )
    assert MACOS.sleeps == (["/usr/bin/pmset", "sleepnow"],)
    assert MACOS.offs == (["/usr/bin/osascript", "-e", 'tell application "System Events" to shut down'],)


def test_windows_commands() -> None:
    ((*head, script),) = WINDOWS.notices(TITLE, TEXT)
    assert head == ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command"]
    _, _, quoted = script.partition("LoadXml('")
    quoted, _, _ = quoted.partition("')\n")
    assert "'" not in quoted.replace("''", "")
    lines = [text.text for text in ElementTree.fromstring(quoted.replace("''", "'")).iter("text")]
    assert lines == [TITLE, " ".join(TEXT.split())]
    assert WINDOWS.offs == (["shutdown.exe", "/s", "/t", "0"],), "any delay would close programs by force"
    ((*head, script),) = WINDOWS.sleeps
    assert "SetSuspendState('Suspend', $false, $false)" in script


@pytest.mark.parametrize("quote", ["'", "\u2018", "\u2019", "\u201a", "\u201b"])
def test_no_quote_of_a_file_name_ends_the_string_that_powershell_reads(quote: str) -> None:
    ((*_, script),) = WINDOWS.notices("Title", f"l{quote}); Start-Process calc; (\u0022")
    assert f"l{quote}{quote}); Start-Process" in script
