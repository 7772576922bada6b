# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a fault in one part of the panel from emptying all of it.

Owns the one place where drawing may fail. It must not hide the fault: it stands in the panel, and once in the console.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

LINE = "This part cannot be shown"

_log = logging.getLogger(__name__)
_told: set[str] = set()
"""Faults that the console has; a panel is drawn many times a second."""


def guarded(draw: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Wrap a ``draw(self, context)``: where it raises, one line says so."""

    @functools.wraps(draw)
    def drawn(self: Any, context: Any) -> None:
        try:
            draw(self, context)
        except Exception as error:  # noqa: BLE001 - drawing may fail in any way; an empty panel helps nobody
            words = f"{LINE} ({type(error).__name__}: {error})"
            if words not in _told:
                _told.add(words)
                _log.exception("Multi-GPU Dispatcher: drawing %s failed", draw.__qualname__)
            self.layout.label(text=words, icon="ERROR")

    return drawn
