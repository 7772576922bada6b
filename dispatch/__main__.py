# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the command line: ``python -m dispatch …``, or this file as a plain script.

As a script (``python -I …/dispatch/__main__.py [--site DIR]… …``, with a Blender's own Python) the package is loaded
under a private name and its folder stays off ``sys.path``: in an installed extension, other modules lie beside it.
``--site DIR`` adds a folder with psutil, pynvml and rich.
"""

from __future__ import annotations

import sys


def _load() -> None:
    import importlib.util
    from pathlib import Path

    here = Path(__file__).absolute().parent
    # Without -I Python puts the script's own folder first: our rooms must not pass for modules of others.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").absolute() != here]
    spec = importlib.util.spec_from_file_location(
        "mgd_dispatch", here / "__init__.py", submodule_search_locations=[str(here)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["mgd_dispatch"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def _main() -> int:
    words = sys.argv[1:]
    while words[:1] == ["--site"] and len(words) > 1:
        sys.path.append(words[1])
        words = words[2:]
    if __package__:
        from .cli import main
    else:
        _load()
        import importlib

        main = importlib.import_module("mgd_dispatch.cli").main
    return main(words)


if __name__ == "__main__":
    sys.exit(_main())
