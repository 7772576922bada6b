# SPDX-License-Identifier: GPL-3.0-or-later
"""One child as a process: what arrives, in what order, and at what cost, whatever the child does."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from waiting import until

from dispatch import host, process
from dispatch.process import Child, Ended, Inbox, Item, Lines, Said, new_inbox
from dispatch.protocol import LONGEST_LINE, Begun, Hello, Leave, Left, encode
from dispatch.workerlog import REMEMBERED, WorkerLog

Start = Callable[..., Child]

SAY = """
    import os, sys, time
    def say(text):
        os.write(1, text.encode() + b"\\n")
    def begun(attempt):
        say('{"mgd":"Begun","attempt":%d}' % attempt)
"""


@pytest.fixture
def inbox() -> Inbox:
    return new_inbox()


@pytest.fixture
def start(tmp_path: Path, inbox: Inbox) -> Iterator[Start]:
    """Start a child that runs the given code; killed at the end of the test."""
    started: list[Child] = []

    def begin(code: str, worker: int = 1) -> Child:
        argv = [sys.executable, "-c", textwrap.dedent(SAY) + textwrap.dedent(code)]
        child = Child(worker, argv, env=os.environ, log=tmp_path / f"{worker}.log", inbox=inbox)
        started.append(child)
        return child

    yield begin
    for child in started:
        child.kill()
        assert child.join(60.0)


def next_item(inbox: Inbox, seconds: float = 60.0) -> Item:
    return inbox.get(timeout=seconds)


def all_items(inbox: Inbox) -> list[Item]:
    """Everything up to and including the end of one child."""
    items = [next_item(inbox)]
    while not isinstance(items[-1], Ended):
        items.append(next_item(inbox))
    return items


# --- messages


def test_reports_come_in_order_and_the_end_comes_last(start: Start, inbox: Inbox) -> None:
    start("for n in range(500): begun(n)\nsys.exit(3)", worker=7)
    assert all_items(inbox) == [*(Said(7, Begun(n)) for n in range(500)), Ended(7, 3)]


def test_a_request_reaches_the_child_and_its_answer_comes_back(start: Start, inbox: Inbox) -> None:
    child = start('line = sys.stdin.readline()\nprint(line, file=sys.stderr)\nsay(\'{"mgd":"Left","dropped":[4]}\')')
    assert child.send(encode(Leave()))
    assert all_items(inbox) == [Said(1, Left((4,))), Ended(1, 0)]
    assert '{"mgd":"Leave"}' in child.log_tail()


def test_what_is_no_report_goes_to_the_log(start: Start, inbox: Inbox, tmp_path: Path) -> None:
    child = start("""
        say("Blender 5.0.1")
        say('{"mgd":"Leave"}')
        say('{"mgd":"Begun","attempt":"x"}')
        begun(1)
        os.write(2, b"a warning\\n")
        os.write(1, b'{"mgd":"Begun","attempt":2}')
    """)
    assert all_items(inbox) == [Said(1, Begun(1)), Ended(1, 0)]
    assert child.join(60.0)
    log = (tmp_path / "1.log").read_text(encoding="utf-8")
    for words in ("Blender 5.0.1\n", '{"mgd":"Leave"}\n', '"attempt":"x"', "a warning\n", '"attempt":2}'):
        assert words in log
    assert '{"mgd":"Begun","attempt":1}' not in log


def test_a_child_sees_the_end_of_its_requests_when_its_dispatcher_is_killed(tmp_path: Path) -> None:
    code = """
        import os, sys, time
        from pathlib import Path
        from dispatch.process import Child, new_inbox
        inbox = new_inbox()
        listener = "import os,sys; print('{\\"mgd\\":\\"Begun\\",\\"attempt\\":1}', flush=True); sys.stdin.read(); os._exit(75)"
        child = Child(1, [sys.executable, "-c", listener], env=os.environ, log=Path(sys.argv[1]), inbox=inbox)
        inbox.get()
        print(child.pid, child.start_time, flush=True)
        time.sleep(600)
    """
    argv = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "log")]
    dispatcher = subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2])
    with dispatcher:
        assert dispatcher.stdout is not None
        pid, started = dispatcher.stdout.readline().decode().split()
        assert host.is_alive(int(pid), float(started))
        dispatcher.kill()
        until(lambda: not host.is_alive(int(pid), float(started)))


# --- ends


def test_a_killed_child_is_reported_with_its_signal(start: Start, inbox: Inbox) -> None:
    child = start("begun(1)\ntime.sleep(600)")
    assert next_item(inbox) == Said(1, Begun(1))
    assert host.is_alive(child.pid, child.start_time)
    child.kill()
    assert next_item(inbox) == Ended(1, -signal.SIGKILL)
    child.kill()
    assert child.ended
    assert not host.is_alive(child.pid, child.start_time)


def test_killing_a_child_ends_what_it_started(start: Start, inbox: Inbox) -> None:
    child = start("""
        import subprocess
        sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
        begun(subprocess.Popen(sleeper, start_new_session=True).pid)
        begun(subprocess.Popen(sleeper).pid)
        time.sleep(600)
    """)
    below = [item.report.attempt for item in (next_item(inbox), next_item(inbox)) if isinstance(item, Said)]
    starts = [host.process_start_time(pid) for pid in below]
    child.kill()
    assert isinstance(next_item(inbox), Ended)
    for pid, began in zip(below, starts, strict=True):
        until(lambda pid=pid, began=began: not host.is_alive(pid, began))


def test_a_child_that_dies_takes_what_it_left_in_its_group_along(
    start: Start, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "PIPE_DEADLINE", 60.0)
    start("""
        import subprocess
        begun(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid)
        os._exit(11)
    """)
    begin = time.monotonic()
    first, last = all_items(inbox)
    assert last == Ended(1, 11)
    assert time.monotonic() - begin < process.PIPE_DEADLINE, "the pipe did not have to be waited for"
    assert isinstance(first, Said)
    assert isinstance(first.report, Begun)
    until(lambda: not host.is_alive(first.report.attempt, None))


def test_a_pipe_that_somebody_else_holds_open_delays_the_end_only_so_long(
    start: Start, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "PIPE_DEADLINE", 0.3)
    start("""
        import subprocess
        begun(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True).pid)
        os._exit(0)
    """)
    first, last = all_items(inbox)
    assert isinstance(first, Said)
    assert isinstance(first.report, Begun)
    host.kill_tree(first.report.attempt, None, wait=5.0)
    assert last == Ended(1, 0)


def test_a_child_that_closes_its_pipes_has_not_ended(start: Start, inbox: Inbox) -> None:
    child = start("begun(1)\nfor fd in (0, 1, 2): os.close(fd)\ntime.sleep(600)")
    assert next_item(inbox) == Said(1, Begun(1))
    with pytest.raises(queue.Empty):
        next_item(inbox, 0.3)
    assert not child.ended
    for _ in range(5):
        assert child.send(encode(Leave())), "a request for nobody is lost without a word"
    child.kill()
    assert next_item(inbox) == Ended(1, -signal.SIGKILL)


def test_a_program_that_is_not_there_is_an_error_at_the_start(tmp_path: Path, inbox: Inbox) -> None:
    with pytest.raises(FileNotFoundError):
        Child(1, [str(tmp_path / "blender")], env=os.environ, log=tmp_path / "log", inbox=inbox)


def test_children_are_started_from_the_main_thread_only(start: Start) -> None:
    errors: list[RuntimeError] = []

    def elsewhere() -> None:
        try:
            start("pass")
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(errors) == 1


# --- a child that does not behave


def test_a_child_that_does_not_read_never_makes_the_caller_wait(start: Start, inbox: Inbox) -> None:
    child = start("begun(1)\ntime.sleep(600)")
    next_item(inbox)
    begin = time.monotonic()
    taken = sum(child.send(b"x" * 10_000 + b"\n") for _ in range(3000))
    assert time.monotonic() - begin < 60.0
    assert process.REQUESTS <= taken < 3000
    child.kill()
    assert next_item(inbox) == Ended(1, -signal.SIGKILL)


@contextlib.contextmanager
def little_memory(most: int) -> Iterator[None]:
    """Fail when this process needs more than ``most`` bytes more at any time inside."""
    me = psutil.Process()
    before, peak, over = me.memory_info().rss, 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(0.01):
            peak = max(peak, me.memory_info().rss - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    assert peak < most, f"{peak >> 20} MB"


def size_of_logs(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("1.*"))


@pytest.mark.parametrize("fd", [1, 2])
def test_a_hundred_megabytes_cost_bounded_memory_and_a_bounded_log(
    start: Start, inbox: Inbox, tmp_path: Path, fd: int
) -> None:
    with little_memory(40 << 20):
        child = start(f"""
            os.write({fd}, b"the beginning\\n")
            begun(1)
            line = b"x" * 99 + b"\\n"
            for _ in range(100):
                block = line * 10_000
                while block: block = block[os.write({fd}, block):]
            begun(2)
            os.write({fd}, b"the end\\n")
        """)
        assert all_items(inbox) == [Said(1, Begun(1)), Said(1, Begun(2)), Ended(1, 0)]
        assert child.join(60.0)
    assert size_of_logs(tmp_path) < 10 << 20
    assert (tmp_path / "1.log").read_bytes().startswith(b"the beginning\n")
    assert (tmp_path / "1.tail.log").read_bytes().endswith(b"the end\n")
    assert child.log_tail().endswith("the end\n")


def test_a_line_that_never_ends_costs_bounded_memory_and_what_follows_is_heard(
    start: Start, inbox: Inbox, tmp_path: Path
) -> None:
    with little_memory(40 << 20):
        start("""
            begun(1)
            block = b"{" + b"x" * (1 << 20)
            for _ in range(60):
                rest = block
                while rest: rest = rest[os.write(1, rest):]
            os.write(1, b"\\n")
            begun(2)
        """)
        assert all_items(inbox) == [Said(1, Begun(1)), Said(1, Begun(2)), Ended(1, 0)]
    assert size_of_logs(tmp_path) < 10 << 20


def test_a_long_report_is_heard(start: Start, inbox: Inbox) -> None:
    start("""say('{"mgd":"Hello","protocol":1,"pid":1,"version":[5,0,1],"build":"%s"}' % ("x" * 3_000_000))""")
    first, _ = all_items(inbox)
    assert isinstance(first, Said)
    assert first.report == Hello(1, 1, (5, 0, 1), "x" * 3_000_000)


def test_a_dispatcher_that_is_busy_makes_the_child_wait_and_loses_nothing(start: Start, inbox: Inbox) -> None:
    start("for n in range(30_000): begun(n)")
    until(inbox.full)
    items = all_items(inbox)
    assert items == [*(Said(1, Begun(n)) for n in range(30_000)), Ended(1, 0)]


# --- lines


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_lines_come_whole_however_the_stream_is_cut(size: int) -> None:
    stream = b"one\n\ntwo\r\n" + b"long" * 10 + b"\nthree\n" + b"x" * 50 + b"\nfour\nrest"
    lines = Lines(longest=42)
    whole: list[bytes] = []
    garbage = b""
    for start in range(0, len(stream), size):
        more, bad = lines.feed(stream[start : start + size])
        whole += more
        garbage += bad
    assert [w for w in whole if not w.startswith(b"x")] == [
        b"one\n", b"\n", b"two\r\n", b"long" * 10 + b"\n", b"three\n", b"four\n",
    ]  # fmt: skip
    assert lines.rest() == b"rest"
    assert len(garbage) + sum(map(len, whole)) == len(stream) - 4, "nothing is lost"


def test_nothing_longer_than_a_message_is_kept() -> None:
    lines = Lines()
    for _ in range(3 * LONGEST_LINE // 65536):
        lines.feed(b"x" * 65536)
        assert len(lines._held) <= LONGEST_LINE


# --- the log


def test_a_log_keeps_its_head_and_the_newest_of_the_rest(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "3.log", head=100, tail=200)
    text = b"".join(b"line %05d\n" % n for n in range(1000))
    for start in range(0, len(text), 37):
        log.write(text[start : start + 37])
    log.close()
    head, old, tail = (p.read_bytes() for p in (log.path, log.old_path, log.tail_path))
    assert head == text[:100]
    assert (len(old), len(tail) <= 200) == (200, True)
    assert text.endswith(old + tail)


def test_a_log_goes_on_where_an_earlier_one_ended(tmp_path: Path) -> None:
    for words in (b"first\n", b"second\n"):
        log = WorkerLog(tmp_path / "3.log", head=8, tail=100)
        log.write(words)
        log.close()
    assert (log.path.read_bytes(), log.tail_path.read_bytes()) == (b"first\nse", b"cond\n")


def test_the_last_words_are_there_even_where_nothing_can_be_written(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "no folder" / "3.log")
    log.write(b"out of memory\n" * 3)
    assert log.tail(14) == "out of memory\n"
    log.close()


def test_a_full_disk_does_not_reach_who_writes_the_log() -> None:
    log = WorkerLog(Path("/dev/full"))
    log.write(b"words\n")
    assert log.tail() == "words\n"
    log.close()


def test_the_memory_of_a_log_is_bounded_for_many_small_and_for_large_writes(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "3.log")
    for _ in range(50_000):
        log.write(b"x\n")
    assert len(log._last) <= 1001
    log.write(b"y" * (10 * REMEMBERED))
    assert sum(map(len, log._last)) <= 2 * REMEMBERED
    assert log.tail(REMEMBERED) == "y" * REMEMBERED
    log.close()
