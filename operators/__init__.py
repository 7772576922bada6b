# SPDX-License-Identifier: GPL-3.0-or-later
"""Between Blender and the engine: scene to job, start, stop, attach, the session's timer, settings and presets.

The first package above the bpy line. `registration` names its rooms and those of ``ui``; nothing is imported here.
"""
