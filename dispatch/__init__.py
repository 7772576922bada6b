# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: renders one .blend on every device of this machine, losing nothing.

Importable without Blender, psutil or pynvml. Inside the package every import is relative, so that it works as
``dispatch`` in a checkout, as a part of the installed extension, and under a private name inside a child.
``README.md`` ("How it works") maps the rooms; ``machine`` holds every decision.
"""
