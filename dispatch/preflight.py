# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the way of a job, found before anything starts.

Pure: takes what an inspecting child saw in the scene and what `destination` saw on the disk, returns findings. Owns
the sentences and their keys. It must not look at files, start anything, or decide what becomes of a finding.
"""

from __future__ import annotations

import difflib
import ntpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from . import findings, wording
from .findings import Finding, Level, error, note, warning
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
    movie_asked: bool = False
    movie: str = ""
    """The movie that is made of the pictures at the end; empty: none."""
    movie_there: bool = False
    """There is a file of that name."""
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
    found = [*_picture(facts), *_movie(facts, plan), *_output(facts, plan), *_sharing(plan)]
    found += [*_simulations(facts, plan), *_files(facts), *_engine(facts), *_scripts(facts)]
    found += [warning("scene-warning", text) for text in facts.warnings]
    return findings.in_order(found)


def unknown_scene(asked: str, scenes: Sequence[str]) -> Finding:
    """The finding for a scene name that the file does not have."""
    close = difflib.get_close_matches(asked, scenes, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'?" if close else f"it has {_quoted(scenes)}."
    return error("unknown-scene", f"The file has no scene '{asked}': {hint}")


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


def _quoted(items: Sequence[str]) -> str:
    return wording.names([f"'{item}'" for item in items])


def _picture(facts: SceneFacts) -> Iterator[Finding]:
    if facts.is_movie:
        yield error(
            "movie-output",
            f"The scene writes a movie ({facts.file_format}), which several workers cannot write together: ",
            "render pictures and make the movie from them with --movie, or render pictures with --image-sequence.",
            "set an image format in Output Properties, and make the movie from the pictures.",
        )
    elif facts.file_format not in CHECKED_FORMATS:
        yield warning(
            "unchecked-format",
            f"A half-written {facts.file_format} file cannot be told from a whole one: PNG or OpenEXR is safer.",
        )
    if facts.needs_camera and not facts.camera:
        yield error(
            "no-camera",
            f"Scene '{facts.scene}' has no camera at its first frame: ",
            "set one in the scene's properties and save.",
            "set one in Scene Properties.",
        )
    if not facts.view_layers:
        yield error(
            "no-view-layer",
            f"No view layer of scene '{facts.scene}' is on for rendering, so every picture would be empty: ",
            "tick 'Use for Rendering' on one and save.",
            "tick 'Use for Rendering' in View Layer Properties.",
        )


def _movie(facts: SceneFacts, plan: Plan) -> Iterator[Finding]:
    if plan.movie and plan.movie_there and not plan.overwrite:
        yield error(
            "movie-there",
            f"The movie '{plan.movie}' is there already and Overwrite is off: ",
            "remove it, use --overwrite, or choose another output.",
            "remove it, switch Overwrite on, or choose another output.",
        )
    elif plan.movie:
        yield note(
            "movie-output",
            f"The scene writes a movie: its frames become pictures like '{facts.first_path}' first, and at the end "
            f"'{plan.movie}' is made of them.",
        )
    elif plan.movie_asked and facts.views:
        yield warning("movie-output", "The scene writes a movie for each view, so only the pictures are rendered.")
    elif plan.movie_asked:
        yield warning("movie-output", "The scene writes pictures and no movie: ", "set a movie format to get one.")


def _output(facts: SceneFacts, plan: Plan) -> Iterator[Finding]:
    if not plan.frames:
        yield error(
            "no-frames",
            f"There is nothing to render: the scene's range {facts.frame_start} to {facts.frame_end} is empty; ",
            "name the frames with --frames.",
            "set its start and end in Output Properties, or name frames here.",
        )
    if facts.output_is_relative:
        yield error(
            "relative-output",
            f"The output path '{facts.output}' does not say in which folder the pictures go: ",
            "give an absolute path or one that begins with '//' with --output.",
            "choose a folder in Output Properties.",
        )
    yield from _names(facts, plan)
    for place in plan.destinations:
        if place.obstacle:
            yield error(
                "output-not-writable",
                f"Pictures cannot be written to '{place.folder}': {place.obstacle}; ",
                "choose another folder with --output or mend that one.",
                "choose another folder in Output Properties or mend that one.",
            )
        elif place.free is not None and place.free < LITTLE_SPACE:
            yield findings.of(
                Level.WARNING if place.free else Level.ERROR,
                "disk-nearly-full",
                f"The disk of '{place.folder}' has only {wording.size(place.free)} free: ",
                "make room before it is full.",
            )


def _names(facts: SceneFacts, plan: Plan) -> Iterator[Finding]:
    """Is each frame's picture a file of its own?"""
    if facts.is_movie:
        return
    several = len(plan.frames) > 1 and facts.frame_start != facts.frame_end
    if not facts.first_path:
        why = f" ({facts.bad_template})" if facts.bad_template else ""
        yield error(
            "bad-template",
            f"Blender cannot make file names from the output '{facts.output}'{why}: check what stands in braces in it.",
        )
    elif several and facts.first_path == facts.last_path:
        yield error(
            "same-name",
            f"Every frame would be written to '{facts.first_path}': put '####' into the output's file name.",
        )
    # ntpath knows both slashes: a template from Windows may hold either.
    elif "#" not in ntpath.basename(facts.output):
        yield note(
            "no-frame-number",
            f"The output's file name has no '#', so Blender puts the frame number at its end: the first picture is "
            f"'{ntpath.basename(facts.first_path)}'.",
        )


def _sharing(plan: Plan) -> Iterator[Finding]:
    if plan.same_output:
        yield error(
            "output-in-use",
            f"Job '{plan.same_output}' is writing the same pictures: wait for it, stop it, or choose another output.",
        )
    elif plan.others and plan.overwrite:
        yield warning(
            "shared-with-overwrite",
            f"Others are at work in the same folder ({wording.names(plan.others)}) while Overwrite is on: frames of "
            "the same name would be rendered twice; ",
            "use --no-overwrite to share the work.",
            "use Render Missing Frames to share the work.",
        )
    elif plan.others:
        yield note(
            "shared-folder",
            f"Others are at work in the same folder ({wording.names(plan.others)}): frames of the same name are shared.",
        )


def _simulations(facts: SceneFacts, plan: Plan) -> Iterator[Finding]:
    if not facts.unbaked or len(plan.frames) < 2:
        return
    which = wording.names([f"'{name}' ({kind.replace('_', ' ').lower()})" for name, kind in facts.unbaked])
    if plan.allow_unbaked:
        yield warning(
            "unbaked-simulation",
            f"Simulations are not baked: {which}; one worker renders all frames in order, and what is not baked may "
            "stand still, as in any render of Blender's: bake it to be sure and to let every device work.",
        )
    else:
        yield error(
            "unbaked-simulation",
            f"Simulations are not baked: {which}; frames rendered apart would not fit together, so ",
            "bake and save, or render in order on one worker with --allow-unbaked.",
            "bake them, or allow them and one Blender renders all frames in order.",
        )


def _files(facts: SceneFacts) -> Iterator[Finding]:
    for missing, key, one, many in (
        (facts.missing_libraries, "missing-libraries", "linked library is", "linked libraries are"),
        (facts.missing_images, "missing-files", "file that the scene uses is", "files that the scene uses are"),
    ):
        if missing:
            yield warning(
                key,
                f"{wording.count(len(missing), one, many)} missing, and Blender renders without: {_quoted(missing)}; ",
                "find them with File > External Data.",
                "Find Files looks for them in a folder that you choose.",
            )
    if facts.unpacked_paint:
        yield warning(
            "unpacked-paint",
            f"Painted images are neither saved nor packed, so workers do not see the paint: "
            f"{_quoted(facts.unpacked_paint)}; ",
            "save or pack them.",
            "save them, or pack them into the file.",
        )


def _engine(facts: SceneFacts) -> Iterator[Finding]:
    if facts.engine != CYCLES:
        yield note(
            "other-engine",
            f"The engine {facts.engine} chooses its GPU by itself: only Cycles can be bound to devices, so one worker ",
            "renders unless --per-device asks for more.",
            "renders unless Instances per GPU asks for more.",
        )
    if facts.gpu_compositor:
        yield note(
            "gpu-compositor",
            "The compositor is set to the GPU, which cannot be bound to a worker's card: the workers run it on the CPU.",
        )


def _scripts(facts: SceneFacts) -> Iterator[Finding]:
    if facts.scripts_blocked:
        yield warning(
            "scripts-blocked",
            "The file has scripts or scripted drivers that will not run, so pictures may differ from what you ",
            "see: use --autoexec if you trust the file.",
            "see with them: reload it with Trust Source if you trust it.",
        )
    if facts.handlers:
        yield warning(
            "handlers-left-out",
            f"Handlers for the start and end of a render would run once per frame in every worker and are left out: "
            f"{wording.names(facts.handlers)}.",
        )
