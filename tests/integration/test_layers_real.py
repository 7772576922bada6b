# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures read back for a check: the colours of files with layers are those of plain files, difference means difference."""

from __future__ import annotations

import itertools
from pathlib import Path

import bpy
import numpy
import pytest

from dispatch.child import check
from dispatch.pictures import exr_layers

CODECS = ("NONE", "ZIP", "ZIPS", "PIZ")
WIDTH, HEIGHT = 67, 37  # neither fills its last block


@pytest.fixture(scope="module")
def scene() -> bpy.types.Scene:
    bpy.ops.wm.read_factory_settings()
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = WIDTH, HEIGHT, 100
    scene.render.compositor_device = "CPU"
    scene.view_layers[0].use_pass_z = True
    scene.view_layers.new("Another").use_pass_normal = True
    return scene


def picture(scene: bpy.types.Scene, path: Path, file_format: str, **settings: object) -> Path:
    image = scene.render.image_settings
    if hasattr(image, "media_type"):
        image.media_type = "MULTI_LAYER_IMAGE" if file_format == "OPEN_EXR_MULTILAYER" else "IMAGE"
    image.file_format = file_format
    for name, value in settings.items():
        if hasattr(image, name):
            setattr(image, name, value)
    scene.render.use_file_extension = False
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return path


def plain_pixels(path: Path) -> numpy.ndarray:
    image = bpy.data.images.load(str(path))
    values = numpy.empty(len(image.pixels), dtype=numpy.float32)
    image.pixels.foreach_get(values)
    bpy.data.images.remove(image)
    return values.reshape(HEIGHT, WIDTH, 4)[::-1]


@pytest.mark.parametrize(("codec", "depth", "mixed"), list(itertools.product(CODECS, ("16", "32"), (False, True))))
def test_the_colours_of_layers_are_those_of_a_plain_picture(scene, tmp_path, codec, depth, mixed):
    plain = picture(scene, tmp_path / "plain.exr", "OPEN_EXR", color_depth=depth, color_mode="RGBA")
    layers = picture(
        scene,
        tmp_path / "layers.exr",
        "OPEN_EXR_MULTILAYER",
        color_depth=depth,
        exr_codec=codec,
        use_exr_interleave=mixed,
    )
    read = exr_layers.colours(layers)
    if codec == "PIZ":
        assert read is None
        return
    assert read.shape[:2] == (HEIGHT, WIDTH)
    assert read.shape[2] >= 4
    # Channels are stored in the order of their names.
    wanted = plain_pixels(plain)[:, :, [3, 2, 1, 0]]
    assert any(numpy.array_equal(read[:, :, n : n + 4], wanted) for n in range(0, read.shape[2], 4))
    layers.write_bytes(layers.read_bytes()[: layers.stat().st_size // 4])
    assert exr_layers.colours(layers) is None


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "OPEN_EXR", "OPEN_EXR_MULTILAYER", "TIFF", "HDR"])
def test_a_thing_that_moved_is_a_difference_and_a_repeated_render_is_none(scene, tmp_path, file_format):
    cube = bpy.data.objects["Cube"]
    one = picture(scene, tmp_path / "one", file_format, exr_codec="ZIP")
    same = picture(scene, tmp_path / "same", file_format)
    cube.location.x += 0.5
    other = picture(scene, tmp_path / "other", file_format)
    cube.location.x -= 0.5
    images = len(bpy.data.images)
    assert check.difference(one, same) == (0.0, True)
    share, alike = check.difference(one, other)
    assert share > 0.01
    assert not alike
    assert len(bpy.data.images) == images


def written(path: Path, values: numpy.ndarray) -> Path:
    image = bpy.data.images.new("made", values.shape[1], values.shape[0], float_buffer=True)
    image.pixels.foreach_set(values.astype(numpy.float32).ravel())
    image.filepath_raw, image.file_format = str(path), "OPEN_EXR"
    image.save()
    bpy.data.images.remove(image)
    return path


def test_noise_is_no_difference_but_a_small_square_and_another_size_are(tmp_path):
    bpy.ops.wm.read_factory_settings()
    chance = numpy.random.default_rng(1)
    base = numpy.full((256, 300, 4), 0.3)
    plain = written(tmp_path / "plain.exr", base)
    assert check.difference(plain, written(tmp_path / "n.exr", base + chance.normal(0, 0.002, base.shape)))[1]
    fireflies = base.copy()
    fireflies[chance.integers(0, 256, 40), chance.integers(0, 300, 40)] = 50.0
    assert check.difference(plain, written(tmp_path / "f.exr", fireflies))[1]
    square = base.copy()
    square[64:80, 32:48] += 0.1
    share, alike = check.difference(plain, written(tmp_path / "s.exr", square))
    assert (share < check.SHARE, alike) == (True, False)
    darker = base * 0.9
    assert not check.difference(plain, written(tmp_path / "d.exr", darker))[1]
    nothing = base.copy()
    nothing[0, 0] = numpy.nan
    assert check.difference(written(tmp_path / "x.exr", nothing), written(tmp_path / "y.exr", nothing)) == (0.0, True)
    assert check.difference(plain, written(tmp_path / "small.exr", base[:100])) == (1.0, False)
    (tmp_path / "none.exr").write_bytes(b"no picture")
    assert check.difference(plain, tmp_path / "none.exr") is None
