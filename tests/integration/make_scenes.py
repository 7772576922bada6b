# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the scenes of the integration tests, and what a plain animation render makes of some of them.

Run inside a Blender: ``python make_scenes.py FOLDER`` or ``blender -b --factory-startup --python make_scenes.py -- FOLDER``.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

FOLDER = Path(sys.argv[-1])
NEW = bpy.app.version >= (5, 0)
MAKERS: list[Callable[[Any], None]] = []
LAST = 4


def scene_file(maker: Callable[[Any], None]) -> Callable[[Any], None]:
    MAKERS.append(maker)
    return maker


def fresh() -> Any:
    bpy.ops.wm.read_factory_settings(use_empty=False)
    scene = bpy.context.scene
    scene.name = "Shot"
    render = scene.render
    render.engine = "CYCLES"
    scene.cycles.samples = 1
    scene.cycles.use_denoising = False
    render.resolution_x, render.resolution_y, render.resolution_percentage = 64, 36, 100
    render.filepath = "//plain/x_####"
    render.compositor_device = "CPU"  # 5.2 sets out with GPU
    scene.frame_start, scene.frame_end = 1, LAST
    cube = bpy.data.objects["Cube"]
    for frame, angle in ((1, 0.0), (20, 3.0)):
        cube.rotation_euler = (angle, angle, 0)
        cube.keyframe_insert("rotation_euler", frame=frame)
    return scene


def save(name: str) -> Path:
    path = FOLDER / f"{name}.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    return path


def render_plainly(blend: Path, output: str) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(blend), load_ui=False, use_scripts=True)
    bpy.context.scene.render.filepath = output
    bpy.ops.render.render(animation=True)


def compositor(scene: Any) -> tuple[Any, Any]:
    """An empty compositor tree: (tree, the node whose first input is the picture)."""
    if not NEW:
        scene.use_nodes = True
        scene.node_tree.nodes.clear()
        return scene.node_tree, scene.node_tree.nodes.new("CompositorNodeComposite")
    tree = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    scene.compositing_node_group = tree
    return tree, tree.nodes.new("NodeGroupOutput")


def file_output(tree: Any, source: Any, folder: str, name: str, *, layers: bool = False) -> Any:
    node = tree.nodes.new("CompositorNodeOutputFile")
    if NEW:
        node.directory, node.file_name = folder, name
        node.format.media_type = "MULTI_LAYER_IMAGE" if layers else "IMAGE"
        node.file_output_items.clear()
        node.file_output_items.new("RGBA", "" if not layers else "Image")
    else:
        node.format.file_format = "OPEN_EXR_MULTILAYER" if layers else "PNG"
        node.base_path = f"{folder}/{name}" if layers else folder
        if not layers:
            node.file_slots[0].path = name
    if not layers:
        node.format.file_format = "PNG"
    tree.links.new(source, node.inputs[0])
    return node


def script(words: str) -> None:
    text = bpy.data.texts.new("script.py")
    text.write(words)
    text.use_module = True


@scene_file
def moving(scene: Any) -> None:
    """Animation, cameras bound to markers, drivers (one reads the end frame), motion blur, compositing."""
    cube = bpy.data.objects["Cube"]
    scene.render.use_motion_blur = True
    second = bpy.data.objects.new("Second", bpy.data.cameras.new("Second"))
    scene.collection.objects.link(second)
    second.location, second.rotation_euler = (0, -9, 0), (1.5708, 0, 0)
    for frame, camera in ((1, scene.camera), (3, second)):
        scene.timeline_markers.new(camera.name, frame=frame).camera = camera
    by_frame = cube.driver_add("location", 0).driver
    by_frame.expression = "sin(frame) * 0.5"
    by_end = cube.driver_add("location", 2).driver
    variable = by_end.variables.new()
    variable.name = "end"
    variable.targets[0].id_type = "SCENE"
    variable.targets[0].id = scene
    variable.targets[0].data_path = "frame_end"
    by_end.expression = "end / 8"
    tree, out = compositor(scene)
    layers = tree.nodes.new("CompositorNodeRLayers")
    flip = tree.nodes.new("CompositorNodeFlip")
    tree.links.new(layers.outputs[0], flip.inputs[0])
    tree.links.new(flip.outputs[0], out.inputs[0])


@scene_file
def gpu_compositor(scene: Any) -> None:
    moving(scene)
    scene.render.compositor_device = "GPU"


@scene_file
def simple(scene: Any) -> None:
    scene.render.image_settings.compression = 0


@scene_file
def slow(scene: Any) -> None:
    scene.cycles.samples = 200_000
    scene.cycles.use_adaptive_sampling = False


@scene_file
def tiled(scene: Any) -> None:
    """Cycles keeps the tiles of each frame in its temporary folder until the frame is done."""
    scene.render.resolution_x, scene.render.resolution_y = 512, 288
    scene.cycles.use_auto_tile, scene.cycles.tile_size = True, 128


@scene_file
def two(scene: Any) -> None:
    other = bpy.data.scenes.new("Other")
    other.render.engine = "CYCLES"
    other.cycles.samples = 1
    other.render.resolution_x, other.render.resolution_y = 40, 20
    other.collection.objects.link(bpy.data.objects["Camera"])
    other.camera = bpy.data.objects["Camera"]


@scene_file
def views(scene: Any) -> None:
    scene.render.use_multiview = True
    scene.render.views_format = "MULTIVIEW"
    scene.render.views.new("third").file_suffix = "_third"
    scene.render.image_settings.views_format = "INDIVIDUAL"


@scene_file
def side_by_side(scene: Any) -> None:
    scene.render.use_multiview = True
    scene.render.image_settings.views_format = "STEREO_3D"
    scene.render.image_settings.stereo_3d_format.display_mode = "SIDEBYSIDE"
    scene.render.use_border = scene.render.use_crop_to_border = True
    scene.render.border_min_x, scene.render.border_max_x = 0.13, 0.71


@scene_file
def side_files(scene: Any) -> None:
    """File Output nodes: pictures, layers, one inside a group, a folder above, an EXR preview beside the main file."""
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.use_preview = True
    tree, out = compositor(scene)
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs[0], out.inputs[0])
    file_output(tree, layers.outputs[0], "//plain/pictures", "p_###_")
    file_output(tree, layers.outputs[0], "//plain/deep/layers", "l_", layers=True)
    group = bpy.data.node_groups.new("Inside", "CompositorNodeTree")
    group.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
    source = group.nodes.new("NodeGroupInput")
    file_output(
        group,
        source.outputs[0],
        "//plain/{blend_name}" if bpy.app.version >= (4, 5, 0) else "//plain/inside",
        "../up/g_",
    )
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = group
    tree.links.new(layers.outputs[0], node.inputs[0])
    if not NEW:
        return
    # A group without output is left out by the compositor of 5.x.
    group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    group.links.new(source.outputs[0], group.nodes.new("NodeGroupOutput").inputs[0])
    tree.links.new(node.outputs[0], out.inputs[0])


@scene_file
def reads_range(scene: Any) -> None:
    """What 4.x must render with a set frame and a literal name, with everything that makes that difficult."""
    side_files(scene)
    views(scene)
    scene.render.image_settings.use_preview = False
    moving_parts = bpy.data.objects["Cube"].driver_add("location", 2).driver
    variable = moving_parts.variables.new()
    variable.targets[0].id_type = "SCENE"
    variable.targets[0].id = scene
    variable.targets[0].data_path = "frame_start"
    moving_parts.expression = "var / 8"


@scene_file
def clash(scene: Any) -> None:
    tree, out = compositor(scene)
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs[0], out.inputs[0])
    for name in ("First", "Second"):
        file_output(tree, layers.outputs[0], "//plain/same", "s_").name = name


@scene_file
def no_camera(scene: Any) -> None:
    scene.camera = None


@scene_file
def strips(scene: Any) -> None:
    """Pictures of the video sequencer: no camera is needed, nor is there one."""
    bpy.data.objects.remove(bpy.data.objects["Camera"])
    editor = scene.sequence_editor_create()
    made = editor.strips if hasattr(editor, "strips") else editor.sequences  # before 4.4
    extent = {"length": LAST} if bpy.app.version >= (5, 0, 0) else {"frame_end": 1 + LAST}
    made.new_effect(name="Red", type="COLOR", channel=1, frame_start=1, **extent).color = (1, 0.1, 0)


@scene_file
def noisy(scene: Any) -> None:
    script(
        "import bpy, os\n"
        "def pre(scene, *_):\n"
        '    print(\'{"mgd":"Left","dropped":[]}\', flush=True)\n'
        "    os.write(1, b'garbage ' * 5000)\n"
        "    bpy.data.objects['Cube'].scale = (1, 1, scene.frame_current)\n"
        "def init(scene, *_):\n"
        "    open(bpy.path.abspath('//init'), 'a').close()\n"
        "bpy.app.handlers.frame_change_pre.append(pre)\n"
        "bpy.app.handlers.render_init.append(init)\n"
        "def broken(scene, *_):\n"
        "    raise ValueError('no')\n"
        "bpy.app.handlers.render_pre.append(broken)\n"
    )


@scene_file
def keeps_pixels(scene: Any) -> None:
    """A script fills an image for each frame: Cycles keeps the first one where it keeps its data."""
    material = bpy.data.objects["Cube"].data.materials[0]
    material.use_nodes = True
    tree = material.node_tree
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.new("Filled", 8, 8)
    shader = next(node for node in tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    tree.links.new(texture.outputs[0], shader.inputs[0])
    script(
        "import bpy\n"
        "def fill(scene, *_):\n"
        "    colour = [scene.frame_current * step % 41 / 41 for step in (7, 12, 17)]\n"  # no two of 40 are alike
        "    bpy.data.images['Filled'].pixels.foreach_set([*colour, 1.0] * 64)\n"
        "bpy.app.handlers.frame_change_pre.append(fill)\n"
    )


@scene_file
def leaves(scene: Any) -> None:
    script("import bpy, sys\nbpy.app.handlers.frame_change_pre.append(lambda *_: sys.exit(0))\n")


@scene_file
def loads(scene: Any) -> None:
    script(
        "import bpy\n"
        "def load(*_):\n"
        "    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)\n"
        "bpy.app.handlers.frame_change_pre.append(load)\n"
    )


@scene_file
def renames(scene: Any) -> None:
    script(
        "import bpy\n"
        "def rename(scene, *_):\n"
        "    scene.render.filepath = bpy.path.abspath('//elsewhere/y_####')\n"
        "bpy.app.handlers.frame_change_pre.append(rename)\n"
    )


@scene_file
def troubled(scene: Any) -> None:
    """Everything that preflight has a sentence for."""
    scene.render.filepath = "no_folder_####"
    material = bpy.data.materials.new("Textured")
    material.use_nodes = True
    bpy.data.objects["Cube"].data.materials.append(material)
    for name, file in (("There", "//there.png"), ("Gone", "//gone.png"), ("Tiles", "//tile.<UDIM>.png")):
        image = bpy.data.images.new(name, 4, 4)
        image.source = "TILED" if name == "Tiles" else "FILE"
        image.filepath = file
        material.node_tree.nodes.new("ShaderNodeTexImage").image = image
    painted = bpy.data.images.new("Painted", 4, 4)
    painted.pixels[0] = 0.5
    material.node_tree.nodes.new("ShaderNodeTexImage").image = painted
    (FOLDER / "there.png").write_bytes(b"picture")
    (FOLDER / "tile.1001.png").write_bytes(b"picture")
    bpy.data.objects["Cube"].modifiers.new("Cloth", "CLOTH")
    shown = bpy.data.collections.new("Instanced")
    soft = bpy.data.objects.new("Soft", bpy.data.meshes.new("Soft"))
    soft.modifiers.new("Softbody", "SOFT_BODY")
    shown.objects.link(soft)
    empty = bpy.data.objects.new("Empty", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", shown
    scene.collection.objects.link(empty)
    bpy.data.objects["Light"].driver_add("location", 0).driver.expression = "nowhere + 1"
    script("import bpy\n")
    tree, out = compositor(scene)
    layers = tree.nodes.new("CompositorNodeRLayers")
    tree.links.new(layers.outputs[0], out.inputs[0])
    file_output(tree, layers.outputs[0], "//aside", "a_")
    scene.render.compositor_device = "GPU"


def formats() -> list[str]:
    scene = fresh()
    settings = scene.render.image_settings
    names = [i.identifier for i in settings.bl_rna.properties["file_format"].enum_items if i.identifier != "FFMPEG"]
    for name in tuple(names):
        scene.render.filepath = "//plain/x_####"
        if NEW:
            settings.media_type = "MULTI_LAYER_IMAGE" if name == "OPEN_EXR_MULTILAYER" else "IMAGE"
        settings.file_format = name
        save(f"format_{name}")
        scene.render.filepath = "//tried/x"
        try:
            bpy.ops.render.render(write_still=True)
        except RuntimeError:
            names.remove(name)  # Debian's 5.2 offers AVIF and cannot write it
    return names


def library() -> None:
    """A library that is gone when the file that uses it is opened."""
    fresh()
    lent = save("lent")
    fresh()
    with bpy.data.libraries.load(str(lent), link=True) as (_, wanted):
        wanted.objects = ["Cube"]
    bpy.context.scene.collection.objects.link(wanted.objects[0])
    save("borrows")
    lent.unlink()


def main() -> None:
    for maker in MAKERS:
        maker(fresh())
        save(maker.__name__)
    library()
    scene = fresh()
    if NEW:
        scene.render.image_settings.media_type = "VIDEO"
    scene.render.image_settings.file_format = "FFMPEG"
    save("movie")
    names = formats()
    for name in ("moving", "views", "side_files", "reads_range", "simple", "strips", "tiled"):
        render_plainly(FOLDER / f"{name}.blend", f"//plain_{name}/x_####")
        if (FOLDER / "plain").exists():
            (FOLDER / "plain").rename(FOLDER / f"sides_{name}")
    (FOLDER / "formats").write_text(" ".join(names), encoding="utf-8")


try:
    main()
    os.write(1, b"MADE\n")
    os._exit(0)
finally:
    traceback.print_exc()
    os._exit(1)
