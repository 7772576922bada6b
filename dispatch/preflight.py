# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of a job, found before anything starts.

Pure: takes what an inspecting child saw in the scene and what `destination` saw on the disk, returns findings. Owns
the sentences and their keys; a key never changes, because a panel hangs its fix buttons on it. It must not look at
files, start anything, or decide what becomes of a finding: any finding of level error refuses the job.
"""

from __future__ import annotations

import difflib
import ntpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from . import wording
from .protocol import SceneFacts

CYCLES = "CYCLES"
CHECKED_FORMATS = frozenset(
    {
        *("PNG", "JPEG", "JPEG2000", "OPEN_EXR", "OPEN_EXR_MULTILAYER", "TIFF", "WEBP"),
        *("BMP", "TARGA", "TARGA_RAW", "HDR", "DPX", "CINEON", "IRIS"),
    }
)
"""Formats whose own end marks tell a whole file from a cut one (``pictures.py``)."""
LITTLE_SPACE = 512 << 20
"""Bytes. Less than this free is worth a word even before the first picture shows its size."""


class Level(StrEnum):
    """How much a finding matters."""

    NOTE = "note"
    """Good to know."""
    WARNING = "warning"
    """The pictures may not be what the artist expects."""
    ERROR = "error"
    """The job is refused."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the artist should know before the job starts."""

    level: Level
    key: str
    """Stable name in kebab-case."""
    text: str
    """One sentence: what it is and what to do."""


@dataclass(frozen=True, slots=True)
class Destination:
    """What `destination.look` saw of one output folder."""

    folder: str
    obstacle: str = ""
    """Empty: pictures can be written there. Else words: ``'/x/y' is a file``."""
    free: int | None = None
    """Bytes free on its disk; None: unknown."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for, beside the scene itself."""

    frames: Sequence[int]
    overwrite: bool
    scene: str = ""
    """The scene's name as asked for; empty: the one the file was saved with."""
    allow_unbaked: bool = False
    destinations: tuple[Destination, ...] = ()
    """The main picture's folder first, then those of the File Output nodes."""
    same_output: str = ""
    """Name of a running job of this user that writes the same output."""
    others: tuple[str, ...] = ()
    """Words for living owners that work in the output folder: ``'shot 7' on render7 (pid 4711)``."""


def check(facts: SceneFacts, plan: Plan) -> list[Finding]:
    """Return what there is to say, errors first; the job may start when none of it is an error."""
    if plan.scene and plan.scene not in facts.scenes:
        return [unknown_scene(plan.scene, facts.scenes)]
    found = [*_picture(facts), *_output(facts, plan), *_sharing(plan), *_simulations(facts, plan), *_files(facts)]
    found += [*_engine(facts), *_scripts(facts)]
    found += [_warning("scene-warning", text) for text in facts.warnings]
    rank = {Level.ERROR: 0, Level.WARNING: 1, Level.NOTE: 2}
    return sorted(found, key=lambda finding: rank[finding.level])


def refused(findings: Sequence[Finding]) -> bool:
    """Whether any finding forbids the job."""
    return any(finding.level is Level.ERROR for finding in findings)


def unknown_scene(asked: str, scenes: Sequence[str]) -> Finding:
    """The finding for a scene name that the file does not have."""
    close = difflib.get_close_matches(asked, scenes, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'?" if close else f"it has {_quoted(scenes)}."
    return _error("unknown-scene", f"The file has no scene '{asked}': {hint}")


def disk_words(picture_bytes: int, frames_left: int, free: int) -> str:
    """Return a sentence where the disk is too small for the frames still to come, else an empty text.

    ``picture_bytes`` is what one frame took on the disk (all its files together).
    """
    needed = picture_bytes * frames_left
    if needed <= free:
        return ""
    fit = free // picture_bytes
    return (
        f"The disk of the output folder has {wording.size(free)} free, enough for about {fit:,} of the "
        f"{wording.count(frames_left, 'frame')} still to come ({wording.size(picture_bytes)} each): free "
        f"{wording.size(needed - free)} or stop the job and resume it later."
    )


def _error(key: str, text: str) -> Finding:
    return Finding(Level.ERROR, key, text)


def _warning(key: str, text: str) -> Finding:
    return Finding(Level.WARNING, key, text)


def _note(key: str, text: str) -> Finding:
    return Finding(Level.NOTE, key, text)


def _quoted(items: Sequence[str]) -> str:
    return wording.names([f"'{item}'" for item in items])


def _picture(facts: SceneFacts) -> Iterator[Finding]:
    if facts.is_movie:
        yield _error(
            "movie-output",
            f"The scene writes a movie ({facts.file_format}), which several workers cannot write together: "
            "render PNG pictures with --image-sequence, or set an image format, and make the movie from them.",
        )
    elif facts.file_format not in CHECKED_FORMATS:
        yield _warning(
            "unchecked-format",
            f"A half-written {facts.file_format} file cannot be told from a whole one: PNG or OpenEXR is safer.",
        )
    if not facts.camera:
        yield _error(
            "no-camera",
            f"Scene '{facts.scene}' has no camera at its first frame: set one in the scene's properties and save.",
        )
    if not facts.view_layers:
        yield _error(
            "no-view-layer",
            f"No view layer of scene '{facts.scene}' is on for rendering, so every picture would be empty: tick "
            "'Use for Rendering' on one and save.",
        )


def _output(facts: SceneFacts, plan: Plan) -> Iterator[Finding]:
    if not plan.frames:
        yield _error(
            "no-frames",
            f"There is nothing to render: the scene's range {facts.frame_start} to {facts.frame_end} is empty; "
            "name the frames with --frames.",
        )
    if facts.output_is_relative:
        yield _error(
            "relative-output",
            f"The output path '{facts.output}' does not say in which folder the pictures go: give an absolute path "
            "or one that begins with '//' with --output.",
        )
    yield from _names(facts, plan)
    for place in plan.destinations:
        if place.obstacle:
            yield _error(
                "output-not-writable",
                f"Pictures cannot be written to '{place.folder}': {place.obstacle}; choose another folder with "
                "--output or mend that one.",
            )
        elif place.free is not None and place.free < LITTLE_SPACE:
            yield Finding(
                Level.WARNING if place.free else Level.ERROR,
                "disk-nearly-full",
                f"The disk of '{place.folder}' has only {wording.size(place.free)} free: make room before it is full.",
            )


def _names(facts: SceneFacts, plan: Plan) -> Iterator[Finding]:
    """Is each frame's picture a file of its own?"""
    if facts.is_movie:
        return
    several = len(plan.frames) > 1 and facts.frame_start != facts.frame_end
    if not facts.first_path:
        yield _error(
            "bad-template",
            f"Blender cannot make file names from the output '{facts.output}': check what stands in braces in it.",
        )
    elif several and facts.first_path == facts.last_path:
        yield _error(
            "same-name",
            f"Every frame would be written to '{facts.first_path}': put '####' into the output's file name.",
        )
    # ntpath knows both slashes: a template from Windows may hold either.
    elif "#" not in ntpath.basename(facts.output):
        yield _note(
            "no-frame-number",
            f"The output's file name has no '#', so Blender puts the frame number at its end: the first picture is "
            f"'{ntpath.basename(facts.first_path)}'.",
        )


def _sharing(plan: Plan) -> Iterator[Finding]:
    if plan.same_output:
        yield _error(
            "output-in-use",
            f"Job '{plan.same_output}' is writing the same pictures: wait for it, stop it, or choose another output.",
        )
    elif plan.others and plan.overwrite:
        yield _warning(
            "shared-with-overwrite",
            f"Others are at work in the same folder ({wording.names(plan.others)}) while Overwrite is on: frames of "
            "the same name would be rendered twice; use --no-overwrite to share the work.",
        )
    elif plan.others:
        yield _note(
            "shared-folder",
            f"Others are at work in the same folder ({wording.names(plan.others)}): frames of the same name are shared.",
        )


def _simulations(facts: SceneFacts, plan: Plan) -> Iterator[Finding]:
    if not facts.unbaked or len(plan.frames) < 2:
        return
    which = wording.names([f"'{name}' ({kind.replace('_', ' ').lower()})" for name, kind in facts.unbaked])
    if plan.allow_unbaked:
        yield _warning(
            "unbaked-simulation",
            f"Simulations are not baked: {which}; one worker renders all frames in order, and what is not baked may "
            "stand still, as in any render of Blender's: bake it to be sure and to let every device work.",
        )
    else:
        yield _error(
            "unbaked-simulation",
            f"Simulations are not baked: {which}; frames rendered apart would not fit together, so bake and save, or "
            "render in order on one worker with --allow-unbaked.",
        )


def _files(facts: SceneFacts) -> Iterator[Finding]:
    for missing, key, one, many in (
        (facts.missing_libraries, "missing-libraries", "linked library is", "linked libraries are"),
        (facts.missing_images, "missing-files", "file that the scene uses is", "files that the scene uses are"),
    ):
        if missing:
            yield _warning(
                key,
                f"{wording.count(len(missing), one, many)} missing, and Blender renders without: "
                f"{_quoted(missing)}; find them with File > External Data.",
            )
    if facts.unpacked_paint:
        yield _warning(
            "unpacked-paint",
            f"Painted images are neither saved nor packed, so workers do not see the paint: "
            f"{_quoted(facts.unpacked_paint)}; save or pack them.",
        )


def _engine(facts: SceneFacts) -> Iterator[Finding]:
    if facts.engine != CYCLES:
        yield _note(
            "other-engine",
            f"The engine {facts.engine} chooses its GPU by itself: only Cycles can be bound to devices, so one worker "
            "renders unless --per-device asks for more.",
        )
    if facts.gpu_compositor:
        yield _note(
            "gpu-compositor",
            "The compositor is set to the GPU, which cannot be bound to a worker's card: the workers run it on the CPU.",
        )


def _scripts(facts: SceneFacts) -> Iterator[Finding]:
    if facts.scripts_blocked:
        yield _warning(
            "scripts-blocked",
            "The file has scripts or scripted drivers that will not run, so pictures may differ from what you see: "
            "use --autoexec if you trust the file.",
        )
    if facts.handlers:
        yield _warning(
            "handlers-left-out",
            f"Handlers for the start and end of a render would run once per frame in every worker and are left out: "
            f"{wording.names(facts.handlers)}.",
        )
