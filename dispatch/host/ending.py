# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine does when a job has ended: a notice on the desktop, sleep, switching off.

Owns the commands of each system, as pure lists, and runs them. Never forces anything: a program with unsaved work may
say no. Every function returns why it could not be done, in words; empty: done.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from ..model import PROGRAM

NOTICE = 5.0
"""Seconds for a tool to show a notice."""

POWER = 30.0
"""Seconds for a tool to hand over the wish to sleep or to switch off."""

_LATE = "the system did not answer in time"

Command = list[str]


@dataclass(frozen=True, slots=True)
class Ending:
    """One system's commands; the first tool that is there and does it is taken."""

    notices: Callable[[str, str], list[Command]]
    sleeps: Sequence[Command]
    offs: Sequence[Command]

    def notify(self, title: str, text: str) -> str:
        """Show a notice on the desktop."""
        return _first(self.notices(title, text), NOTICE, _LATE)

    def sleep_now(self) -> str:
        """Send the machine to sleep."""
        # Some tools come back only when the machine has woken up.
        return _first(self.sleeps, POWER)

    def shut_down(self) -> str:
        """Switch the machine off, as its menu would."""
        return _first(self.offs, POWER, _LATE)


def _linux_notices(title: str, text: str) -> list[Command]:
    return [["notify-send", "--app-name", PROGRAM, "--icon", "blender", "--", title, text]]


def _macos_notices(title: str, text: str) -> list[Command]:
    said = f"display notification {_applescript(text)} with title {_applescript(title)}"
    return [["/usr/bin/osascript", "-e", said]]


def _applescript(text: str) -> str:
    quoted = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


_TOAST = """\
[void][Windows.UI.Notifications.ToastNotificationManager,Windows.UI.Notifications,ContentType=WindowsRuntime]
[void][Windows.Data.Xml.Dom.XmlDocument,Windows.Data.Xml.Dom,ContentType=WindowsRuntime]
$toast = New-Object Windows.Data.Xml.Dom.XmlDocument
$toast.LoadXml('{xml}')
[Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier('{app}').Show($toast)
"""
_POWERSHELL_ID = r"{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\WindowsPowerShell\v1.0\powershell.exe"
"""Windows shows toasts of registered programs only; PowerShell is one."""
_QUOTES = re.compile("['\N{LEFT SINGLE QUOTATION MARK}-\N{SINGLE HIGH-REVERSED-9 QUOTATION MARK}]")
"""What ends a PowerShell string in single quotes, typographic ones too, unless it is written twice."""
_SLEEP = """\
Add-Type -AssemblyName System.Windows.Forms
if (-not [Windows.Forms.Application]::SetSuspendState('Suspend', $false, $false)) { exit 1 }
"""


def _windows_notices(title: str, text: str) -> list[Command]:
    lines = "".join(f"<text>{escape(' '.join(line.split()))}</text>" for line in (title, text))
    xml = f'<toast><visual><binding template="ToastGeneric">{lines}</binding></visual></toast>'
    return [_powershell(_TOAST.replace("{app}", _POWERSHELL_ID).replace("{xml}", _QUOTES.sub(r"\g<0>\g<0>", xml)))]


def _powershell(script: str) -> Command:
    return ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", script]


LINUX = Ending(
    _linux_notices,
    # loginctl is there without systemd too (elogind)
    sleeps=(["systemctl", "suspend", "--no-ask-password"], ["loginctl", "suspend"]),
    offs=(["systemctl", "poweroff", "--no-ask-password"], ["loginctl", "poweroff"]),
)
MACOS = Ending(
    _macos_notices,
    sleeps=(["/usr/bin/pmset", "sleepnow"],),
    offs=(["/usr/bin/osascript", "-e", 'tell application "System Events" to shut down'],),
)
WINDOWS = Ending(
    _windows_notices,
    sleeps=(_powershell(_SLEEP),),
    # A delay of more than 0 seconds would close programs by force.
    offs=(["shutdown.exe", "/s", "/t", "0"],),
)


def _first(commands: Sequence[Command], seconds: float, late: str = "") -> str:
    """Try one after the other until one does it. ``late``: what it means that one has not ended in time."""
    why = ""
    for command in commands:
        if shutil.which(command[0]):
            said = _run(command, seconds, late)
            if not said:
                return ""
            why = why or said
    return why or f"there is no {commands[0][0]} on this system"


def _run(command: Command, seconds: float, late: str) -> str:
    name = os.path.basename(command[0])  # noqa: PTH119  (Windows' own names are tested on other systems)
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        return late
    except OSError as error:
        return f"{name} does not run: {error.strerror or error}"
    if done.returncode == 0:
        return ""
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return f"{name} says: {lines[-1].strip()[:200]}" if lines else f"{name} ended with status {done.returncode}"
