# SPDX-License-Identifier: GPL-3.0-or-later
"""A dispatcher or a child (fake, or real with ``MGD_STEPPED=real``) that may be shot at an effect of its own, on a disk
that may forget.

python tests/faults/stepped.py JOBDIR      the dispatcher; its children are this file again
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    for place in (Path(__file__).resolve().parents[n] for n in (2, 1, 0)):
        sys.path.insert(0, str(place))

import forgetful
from steps import Armed, Bullet
from waiting import until

HERE = Path(__file__).resolve()
REAL = HERE.parents[2] / "dispatch" / "child" / "entry.py"


def arm(role: str) -> None:
    """Set up what the environment asks for. The disk first: a shot before a sync must come before it is remembered."""
    if role == "child" and (words := os.environ.get("MGD_MEETING")):
        meet(*json.loads(words))
    if (disk := forgetful.Disk.given(os.environ)) is not None:
        disk.install()
    bullet = Bullet.given(os.environ)
    if bullet is not None and bullet.role == role:
        Armed(bullet)


def meet(folder: str, pattern: str) -> None:
    """Before this process makes the file, wait until another one is just there too (once)."""
    mine = Path(folder, str(os.getpid()))

    def hear(event: str, words: tuple[Any, ...]) -> None:
        makes = event == "open" and isinstance(words[2], int) and words[2] & os.O_CREAT
        if makes and re.search(pattern, str(words[0])) and not mine.exists():
            mine.touch()
            until(lambda: len(list(Path(folder).iterdir())) > 1, 120, "the other one")

    sys.addaudithook(hear)


def half_a_picture(mark: Path) -> None:
    """The third frame's picture comes out cut in the middle, once."""
    import fake_files

    whole = fake_files.png

    def cut(width: int, height: int, note: str) -> bytes:
        picture = whole(width, height, note)
        if note.startswith("frame 3 ") and not mark.exists():
            mark.touch()
            return picture[: len(picture) // 2]
        return picture

    fake_files.png = cut


def be_dispatcher(folder: str) -> int:
    import engine

    if boot := os.environ.get("MGD_TEST_BOOT"):
        engine.host.boot_id = lambda: boot
    arm("dispatcher")
    return engine.main(folder, str(HERE))


def be_child() -> None:
    if os.environ.get("MGD_STEPPED") == "real":
        import runpy

        arm("child")
        sys.argv[0] = str(REAL)
        runpy.run_path(str(REAL), run_name="__main__")
    else:
        import fake_child

        if mark := os.environ.get("MGD_HALF_A_PICTURE"):
            half_a_picture(Path(mark))
        arm("child")
        fake_child.main()


if __name__ == "__main__":
    if os.environ.get("MGD_CHILD"):
        be_child()
    else:
        sys.exit(be_dispatcher(sys.argv[1]))
