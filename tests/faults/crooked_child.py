# SPDX-License-Identifier: GPL-3.0-or-later
"""The fake child on a machine that plays tricks (`tricks`)."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[n]) for n in (0, 1)]

import fake_child
import tricks

if __name__ == "__main__":
    tricks.play(child=True)
    fake_child.main()
