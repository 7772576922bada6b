# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets live in the .blend: made in one Blender, found by the next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gui.session import Session

Start = Callable[..., Session]


def test_presets_survive_save_and_restart(start: Start, tmp_path: Path) -> None:
    blend = tmp_path / "shot.blend"
    blender = start()
    settings = "bpy.context.scene.multi_gpu"
    blender.do(f"{settings}.strategy = 'COMBINED'; {settings}.retries = 7")
    blender.do("bpy.ops.multi_gpu.preset_add(name='Night')")
    blender.do(f"{settings}.strategy = 'PER_DEVICE'; {settings}.per_device = 2")
    blender.do("bpy.ops.multi_gpu.preset_add(name='Day')")
    blender.do("bpy.ops.multi_gpu.preset_default(name='Night')")
    blender.do(f"{settings}.strategy = 'AUTO'; {settings}.retries = 1")
    blender.do(f"bpy.ops.wm.save_as_mainfile(filepath={str(blend)!r})")
    assert blender.quit() == 0
    again = start(blend)
    assert again.do(f"[preset.name for preset in {settings}.presets]") == ["Night", "Day"]
    # the file's own default is applied as it opens
    assert again.do(f"[{settings}.strategy, {settings}.retries]") == ["COMBINED", 7]
    assert not again.do("bpy.data.is_dirty")
    again.do("bpy.ops.multi_gpu.preset_apply(name='Day')")
    assert again.do(f"[{settings}.strategy, {settings}.per_device]") == ["PER_DEVICE", 2]
    again.show_panel()
    again.shot("presets")
