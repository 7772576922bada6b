# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes scenes that write a movie, and what a plain animation render makes of them; compares movies.

``make_movie.py make FOLDER`` runs inside a Blender; ``make_movie.py compare PLAIN OTHER``, which prints JSON last, needs
a Python with bpy and numpy.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import struct
import sys
import traceback
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

RATE = 48000
FIRST, LAST = 5, 16
try:
    import aud
except ImportError:
    aud = None


def tone(path: Path, hertz: float) -> None:
    values = (int(12000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(2 * RATE))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"".join(struct.pack("<h", value) for value in values))


def editor(scene: Any) -> tuple[Any, Any]:
    made = scene.sequence_editor_create()
    return made, made.strips if hasattr(made, "strips") else made.sequences


def fresh() -> Any:
    bpy.ops.wm.read_factory_settings(use_empty=False)
    scene = bpy.context.scene
    render = scene.render
    render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 4, False
    render.resolution_x, render.resolution_y, render.resolution_percentage = 160, 90, 100
    render.compositor_device = "CPU"
    scene.frame_start, scene.frame_end = FIRST, LAST
    cube = bpy.data.objects["Cube"]
    for frame, angle in ((FIRST, 0.0), (LAST, 3.0)):
        cube.rotation_euler = (angle, angle, 0)
        cube.keyframe_insert("rotation_euler", frame=frame)
    red = bpy.data.materials.new("Red")
    red.use_nodes = True
    red.node_tree.nodes["Principled BSDF"].inputs[0].default_value = (0.9, 0.1, 0.02, 1)
    cube.data.materials.append(red)
    if hasattr(render.image_settings, "media_type"):
        render.image_settings.media_type = "VIDEO"
    render.image_settings.file_format = "FFMPEG"
    film = render.ffmpeg
    film.format, film.codec, film.audio_codec, film.constant_rate_factor = "MPEG4", "H264", "AAC", "HIGH"
    render.fps = 30
    return scene


def sound(scene: Any, folder: Path) -> None:
    """A strip from frame 10 on, and a speaker."""
    tone(folder / "strip.wav", 440)
    tone(folder / "speaker.wav", 880)
    with contextlib.suppress(RuntimeError):  # the bpy module of 4.2 is built without sound
        editor(scene)[1].new_sound("Music", str(folder / "strip.wav"), 1, 10)
    bpy.ops.object.speaker_add()
    bpy.context.object.data.sound = bpy.data.sounds.load(str(folder / "speaker.wav"))
    bpy.context.object.location = (1, 0, 0)


def film(scene: Any) -> None:
    sound(scene, Path(bpy.data.filepath or "/nowhere").parent)


def stamped(scene: Any) -> None:
    """What must not be done twice: view, look, exposure, stamp; and what pictures cannot hold as they are."""
    scene.view_settings.view_transform, scene.view_settings.exposure = "AgX", 0.7
    scene.render.use_stamp = True
    for name in ("date", "render_time", "time", "memory", "hostname", "filename"):
        setattr(scene.render, f"use_stamp_{name}", False)  # never the same twice
    scene.display_settings.display_device = "Rec.1886"
    scene.frame_step = 2


def odd(scene: Any) -> None:
    """A size that no plain render can write, saved with a meta strip open, and a script that sets the output."""
    scene.render.resolution_x, scene.render.resolution_y = 161, 91
    made, strips = editor(scene)
    made.display_stack(strips.new_meta("Meta", 1, 1))


def transparent(scene: Any) -> None:
    scene.render.film_transparent = True
    scene.render.ffmpeg.format, scene.render.ffmpeg.codec = "AVI", "HUFFYUV"
    scene.render.image_settings.color_mode = "RGBA"


def deep(scene: Any) -> None:
    if bpy.app.version >= (4, 4):
        scene.render.ffmpeg.codec = "H265"
        scene.render.image_settings.color_depth = "10"


def side_by_side(scene: Any) -> None:
    scene.render.use_multiview = True
    scene.render.views_format = scene.render.image_settings.views_format = "STEREO_3D"
    scene.render.image_settings.stereo_3d_format.display_mode = "SIDEBYSIDE"


MAKERS: tuple[Callable[[Any], None], ...] = (film, stamped, odd, transparent, deep, side_by_side)


def make(folder: Path) -> None:
    for maker in MAKERS:
        scene = fresh()
        blend = folder / f"{maker.__name__}.blend"
        bpy.ops.wm.save_as_mainfile(filepath=str(blend))
        maker(scene)
        ending = "avi" if maker is transparent else "mp4"
        scene.render.filepath = f"//plain_{maker.__name__}/{maker.__name__}.{ending}"
        bpy.ops.wm.save_as_mainfile(filepath=str(blend))
        if maker is not odd:
            bpy.ops.render.render(animation=True)


def pixels(movie: str, size: tuple[int, int], count: int) -> Any:
    import numpy as np

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.view_settings.view_transform = "Standard"
    strip = editor(scene)[1].new_movie("Movie", movie, 1, 1, fit_method="ORIGINAL")
    strip.colorspace_settings.name = "sRGB"
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
    shots = []
    for frame in range(1, count + 1):
        scene.frame_set(frame)
        render.filepath = f"{movie}.frame.png"
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(render.filepath)
        values = np.empty(len(image.pixels), "f")
        image.pixels.foreach_get(values)
        shots.append(values)
        bpy.data.images.remove(image)
    Path(f"{movie}.frame.png").unlink()
    return np.array(shots) * 255


def heard(movie: str) -> list[float]:
    """Loudness of eight parts of the movie, then of the strip's and the speaker's tone; empty: no sound."""
    if aud is None:
        return []
    import numpy as np

    try:
        data = aud.Sound.file(movie).data()[:, 0]
    except aud.error:
        return []
    if not len(data):
        return []
    spectrum = np.abs(np.fft.rfft(data)) * 2 / len(data)
    at = np.fft.rfftfreq(len(data), 1 / RATE)
    tones = [spectrum[np.abs(at - hertz) < 30].max() for hertz in (440, 880)]
    return [float(value) for value in (*(np.sqrt((part**2).mean()) for part in np.array_split(data, 8)), *tones)]


def compare(movies: list[str]) -> None:
    import numpy as np

    seen = []
    for movie in movies:
        clip = bpy.data.movieclips.load(movie)
        seen.append({"size": tuple(clip.size), "frames": clip.frame_duration, "fps": clip.fps, "heard": heard(movie)})
    shots = [pixels(movie, seen[0]["size"], seen[0]["frames"]) for movie in movies]
    difference = float(np.abs(shots[0] - shots[-1]).mean())
    moves = float(np.abs(shots[0][0] - shots[0][-1]).mean())
    os.write(1, json.dumps({"movies": seen, "difference": difference, "moves": moves}).encode() + b"\n")


try:
    if "make" in sys.argv:
        make(Path(sys.argv[-1]))
        os.write(1, b"MADE\n")
    else:
        compare(sys.argv[2:])
    os._exit(0)
finally:
    traceback.print_exc()
    os._exit(1)
