# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs on PATH that only note how they were called: nothing sleeps, nothing is switched off."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def tool(folder: Path, name: str, then: str = "") -> Path:
    """Put a tool into the folder that notes its arguments, one JSON list a call, and runs ``then``; return its notes."""
    folder.mkdir(exist_ok=True)
    log, path = folder / f"{name}.log", folder / name
    path.write_text(
        f"#!{Path(sys.executable).resolve()}\nimport json, sys, time\n"
        f"with open({str(log)!r}, 'a') as log: log.write(json.dumps(sys.argv[1:]) + '\\n')\n{then}\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return log


def calls(log: Path) -> list[list[str]]:
    """Return how the tool was called so far."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
