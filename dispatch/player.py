# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file is the picture of a frame, and how Blender's own player is started on a row of them. Pure.

Owns these two answers. It looks at no disk: whether a picture is there is somebody else's question.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import PurePath

_HASHES = re.compile(r"#+")


def picture(template: str, like: str, frame: int) -> str:
    """Return the path of a frame's picture.

    Args:
        template: The job's output, '#' and all.
        like: Any picture of the job: what stands behind the frame number there (a view's name, the ending) stands
            behind it in all of them.
    """
    head, hashes, tail = _split(template)
    known = _number_behind(like, PurePath(head).name)
    rest = like[known:] if known else tail + PurePath(like).suffix
    return f"{head}{_padded(frame, hashes)}{rest}"


def command(blender: str, first: str, fps: float, frames: Sequence[int]) -> list[str]:
    """Return the arguments that play pictures from ``first`` on, whose frames go up evenly."""
    whole = max(1, round(fps))  # Blender has the speed as a whole number and what that is divided by
    step = min((after - before for before, after in itertools.pairwise(frames)), default=1)
    speed = ["-f", str(whole), f"{whole / fps:g}"]
    return [blender, "-a", *speed, "-s", str(frames[0]), "-e", str(frames[-1]), "-j", str(step), first]


def _split(template: str) -> tuple[str, int, str]:
    """Return what stands before the last run of '#' in the file name, its length, and what stands behind it."""
    folder_end = max(template.rfind("/"), template.rfind("\\")) + 1
    runs = list(_HASHES.finditer(template, folder_end))
    if not runs:
        return template, 4, ""  # Blender puts four digits at the end
    return template[: runs[-1].start()], len(runs[-1][0]), template[runs[-1].end() :]


def _number_behind(path: str, head: str) -> int:
    """Return where the frame number of a picture ends in its path; 0: it has none there."""
    folder_end = max(path.rfind("/"), path.rfind("\\")) + 1
    found = (
        re.compile(re.escape(head) + r"-?\d+").match(path, folder_end) if path[folder_end:].startswith(head) else None
    )
    return found.end() if found else 0


def _padded(frame: int, digits: int) -> str:
    return f"{'-' if frame < 0 else ''}{abs(frame):0{digits}d}"
