# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Blender at hand writes in every still format is whole, and any cut of it is not."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Sequence
from pathlib import Path

import bpy
import pytest

from dispatch import pictures

WIDTH, HEIGHT = 64, 36

Way = dict[str, object]


def product(**values: Sequence[object]) -> list[Way]:
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def every_way_of_saving() -> list[tuple[str, Way]]:
    """All still formats of this Blender with the settings that change the shape of the file."""
    settings = bpy.types.ImageFormatSettings.bl_rna.properties
    codecs = [item.identifier for item in settings["exr_codec"].enum_items]
    exr = [
        {"color_depth": depth, "exr_codec": codec, **more}
        for codec in codecs
        for depth in (("16",) if codec.startswith("B44") else ("16", "32"))
        for more in (
            [{"use_exr_interleave": False}, {"use_exr_interleave": True}] if "use_exr_interleave" in settings else [{}]
        )
    ]
    ways: dict[str, list[Way]] = {
        "PNG": product(color_depth=("8", "16"), color_mode=("BW", "RGB", "RGBA"), compression=(0, 15, 100)),
        "JPEG": product(color_mode=("BW", "RGB"), quality=(1, 50, 100)),
        "OPEN_EXR": exr,
        "OPEN_EXR_MULTILAYER": exr,
        "TIFF": product(color_depth=("8", "16"), tiff_codec=[c.identifier for c in settings["tiff_codec"].enum_items]),
        "WEBP": product(color_mode=("RGB", "RGBA"), quality=(1, 50, 100)),
        "JPEG2000": product(color_depth=("8", "12", "16"), jpeg2k_codec=("JP2", "J2K"), quality=(10, 100)),
        "DPX": product(color_mode=("RGB", "RGBA"), color_depth=("8", "10", "12", "16"), use_cineon_log=(False, True)),
        "TARGA": product(color_mode=("BW", "RGB", "RGBA")),
        "TARGA_RAW": product(color_mode=("BW", "RGB", "RGBA")),
        "IRIS": product(color_mode=("BW", "RGB", "RGBA")),
        "BMP": product(color_mode=("BW", "RGB")),
    }
    stills = {item.identifier for item in settings["file_format"].enum_items} - {"FFMPEG", "AVI_JPEG", "AVI_RAW"}
    return [(name, way) for name in sorted(stills) for way in ways.get(name, [{}])]


@pytest.fixture(scope="module")
def rendered() -> bpy.types.Scene:
    """A scene with something in it, rendered once."""
    bpy.ops.wm.read_factory_settings()
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = WIDTH, HEIGHT, 100
    bpy.context.view_layer.use_pass_z = True
    bpy.ops.render.render()
    return scene


def save(scene: bpy.types.Scene, path: Path, file_format: str, way: Way) -> None:
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "MULTI_LAYER_IMAGE" if file_format == "OPEN_EXR_MULTILAYER" else "IMAGE"
    settings.file_format = file_format
    for name, value in way.items():
        setattr(settings, name, value)
    bpy.data.images["Render Result"].save_render(str(path), scene=scene)


def end_of_pixels(content: bytes, file_format: str) -> int:
    """Behind it a cut takes nothing of the picture: TGA ends with an optional area whose offset the footer tells."""
    if file_format.startswith("TARGA") and content.endswith(b"TRUEVISION-XFILE.\0"):
        extension, developer = struct.unpack_from("<II", content, len(content) - 26)
        return min(extension or len(content) - 26, developer or len(content))
    return len(content)


def cuts(content: bytes, file_format: str) -> list[int]:
    end = end_of_pixels(content, file_format)
    chance = random.Random(len(content))
    return sorted({chance.randrange(end) for _ in range(20)} | {end - n for n in (1, 2, 12) if end > n})


@pytest.mark.parametrize(("file_format", "way"), every_way_of_saving())
def test_a_picture_is_whole_and_any_cut_of_it_is_not(
    rendered: bpy.types.Scene, tmp_path: Path, file_format: str, way: Way
) -> None:
    path = tmp_path / "picture"
    save(rendered, path, file_format, way)
    pictures.check(path, file_format, (WIDTH, HEIGHT))
    content = path.read_bytes()
    for end in cuts(content, file_format):
        path.write_bytes(content[:end])
        assert not pictures.is_whole(path), f"cut to {end} of {len(content)} bytes"


def test_a_rendered_animation_frame_with_border_has_its_full_size(rendered: bpy.types.Scene, tmp_path: Path) -> None:
    rendered.render.use_border = True
    rendered.render.border_max_x = 0.5
    try:
        bpy.ops.render.render()
        for file_format in ("PNG", "OPEN_EXR", "OPEN_EXR_MULTILAYER"):
            save(rendered, tmp_path / "picture", file_format, {})
            pictures.check(tmp_path / "picture", file_format, (WIDTH, HEIGHT))
    finally:
        rendered.render.use_border = False
