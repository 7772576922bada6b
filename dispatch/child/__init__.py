# SPDX-License-Identifier: GPL-3.0-or-later
"""The program inside the other Blender: loads the scene once and renders frame after frame.

The only place of the engine that touches bpy, and only inside functions: a test can import every module without it.
"""
