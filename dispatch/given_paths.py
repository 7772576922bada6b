# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths as a user gives them: a text becomes a path, and whether something is there is asked without a fault.

Any text may be given: a name longer than a disk allows, somebody's home that is not here, a folder that may not be
entered. Nothing is there under such a name, and whoever asked has a sentence for that.
"""

from __future__ import annotations

import stat
from pathlib import Path

from .model import DispatchError


def whole(text: str) -> Path:
    """Return the absolute path; ``~`` is the user's home.

    Raises:
        DispatchError: ``~name`` is the home of nobody here.
    """
    try:
        # absolute() and not resolve(): the name under which the user knows it is the one that is meant
        return Path(text).expanduser().absolute()
    except RuntimeError:
        raise DispatchError(
            f"'{text}' begins with a home folder that is not known here: write the whole path."
        ) from None


def exists(path: Path) -> bool:
    """Whether something is there that can be seen."""
    try:
        return path.exists()
    except OSError:
        return False


def is_file(path: Path) -> bool:
    """Whether a file is there that can be seen."""
    try:
        return path.is_file()
    except OSError:
        return False


def mind_target(path: Path, what: str) -> None:
    """See that a file may be put there: what is no plain file (a folder, a link, a device) is never replaced by one.

    Args:
        what: The file's name at the beginning of a sentence.

    Raises:
        DispatchError: something else has that name.
    """
    try:
        mode = path.lstat().st_mode
    except OSError:
        return  # nothing that can be seen; whoever writes there says what is wrong
    if not stat.S_ISREG(mode):
        raise DispatchError(
            f"{what} cannot be written to '{path}': that is a folder, a link or a device, which no file replaces; name "
            "a file."
        )
