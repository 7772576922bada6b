# SPDX-License-Identifier: GPL-3.0-or-later
"""The fix buttons, in a real Blender: what they mend stays mended."""

from __future__ import annotations

from pathlib import Path

import pytest
from installed import Installed
from integration.starting import PRELUDE

SIMULATION = """
simulations = room("dispatch.child.simulations")
def simulated(thing):
    tree = bpy.data.node_groups.new("Walk", "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
    new = tree.nodes.new
    first, last = new("GeometryNodeSimulationInput"), new("GeometryNodeSimulationOutput")
    first.pair_with_output(last)
    step, source, sink = new("GeometryNodeTransform"), new("NodeGroupInput"), new("NodeGroupOutput")
    step.inputs["Translation"].default_value = (1, 0, 0)
    tree.links.new(source.outputs[0], first.inputs[0])
    tree.links.new(first.outputs["Geometry"], step.inputs[0])
    tree.links.new(step.outputs[0], last.inputs["Geometry"])
    tree.links.new(last.outputs["Geometry"], sink.inputs[0])
    thing.modifiers.new("Walk", "NODES").node_group = tree
def where(thing, frame):
    bpy.context.scene.frame_set(frame)
    mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    return round(min(vertex.co.x for vertex in mesh.vertices))
"""


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def test_bake_bakes_cloth_and_then_every_simulation_of_nodes_and_the_bake_is_known(installed: Installed) -> None:
    told = installed.run(
        PRELUDE
        + SIMULATION
        + """
scene = scene_of(frames=4); path = saved()
cube = bpy.data.objects["Cube"]; simulated(cube)
other = bpy.data.objects.new("Other", cube.data.copy()); scene.collection.objects.link(other); simulated(other)
bpy.ops.mesh.primitive_grid_add(x_subdivisions=3, y_subdivisions=3)  # the active object is none of the others
bpy.context.object.modifiers.new("Cloth", "CLOTH").point_cache.frame_end = 4
scene.frame_set(1)
left = []
for _ in range(3):
    left.append(sorted({kind for _, kind in simulations.unbaked(scene)}))
    assert ops.bake() == {"FINISHED"}
    scene.frame_set(1)
bpy.ops.wm.save_mainfile(); bpy.ops.wm.open_mainfile(filepath=str(path))
kept = simulations.unbaked(bpy.context.scene)
tell({"left": left, "kept": kept, "where": [where(bpy.data.objects[name], 4) for name in ("Cube", "Other")]})
disable()
""",
        installed.folder,
    )
    assert told["left"] == [["CLOTH", "SIM_NODES"], ["SIM_NODES"], []]
    assert told["kept"] == []
    assert told["where"] == [3, 3]  # -1 + 4 steps: a jump alone would be one step


def test_a_simulation_in_an_instanced_collection_is_baked(installed: Installed) -> None:
    told = installed.run(
        PRELUDE
        + SIMULATION
        + """
scene = scene_of(frames=4); saved()
apart = bpy.data.collections.new("Apart"); instance = bpy.data.objects.new("Instance", None)
instance.instance_type, instance.instance_collection = "COLLECTION", apart
scene.collection.objects.link(instance)
other = bpy.data.objects.new("Other", bpy.data.objects["Cube"].data.copy()); apart.objects.link(other); simulated(other)
scene.frame_set(1)
before = simulations.unbaked(scene)
result = sorted(ops.bake())
scene.frame_set(1)
tell({"before": before, "result": result, "after": simulations.unbaked(scene)})
disable()
""",
        installed.folder,
    )
    assert told["before"] == [["Other", "SIM_NODES"]]
    assert (told["result"], told["after"]) == (["FINISHED"], [])
