# SPDX-License-Identifier: GPL-3.0-or-later
"""A file server that hangs: nobody waits for it twice, it is said once, and what was asked of it is done in the end."""

from __future__ import annotations

import threading

import pytest
from waiting import until

from dispatch import claims, owners, reach, recovery
from dispatch.changes import Changes
from dispatch.model import Backend, BlenderProgram, Device, Job, Picture
from dispatch.owners import Owner
from dispatch.presence import Presence
from dispatch.reach import Reach


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(reach, "PATIENCE", 0.2)


@pytest.fixture
def gate():
    """Closed, everything behind it hangs; opened at the end at the latest."""
    event = threading.Event()
    yield event
    event.set()


def test_an_answer_comes_back_and_an_error_too():
    place = Reach("it")
    assert place.do(lambda: 7, 0) == 7

    def refuse():
        raise TimeoutError("of the server's own")

    with pytest.raises(TimeoutError, match="own"):
        place.do(refuse, 0)
    assert not place.silent


def test_a_silent_place_is_waited_for_once_said_once_and_does_everything_in_order_afterwards(gate):
    said, done = [], []
    place = Reach("/mnt/x", lambda level, text: said.append((level, text)))
    assert place.do(lambda: gate.wait(60), None) is None
    for number in range(100):
        assert place.do(lambda number=number: done.append(number), "later", wait=60.0) == "later"
    assert place.silent
    assert [level for level, _ in said] == ["warning"]
    assert said[0][1].startswith("/mnt/x does not answer")
    gate.set()
    until(lambda: len(said) == 2, 60.0)
    assert done == list(range(100))
    assert said[1] == ("note", "/mnt/x answers again.")
    assert place.do(lambda: 7, 0) == 7


def test_a_folder_that_hangs_stops_neither_the_loop_nor_the_heartbeat_elsewhere(tmp_path, gate, monkeypatch):
    hung, well = tmp_path / "hung", tmp_path / "well"
    beats, said = [], []
    bury, beat, release = owners.bury_dead, owners.beat, claims.release_attempt

    def slow(folder, *rest, **more):
        assert folder != hung or gate.wait(60)
        return bury(folder, *rest, **more)

    def noticed(folder, owner):
        beats.append(folder)
        return beat(folder, owner)

    monkeypatch.setattr(owners, "bury_dead", slow)
    monkeypatch.setattr(owners, "beat", noticed)
    released = []
    monkeypatch.setattr(claims, "release_attempt", lambda *given: released.append(given[0]) or release(*given))
    presence = Presence(Owner.new("job"), 0.3, (), lambda level, text: said.append(text))
    presence.join(str(hung))
    presence.join(str(well))
    claim = claims.claim([well / "1.png"], presence.owner.id, 1, overwrite=False)
    assert isinstance(claim, claims.Claim)
    until(lambda: beats.count(well) > 3, 60.0, "a heartbeat in the folder that answers")
    picture = Picture(str(hung / "1.png"), 1, "")
    assert recovery.recover(presence, [(1, (picture,))], tmp_path / "temp") == ()
    assert released == [well]
    assert not (well / "1.png").exists()
    assert [text for text in said if "does not answer" in text] == [
        f"{hung} does not answer: is its disk or server there? What lies elsewhere goes on."
    ]
    gate.set()
    until(lambda: hung in released, 60.0, "what was asked meanwhile")
    presence.leave()
    assert not (hung / ".mgd").exists()
    assert not (well / ".mgd").exists()


def test_a_texture_whose_server_hangs_is_not_taken_for_changed(tmp_path, gate, monkeypatch):
    from dispatch import changes

    monkeypatch.setattr(changes, "_same", lambda *given: gate.wait(60) and False)
    job = Job(
        **{"id": "i", "name": "n", "created": "", "blend": "/b.blend", "scene": "S", "frames": "1", "output": "/o/#"},
        **{"blender": BlenderProgram("b", True, (5, 0, 1)), "devices": (Device("CPU", "CPU", Backend.CPU),)},
        blend_mtime_ns=1,
        external=(("/t.png", 1, 1),),
    )
    said = []
    look = Changes(job, lambda level, text: said.append(text))
    assert look.blend_changed() == ""
    look.tell_others()
    assert said == []
    gate.set()
    until(lambda: look.blend_changed() != "", 60.0)
    look.tell_others()
    assert said == ["/t.png changed while the job ran: later frames may look different from earlier ones"]
