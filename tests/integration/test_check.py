# SPDX-License-Identifier: GPL-3.0-or-later
"""A check in a real child: a scene that looks wrong with kept data, one that does not, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from integration.spoken_child import SpokenChild

from dispatch import pictures
from dispatch.model import Fault, Picture
from dispatch.protocol import Broken, Check, Checked, Committed, Failed, Rendered

LAST = 4


def render_all(child: SpokenChild, blend: Path, output: str, **changes: object) -> tuple[Picture, ...]:
    """Render the frames up to the last one, in this one child; return the last one's pictures."""
    child.configure(blend, output, autoexec=True, **changes)
    for frame in range(1, LAST + 1):
        assert child.render(frame, frame) == Committed(frame)
    return next(r.pictures for r in child.heard if isinstance(r, Rendered) and r.attempt == LAST)


def known(place: Path) -> dict[str, tuple[int, int]]:
    """What an artist sees: each file with its time and inode."""
    found = {str(p.relative_to(place)): p.stat() for p in place.rglob("*") if p.is_file() and ".mgd" not in p.parts}
    return {name: (stat.st_mtime_ns, stat.st_ino) for name, stat in found.items() if "child-" not in name}


def check(child: SpokenChild, blend: Path, output: str, there: tuple[Picture, ...], **changes: object) -> Checked:
    child.configure(blend, output, autoexec=True, **changes)
    child.say(Check(9, LAST, there))
    answer = child.until(Checked, Failed, Broken)
    assert isinstance(answer, Checked), answer
    assert answer.attempt == 9
    return answer


@pytest.mark.parametrize(("name", "same"), [("moving", True), ("keeps_pixels", False)])
def test_a_fresh_child_tells_a_frame_that_kept_data_made_wrong(
    child: SpokenChild, another: Callable[[], SpokenChild], scenes: Path, tmp_path: Path, name: str, same: bool
) -> None:
    output = str(tmp_path / "out" / "x_####")
    there = render_all(child, scenes / f"{name}.blend", output)
    before = known(tmp_path)
    found = check(another(), scenes / f"{name}.blend", output, there)
    assert (found.compared, found.same) == (True, same)
    assert found.difference == 0.0 if same else found.difference > 0.01
    assert found.phases.total > 0
    assert known(tmp_path) == before
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [".mgd", *(f"x_{n:04}.png" for n in range(1, 5))]
    assert not list((tmp_path / "out" / ".mgd" / "temp").rglob("*.png"))


def test_without_persistent_data_the_same_frames_are_right(
    child: SpokenChild, another: Callable[[], SpokenChild], scenes: Path, tmp_path: Path
) -> None:
    output = str(tmp_path / "x_####")
    there = render_all(child, scenes / "keeps_pixels.blend", output, persistent_data="off")
    assert check(another(), scenes / "keeps_pixels.blend", output, there).same


def test_files_beside_the_picture_are_compared_too_and_written_nowhere_else(
    child: SpokenChild, another: Callable[[], SpokenChild], scenes: Path, tmp_path: Path
) -> None:
    output = str(tmp_path / "out" / "x_####")
    there = render_all(child, scenes / "side_files.blend", output)
    before = known(tmp_path)
    assert check(another(), scenes / "side_files.blend", output, there).same
    assert known(tmp_path) == before


def test_a_picture_that_somebody_changed_is_not_compared(
    child: SpokenChild, another: Callable[[], SpokenChild], scenes: Path, tmp_path: Path
) -> None:
    output = str(tmp_path / "x_####")
    there = render_all(child, scenes / "simple.blend", output)
    Path(there[0].path).write_bytes(b"painted over")
    found = check(another(), scenes / "simple.blend", output, there)
    assert (found.compared, found.words) == (False, f"{there[0].path} was changed by another program")


def test_a_check_that_cannot_be_rendered_is_a_failure_of_its_own(
    child: SpokenChild, scenes: Path, tmp_path: Path
) -> None:
    child.configure(scenes / "no_camera.blend", str(tmp_path / "x_####"))
    (tmp_path / "x_0001.png").write_bytes(b"something")
    there = (pictures.digest(tmp_path / "x_0001.png"),)
    child.say(Check(1, 1, there))
    failed = child.until(Failed, Checked)
    assert isinstance(failed, Failed)
    assert failed.fault in Fault
    assert child.render(2, 1) != Committed(2)  # the child lives on
