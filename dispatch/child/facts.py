# SPDX-License-Identifier: GPL-3.0-or-later
"""What preflight wants to know of this Blender and of a scene: the answer to `Inspect`.

Gathers; decides nothing. `preflight` makes sentences of it. In the artist's own session
`operators/scene_facts.py` does the same by reading alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..protocol import Inspect, Inspected, SceneFacts, SideOutput
from . import devices, files, formats, frame, handlers, nodes, outputs, paths, scene, simulations, views

_NAMED = 5
"""Names that one sentence holds."""


def inspect(request: Inspect) -> Inspected:
    """Answer the request; leaves the file open."""
    there, ticked, config = devices.list_devices(), devices.preferred(), _config()
    if not request.blend:
        return Inspected(there, ticked, config=config)
    try:
        runs = scene.open_file(request.blend, request.autoexec)
    except scene.CannotOpen as error:
        return Inspected(there, ticked, error=str(error), config=config)
    seen = of_scene(_chosen(request), output=request.output, sequence=request.sequence, runs_scripts=runs)
    return Inspected(there, ticked, seen, config=config)


def of_scene(chosen: Any, *, output: str, sequence: bool, runs_scripts: bool) -> SceneFacts:
    """Return the facts of a scene of the open file.

    Args:
        output: Template that replaces the scene's own; empty: the scene's own.
        sequence: A movie output is looked at as the pictures that would be rendered instead of it.
        runs_scripts: Whether the file's scripts run in the children.
    """
    template = paths.placed(output or chosen.render.filepath)
    movie = formats.movie_path_with(chosen, template)
    template = formats.pictures_template(chosen, template) if sequence else template
    with formats.pictures(chosen, sequence):
        return _facts(chosen, template, movie, runs_scripts)


def load_warnings(chosen: Any) -> tuple[str, ...]:
    """Return sentences about the loaded file that a child says as soon as it knows them."""
    return tuple(word for word in (scene.age_warning(), _broken_drivers(), *_cameras(chosen)) if word)


def of_memory(chosen: Any, template: str) -> SceneFacts:
    """Return what memory tells at once: nothing is written to and no file is looked at, so it is fit for ``draw()``.

    Left out: names of pictures, the movie, files on the disk, simulations, drivers, and what scripts are allowed.
    """
    import bpy

    render = chosen.render
    width, height = views.size(chosen)
    camera = views.camera_at(chosen, chosen.frame_start)
    return SceneFacts(
        scene=chosen.name,
        scenes=tuple(each.name for each in bpy.data.scenes),
        engine=render.engine,
        frame_start=chosen.frame_start,
        frame_end=chosen.frame_end,
        frame_step=chosen.frame_step,
        width=width,
        height=height,
        output=template if paths.is_relative(template) else paths.absolute_template(template),
        output_is_relative=paths.is_relative(template),
        first_path="",
        last_path="",
        file_format=render.image_settings.file_format,
        is_movie=render.is_movie_format,
        views=views.suffixes(chosen),
        use_overwrite=render.use_overwrite,
        use_placeholder=render.use_placeholder,
        camera=camera.name if camera else "",
        needs_camera=views.needs_camera(chosen),
        view_layers=tuple(layer.name for layer in chosen.view_layers if layer.use),
        side_outputs=tuple(SideOutput(node.name, nodes.target(node)) for node in nodes.file_outputs(chosen)),
        unpacked_paint=files.unsaved_paint(),
        handlers=handlers.others(),
        gpu_compositor=nodes.compositor_tree(chosen) is not None and render.compositor_device == "GPU",
    )


def _facts(chosen: Any, template: str, movie: str, runs: bool) -> SceneFacts:
    first, last, unknown = _paths(chosen, template)
    external = files.external()
    return replace(
        of_memory(chosen, template),
        first_path=first,
        last_path=last,
        movie_path=movie,
        missing_libraries=external.missing_libraries,
        missing_images=external.missing,
        unbaked=simulations.unbaked(chosen),
        scripts_blocked=not runs and _has_scripts(),
        autoexec=runs,
        external=external.files,
        bad_template=unknown,
        warnings=load_warnings(chosen),
    )


def _chosen(request: Inspect) -> Any:
    try:
        return scene.choose(request.scene)
    except scene.CannotOpen:
        return scene.choose("")  # preflight finds that the name is not among `scenes`


def _paths(chosen: Any, template: str) -> tuple[str, str, str]:
    """Return the first and the last frame's plain name, and why Blender cannot make them."""
    try:
        first, last = (
            str(outputs.plain_name(chosen, template, number)) for number in (chosen.frame_start, chosen.frame_end)
        )
    except RuntimeError as error:
        return "", "", paths.template_trouble(error)
    return first, last, ""


def _has_scripts() -> bool:
    """Whether the file holds Python that autoexec would run: registered texts, drivers that are no plain formula."""
    import bpy

    if any(text.use_module for text in bpy.data.texts):
        return True
    scripted = (curve.driver for curve in frame.drivers() if curve.driver.type == "SCRIPTED")
    return any(not driver.is_simple_expression for driver in scripted)


def _broken_drivers() -> str:
    broken = sorted(
        {f"{curve.id_data.name} ({curve.data_path})" for curve in frame.drivers() if not curve.driver.is_valid}
    )
    if not broken:
        return ""
    more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
    return f"Drivers fail, so what they move stands still: {', '.join(broken[:_NAMED])}{more}: mend them in the Drivers Editor."


def _cameras(chosen: Any) -> Iterator[str]:
    hidden = [m.name for m in chosen.timeline_markers if m.camera and m.camera.name not in chosen.objects]
    if hidden:
        yield f"Markers are bound to cameras that are not in scene '{chosen.name}': {', '.join(hidden[:_NAMED])}."


def _config() -> str:
    import bpy

    # A Python with bpy has no binary path, and reads no preferences that were anybody's choice.
    return bpy.utils.user_resource("CONFIG") or "" if bpy.app.binary_path else ""
