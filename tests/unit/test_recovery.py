# SPDX-License-Identifier: GPL-3.0-or-later
"""What a killed child leaves is removed, in the output folder and in the folder for temporary files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from dispatch import claims, recovery
from dispatch.child import late
from dispatch.owners import Owner
from dispatch.presence import Presence
from dispatch.working_folder import WorkingFolder


def test_files_that_waited_to_be_packed_go_with_their_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    presence = Presence(Owner.new("a test"), 60.0, (), lambda level, text: None)
    final = tmp_path / "x_0001.png"
    with tempfile.TemporaryDirectory(prefix="mgd-test-", dir="/dev/shm") as name:
        near = Path(name)
        assert near.stat().st_dev != tmp_path.stat().st_dev, "another file system is needed here"
        monkeypatch.setattr(tempfile, "tempdir", name)
        presence.join(str(tmp_path))
        held = []
        for attempt in (1, 2):
            claim = claims.claim([final.with_stem(f"x_{attempt}")], presence.owner.id, attempt, overwrite=True)
            assert isinstance(claim, claims.Claim)
            place = late.place(claim)
            assert place is not None
            assert place.parent == near
            (place / "main.png").write_bytes(b"stored")
            held.append(place)
        assert recovery.recover(presence, [(1, ())], near) == ()
        assert list(near.iterdir()) == held[1:], "what others have there stays"
        assert not WorkingFolder(tmp_path).temp_of(presence.owner.id, 1).exists()
    presence.leave()
    assert list(tmp_path.iterdir()) == []
