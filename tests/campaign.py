# SPDX-License-Identifier: GPL-3.0-or-later
"""Killing what renders, at random moments, and looking at what is left: for fake children and real ones alike."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import engine
import psutil
from waiting import until

from dispatch import pictures

WATCHER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from dispatch import pictures
finals = [Path(name) for name in sys.argv[2:]]
print("watching", flush=True)
looks = 0
while True:
    for final in finals:
        try:
            pictures.check(final)
        except Exception as problem:
            print(f"{final.name}: {problem!r}", flush=True)
            sys.exit(1)
        looks += 1
        if looks % len(finals) == 0:
            print(looks, flush=True)
"""


def children(dispatcher: psutil.Popen | subprocess.Popen[bytes], entry: Path) -> list[psutil.Process]:
    """Return the living children of a dispatcher that run this entry."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(dispatcher.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                # A fork that has not become another program yet still bears its dispatcher's words.
                if str(entry) in process.cmdline() and "MGD_CHILD" in process.environ():
                    found.append(process)
    return found


def kill_at_random(
    folder: Path, entry: Path, frames: int, *, workers_killed: int, dispatchers_killed: int, seed: int, longest: float
) -> list[int]:
    """Run the job; kill workers and dispatchers, spread over the job's progress, each after a random moment.

    Args:
        longest: Seconds; the random moments lie between 0 and this. A moment is cut short when the job gets as far as
            the next one's turn, so that a fast machine does not end the job before everybody was killed.

    Returns:
        The exit status of every run of the dispatcher; -9 where it was killed.
    """
    chance = random.Random(seed)
    plan = ["worker"] * workers_killed + ["dispatcher"] * dispatchers_killed
    chance.shuffle(plan)
    turns = [round(frames * 0.7 * n / len(plan)) for n in range(len(plan) + 1)]
    moments = list(zip(turns, turns[1:], plan, strict=False))

    def strike(dispatcher: subprocess.Popen[bytes]) -> bool:
        return _strike_until_dispatcher_dies(dispatcher, folder, entry, moments, chance, longest)

    def mourn() -> None:
        until(lambda: not orphans(entry, folder), 60, "the end of the dead dispatcher's children")

    return run_while_killed(folder, entry, strike, mourn)


def run_while_killed(
    folder: Path,
    entry: Path,
    strike: Callable[[subprocess.Popen[bytes]], bool],
    mourn: Callable[[], None] = lambda: None,
) -> list[int]:
    """Run the job, and start it again whenever its dispatcher was killed.

    Args:
        strike: Does harm; True once it has killed this dispatcher, False when it leaves it in peace.
        mourn: Called between such an end and the next start.

    Returns:
        The exit status of every run of the dispatcher; -9 where it was killed.
    """
    results: list[int] = []
    while True:
        with engine.running(folder, entry) as dispatcher:
            if not strike(dispatcher):
                return [*results, dispatcher.wait(300)]
        results.append(-9)
        mourn()


def _strike_until_dispatcher_dies(
    dispatcher: subprocess.Popen[bytes],
    folder: Path,
    entry: Path,
    moments: list[tuple[int, int, str]],
    chance: random.Random,
    longest: float,
) -> bool:
    """Go through the moments; True after killing the dispatcher, False when there are none left."""
    while moments:
        earliest, latest, victim = moments.pop(0)
        until(lambda n=earliest: dispatcher.poll() is not None or _progress(folder) >= n, 300, "progress")
        strike = time.monotonic() + chance.uniform(0, longest)
        until(lambda n=latest, at=strike: time.monotonic() >= at or _progress(folder) >= n, 120)
        assert dispatcher.poll() is None, f"it ended early: {(folder / 'dispatcher.log').read_text()}"
        if victim == "dispatcher":
            dispatcher.kill()
            return True
        until(lambda: children(dispatcher, entry) or dispatcher.poll() is not None, 120, "a child to kill")
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            chance.choice(children(dispatcher, entry)).kill()
    return False


def _progress(folder: Path) -> int:
    """Return how many frames are in place, cheaply: this is asked a hundred times a second."""
    journal = folder / "journal.jsonl"
    return journal.read_bytes().count(b'"what":"committed"') if journal.exists() else 0


def orphans(entry: Path, folder: Path) -> list[psutil.Process]:
    """Children of this job (their TMPDIR lies in its folder) that run without a dispatcher."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if str(entry) in process.cmdline() and str(folder) in process.environ().get("TMPDIR", ""):
                found.append(process)
    return [p for p in found if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@contextlib.contextmanager
def watched(finals: Sequence[Path]) -> Iterator[None]:
    """Watch from another process that each of these files is a whole picture at every moment of the block.

    Raises:
        AssertionError: one was missing or broken, or nobody looked.
    """
    argv = [sys.executable, "-c", WATCHER, str(engine.TESTS.parent), *map(str, finals)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as watcher:
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "watching\n"
        try:
            yield
        finally:
            ended = watcher.poll()
            watcher.kill()
            lines = watcher.stdout.read().splitlines()
    assert ended is None, lines[-1:]
    assert len(lines) > 3, "the watcher hardly looked"


def assert_all_whole(finals: Sequence[Path]) -> None:
    for final in finals:
        pictures.check(final)
