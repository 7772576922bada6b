# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's handlers in a child: leave out those that would fire once per frame, hang in our own.

Ours come after those of the scene and its add-ons, survive a file load, and send nothing by themselves but through
the `Watch` they are given.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from .settled import Colours

if TYPE_CHECKING:
    from collections.abc import Callable

ONCE_PER_JOB = ("render_init", "render_complete", "render_cancel")
"""In a plain animation render these fire once; here they would for every frame."""
AROUND_FRAMES = ("frame_change_pre", "frame_change_post", "render_pre", "render_post", "render_write")
_DURING_FRAMES = (*AROUND_FRAMES, "render_stats", "depsgraph_update_pre", "depsgraph_update_post")
_COMPOSITING = ("composite_pre", "composite_post")

_SAMPLE = re.compile(r"\bSample (\d+)/(\d+)")
_SAVING = re.compile(r"\(Saving: (?:(\d+):)?(\d+):(\d+(?:\.\d+)?)\)")
_BEGINS = "Waiting for render to start"
"""What Cycles says, 4.2 to 5.2, before anything else of a frame."""
_PAUSE = 0.25
"""Seconds between two words about progress."""


def others() -> tuple[str, ...]:
    """Return the names (module.function) of handlers that are not ours and that children leave out."""
    return tuple(
        dict.fromkeys(_name(handler) for where in ONCE_PER_JOB for handler in _list(where) if not _is_ours(handler))
    )


def leave_out() -> tuple[str, ...]:
    """Remove the handlers that would fire once per frame; return their names."""
    names = others()
    for where in ONCE_PER_JOB:
        kept = [handler for handler in _list(where) if _is_ours(handler)]
        _list(where)[:] = kept
    return names


def watched() -> bool:
    """Whether handlers that are not ours run while a frame is rendered."""
    return any(not _is_ours(handler) for where in (*_DURING_FRAMES, *_COMPOSITING) for handler in _list(where))


def leave_out_frames() -> None:
    """Remove the scene's handlers around frames: where no frame is rendered they can only do harm."""
    for where in AROUND_FRAMES:
        kept = [handler for handler in _list(where) if _is_ours(handler)]
        _list(where)[:] = kept


@dataclass(slots=True)
class Watch:
    """Times and samples of the frame that is being rendered. Written on Blender's threads."""

    tell: Callable[[int, int], None]
    insist: Callable[[], None]
    begun: float = field(default_factory=time.monotonic)
    engine: float = 0.0
    """First word of the engine."""
    sample: float = 0.0
    """First sample."""
    done: float = 0.0
    saving: float = 0.0
    told: float = 0.0
    cycles: bool = False
    """Cycles has begun with the frame."""
    said: str = ""
    """Last words of the engine that are no figures."""

    def hear_stats(self, words: str) -> None:
        """Take one line of the engine's statistics."""
        now = time.monotonic()
        self.engine = self.engine or now
        if found := _SAMPLE.search(words):
            self.sample = self.sample or now
            if now - self.told >= _PAUSE:
                self.told = now
                self.tell(int(found[1]), int(found[2]))
        elif found := _SAVING.search(words):
            self.saving = int(found[1] or 0) * 3600 + int(found[2]) * 60 + float(found[3])
        else:
            self.said = words.rpartition("| ")[2]
            self.cycles = self.cycles or self.said == _BEGINS

    def phase_times(self) -> tuple[float, float, float, float]:
        """Return seconds of evaluate, sync, render and write; call when the render call has returned.

        After the picture is saved Blender may evaluate the scene once more, for the frame it stood at: that is
        evaluation too.
        """
        engine = self.engine or self.done or self.begun
        after = time.monotonic() - self.done if self.done else 0.0
        sample = max(self.sample or engine, engine)
        done = max(self.done or time.monotonic(), sample)
        write = min(self.saving, done - sample)
        return engine - self.begun + after, sample - engine, done - sample - write, write


class Ours:
    """Our own handlers, once in a child. ``watch`` is the frame in hand, None between frames."""

    def __init__(self, on_load: Callable[[], None]) -> None:
        self.watch: Watch | None = None
        self.alone = False
        """Nothing in the file can tell whose context a frame is rendered in: the answer of `stand_in.fits`."""
        self._samples = False
        """Cycles has told of samples in some frame."""
        self.colours = Colours()
        self._on_load = on_load

    def blank(self, watch: Watch) -> bool:
        """Whether Cycles has left out a frame that Blender calls finished, as it does after an error it has told before."""
        return watch.cycles and self._samples and not watch.sample

    def install(self) -> None:
        """Append our handlers behind all others."""
        from bpy.app.handlers import persistent

        def stats(words: str, *_: Any) -> None:
            if self.watch:
                self.watch.hear_stats(words)
                self._samples = self._samples or self.watch.sample > 0.0

        def changed(*_: Any) -> None:
            if self.watch:
                self.watch.insist()
                if not self.watch.done:
                    self.colours.note()

        def posted(*_: Any) -> None:
            if self.watch:
                self.watch.done = time.monotonic()

        def loading(*_: Any) -> None:
            self._on_load()

        for where, function in (
            ("render_stats", stats),
            ("render_pre", changed),
            ("frame_change_post", changed),
            ("render_post", posted),
            ("load_pre", loading),
        ):
            _list(where).append(persistent(function))


def _list(where: str) -> Any:
    import bpy

    return getattr(bpy.app.handlers, where)


def _is_ours(handler: Any) -> bool:
    return str(getattr(handler, "__module__", "")) == __name__


def _name(handler: Any) -> str:
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    where = getattr(handler, "__module__", None) or "__main__"
    if where == "__main__" and (code := getattr(handler, "__code__", None)):
        # A text of the file: its code carries "FILE.blend/TEXT".
        where = PurePath(code.co_filename).name
    return f"{where}.{name}"
