# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of devices as a panel gets it: a process of its own asks a real Blender."""

from __future__ import annotations

import sys
from pathlib import Path

from engine import this_blender
from waiting import until

import dispatch
from dispatch.launch import Interpreter
from dispatch.model import Backend
from dispatch.watch import Watch


def test_a_real_blender_lists_its_devices_with_every_way_to_drive_them(tmp_path: Path, state_folder: Path) -> None:
    package = Path(dispatch.__file__).parent
    tries = [Interpreter(str(tmp_path / "none"), False), Interpreter(sys.executable, False)]
    eyes = Watch(tmp_path / "jobs", package=package, interpreters=tries, sites=[], blender=sys.executable)
    eyes.start()
    try:
        eyes.find_devices()
        until(lambda: eyes.seen.devices or eyes.seen.trouble, 120)
    finally:
        eyes.stop()
    assert eyes.seen.trouble == ""
    assert eyes.interpreter == tries[1]
    found = eyes.seen.devices
    assert found is not None
    assert found.blender == this_blender().words
    (cpu,) = (device for device in found.devices if device.backend is Backend.CPU)
    assert [way.id for way in cpu.backends] == [cpu.id]
    assert (cpu.integrated, cpu.display) == (False, None)
