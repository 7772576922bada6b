# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for ``dispatch/child/small_scene.py``: the scene is one that the fake child can render."""

from __future__ import annotations

import json
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

from fake_scene import write_blend

if __name__ == "__main__":
    write_blend(Path(sys.argv[-1]), frames=[1, 1, 1], size=[64, 64])
    sys.stdout.write("Blender says this and that\n" + json.dumps({"python": "3.11.99"}) + "\n")
