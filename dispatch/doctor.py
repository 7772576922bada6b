# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with this machine for rendering, from the facts: one sentence a thing, with what to do. Pure.

Owns the order and the words for programs, the computer, jobs and trials; `doctor_cards` and `doctor_places` have their
own. Keys are stable. Gathers nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from . import doctor_cards, doctor_places
from .doctor_nouns import Computer, Diagnosis, Facts, Grade, Programs, Traces, Trial, error, good, warning
from .wording import count, duration, names, size

LEAST_RAM = 2 << 30
LEAST_FILES = 256
"""Open files: each child holds about ten, its textures more."""
LEAST_PROCESSES = 512
MOST_DIFFERENT = 4.0
"""Steps of 255, on average, between the CPU's picture and a card's; a broken card or driver is far beyond it."""


def diagnose(facts: Facts) -> tuple[Diagnosis, ...]:
    """Return everything that is to be said, in the order in which it is read."""
    return (
        *programs(facts.programs),
        *computer(facts.computer),
        *doctor_cards.cards(facts),
        *(said for place in facts.places for said in doctor_places.place(place)),
        *traces(facts.traces),
        *trials(facts),
    )


def worst(found: Iterable[Diagnosis]) -> Grade:
    """Return the worst grade."""
    order = list(Grade)
    return max((said.grade for said in found), key=order.index, default=Grade.GOOD)


def programs(here: Programs) -> Iterator[Diagnosis]:
    yield good("engine", f"Multi-GPU Dispatcher {here.engine or '(unknown version)'} on Python {here.python}.")
    there = [f"{name} {version}" for name, version in here.libraries if version]
    missing = [name for name, version in here.libraries if not version]
    if set(missing) - {"rich"}:  # without that one, progress is plain lines: nothing that anybody misses in Blender
        yield warning(
            "libraries",
            f"Not installed: {names(missing)}; figures of cards and memory, live progress or reports are missing "
            "without them: install them with pip, or install the extension's own zip.",
        )
    else:
        yield good("libraries", f"Libraries: {', '.join(there)}.")
    if here.blender_error:
        yield error("blender", here.blender_error)
    elif here.blender:
        python = f" with Python {here.blender_python}" if here.blender_python else ""
        yield good("blender", f"{here.blender}{python} at {here.blender_path}.")


def computer(here: Computer) -> Iterator[Diagnosis]:
    cores = f"{count(here.cores, 'core')}" + (f" of {here.cores_there}" if here.cores < here.cores_there else "")
    yield good("system", f"{here.system}{' in a container' if here.container else ''}, {cores}.")
    if here.ram_total is not None and here.ram_available is not None:
        said = f"Memory: {size(here.ram_available)} of {size(here.ram_total)} free"
        if here.ram_available < LEAST_RAM:
            yield warning("memory", f"{said}, which is little for a Blender: close other programs before rendering.")
        else:
            yield good("memory", f"{said}.")
    if here.open_files is not None and here.open_files < LEAST_FILES:
        yield warning(
            "open-files",
            f"This user's programs may open only {here.open_files} files each, so workers may not start: raise the "
            "limit with 'ulimit -n 4096'.",
        )
    if here.processes is not None and here.processes < LEAST_PROCESSES:
        yield warning(
            "processes",
            f"This user may have only {here.processes} processes and threads, and each Blender has dozens: raise the "
            "limit with 'ulimit -u 4096'.",
        )
    if here.awake:
        yield warning("sleep", f"{here.awake.rstrip('.')}: switch sleep off in the system's settings for long renders.")
    else:
        yield good("sleep", "The machine is kept awake while it renders.")


def traces(here: Traces) -> Iterator[Diagnosis]:
    if here.left:
        pids = names([str(pid) for pid in here.left])
        yield warning(
            "left-blenders",
            f"Left running by dispatchers that are dead: {count(len(here.left), 'Blender')} (process {pids}), which may "
            "hold memory of a card: end each, or resume its job, which ends it.",
        )
    if here.unreadable:
        yield warning(
            "unreadable-jobs",
            f"{count(len(here.unreadable), 'job')} cannot be read ({names(list(here.unreadable))}): 'status' says why; "
            "remove the folder where it is not wanted any more.",
        )
    if here.interrupted:
        yield warning(
            "interrupted-jobs",
            f"Interrupted: {count(len(here.interrupted), 'job')} ({names(list(here.interrupted))}); resume each, which also "
            "clears up what it left.",
        )
    if here.running:
        yield good(
            "running-jobs", f"Rendering now: {names(list(here.running))}; a new job waits in line for its cards."
        )
    if not (here.left or here.unreadable or here.interrupted or here.running):
        yield good("jobs", "No job is running, and none was left behind.")


def trials(facts: Facts) -> Iterator[Diagnosis]:
    if not facts.rendered:
        yield good("trial", "No picture was rendered, as was asked for.")
    for trial in facts.trials:
        yield _trial(trial)


def _trial(trial: Trial) -> Diagnosis:
    where = f"on {trial.device}"
    if trial.words:
        return error("trial", f"A small picture could not be rendered {where}: {trial.words}")
    took = f"{duration(trial.seconds)} from the start of Blender, {duration(trial.render)} of it the render"
    if trial.difference is not None and trial.difference > MOST_DIFFERENT:
        return error(
            "trial",
            f"A small picture rendered {where} looks different from the CPU's (by {trial.difference:.1f} of 255 on "
            "average): update the driver, and do not trust this card until they agree.",
        )
    same = " and agrees with the CPU's" if trial.difference is not None and not trial.is_cpu else ""
    return good("trial", f"A small picture was rendered {where}{same}: {took}.")
