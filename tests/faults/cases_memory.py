# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory that runs out in real Blenders: what they say then, and what they keep to themselves."""

from __future__ import annotations

from pathlib import Path

import engine
from case import Seen, case
from cases_scene import handler
from trouble import Trouble

LIMIT = "memory=2560"
"""Room for a Blender with a small scene on any machine, and for none of the pieces that it asks for below."""

HEAVY = """
tree = bpy.data.node_groups.new("Heavy", "GeometryNodeTree")
tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
out, grid = tree.nodes.new("NodeGroupOutput"), tree.nodes.new("GeometryNodeMeshGrid")
tree.links.new(grid.outputs[0], out.inputs[0])
for socket in (grid.inputs["Vertices X"], grid.inputs["Vertices Y"]):
    for frame, count in ((3, 2), (4, 30000), (5, 2)):
        socket.default_value = count
        socket.keyframe_insert("default_value", frame=frame)
thing = bpy.data.objects.new("Heavy", bpy.data.meshes.new("Heavy"))
thing.location.z = 100  # behind the camera
scene.collection.objects.link(thing)
thing.modifiers.new("Heavy", "NODES").node_group = tree
"""
"""In frame 4 a mesh of 900 million points; the object comes last, so that nobody evaluates it meanwhile."""


@case(
    "a frame needs more RAM than there is",
    "machine",
    how="for real: real Blenders under RLIMIT_DATA; a mesh of 900 million points in frame 4: each says that it gets no "
    "memory and crashes",
    did="one worker fewer, then alone on the machine, then given up; the rest is rendered",
    reads=r"^Frame 4 is given up: it does not fit into this machine's RAM \(.*\), not even alone: "
    r".*it could not get \d+\.\d GiB at once.*; make the frame smaller",
    needs="bpy",
)
def frame_too_big(folder: Path) -> Seen:
    job = Trouble(folder, real=True, script=HEAVY)
    status = job.run(LIMIT)
    assert "(out of RAM: " in engine.told(job.folder)
    assert "fewer workers go on" in engine.told(job.folder)
    assert [r["place"] for r in engine.records(job.folder) if r["what"] == "rung"] == ["alone", "nowhere"]
    return job.seen(status, given_up=(4,), expected_status=1)


ASKS = """
first = not os.path.exists({mark!r})
if frame == 4:
    open({mark!r}, "w").close()
if frame == 6 or frame == 4 and first:
    {body}
"""


def goes_on(name: str, body: str, did_not: str) -> None:
    """Register a case: Blender gets no memory in a frame, says so and renders it without what the memory was for.

    Args:
        body: A line of Python that asks for too much.
        did_not: What is said of it, a regular expression.
    """

    @case(
        name,
        "machine",
        how="for real: real Blenders under RLIMIT_DATA; it happens once in frame 4, and at every try in frame 6",
        did="such a picture is not put in place: a fresh Blender renders it again, alone in the end; what lacks memory there "
        "too is taken and named",
        reads=rf"^Frame 6 was rendered alone, and still there was too little RAM for all of it \({did_not}.*\): look at it",
        needs="bpy",
    )
    def provoke(folder: Path) -> Seen:
        asks = ASKS.format(mark=str(folder / "struck"), body=body)
        job = Trouble(folder, real=True, script=handler(asks))
        status = job.run(LIMIT)
        assert "Frame 4 was rendered alone" not in engine.told(job.folder)
        assert [r["task"] for r in engine.records(job.folder) if r["what"] == "failed"].count(3) == 1
        return job.seen(status)


goes_on(
    "an image gets no RAM, and Blender renders on without it",
    "bpy.data.images.new('Big', 30000, 30000, float_buffer=True).has_data",
    r"Blender could not get 13\.4 GiB at once",
)
goes_on(
    "a script of the scene gets no RAM, and Blender renders on without it",
    "bytearray(1 << 36)",
    "a script failed: MemoryError",
)
