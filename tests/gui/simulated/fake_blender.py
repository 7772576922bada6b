# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that the engine takes for the Blender application, on a machine with as many GPUs as a test wants.

The real dispatcher, claims and pictures; only the render is a wait. A launcher (`launcher`) makes it an executable and
names the file that says how it behaves, read anew by every child:

    gpus 8                how many NVIDIA GeForce RTX 4090 (each by CUDA and by OptiX), and a CPU
    seconds 1.5           a frame; a little more or less, so that no two workers keep step
    samples 128           counted up meanwhile
    size [64, 36]         pixels
    rules, counts         ways to fail, as in `fake_child` (a worker out of VRAM, a crash, a frame that never succeeds)
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import random
import shlex
import sys
import time
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[2]
VERSION = (5, 2, 2)
BUILD = "simulated"
BUSES = ("01", "02", "25", "41", "61", "81", "a1", "c1")
TOLD = 0.25
"""Seconds between two words about a frame's progress."""


def launcher(folder: Path, **behaviour: Any) -> Path:
    """Write the executable and what it does into the folder; return the executable."""
    behave(folder, **behaviour)
    program = folder / "blender"
    words = shlex.join([str(Path(__file__).resolve()), str(folder / "behaviour.json")])
    program.write_text(f'#!/bin/sh\nexec python3 -P {words} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return program


def behave(folder: Path, **behaviour: Any) -> None:
    """Let children that start from now on behave like this."""
    folder.mkdir(parents=True, exist_ok=True)
    script = {"gpus": 2, "seconds": 1.0, "samples": 128, "size": [64, 36], "counts": str(folder / "counts")}
    (folder / "behaviour.json").write_text(json.dumps(script | behaviour), encoding="utf-8")


def devices(gpus: int, name: str = "NVIDIA GeForce RTX 4090") -> list[list[str]]:
    """Return (id, name, backend) as Cycles lists such cards."""
    ids = [f"CUDA_{name}_0000:{bus}:00" for bus in BUSES[:gpus]]
    listed = [[f"{card}_OptiX", name, "OPTIX"] for card in ids] + [[card, name, "CUDA"] for card in ids]
    return [*listed, ["CPU", "AMD Ryzen Threadripper PRO 7975WX 32-Cores", "CPU"]]


def be_a_child(entry: Path) -> None:
    """Speak as the program at ``entry`` would, in the words of the engine that it belongs to."""
    sys.path.insert(0, str(TESTS))
    import fake_child

    requests, reports = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    package = entry.resolve().parents[1]
    spec = importlib.util.spec_from_file_location(
        "mgd_dispatch", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["mgd_dispatch"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    from mgd_dispatch import model, protocol

    class Simulated(fake_child.Child):
        """A child that takes its script from the launcher's file, whatever scene it is given, and tells of samples."""

        def say(self, report: Any) -> None:
            if isinstance(report, protocol.Hello):
                report = dataclasses.replace(report, version=VERSION, build=BUILD)
            super().say(report)

        def inspect(self, request: Any) -> None:
            self.say(protocol.Inspected(self.devices(), tuple(self.script.get("preferred", ()))))

        def configure(self, request: Any) -> None:
            self.setup = request
            self.strike("load")
            self.say(protocol.Loaded(seconds=0.4, devices=request.devices))

        def wait(self, seconds: float) -> None:
            whole = seconds * random.uniform(0.8, 1.25)
            began, samples = time.monotonic(), self.script.get("samples", 128)
            while (passed := time.monotonic() - began) < whole:
                super().wait(min(TOLD, whole - passed))
                sample = int(samples * min(1.0, (time.monotonic() - began) / whole))
                self.say(protocol.Progressed(self.attempt, sample, samples))

    child = Simulated(requests, reports, protocol, model)
    child.script = fake_child.Script()
    try:
        child.run()
    except BrokenPipeError:
        os._exit(fake_child.STDIN_ENDED)


def main() -> None:
    """Answer as the application does to the command lines that the engine uses."""
    script = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    words = sys.argv[2:]
    os.environ["BLENDER_FAKE_CHILD"] = json.dumps({"devices": devices(script["gpus"]), **script})
    if "--python-expr" in words and "MGD_PROBE" in words[words.index("--python-expr") + 1]:
        print("MGD_PROBE " + json.dumps([VERSION, BUILD]), flush=True)  # noqa: T201
    elif "--python" in words:
        be_a_child(Path(words[words.index("--python") + 1]))
    else:
        sys.exit(f"a simulated Blender cannot do this: {words}")


if __name__ == "__main__":
    main()
