# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of a running job through its control folder, and who is told: the machine, the line, or the end.

Owns the translation only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from . import closing
from .events import Event, GoOnAsked, PauseAsked, StopAsked
from .job import Asked, Wish
from .line import InLine
from .voice import Voice

_EVENTS: dict[Wish, Callable[[float], Event]] = {
    Wish.STOP: StopAsked,
    Wish.STOP_NOW: partial(StopAsked, now=True),
    Wish.PAUSE: PauseAsked,
    Wish.GO_ON: GoOnAsked,
}


def take(
    wishes: Iterable[Asked], at: float, line: InLine, voice: Voice, record: Callable[..., None]
) -> Iterator[Event]:
    """Yield the machine's events for what was asked; the rest is passed on.

    Args:
        record: Writes into the journal.
    """
    for asked in wishes:
        record("wish", wish=asked.wish, value=asked.value)
        closing.heed(asked, voice.beside)
        if asked.wish is Wish.AHEAD:
            if line.ahead():
                voice.tell("note", "Moved one place ahead in line.")
        elif asked.wish is Wish.SHARE:
            if (behind := line.behind) is not None:
                voice.tell("note", f"Shares its devices with the job '{behind.name}' from now on: both become slower.")
            line.share()
        elif event := _EVENTS.get(asked.wish):
            yield event(at)
