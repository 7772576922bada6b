# SPDX-License-Identifier: GPL-3.0-or-later
"""Claims and owner files: who may produce a file, and what is left when somebody dies at any step."""

from __future__ import annotations

import errno
import multiprocessing
import multiprocessing.connection
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_scene import png

from dispatch import claims, owners, pictures, records, working_folder
from dispatch.claims import AlreadyThere, Claim, Taken, TakenOver, claim
from dispatch.model import Fault
from dispatch.owners import Owner
from dispatch.records import Record
from dispatch.working_folder import CannotWrite, WorkingFolder

FORK = multiprocessing.get_context("fork")
HEARTBEAT = 60.0
LONG_AGO = 300.0


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "out"
    yield folder
    for file in working_folder.entries(WorkingFolder(folder).owners):
        owners.leave(folder, file.stem)


@pytest.fixture
def me(out: Path) -> Owner:
    return joined(out)


def joined(folder: Path) -> Owner:
    owner = Owner.new("a job")
    owners.join(folder, owner)
    return owner


def joined_elsewhere(folder: Path, owner_id: str = "elsewhere") -> Owner:
    """An owner on another machine: only its heartbeat says whether it lives."""
    owner = Owner(owner_id, host="render7", boot="other", namespace="other", pid=4711, start_time=1.0)
    owners.join(folder, owner)
    return owner


def picture(text: str = "") -> bytes:
    return png(4, 4, text)


def age(path: Path, seconds: float = LONG_AGO) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def write(holding: Claim, note: str = "new") -> list[tuple[Path, Path]]:
    pairs = []
    for final in holding.finals:
        temp = holding.temp_beside(final) / final.name
        temp.write_bytes(picture(note))
        pairs.append((temp, final))
    return pairs


def hold(*finals: Path, by: Owner, attempt: int = 1, overwrite: bool = False, again: bool = False) -> Claim:
    found = claim(finals, by.id, attempt, overwrite=overwrite, again=again)
    assert isinstance(found, Claim), found
    return found


def leftovers(folder: Path) -> list[str]:
    """What lies in the working folder beside owner files."""
    root = WorkingFolder(folder).root
    return sorted(
        str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.parent.name != "owners"
    )


# --- claiming ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_claimed_file_is_taken_until_it_is_released(out: Path, me: Owner, overwrite: bool) -> None:
    other = joined(out)
    final = out / "x_0001.png"
    mine = hold(final, by=me, overwrite=overwrite)
    taken = claim([final], other.id, 1, overwrite=overwrite)
    assert isinstance(taken, Taken)
    assert taken.owner == me.words
    assert taken.since == pytest.approx(time.time(), abs=30)
    assert final.exists() is not overwrite
    mine.release()
    hold(final, by=other, overwrite=overwrite).release()
    assert not final.exists()
    for owner in (me, other):
        owners.leave(out, owner.id)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_committed_picture_is_in_place_and_nothing_else_stays(out: Path, me: Owner, overwrite: bool) -> None:
    final = out / "x_0001.png"
    mine = hold(final, by=me, overwrite=overwrite)
    assert mine.commit(write(mine)) == ()
    assert pictures.is_whole(final)
    assert leftovers(out) == []
    owners.leave(out, me.id)
    assert list(out.iterdir()) == [final]


def test_our_own_picture_that_is_no_good_is_claimed_again_and_stays_until_it_is_replaced(out: Path, me: Owner) -> None:
    left, right = out / "x_L.png", out / "x_R.png"
    for final in (left, right):
        final.write_bytes(picture("old"))
    assert isinstance(claim([left, right], me.id, 1, overwrite=False), AlreadyThere)
    mine = hold(left, right, by=me, attempt=2, again=True)
    other = joined(out)
    assert isinstance(claim([left], other.id, 1, overwrite=False, again=True), Taken)
    pairs = write(mine)
    assert left.read_bytes() == right.read_bytes() == picture("old")
    assert mine.commit(pairs) == ()
    assert left.read_bytes() == right.read_bytes() == picture("new")
    assert leftovers(out) == []
    owners.leave(out, other.id)


def test_a_picture_that_somebody_put_over_ours_meanwhile_is_kept(out: Path, me: Owner) -> None:
    final = out / "x.png"
    final.write_bytes(picture("old"))
    mine = hold(final, by=me, again=True)
    final.with_name("theirs").write_bytes(picture("theirs"))
    final.with_name("theirs").replace(final)
    assert mine.commit(write(mine)) == (str(final),)
    assert final.read_bytes() == picture("theirs")
    assert leftovers(out) == []


def test_our_own_picture_that_is_gone_is_made_like_any_other(out: Path, me: Owner) -> None:
    final = out / "x.png"
    mine = hold(final, by=me, again=True)
    assert final.stat().st_size == 0
    assert mine.commit(write(mine)) == ()
    assert final.read_bytes() == picture("new")


def test_with_overwrite_the_old_picture_stays_until_it_is_replaced(out: Path, me: Owner) -> None:
    final = out / "x.png"
    final.write_bytes(picture("old"))
    mine = hold(final, by=me, overwrite=True)
    pairs = write(mine)
    assert final.read_bytes() == picture("old")
    assert mine.commit(pairs) == ()
    assert final.read_bytes() == picture("new")
    owners.leave(out, me.id)


def test_without_overwrite_a_whole_picture_is_already_there(out: Path, me: Owner) -> None:
    final = out / "x.png"
    final.write_bytes(picture())
    found = claim([final], me.id, 1, overwrite=False, expected_size=(4, 4))
    assert found == AlreadyThere((pictures.digest(final),))
    found = claim([final], me.id, 1, overwrite=False, expected_size=(8, 8))
    assert isinstance(found, AlreadyThere)
    assert found.other_size == (str(final),)
    assert leftovers(out) == []
    owners.leave(out, me.id)


def test_a_plain_blenders_placeholder_is_left_alone(out: Path, me: Owner) -> None:
    final = out / "x.png"
    final.touch()
    age(final)
    taken = claim([final], me.id, 1, overwrite=False)
    assert isinstance(taken, Taken)
    assert taken.owner == ""
    assert taken.since == final.stat().st_mtime
    assert final.exists()
    assert leftovers(out) == []
    owners.leave(out, me.id)


def test_a_foreign_placeholder_is_released_only_when_it_is_old_enough(out: Path, me: Owner) -> None:
    final = out / "x.png"
    final.touch()
    assert not claims.release_foreign(final, me.id, 100.0)
    age(final)
    assert claims.release_foreign(final, me.id, 100.0)
    assert not final.exists()
    assert not claims.release_foreign(final, me.id, 100.0)
    final.write_bytes(b"a")
    age(final)
    assert not claims.release_foreign(final, me.id, 100.0)
    assert leftovers(out) == []
    owners.leave(out, me.id)


def test_our_own_placeholder_is_not_foreign(out: Path, me: Owner) -> None:
    final = out / "x.png"
    mine = hold(final, by=me)
    age(final)
    assert not claims.release_foreign(final, joined(out).id, 100.0)
    assert final.exists()
    mine.release()


def test_a_file_that_may_be_being_written_is_taken_and_replaced_only_after_a_minute(out: Path, me: Owner) -> None:
    final = out / "x.png"
    final.write_bytes(picture()[:30])
    assert isinstance(claim([final], me.id, 1, overwrite=False), Taken)
    age(final, 50.0)
    assert isinstance(claim([final], me.id, 1, overwrite=False), Taken)
    age(final, 70.0)
    mine = hold(final, by=me)
    assert mine.replaces == (final,)
    assert final.stat().st_size == 30
    assert mine.commit(write(mine)) == ()
    assert pictures.is_whole(final)
    owners.leave(out, me.id)


def test_a_whole_foreign_picture_at_commit_is_kept(out: Path, me: Owner) -> None:
    final = out / "x.png"
    mine = hold(final, by=me)
    pairs = write(mine)
    final.write_bytes(picture("foreign"))
    assert mine.commit(pairs) == (str(final),)
    assert final.read_bytes() == picture("foreign")
    assert leftovers(out) == []
    owners.leave(out, me.id)


def test_a_foreign_picture_cut_at_commit_is_replaced(out: Path, me: Owner) -> None:
    final = out / "x.png"
    mine = hold(final, by=me)
    pairs = write(mine)
    final.write_bytes(picture("foreign")[:40])
    assert mine.commit(pairs) == ()
    assert final.read_bytes() == picture("new")
    owners.leave(out, me.id)


def test_views_are_claimed_all_or_none(out: Path, me: Owner) -> None:
    left, right = out / "x_L.png", out / "x_R.png"
    other = joined(out)
    theirs = hold(right, by=other)
    taken = claim([left, right], me.id, 1, overwrite=False)
    assert isinstance(taken, Taken)
    assert taken.path == str(right)
    assert not left.exists()
    theirs.release()
    mine = hold(left, right, by=me)
    assert mine.commit(write(mine)) == ()
    assert pictures.is_whole(left)
    assert pictures.is_whole(right)
    assert leftovers(out) == []


def test_a_view_that_is_there_is_kept_while_the_missing_one_is_rendered(out: Path, me: Owner) -> None:
    left, right = out / "x_L.png", out / "x_R.png"
    left.write_bytes(picture("yesterday"))
    mine = hold(left, right, by=me)
    assert mine.kept == (left,)
    assert mine.commit(write(mine)) == (), "nobody put it there meanwhile"
    assert left.read_bytes() == picture("yesterday")
    assert right.read_bytes() == picture("new")


def test_side_files_come_from_another_file_system_too(out: Path, me: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    final, side = out / "x.png", out.parent / "side" / "z.png"
    owners.join(side.parent, me)
    mine = hold(final, by=me, overwrite=True)
    temp = mine.temp / "z.png"
    temp.write_bytes(picture("side"))
    real = Path.rename

    def other_device(self: Path, target: Path) -> Path:
        if self == temp:
            raise OSError(errno.EXDEV, "another device")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", other_device)
    assert mine.commit([(temp, side), *write(mine)]) == ()
    assert side.read_bytes() == picture("side")
    assert pictures.is_whole(final)
    for folder in (out, side.parent):
        assert leftovers(folder) == []
        owners.leave(folder, me.id)
        assert not WorkingFolder(folder).root.exists()


@pytest.mark.parametrize("name", ["n" * 251 + ".png", "ü" * 125 + ".png", "雪 ☃ #1.png", "a~.json", "x", ".png"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_any_file_name_can_be_claimed(out: Path, me: Owner, name: str, overwrite: bool) -> None:
    final = out / name
    mine = hold(final, by=me, overwrite=overwrite)
    assert [Path(taken.path) for taken in claims.open_claims(out)] == [final]
    assert mine.commit(write_short(mine)) == ()
    assert final.exists()
    assert leftovers(out) == []


def write_short(holding: Claim) -> list[tuple[Path, Path]]:
    temp = holding.temp / "t"
    temp.write_bytes(picture())
    return [(temp, holding.finals[-1])]


def test_long_names_that_begin_alike_have_records_of_their_own(out: Path, me: Owner) -> None:
    first, second = out / ("n" * 240 + "_0001.png"), out / ("n" * 240 + "_0002.png")
    a, b = hold(first, by=me, attempt=1), hold(second, by=me, attempt=2)
    a.release()
    assert isinstance(claim([second], me.id, 2, overwrite=False), Taken)
    b.release()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_under_the_final_name_is_refused_in_words(out: Path, me: Owner, overwrite: bool) -> None:
    final = out / "x.png"
    final.mkdir()
    with pytest.raises(CannotWrite, match="is a folder"):
        claim([final], me.id, 1, overwrite=overwrite)
    assert leftovers(out) == []


def test_a_full_disk_leaves_nothing_behind(out: Path, me: Owner) -> None:
    """A process that may not write a single byte more makes the record, and fails to fill it."""

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        with pytest.raises(CannotWrite) as caught:
            claim([out / "x.png"], me.id, 1, overwrite=False)
        assert caught.value.fault is Fault.DISK_FULL

    assert run(full) == 0
    assert not (out / "x.png").exists()
    assert leftovers(out) == []


def test_an_output_folder_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(CannotWrite, match="check that the folder is there") as caught:
        joined(tmp_path / "file" / "out")
    assert caught.value.fault is Fault.CANNOT_WRITE


def test_a_read_only_folder_is_said_in_words(out: Path, me: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(CannotWrite, match="Read-only"):
        claim([out / "x.png"], me.id, 1, overwrite=True)


def test_a_later_attempt_of_the_same_owner_takes_the_place_of_a_died_one(out: Path, me: Owner) -> None:
    final = out / "x.png"
    first = hold(final, by=me, attempt=1)
    write(first)
    second = hold(final, by=me, attempt=2)
    assert not first.temp.exists()
    with pytest.raises(TakenOver):
        first.verify()
    assert final.exists()
    assert second.commit(write(second)) == ()
    assert leftovers(out) == []


def test_the_claims_of_a_died_child_are_released_by_its_attempt(out: Path, me: Owner) -> None:
    final = out / "x.png"
    write(hold(final, by=me, attempt=7))
    other = hold(out / "y.png", by=me, attempt=8)
    assert claims.release_attempt(out, me.id, 7) == [final]
    assert not final.exists()
    assert (out / "y.png").exists()
    other.release()
    assert leftovers(out) == []


def test_who_has_claimed_what_is_told(out: Path, me: Owner) -> None:
    other = joined_elsewhere(out)
    theirs = hold(out / "x.png", by=other)
    mine = hold(out / "y.png", by=me)
    (found,) = claims.open_claims(out, me.id)
    assert (found.owner, found.path) == ("render7 (pid 4711)", str(out / "x.png"))
    theirs.release()
    mine.release()


# --- owners -----------------------------------------------------------------------------------------------------


def test_an_owner_without_process_is_dead_at_once(out: Path, me: Owner) -> None:
    final = out / "x.png"
    assert run(lambda: write(hold(final, by=joined(out)))) == 0
    assert final.exists()
    (dead,) = owners.bury_dead(out, me, HEARTBEAT)
    assert dead != me.id
    assert not final.exists()
    assert leftovers(out) == []
    owners.leave(out, me.id)


def test_an_owner_of_another_machine_is_dead_when_its_heartbeat_stands_still(out: Path, me: Owner) -> None:
    other = joined_elsewhere(out)
    hold(out / "x.png", by=other)
    file = WorkingFolder(out).owner_file(other.id)
    age(file, HEARTBEAT - 5)
    assert owners.bury_dead(out, me, HEARTBEAT) == []
    assert owners.others(out, me, HEARTBEAT) == [other]
    age(file, HEARTBEAT + 5)
    assert owners.others(out, me, HEARTBEAT) == []
    assert owners.bury_dead(out, me, HEARTBEAT) == [other.id]
    assert leftovers(out) == []
    assert not (out / "x.png").exists()


def test_an_earlier_run_that_is_known_to_be_dead_is_not_waited_for(out: Path, me: Owner) -> None:
    other = joined_elsewhere(out)
    hold(out / "x.png", by=other)
    assert owners.bury_dead(out, me, HEARTBEAT, also={other.id}) == [other.id]
    assert not (out / "x.png").exists()


def test_a_heartbeat_in_the_future_starts_its_time_now(out: Path, me: Owner) -> None:
    """The server's clock went back: nobody is dead for that, and nobody lives for ever."""
    other = joined_elsewhere(out)
    file = WorkingFolder(out).owner_file(other.id)
    age(file, -86400.0)
    assert owners.bury_dead(out, me, HEARTBEAT) == []
    assert file.stat().st_mtime == pytest.approx(time.time(), abs=30)


def test_the_local_clock_does_not_matter(out: Path, me: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    other = joined_elsewhere(out)
    monkeypatch.setattr(time, "time", lambda: 1e12)
    assert owners.bury_dead(out, me, HEARTBEAT) == []
    assert owners.others(out, me, HEARTBEAT) == [other]


def test_a_sleeper_that_wakes_after_its_burial_puts_nothing_in_place(out: Path, me: Owner) -> None:
    final = out / "x.png"
    other = joined_elsewhere(out)
    theirs = hold(final, by=other)
    pairs = write(theirs)
    owners.bury_dead(out, me, HEARTBEAT, also={other.id})
    mine = hold(final, by=me)
    theirs.temp.mkdir(parents=True)
    pairs = write(theirs)
    with pytest.raises(TakenOver):
        theirs.commit(pairs)
    assert final.stat().st_size == 0
    assert mine.commit(write(mine)) == ()
    assert leftovers(out) == []
    with pytest.raises(TakenOver):
        claim([out / "y.png"], other.id, 2, overwrite=False)
    assert not owners.beat(out, other)
    assert owners.beat(out, other)
    hold(out / "y.png", by=other, attempt=2).release()


def test_an_owner_that_comes_back_in_the_middle_of_its_burial_finishes_it_first(out: Path, me: Owner) -> None:
    other = joined_elsewhere(out)
    hold(out / "x.png", by=other)
    file = WorkingFolder(out).owner_file(other.id)
    file.rename(file.with_name(f"{other.id}.buried-by-{me.id}.json"))
    assert not owners.beat(out, other)
    assert not (out / "x.png").exists()
    assert leftovers(out) == []
    assert sorted(owners.others(out, me, HEARTBEAT), key=lambda o: o.id) == [other]


def test_an_owner_file_cut_by_a_crash_is_judged_by_its_heartbeat(out: Path, me: Owner) -> None:
    file = WorkingFolder(out).owner_file("cut")
    file.write_bytes(b"")
    assert owners.bury_dead(out, me, HEARTBEAT) == []
    age(file)
    assert owners.bury_dead(out, me, HEARTBEAT) == ["cut"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"owner":"gone","attempt":1,"placeholder":true,"name":"x.png"}'])
def test_a_record_of_nobody_is_taken_until_it_stood_still(out: Path, me: Owner, content: bytes) -> None:
    final = out / "x.png"
    hold(out / "y.png", by=me).release()
    file = WorkingFolder(out).record_file(final.name)
    file.write_bytes(content)
    found = claim([final], me.id, 1, overwrite=True)
    assert isinstance(found, Taken)
    assert found.owner == "an unknown dispatcher"
    owners.bury_dead(out, me, HEARTBEAT)
    assert isinstance(claim([final], me.id, 1, overwrite=True), Taken)
    age(file)
    owners.bury_dead(out, me, HEARTBEAT)
    hold(final, by=me, overwrite=True).release()


def test_a_claim_cut_by_the_death_of_a_child_goes_when_the_last_dispatcher_leaves(out: Path, me: Owner) -> None:
    other, file = joined_elsewhere(out), WorkingFolder(out).record_file("x.png")
    hold(out / "y.png", by=me).release()
    file.write_bytes(b"{")
    owners.leave(out, me.id)
    assert file.exists(), "a child of the other one may be writing it"
    owners.leave(out, other.id)
    assert leftovers(out) == []


def test_a_record_that_was_made_anew_since_it_was_read_stays(out: Path, me: Owner) -> None:
    mine, place = hold(out / "x.png", by=me, attempt=2), WorkingFolder(out)
    file = place.record_file("x.png")
    for earlier in (Record(me.id, 1, True, "x.png"), Record("", 0, False, "")):
        assert not records.drop_unchanged(place, file, earlier)
    mine.verify()
    assert (out / "x.png").exists()
    mine.release()


def test_what_belongs_to_nobody_is_cleared_away_by_one_dispatcher_at_a_time(out: Path, me: Owner) -> None:
    """A second one would hit the record that somebody makes anew where the first one has removed a stray."""
    place, other = WorkingFolder(out), joined_elsewhere(out)
    hold(out / "y.png", by=me).release()
    file = place.record_file("x.png")
    file.write_bytes(b"{")
    age(file)
    grave = place.owners / f"nobody.buried-by-{other.id}.json"
    grave.touch()
    assert owners.bury_dead(out, me, HEARTBEAT) == []
    assert file.exists(), "the other one is at it"
    age(place.owner_file(other.id))
    assert owners.bury_dead(out, me, HEARTBEAT) == [other.id]
    assert not file.exists(), "it has died, which keeps nobody from going on"
    assert [path.name for path in place.owners.iterdir()] == [f"{me.id}.json"]


def test_two_that_clear_away_the_same_stray_do_not_hit_what_is_made_anew(
    out: Path, me: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    final, other = out / "x.png", joined_elsewhere(out)
    hold(out / "y.png", by=me).release()
    file = WorkingFolder(out).record_file(final.name)
    file.write_bytes(b"{")
    age(file)
    drop, held = records.drop, []

    def slow_drop(place: WorkingFolder, path: Path, record: Record) -> bool:
        """Between our look and the removal the other one clears up too, and claims the file."""
        monkeypatch.undo()
        owners.bury_dead(out, other, HEARTBEAT)
        held.append(claim([final], other.id, 1, overwrite=False))
        return drop(place, path, record)

    monkeypatch.setattr(records, "drop", slow_drop)
    owners.bury_dead(out, me, HEARTBEAT)
    (claimed,) = held
    assert isinstance(claimed, Taken), "it is the stray's still"
    hold(final, by=other).verify()


def test_only_what_was_the_dead_ones_is_removed(out: Path, me: Owner) -> None:
    other = joined_elsewhere(out)
    theirs = hold(out / "x.png", by=other)
    (out / "x.png").write_bytes(b"somebody wrote here")
    mine = hold(out / "y.png", by=me)
    foreign, there = out / "z.png", out / "w.png"
    foreign.touch()
    there.write_bytes(picture())
    owners.bury_dead(out, me, HEARTBEAT, also={other.id})
    assert (out / "x.png").read_bytes() == b"somebody wrote here"
    assert not theirs.temp.exists()
    mine.verify()
    assert foreign.exists()
    assert there.exists()
    mine.release()


def test_a_working_folder_removed_by_a_user_is_made_again(out: Path, me: Owner) -> None:
    mine = hold(out / "x.png", by=me)
    pairs = write(mine)
    assert working_folder.remove_tree(WorkingFolder(out).root)
    with pytest.raises(CannotWrite):
        mine.commit(pairs)
    mine.release()
    assert not (out / "x.png").exists()
    with pytest.raises(TakenOver):
        claim([out / "x.png"], me.id, 2, overwrite=False)
    assert not owners.beat(out, me)
    hold(out / "x.png", by=me, attempt=2).release()


def test_the_working_folder_is_as_open_as_the_output_folder(out: Path) -> None:
    out.mkdir()
    out.chmod(0o1777)
    hold(out / "x.png", by=joined(out))
    for folder in (path for path in WorkingFolder(out).root.rglob("*") if path.is_dir()):
        assert folder.stat().st_mode & 0o7777 == 0o777, folder


def test_joining_and_leaving_at_the_same_time_never_fails(out: Path) -> None:
    def come_and_go() -> None:
        for attempt in range(60):
            owner = joined(out)
            hold(out / f"{os.getpid()}.png", by=owner, attempt=attempt).release()
            owners.leave(out, owner.id)

    assert run_all([come_and_go] * 6) == [0] * 6
    assert list(out.iterdir()) == []


# --- death at every step ----------------------------------------------------------------------------------------

CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.utime", "os.truncate")


def die_at(step: int) -> None:
    """End this process before its change number ``step`` of the file system."""
    count = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal count
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in CHANGES or writes:
            if count == step:
                os._exit(9)
            count += 1

    sys.addaudithook(hook)


def a_minute_passes(folder: Path) -> None:
    """What was cut between its creation and its first byte tells no process: it is judged by its age."""
    for path in [path for path in WorkingFolder(folder).root.rglob("*.json") if not path.stat().st_size]:
        age(path)


def run_all(works: list[Callable[[], object]]) -> list[int | None]:
    processes = [FORK.Process(target=work) for work in works]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


def run(work: Callable[[], object]) -> int | None:
    return run_all([work])[0]


def at_every_step(work: Callable[[], object], prepare: Callable[[], None], examine: Callable[[], None]) -> int:
    """Run ``work`` in processes that die before their first, second, … change. Return the number of changes."""
    for step in range(200):
        prepare()

        def dying(step: int = step) -> None:
            die_at(step)
            work()

        code = run(dying)
        examine()
        if code == 0:
            return step
        assert code == 9
    raise AssertionError("it never ended")


@pytest.mark.parametrize(("overwrite", "again"), [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize("ending", ["commit", "release"])
def test_whoever_dies_at_any_step_of_a_task_leaves_all_or_nothing(
    out: Path, overwrite: bool, again: bool, ending: str
) -> None:
    left, right, foreign = out / "x_L.png", out / "x_R.png", out / "y.png"

    def prepare() -> None:
        out.mkdir(exist_ok=True)
        foreign.touch()
        for final in (left, right):
            final.unlink(missing_ok=True)
            if overwrite or again:
                final.write_bytes(picture("old"))

    def task() -> None:
        owner = joined(out)
        mine = hold(left, right, by=owner, overwrite=overwrite, again=again)
        pairs = write(mine)
        assert isinstance(claim([foreign], owner.id, 2, overwrite=False), Taken)
        if ending == "commit":
            mine.commit(pairs)
        else:
            mine.release()
        owners.leave(out, owner.id)

    def examine() -> None:
        a_minute_passes(out)
        me = joined(out)
        owners.bury_dead(out, me, HEARTBEAT)
        assert owners.others(out, me, HEARTBEAT) == []
        assert leftovers(out) == []
        old = [picture("old")] if overwrite or again else [None]
        for final in (left, right):
            assert (final.read_bytes() if final.exists() else None) in [*old, picture("new")]
        if right.exists() and right.read_bytes() == picture("new"):
            assert left.read_bytes() == picture("new")
        assert foreign.stat().st_size == 0
        owners.leave(out, me.id)

    assert at_every_step(task, prepare, examine) > 15


def test_a_burial_that_is_broken_off_at_any_step_is_finished_by_the_next(out: Path) -> None:
    first, second, foreign = out / "x.png", out / "y.png", out / "z.png"

    def prepare() -> None:
        dead = joined_elsewhere(out, f"dead{random.random()}")
        write(hold(first, by=dead, attempt=1))
        write(hold(second, by=dead, attempt=2))
        age(WorkingFolder(out).owner_file(dead.id))
        stray = WorkingFolder(out).record_file("w.png")
        stray.write_bytes(b"{")
        age(stray)
        foreign.touch()

    def bury() -> None:
        owners.bury_dead(out, joined(out), HEARTBEAT)

    def examine() -> None:
        a_minute_passes(out)
        me = joined(out)
        owners.bury_dead(out, me, HEARTBEAT)
        assert leftovers(out) == []
        assert not first.exists()
        assert not second.exists()
        assert foreign.exists()
        owners.leave(out, me.id)
        assert not WorkingFolder(out).root.exists()

    assert at_every_step(bury, prepare, examine) > 8


def test_a_dead_owner_is_buried_by_exactly_one(out: Path) -> None:
    names = [f"x_{n:04}.png" for n in range(10)]
    dead = joined_elsewhere(out)
    for attempt, name in enumerate(names):
        write(hold(out / name, by=dead, attempt=attempt))
    age(WorkingFolder(out).owner_file(dead.id))
    found = FORK.Queue()

    def bury() -> None:
        me = joined(out)
        found.put(owners.bury_dead(out, me, HEARTBEAT))
        owners.leave(out, me.id)

    assert run_all([bury] * 6) == [0] * 6
    assert [one for _ in range(6) for one in found.get(timeout=60)] == [dead.id]
    found.close()
    found.join_thread()
    assert list(out.iterdir()) == []


# --- many at once -----------------------------------------------------------------------------------------------


def render_all(out: Path, names: list[str], seed: int, log: Path) -> None:
    """Produce what is missing until everything is there; the plan of the seed says when to die."""
    plan = random.Random(seed)
    if seed < 30:
        die_at(plan.randrange(150))

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "os.rename" and Path(str(arguments[1])).parent == out:
            final = Path(str(arguments[1]))
            note(log, f"{'twice' if final.exists() and final.stat().st_size else 'once'} {final.name}")

    sys.addaudithook(watch)
    me = joined(out)
    missing, attempt = list(names), 0
    while missing:
        plan.shuffle(missing)
        for name in list(missing):
            attempt += 1
            found = claim([out / name], me.id, attempt, overwrite=False)
            if isinstance(found, AlreadyThere):
                missing.remove(name)
            elif isinstance(found, Claim):
                if plan.random() < 0.01:
                    os.kill(os.getpid(), signal.SIGKILL)
                try:
                    found.commit(write(found, f"{me.id} {attempt}"))
                except TakenOver:
                    note(log, "again")  # a loaded machine let us stand still for a second in the middle of our record
                    continue
                note(log, f"done {name}")
                missing.remove(name)
        owners.bury_dead(out, me, 1.0)
    owners.leave(out, me.id)


def note(log: Path, line: str) -> None:
    file = os.open(log, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
    os.write(file, f"{line}\n".encode())
    os.close(file)


def test_eight_processes_that_die_now_and_then_put_each_picture_in_place_exactly_once(tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    names = [f"x_{n:04}.png" for n in range(200)]
    running: dict[int, multiprocessing.process.BaseProcess] = {}
    deaths, seed, end = 0, 0, time.monotonic() + 120
    while (len(running) or not seed) and time.monotonic() < end:
        while seed < 8 + deaths and len(running) < 8:
            process = FORK.Process(target=render_all, args=(out, names, seed, log))
            process.start()
            running[seed] = process
            seed += 1
        multiprocessing.connection.wait([process.sentinel for process in running.values()], timeout=1)
        for number, process in list(running.items()):
            if process.exitcode is not None:
                assert process.exitcode in (0, 9, -9), process.exitcode
                deaths += process.exitcode != 0
                del running[number]
    a_minute_passes(out)
    me = joined(out)
    owners.bury_dead(out, me, HEARTBEAT)
    owners.leave(out, me.id)
    lines = log.read_text().split("\n")
    assert deaths >= 20
    assert lines.count("again") <= deaths
    assert not [line for line in lines if line.startswith("twice")]
    assert max(lines.count(f"done {name}") for name in names) == 1
    assert sorted(path.name for path in out.iterdir()) == names
    assert all(pictures.is_whole(out / name) for name in names)
