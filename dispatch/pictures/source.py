# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a file whose announcements cannot be trusted: every read past the end means that the picture is cut.

Owns bounds and words of the checks; knows no format.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, BinaryIO


class BrokenPicture(Exception):
    """The file is not a whole picture as expected. The text is one sentence."""


class Source:
    """A picture file, open for reading."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.size = os.fstat(file.fileno()).st_size
        self._file = file

    def broken(self, why: str) -> BrokenPicture:
        """Return the error to raise."""
        return BrokenPicture(f"{self.path} is not a whole picture: {why}.")

    def head(self, count: int) -> bytes:
        """Return the first bytes, fewer where the file is shorter."""
        self._file.seek(0)
        return self._file.read(count)

    def at(self, offset: int, count: int) -> bytes:
        """Return exactly these bytes.

        Raises:
            BrokenPicture: the file ends before.
        """
        self.need(offset, count)
        self._file.seek(offset)
        data = self._file.read(count)
        if len(data) != count:
            raise self.broken("it became shorter while it was read")
        return data

    def need(self, offset: int, count: int = 0) -> None:
        """See that the bytes are inside the file.

        Raises:
            BrokenPicture: they are not.
        """
        if offset < 0 or count < 0 or offset + count > self.size:
            raise self.broken(f"it ends at byte {self.size}, but byte {offset + count} is needed")

    def unpack(self, layout: str, offset: int) -> tuple[Any, ...]:
        """Return the numbers at the offset; ``layout`` is one of `struct`."""
        return struct.unpack(layout, self.at(offset, struct.calcsize(layout)))
