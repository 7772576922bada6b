# SPDX-License-Identifier: GPL-3.0-or-later
"""One fault of the campaign: what is done to the machine, and what must come of it.

Owns the nouns and the list of all faults (`ALL`), from which the tests, `make faults` and the table in
`docs/reliability.md` are made. It judges nothing: `outside` looks at what is left, `told` at what the artist reads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Seen:
    """What came of a job, as somebody sees it who knows nothing of the engine's insides."""

    output: Path
    """The output folder."""
    frames: tuple[int, ...]
    """The frames that were asked for."""
    given_up: tuple[int, ...] = ()
    """Those that cannot be rendered, by the fault's own nature: they must be missing, and said to be."""
    status: int = 0
    """Exit status of the last run of the dispatcher."""
    expected_status: int = 0
    jobs: tuple[Path, ...] = ()
    """Job folders."""
    renders: Path | None = None
    """The children's own record of finished renders, a line each that begins with the frame; None: none was kept."""
    mark: str = ""
    """Part of the environment (``NAME=value``) of every process that was started; none may be left."""
    kept: tuple[str, ...] = ()
    """Names in the output folder that were there before or belong to others, and must still be there."""
    most_renders: int = 0
    """How often a frame may have been rendered at most; 0: the fault says nothing about it."""
    twice: tuple[int, ...] = ()
    """Frames whose picture somebody destroyed after it was in place: they may be put in place once more."""
    by_others: tuple[int, ...] = ()
    """Frames that another program rendered too, whose picture may lie over ours."""
    damaged: int = 0
    """Lines of the journal that the fault itself spoiled."""
    said: tuple[str, ...] = ()
    """Sentences that the artist read elsewhere than in a job folder (standard output, an error)."""


@dataclass(frozen=True)
class Case:
    """A fault with its name, its provocation and its judgement."""

    name: str
    """What goes wrong, as a table's row says it: ``child killed (-9) between write and replace``."""
    group: str
    """``children`` | ``devices`` | ``dispatcher`` | ``files`` | ``machine`` | ``scene`` | ``several`` | ``records``."""
    how: str
    """How it is provoked, for real or simulated, in a few words."""
    did: str
    """What the engine does, in a few words."""
    reads: str
    """Regular expression that one sentence for the artist must match; empty: there is nothing to say."""
    provoke: Callable[[Path], Seen] = field(compare=False)
    """Run it in this empty folder; returns when the job has ended."""
    needs: str = ""
    """``bpy``: real Blender children."""


ALL: list[Case] = []


def case(
    name: str, group: str, *, how: str, did: str, reads: str = "", needs: str = ""
) -> Callable[[Callable[[Path], Seen]], Callable[[Path], Seen]]:
    """Add the decorated provocation to the list."""

    def add(provoke: Callable[[Path], Seen]) -> Callable[[Path], Seen]:
        ALL.append(Case(name, group, how, did, reads, provoke, needs))
        return provoke

    return add
