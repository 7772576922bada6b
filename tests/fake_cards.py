# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards for fake children: each is a file that one child at a time holds, as a GPU works for one frame at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path


@contextlib.contextmanager
def held(folder: Path, devices: Sequence[str]) -> Iterator[None]:
    """Have all these cards to oneself for the block; always in the same order, so that nobody waits in a circle."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        for device in sorted(devices):
            file = os.open(folder / f"{device.replace(':', '-').replace(' ', '-')}.card", os.O_RDWR | os.O_CREAT)
            stack.callback(os.close, file)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
