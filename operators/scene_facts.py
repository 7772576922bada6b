# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job's beginning depends on, read from the artist's open scene and session.

Owns the two looks: `light` for panels (pure reads of memory, no file, fit for ``draw()``), `full` for operators (files
are looked at, Blender is asked for every name). `preflight` and `session_findings` make sentences of what they see.
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any

import bpy

from ..dispatch import preflight, session_findings
from ..dispatch.child import facts, files, formats, nodes, paths, simulations
from ..dispatch.findings import Finding, in_order
from ..dispatch.model import DispatchError
from ..dispatch.preflight import Plan
from ..dispatch.protocol import SceneFacts
from ..dispatch.session_findings import SessionFacts
from . import plans, preferences, session

_AT_HOME = ("//", "{blend_dir}")
"""How a path begins that is relative to the file."""
ABOUT_OUTPUT = frozenset(
    ["bad-template", "test-replaces", "output-in-use", "shared-with-overwrite", "shared-folder", "movie-there"]
)
REMEMBERED = ABOUT_OUTPUT | {"missing-files", "unbaked-simulation", "scene-warning"}
"""Keys of what only a full look finds; they stay until the next one, until they are mended, or until the artist turns to
another scene or output."""

_saved_addons: frozenset[str] = frozenset()
_NAME = re.compile(r"(?<!\{)\{blend_name(?:_lib)?\}(?!\})")


def full(context: bpy.types.Context) -> SceneFacts:
    """Return everything. May take seconds: files are looked for on the disk. Nothing in the scene is written to."""
    scene = context.scene
    known = light(context)
    external = files.external()
    first, last, unknown = _names(scene, known)
    return replace(
        known,
        first_path=first,
        last_path=last,
        movie_path=formats.movie_path(scene),
        missing_libraries=external.missing_libraries,
        missing_images=external.missing,
        unbaked=simulations.unbaked(scene),
        external=external.files,
        bad_template=unknown,
        warnings=facts.load_warnings(scene),
    )


def light(context: bpy.types.Context) -> SceneFacts:
    """Return what memory tells at once. Left out: files on the disk, simulations, scripted drivers.

    Names of pictures are Blender's as long as no template variable stands in them.
    """
    scene = context.scene
    render = scene.render
    template = output(scene)
    known = facts.of_memory(scene, template)
    movie = render.is_movie_format
    ending = (".png" if movie else render.file_extension) if render.use_file_extension else ""
    return replace(
        known,
        # Of a file without a place `session_findings` says more.
        output_is_relative=known.output_is_relative and not template.startswith("//"),
        first_path=_picture(known.output, scene.frame_start, ending),
        last_path=_picture(known.output, scene.frame_end, ending),
        file_format="PNG" if movie else known.file_format,
        # A template that is wrong would be printed at each redraw; the full look says so.
        movie_path=formats.movie_path(scene) if "{" not in render.filepath else "",
        is_movie=False,  # a job of the panel renders pictures; the movie is made of them at the end
        missing_libraries=tuple(library.filepath for library in bpy.data.libraries if library.is_missing),
        scripts_blocked=not runs_scripts(),
        autoexec=runs_scripts(),
    )


def findings(context: bpy.types.Context) -> tuple[Finding, ...]:
    """Return what there is to say about an animation render now, errors first; fit for ``draw()``."""
    scene, known, place = context.scene, light(context), session.seen().destination
    try:
        wanted = plans.frames_of(scene)
    except DispatchError:
        wanted = (scene.frame_start,)  # the panel says beside the text what is wrong with it
    here = place is not None and os.path.dirname(known.first_path) == place.folder  # noqa: PTH120
    movie = plans.movie(scene, known)
    plan = Plan(wanted, known.use_overwrite, movie=movie, destinations=(place,) if place and here else ())
    found = [*session_findings.check(of_session(context)), *preflight.check(known, plan)]
    found += _remembered(known)
    return tuple(in_order(found))


def _remembered(known: SceneFacts) -> list[Finding]:
    scene, output_then = session.looked_at
    if known.scene != scene:
        return []
    keys = REMEMBERED if known.output == output_then else REMEMBERED - ABOUT_OUTPUT
    return [each for each in session.findings if each.key in keys]


def mended(*keys: str) -> None:
    """Forget findings of the last full look that were mended, and that one of them stopped the last press."""
    if session.trouble in [each.panel for each in session.findings if each.key in keys]:
        session.trouble = ""
    session.findings = tuple(each for each in session.findings if each.key not in keys)


def of_session(context: bpy.types.Context) -> SessionFacts:
    """Return what this Blender is doing; as cheap as `light`."""
    scene = context.scene
    saved = bool(bpy.data.filepath)
    return SessionFacts(
        scene=scene.name,
        saved=saved,
        relative=() if saved else _relative(scene),
        rendered_views=len(rendered_views(context)),
        rendering=bpy.app.is_job_running("RENDER"),
        library=scene.library.filepath if scene.library else "",
        unsaved_addons=() if plans.factory(scene) else _unsaved_addons(context),
    )


def _unsaved_addons(context: bpy.types.Context) -> tuple[str, ...]:
    """Return names of add-ons that were enabled after the preferences were saved; known from the first look on."""
    global _saved_addons
    enabled = frozenset(addon.module for addon in context.preferences.addons)
    if not _saved_addons or not context.preferences.is_dirty:
        _saved_addons = enabled
    new = sorted(enabled - _saved_addons - {preferences.ROOT_PACKAGE})
    return tuple(f"'{name.rpartition('.')[2]}'" for name in new)


def rendered_views(context: bpy.types.Context) -> list[Any]:
    """Return the 3D viewports in Rendered mode, of all windows. Keep none of them."""
    return [
        area.spaces.active
        for window in context.window_manager.windows
        for area in window.screen.areas
        if area.type == "VIEW_3D" and area.spaces.active.shading.type == "RENDERED"
    ]


def runs_scripts() -> bool:
    """Whether the open file's scripts run in this session: Blender has kept none of them from running."""
    return not bpy.app.autoexec_fail


def output(scene: Any) -> str:
    """Return the template of the pictures; what in it depends on the file's place or name means the artist's file."""
    template = formats.pictures_template(scene, paths.placed(scene.render.filepath))
    # In a file without a name this is Blender's own word for it; the copy must have a name.
    return template if bpy.data.filepath or not paths.has_templates() else _NAME.sub("Unsaved", template)


def _names(scene: Any, known: SceneFacts) -> tuple[str, str, str]:
    """Return the first and the last frame's picture, and why Blender cannot make their names."""
    render = scene.render
    try:
        first, last = (render.frame_path(frame=frame) for frame in (known.frame_start, known.frame_end))
    except RuntimeError as error:
        return "", "", paths.template_trouble(error)
    if render.is_movie_format:
        return known.first_path, known.last_path, ""
    return paths.absolute(first), paths.absolute(last), ""


def _relative(scene: Any) -> tuple[str, ...]:
    """What of a file without a place is relative to that place."""
    side = (node.name for node in nodes.file_outputs(scene) if nodes.template(node).startswith(_AT_HOME))
    main = ["the output"] if scene.render.filepath.startswith(_AT_HOME) else []
    return (*main, *(f"'{name}'" for name in side))


def _picture(template: str, frame: int, ending: str) -> str:
    """Return the picture's name as Blender builds it: into the last run of '#', else at the end."""
    folder, name = paths.split(template)
    runs = list(re.finditer("#+", name))
    number = f"{'-' if frame < 0 else ''}{abs(frame):0{len(runs[-1].group()) if runs else 4}d}"
    name = name[: runs[-1].start()] + number + name[runs[-1].end() :] if runs else name + number
    return folder + (name if name.lower().endswith(ending) else name + ending)
