# SPDX-License-Identifier: GPL-3.0-or-later
"""Compression put off: a child's PNGs are what a plain animation render writes, in pixels, settings and metadata."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import pytest
from integration.spoken_child import SpokenChild

from dispatch.protocol import Commit, Committed, Discard, Loaded, Render, Rendered

MAKER = """
import os, sys
import bpy
folder = sys.argv[-1]
new = bpy.app.version >= (5, 0)

def scene(name, **settings):
    bpy.ops.wm.read_factory_settings(use_empty=False)
    s = bpy.context.scene
    r = s.render
    r.engine, s.cycles.samples, s.cycles.use_denoising = "CYCLES", 1, False
    r.resolution_x, r.resolution_y, r.resolution_percentage = 320, 200, 100
    r.compositor_device = "CPU"
    s.frame_start = s.frame_end = 7
    cube = bpy.data.objects["Cube"]
    for frame, angle in ((1, 0.0), (20, 3.0)):
        cube.rotation_euler.z = angle
        cube.keyframe_insert("rotation_euler", frame=frame)
    r.image_settings.file_format = "PNG"
    for key, value in settings.items():
        owner = r if hasattr(r, key) else r.image_settings
        setattr(owner, key, value)
    return s

def finish(s, name):
    path = os.path.join(folder, name + ".blend")
    s.render.filepath = os.path.join(folder, "plain_" + name, "x_####")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    bpy.ops.render.render(animation=True)

for mode in ("BW", "RGB", "RGBA"):
    for depth in ("8", "16"):
        finish(scene("", color_mode=mode, color_depth=depth, compression=15), mode + depth)
s = scene("", compression=100, dither_intensity=2.0, film_transparent=True, color_mode="RGBA")
s.view_settings.view_transform = "Standard"
finish(s, "dither")
finish(scene("", compression=60, use_stamp=True, use_stamp_note=True, stamp_note_text="made by a test",
             use_stamp_date=False, use_stamp_render_time=False, use_stamp_time=True), "stamp")
finish(scene("", compression=0), "stored")
finish(scene("", file_format="JPEG"), "jpeg")

s = scene("", file_format="JPEG")
if new:
    tree = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    s.compositing_node_group = tree
    out = tree.nodes.new("NodeGroupOutput")
else:
    s.use_nodes = True
    tree = s.node_tree
    tree.nodes.clear()
    out = tree.nodes.new("CompositorNodeComposite")
layers = tree.nodes.new("CompositorNodeRLayers")
tree.links.new(layers.outputs[0], out.inputs[0])
for name, percents in (("one", (30, 30)), ("several", (30, 80))):
    node = tree.nodes.new("CompositorNodeOutputFile")
    place = os.path.join(folder, "plain_nodes", name)
    if new:
        node.directory, node.file_name = place, ""
        node.format.media_type = "IMAGE"
        node.file_output_items.clear()
        node.file_output_items.new("RGBA", "a_####")
        node.file_output_items.new("RGBA", "b_####")
        second = node.file_output_items[1]
        second.override_node_format = True
        second.format.media_type = "IMAGE"
    else:
        node.base_path = place
        node.file_slots[0].path = "a_####"
        node.file_slots.new("b_####")
        second = node.file_slots[1]
        second.use_node_format = False
    node.format.file_format = second.format.file_format = "PNG"
    node.format.compression, second.format.compression = percents
    for socket in node.inputs[:2]:
        tree.links.new(layers.outputs[0], socket)
finish(s, "nodes")
os.write(1, b"MADE\\n")
os._exit(0)
"""

Chunk = tuple[bytes, bytes]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saving")
    script = folder / "make.py"
    script.write_text(MAKER, encoding="utf-8")
    blender = os.environ.get("MGD_TEST_BLENDER", "")
    command = [blender, "-b", "--factory-startup", "--python"] if blender else [sys.executable, "-P"]
    done = subprocess.run(
        [*command, str(script), *(["--"] if blender else []), str(folder)], capture_output=True, text=True, timeout=120
    )
    assert "MADE" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


def chunks(png: Path) -> list[Chunk]:
    """What the file holds, in order; texts that tell times and the pixels' compression left out."""
    data, at, found = png.read_bytes(), 8, []
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        content = data[at + 8 : at + 8 + length]
        if kind == b"tEXt" and content.split(b"\0")[0] in (
            b"Date",
            b"Time",
            b"RenderTime",
            b"cycles.ViewLayer.render_time",
        ):
            content = content.split(b"\0")[0]
        if kind == b"tEXt" and b"time" in content.split(b"\0")[0].lower():
            content = content.split(b"\0")[0]
        if kind == b"tEXt" and content.startswith(b"File\0"):
            content = b"File"
        found.append((kind, content))
        at += 12 + length
    return found


def without_pixels(found: list[Chunk]) -> list[Chunk]:
    """The chunks, the run of IDAT as one."""
    kept: list[Chunk] = []
    for kind, content in found:
        if kind != b"IDAT":
            kept.append((kind, content))
        elif kept[-1][0] != b"IDAT":
            kept.append((kind, b""))
    return kept


def stream(found: list[Chunk]) -> bytes:
    return b"".join(content for kind, content in found if kind == b"IDAT")


def assert_alike(ours: Path, plain: Path) -> None:
    mine, theirs = chunks(ours), chunks(plain)
    assert without_pixels(mine) == without_pixels(theirs)
    assert zlib.decompress(stream(mine)) == zlib.decompress(stream(theirs))
    # The same zlib gives the same bytes; another one about the same size.
    assert abs(len(stream(mine)) - len(stream(theirs))) <= 0.1 * len(stream(theirs))


def shoot(child: SpokenChild, blend: Path, output: Path) -> Rendered:
    """One frame, put in place."""
    assert isinstance(child.configure(blend, str(output / "x_####")), Loaded)
    assert child.render(1, 7) == Committed(1)
    return next(report for report in child.heard if isinstance(report, Rendered))


@pytest.mark.parametrize("name", ["BW8", "BW16", "RGB8", "RGB16", "RGBA8", "RGBA16", "dither", "stamp", "stored"])
def test_a_png_is_blenders_own(child: SpokenChild, made: Path, tmp_path: Path, name: str) -> None:
    rendered = shoot(child, made / f"{name}.blend", tmp_path / "out")
    ours = tmp_path / "out" / "x_0007.png"
    assert_alike(ours, made / f"plain_{name}" / "x_0007.png")
    assert rendered.pictures[0].size == ours.stat().st_size
    assert rendered.phases.carry > 0


def test_pngs_of_file_output_nodes_are_blenders_own(child: SpokenChild, made: Path, tmp_path: Path) -> None:
    plain = made / "plain_nodes"
    pngs = sorted(path.relative_to(plain) for path in plain.rglob("*.png"))
    assert len(pngs) == 4
    kept = {name: (plain / name).read_bytes() for name in pngs}
    shoot(child, made / "nodes.blend", tmp_path / "out")
    for name in pngs:
        # The nodes' folders are absolute: the plain render's files were replaced by ours.
        theirs = tmp_path / name.name
        theirs.write_bytes(kept[name])
        assert_alike(plain / name, theirs)


def test_other_formats_are_saved_by_blender_alone(child: SpokenChild, made: Path, tmp_path: Path) -> None:
    shoot(child, made / "jpeg.blend", tmp_path / "out")
    assert (tmp_path / "out" / "x_0007.jpg").read_bytes()[-2:] == b"\xff\xd9"


def test_a_stored_file_waits_on_the_local_disk_where_the_output_lies_elsewhere(made: Path, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="mgd-test-", dir="/dev/shm") as name:
        near = Path(name)
        assert near.stat().st_dev != tmp_path.stat().st_dev, "another file system is needed here"
        with SpokenChild(tmp_path, temp=near) as child:
            assert isinstance(child.configure(made / "dither.blend", str(tmp_path / "out" / "x_####")), Loaded)
            child.say(Render(1, 7))
            child.until(Rendered)
            assert [path.name for path in near.rglob("*.png")] == ["x_0007.png"]
            child.say(Commit(1))
            assert child.until(Committed) == Committed(1)
            assert list(near.glob("mgd-*")) == []
            child.say(Render(2, 8))
            child.until(Rendered)
            child.say(Discard(2))
            assert child.leave() == 0
            assert list(near.glob("mgd-*")) == []
    assert_alike(tmp_path / "out" / "x_0007.png", made / "plain_dither" / "x_0007.png")


def test_frames_given_over_faster_than_packed_all_arrive(child: SpokenChild, made: Path, tmp_path: Path) -> None:
    child.configure(made / "dither.blend", str(tmp_path / "out" / "x_####"))
    for attempt in range(1, 7):
        child.say(Render(attempt, attempt))
    for _ in range(6):
        child.say(Commit(child.until(Rendered).attempt))
    while len([report for report in child.heard if isinstance(report, Committed)]) < 6:
        child.hear()
    assert child.leave() == 0
    assert len(list((tmp_path / "out").glob("*.png"))) == 6
