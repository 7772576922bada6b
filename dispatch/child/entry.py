# SPDX-License-Identifier: GPL-3.0-or-later
"""Start of a child: what ``blender --python`` or a Python with bpy is given.

A script, not a module of the package: it loads the package under a private name, because the package's folder may lie
in an extension whose root must never be on ``sys.path``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

NAME = "mgd_dispatch"


def _load(package: Path) -> None:
    place = package / "__init__.py"
    spec = importlib.util.spec_from_file_location(NAME, place, submodule_search_locations=[str(package)])
    if spec is None or spec.loader is None:
        raise ImportError(f"{place} cannot be loaded: install the program again.")
    sys.modules[NAME] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


if __name__ == "__main__":
    _load(Path(__file__).resolve().parent.parent)
    importlib.import_module(f"{NAME}.child.program").main()
