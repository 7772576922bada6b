# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of this machine: the engine's ``doctor`` as a process beside Blender, and what came of it.

Owns that process from its start to its end, and the file with the whole text. There is one check at a time; what it
found is kept until the next one or the end of Blender. It must not judge: the doctor does, and `doctor_words` says it.
"""

import os
import time
from functools import partial
from pathlib import Path

from ..dispatch import doctor_command, doctor_words, findings, host
from ..dispatch.doctor_words import Checked
from ..dispatch.model import DispatchError
from . import engine, errands

LONGEST = 7200.0
"""Seconds: a machine full of cards whose kernels are not compiled yet."""
UNSEEN = 1.0
"""Seconds in which a panel has drawn what was found, where one is on the screen."""
STATUSES = (0, doctor_command.CANNOT)
"""How a doctor ends that has looked at everything."""

CLASSES = ()


class Check:
    """One check. Its thread writes each attribute once, ``over_at`` last; everybody else only reads."""

    def __init__(self) -> None:
        self.found: Checked | None = None
        self.trouble = ""
        """Why nothing was found; one sentence."""
        self.over_at = 0.0
        """When it was over, by the monotonic clock; 0: it runs."""
        self._run = engine.Run()

    @property
    def running(self) -> bool:
        return not self.over_at

    @property
    def doing(self) -> str:
        """What is done now; one line."""
        return self._run.doing

    def stop(self) -> None:
        """Have it ended, without waiting for that."""
        self._run.stop()

    def go(self, argv: list[str]) -> str:
        """Run it to its end; on an errand's thread."""
        try:
            self._look(argv)
        except (DispatchError, OSError) as error:
            self.trouble = findings.in_panel(f"This machine cannot be checked: {error}")
        except Exception as error:
            self.trouble = f"This machine cannot be checked ({type(error).__name__}: {error}): restart Blender."
            raise
        finally:
            self.over_at = time.monotonic()
        return ""

    def _look(self, argv: list[str]) -> None:
        said = self._run.go(argv, LONGEST)
        found = doctor_words.read(said.lines) if said.status in STATUSES else None
        _keep([*(doctor_command.lines(found.every) if found else said.lines), "", *said.errors])
        if found is None:
            why = f"no answer ({said.why})" if said.status in STATUSES else said.why
            raise DispatchError(f"{why}; Show All has what it printed.")
        self.found = found


_check: Check | None = None
_drawn: Check | None = None
"""The one whose end was seen by the artist, or told."""


def begin(argv: list[str]) -> None:
    """Start a check with these arguments of the doctor."""
    global _check
    _check = Check()
    errands.send(partial(_check.go, argv))


def stop() -> None:
    """End the check that runs, and forget it."""
    global _check
    if _check is not None and _check.running:
        _check.stop()
        _check = None


def last() -> Check | None:
    """Return the check that runs, or the last one; None: there was none."""
    return _check


def drawn(check: Check) -> None:
    """Note that a panel shows this check; from draw()."""
    global _drawn
    if not check.running:
        _drawn = check


def look() -> tuple[object, ...]:
    """Return what changes whenever a panel has to be drawn anew."""
    return (_check, _check.over_at, _check.doing) if _check else ()


def news() -> Checked | str | None:
    """Return, once, what came of a check that no panel has shown: what was found, or why nothing was."""
    global _drawn
    ended = _check is not None and _check is not _drawn and _check.over_at
    if not ended or time.monotonic() < ended + UNSEEN:
        return None
    _drawn = _check
    return _check.found or _check.trouble


def text() -> Path:
    """Return where the whole text of the last check is."""
    return host.state_folder() / "doctor.txt"


def _keep(lines: list[str]) -> None:
    host.private_folder(host.state_folder())
    new = text().with_suffix(f".{os.getpid()}.new")
    new.write_text("\n".join(lines) + "\n", encoding="utf-8")
    host.replace(new, text())


def register() -> None:
    global _check, _drawn
    _check = _drawn = None


def unregister() -> None:
    stop()
