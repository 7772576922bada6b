# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's front door: Blender calls `register` and `unregister`.

Imports nothing of Blender at module level: tools that look into a folder of Python files import this one too.
It must not do anything itself: `operators.registration` does.
"""

import os

CHILD = "MGD_CHILD"
"""Set in the environment of our children: they render with the artist's add-ons, but without this one."""


def register() -> None:
    """Add the extension to Blender, wholly or, when it raises, not at all."""
    if CHILD in os.environ:
        return
    from .operators import registration

    registration.register()


def unregister() -> None:
    """Take everything back that `register` added."""
    if CHILD in os.environ:
        return
    from .operators import registration

    registration.unregister()
