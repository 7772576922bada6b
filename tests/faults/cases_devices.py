# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards and drivers that fail: what Cycles 4.2 to 5.2 really prints for it, from simulated cards.

The children are fake and the texts real: taken from the programs themselves and from Cycles' sources, HIP-RT, oneAPI
and Metal too; `test_failure_text` has more of them. They go the way that a real child's go: as the exception of a render, and as the last words of a log.
"""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import command_line
import engine
import pytest
from case import Seen, case
from cases_children import CARDS, run
from cases_scene import text
from engine import SHORT
from fake_scene import write_blend
from prepared import ENDS, fake_job, real_job
from waiting import until

OUT_OF_VRAM = {
    "CUDA": "System is out of GPU and shared host memory",
    "CUDA, in a call": "Out of memory in cuMemAlloc(&device_pointer, size) (device_impl.cpp:520)",
    "OptiX": "OPTIX_ERROR_DEVICE_OUT_OF_MEMORY in optixAccelBuild(context) (device_impl.cpp:1052)",
    "HIP": "Out of memory in HIP queue copy_to_device (integrator_init_from_camera)",
    "HIP-RT": "Failed to allocate scratch buffer for BLAS",
    "oneAPI": 'oneAPI memory operation error: got runtime exception "UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY"',
    "Metal": "Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)",
}
LOST = {
    "CUDA, illegal address": "Illegal address in CUDA queue copy_from_device (integrator_shade_surface prefix_sum)",
    "CUDA, the driver's time ran out": "Launch exceeded timeout in cuStreamSynchronize(stream) (queue.cpp:190)",
    "CUDA, the card is gone": "No CUDA-capable device available in cuInit(0) (device.cpp:80)",
    "OptiX": "OPTIX_ERROR_CUDA_ERROR in optixLaunch(pipeline) (queue.cpp:120)",
    "no kernel for the card": "CUDA binary kernel for this graphics card compute capability (12.0) not found.",
    "the kernel cannot be loaded": "Failed to load CUDA kernel from '/x/kernel_sm_90.cubin.zst' (Unsupported PTX version)",
    "HIP": "unspecified launch failure in hipStreamSynchronize(stream) (queue.cpp:200)",
    "oneAPI": 'oneAPI kernel "integrator_shade" execution error: got runtime exception "UR_RESULT_ERROR_DEVICE_LOST"',
    "Metal": "Caused GPU Hang Error (00000003:kIOGPUCommandBufferCallbackErrorHang)",
}
FOR_THE_SCENE = {
    "OptiX, too many instances": "Failed to build OptiX acceleration structure because there are too many instances",
    "Metal, a texture": "Texture exceeds maximum allowed size of 16384 x 16384 (requested: 20000 x 20000)",
}


def spoken(name: str, fault: str, error: str) -> None:
    @case(
        f"{fault} ({name})",
        "devices",
        how="simulated cards; Cycles' own words once as an exception in frame 4, once before a crash in frame 8",
        did="the frame is tried again, elsewhere where there is another card",
        reads=rf"[Ff]rame 4 .*\({fault}: {re.escape(error)[:60]}",
    )
    def provoke(folder: Path) -> Seen:
        last_words: dict[str, Any] = {"at": "render", "frames": [8], "times": 1}
        rules = [
            {"at": "render", "do": "raise", "words": error, "frames": [4], "times": 1},
            last_words | {"do": "print", "words": error},
            last_words | {"do": "signal", "code": int(signal.SIGABRT)},
        ]
        seen = run(folder, rules, devices=CARDS, workers=1)
        died = [r for r in engine.records(seen.jobs[0]) if r["what"] == "worker ended" and r.get("fault") == fault]
        assert died, "the crash was not understood"
        return seen


for key, words in OUT_OF_VRAM.items():
    spoken(key, "out of VRAM", words)
for key, words in LOST.items():
    spoken(key, "device or driver fault", words)


def too_large(name: str, error: str) -> None:
    @case(
        f"more than the card's driver can take ({name})",
        "devices",
        how="simulated cards; Cycles' own words, at every try of frame 4",
        did="the frame is given up with these words: no other try and no other card helps",
        reads=rf"Frame 4 is given up after \d tries: scene or script error: {re.escape(error)[:60]}",
    )
    def provoke(folder: Path) -> Seen:
        rules = [{"at": "render", "do": "raise", "words": error, "frames": [4]}]
        return run(folder, rules, devices=CARDS, workers=1, seen={"given_up": (4,), "expected_status": 1})


for key, words in FOR_THE_SCENE.items():
    too_large(key, words)


BAD = {"devices": [CARDS[1].id]}
NOT_THERE = BAD | {
    "do": "broken",
    "fault": "rendered on another device",
    "words": f"This Blender has no device '{CARDS[1].id}'; it has '{CARDS[0].id}', 'CPU': look after that card and its driver, "
    "or choose one of these.",
}


def bad_card(name: str, how: str, did: str, rules: list[dict[str, Any]], sentence: str) -> None:
    @case(name, "devices", how=how, did=did, reads=sentence)
    def provoke(folder: Path) -> Seen:
        # The other card waits in its first frames, so that a fast machine is not done before the bad one is judged.
        gate, frames = folder / "gate", [*range(3, 13)]
        waits = {"at": "render", "do": "await", "path": str(gate), "frames": frames, "devices": [CARDS[0].id]}
        job = fake_job(folder, 12, rules=[*rules, waits], limits=SHORT, devices=CARDS, workers=1)
        with engine.running(job.folder) as dispatcher:
            until(lambda: re.search(sentence, engine.told(job.folder)), ENDS, f"'{sentence}'")
            gate.touch()
            status = dispatcher.wait(ENDS)
        return job.seen(status)


bad_card(
    "a card that fails at every frame",
    "two simulated cards; on one of them each frame ends in an illegal address",
    "it is left out at its second fault and tried again later; its frames are rendered on the other one",
    [BAD | {"at": "render", "do": "raise", "words": LOST["CUDA, illegal address"]}],
    r"Card 2 is left out: Card 2 failed 2 times: Illegal address in CUDA queue",
)
bad_card(
    "a card that was never there",
    "the job names two cards; the children find only one of them",
    "the other one renders everything",
    [NOT_THERE | {"at": "load"}],
    r"Card 2 is left out: .*has no device 'CUDA_CARD_2'",
)
bad_card(
    "a card disappears in the middle of the job",
    "the child on it dies in a frame, and every later one finds only the other card",
    "the other one renders everything",
    [
        NOT_THERE | {"at": "load", "workers": [*range(3, 99)]},
        BAD | {"at": "render", "do": "signal", "code": int(signal.SIGABRT), "frames": [*range(1, 13)]},
    ],
    r"Card 2 is left out: .*has no device 'CUDA_CARD_2'",
)


ENGINE = """
import bpy, os
class Failing(bpy.types.RenderEngine):
    bl_idname, bl_label = 'FAILING', 'Failing'
    def render(self, depsgraph):
        scene = depsgraph.scene
        text = TEXTS.get(scene.frame_current)
        mark = bpy.path.abspath(f'//struck{scene.frame_current}')
        if text and not os.path.exists(mark):
            open(mark, 'w').close()
            self.report({'ERROR'}, text)
            self.error_set(text)
            return
        width, height = scene.render.resolution_x, scene.render.resolution_y
        digits = [scene.frame_current >> shift & 15 for shift in (0, 4, 8)]
        colour = [(16 * digit + 8) / 255 for digit in digits] + [1.0]
        result = self.begin_result(0, 0, width, height)
        result.layers[0].passes['Combined'].rect = [colour] * (width * height)
        self.end_result(result)
bpy.utils.register_class(Failing)
bpy.context.scene.render.engine = 'FAILING'
"""


@case(
    "a render engine reports an error and Blender says so",
    "devices",
    how="real Blender children and an engine of the scene's own that says 'out of memory' and 'illegal address'",
    did="nothing is put in place; the frames are tried again",
    reads=r"[Ff]rame 3 .*\(out of VRAM: Out of memory in cuMemAlloc",
    needs="bpy",
)
def engine_says_so(folder: Path) -> Seen:
    texts = {3: OUT_OF_VRAM["CUDA, in a call"], 5: LOST["CUDA, illegal address"]}
    words = ENGINE.replace("TEXTS", repr(texts))
    return real_job(folder, 6, script=text(words), workers=1, limits=SHORT, engine="FAILING").run()


DRIVERLESS = """
class NVMLError(Exception):
    pass
def nvmlInit():
    raise NVMLError("Driver Not Loaded")
def __getattr__(name):
    raise NVMLError("Driver Not Loaded")
"""


@case(
    "the driver's library for figures does not work",
    "devices",
    how="simulated cards, and a pynvml that raises 'Driver Not Loaded' at every call",
    did="renders without figures: telemetry is never needed",
)
def no_figures(folder: Path) -> Seen:
    (folder / "pynvml.py").write_text(DRIVERLESS, encoding="utf-8")
    job = fake_job(folder, 12, limits=SHORT, devices=CARDS, workers=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        return job.run(most_renders=1)


@case(
    "no driver, so no card",
    "devices",
    how="GPUs are asked for and the Blender that lists devices finds only the CPU",
    did="nothing starts; never a silent render on the CPU",
    reads=r"Cycles finds no GPU here.*CPU.*driver",
)
def no_driver(folder: Path) -> Seen:
    blend = write_blend(folder / "a.blend")
    words = (
        "render",
        blend,
        "-o",
        folder / "out" / "####",
        "--devices",
        "gpu",
        "--jobs-dir",
        folder / "jobs",
        "--json",
    )
    status, out, errors = command_line.run(*words, seconds=ENDS)
    said = tuple(event["text"] for event in map(json.loads, out.splitlines()) if "text" in event)
    return Seen(folder / "out", (1,), given_up=(1,), status=status, expected_status=2, said=(*said, errors))
