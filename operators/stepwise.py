# SPDX-License-Identifier: GPL-3.0-or-later
"""Long work of an operator, cut into steps, so that Blender goes on in between and says what is being done.

Owns how the steps are gone through: from a button in between Blender's own events; called from Python to the end at
once. What takes long runs beside Blender. It must not know what the steps are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from typing import Any, TypeVar

import bpy
from bpy.types import Context, Event, Timer

from ..dispatch import findings
from ..dispatch.model import DispatchError
from . import session, tick

T = TypeVar("T")
Steps = Generator[str, None, T]
"""What is done now, for people, again and again until it is done; anything else may happen in between."""
PAUSE = 0.02
"""Seconds between two steps."""
READY = 120.0
"""Seconds until it is known what runs the engine: several programs may be tried, from a slow disk."""


def shown(words: str) -> Steps[None]:
    """Let Blender draw the words before it stands still."""
    for _ in range(2):
        yield words


def ready() -> Steps[None]:
    """Wait until something is known that runs the engine outside Blender.

    Raises:
        DispatchError: nothing is, or that takes too long.
    """
    until = time.monotonic() + READY
    while session.interpreter() is None:
        seen = session.seen()
        if seen.trouble and not seen.looking:
            raise DispatchError(seen.trouble)
        if time.monotonic() > until:
            raise DispatchError("Blender is still getting ready for this: try again in a moment.")
        yield "Getting ready …"


def beside(question: Callable[[], T], words: str, seconds: float) -> Steps[T]:
    """Ask in a thread, which must not touch bpy, while Blender goes on.

    Raises:
        DispatchError: no answer in time (a file server hangs), or what the question raised.
    """
    answer: Future[T] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # noqa: BLE001 - raised again where the answer is wanted
            answer.set_exception(error)

    threading.Thread(target=ask, name="multi-gpu question", daemon=True).start()
    until = time.monotonic() + seconds
    while not answer.done():
        if time.monotonic() > until:
            raise DispatchError(f"{words.rstrip(' …')} took longer than {seconds:.0f} s: is its disk or server there?")
        yield words
    return answer.result()


_modal: list[Stepwise] = []
"""Those between two steps; one at most, since each is grey while `session.busy` says something."""


class Stepwise:
    """An operator that goes through steps; `session.busy` says which."""

    _steps: Steps[Any] | None = None
    _timer: Timer | None = None

    def steps(self) -> Steps[Any]:
        """Return the steps."""
        raise NotImplementedError

    def execute(self, _context: Context) -> set[str]:
        """Go to the end at once: called from Python, or in the background."""
        self._steps = self.steps()
        while (state := self._step()) == {"RUNNING_MODAL"}:
            time.sleep(PAUSE)
        return state

    def invoke(self, context: Context, _event: Event) -> set[str]:
        if context.window is None:
            return self.execute(context)
        self._steps = self.steps()
        self._timer = context.window_manager.event_timer_add(PAUSE, window=context.window)
        state = self._step()
        if state == {"RUNNING_MODAL"}:  # a handler of an operator that is over would be called after its end
            context.window_manager.modal_handler_add(self)
            _modal.append(self)
        return state

    def modal(self, context: Context, event: Event) -> set[str]:
        if event.type == "ESC":
            self.cancel(context)
            self.report({"INFO"}, "Nothing was started")
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        state = self._step()
        return {"PASS_THROUGH"} if state == {"RUNNING_MODAL"} else state

    def cancel(self, _context: Context) -> None:
        """Leave nothing behind; Blender also calls it when another file is opened meanwhile."""
        if self._steps is not None:
            self._steps.close()
        self._over()

    def _step(self) -> set[str]:
        try:
            self._say(next(self._steps))
        except StopIteration as end:
            self._over()
            self.report({"INFO"}, end.value)
            return {"FINISHED"}
        except DispatchError as error:
            return self._failed(findings.in_panel(str(error)))
        except Exception as error:
            self._failed(f"Something went wrong ({type(error).__name__}: {error}): nothing was started.")
            raise
        return {"RUNNING_MODAL"}

    def _failed(self, sentence: str) -> set[str]:
        # Pressed in the panel, the sentence stands there: an error's pop-over would say it twice and stay.
        said_there = self._timer is not None and tick.is_on_screen()
        self._over()
        session.trouble = sentence
        self.report({"WARNING" if said_there else "ERROR"}, sentence)
        return {"CANCELLED"}

    def _say(self, words: str) -> None:
        if words != session.busy:
            session.busy = words
            tick.redraw()

    def _over(self) -> None:
        _modal[:] = [each for each in _modal if each is not self]
        if self._timer is not None:
            bpy.context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        self._say("")


def end() -> None:
    """End what is gone through now, before its class goes: Blender itself would leave the timer running."""
    for each in _modal[:]:
        each.cancel(bpy.context)
