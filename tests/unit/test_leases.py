# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may use a card: one job at a time, in the order in which they came, and nobody waits for the dead."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from waiting import until

from dispatch import host, leases
from dispatch.leases import HeldBy, Lease, Line, take

ROOT = Path(__file__).resolve().parents[2]
CARD = "0000:3b:00"


def taken(card: str, job: str, folder: Path) -> Lease:
    lease = take(card, job, f"name of {job}", folder)
    assert isinstance(lease, Lease), lease
    return lease


def refused(got: Lease | HeldBy) -> HeldBy:
    assert isinstance(got, HeldBy)
    return got


@contextmanager
def other_process(code: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another dispatcher that did what the code says and now lives on."""
    text = "import sys, time\nfrom pathlib import Path\nfrom dispatch.leases import *\nfolder = Path(sys.argv[1])\n"
    text += textwrap.dedent(code) + "\nprint('ready', flush=True)\ntime.sleep(600)\n"
    process = subprocess.Popen([sys.executable, "-c", text, str(folder)], stdout=subprocess.PIPE, cwd=ROOT)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()


HOLD = f"lease = take('{CARD}', 'a', 'Shot 7', folder)"
WAIT = f"line = Line('{CARD}', 'b', 'Shot 8', folder)"


def test_a_card_goes_to_one_job_at_a_time(tmp_path: Path) -> None:
    before = time.time()
    lease = taken(CARD, "a", tmp_path)
    held = refused(take(CARD, "b", "other", tmp_path))
    assert (held.job_id, held.name, held.ahead) == ("a", "name of a", 0)
    assert before <= held.since <= time.time()
    lease.release()
    lease.release()
    taken(CARD, "b", tmp_path).release()


def test_cards_do_not_stand_in_each_others_way(tmp_path: Path) -> None:
    cards = ["0000:3b:00", "0000:3b-00", "0001:3b:00", "CPU", "CUDA_NVIDIA RTX A6000_0000:af:00", "", "x" * 300]
    for lease in [taken(card, "a", tmp_path) for card in cards]:
        lease.release()


def test_a_lease_dies_with_its_process_and_what_it_wrote_is_ignored(tmp_path: Path) -> None:
    with other_process(HOLD, tmp_path) as process:
        assert refused(take(CARD, "b", "other", tmp_path)).name == "Shot 7"
        process.kill()
        process.wait()
        lease = taken(CARD, "b", tmp_path)
        assert refused(take(CARD, "c", "third", tmp_path)).name == "name of b"
        lease.release()


def test_whoever_stood_in_line_first_gets_the_card_first(tmp_path: Path) -> None:
    lease = taken(CARD, "a", tmp_path)
    first, second = Line(CARD, "b", "first", tmp_path), Line(CARD, "c", "second", tmp_path)
    assert refused(first.take()).ahead == 0
    behind = refused(second.take())
    assert (behind.name, behind.ahead) == ("name of a", 1)
    lease.release()
    before = refused(second.take())
    assert (before.job_id, before.name, before.ahead) == ("b", "first", 0)
    assert refused(take(CARD, "d", "pushes in", tmp_path)).name == "first"
    got = first.take()
    assert isinstance(got, Lease)
    assert refused(second.take()).ahead == 0
    got.release()
    last = second.take()
    assert isinstance(last, Lease)
    last.release()


def test_nobody_waits_for_a_job_that_died_in_line(tmp_path: Path) -> None:
    with other_process(WAIT, tmp_path) as process:
        mine = Line(CARD, "c", "mine", tmp_path)
        assert refused(mine.take()).name == "Shot 8"
        process.kill()
        process.wait()
        lease = mine.take()
        assert isinstance(lease, Lease)
        lease.release()
    assert not list(tmp_path.rglob("*.waits")), "tickets of the dead are thrown away"


def test_a_job_that_does_not_want_the_card_any_more_leaves_the_line(tmp_path: Path) -> None:
    line = Line(CARD, "b", "gives up", tmp_path)
    refused(take(CARD, "c", "next", tmp_path))
    line.leave()
    line.leave()
    taken(CARD, "c", tmp_path).release()


def test_of_many_dispatchers_that_try_at_once_one_gets_the_card(tmp_path: Path) -> None:
    code = f"""
        while not (folder / 'go').exists(): pass
        got = take('{CARD}', 'a', 'Shot', folder)
        (folder / f'{{type(got).__name__}}-{{time.time_ns()}}').touch()
    """
    text = "import sys, time\nfrom pathlib import Path\nfrom dispatch.leases import *\nfolder = Path(sys.argv[1])\n"
    text += textwrap.dedent(code) + "\nsys.stdin.read()\n"
    argv = [sys.executable, "-c", text, str(tmp_path)]
    others = [subprocess.Popen(argv, stdin=subprocess.PIPE, cwd=ROOT) for _ in range(6)]
    (tmp_path / "go").touch()
    until(lambda: len(list(tmp_path.glob("*-*[0-9]"))) >= 6)
    assert len(list(tmp_path.glob("Lease-*"))) == 1
    for other in others:
        other.communicate()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"job_id": 1}', b"\xff\xfe"])
def test_a_holder_that_cannot_be_read_is_another_job(tmp_path: Path, content: bytes) -> None:
    taken(CARD, "a", tmp_path).release()
    (path,) = tmp_path.rglob("*.lease")
    with host.lock_file(path) as lock:
        lock.write(content)
        assert take(CARD, "b", "other", tmp_path) == HeldBy("", "another job", 0.0)


def test_machines_that_share_a_home_folder_do_not_share_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = taken(CARD, "a", tmp_path)
    monkeypatch.setattr(host, "hostname", lambda: "another machine")
    taken(CARD, "b", tmp_path).release()
    lease.release()


def test_leases_lie_in_the_users_private_state_folder(state_folder: Path) -> None:
    lease = take(CARD, "a", "Shot 7")
    assert isinstance(lease, Lease)
    (path,) = state_folder.rglob("*.lease")
    assert host.state_folder() in path.parents
    assert host.state_folder().stat().st_mode & 0o077 == 0
    lease.release()


def test_a_try_is_cheap_even_in_a_long_line(tmp_path: Path) -> None:
    lease = taken(CARD, "a", tmp_path)
    lines = [Line(CARD, f"j{n}", "waits", tmp_path) for n in range(50)]
    begin = time.monotonic()
    assert refused(lines[-1].take()).ahead == 49
    assert time.monotonic() - begin < 0.5 * leases.RETRY
    for line in lines:
        line.leave()
    lease.release()
