# SPDX-License-Identifier: GPL-3.0-or-later
"""One background Blender as a process: start it, carry messages both ways, end it.

Owns the process, its three pipes and the threads on them. The threads only carry: reports go as `Said` into one
inbox for all workers, and after a worker's last report its `Ended`. What is no message goes to the worker's log, as
does everything on stderr. Memory stays bounded whatever a child prints, and the caller never waits for a child.
Decides nothing: when to kill, and what an end means, is the machine's business.
"""

from __future__ import annotations

import contextlib
import errno
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from . import host
from .overheard import Overheard
from .protocol import LONGEST_LINE, Report, decode
from .workerlog import WorkerLog

CHUNK = 1 << 16
PIPE_DEADLINE = 5.0
"""Seconds that the rest of a dead child's pipes may take: something it started may hold them open for ever."""
REQUESTS = 1000
"""Lines that may wait for a child that does not read; a healthy one never has more than a handful."""
INBOX = 10_000
"""Reports that may wait for the dispatcher; beyond that the children wait."""


@dataclass(frozen=True, slots=True)
class Said:
    """A child sent a report."""

    worker: int
    report: Report


@dataclass(frozen=True, slots=True)
class Ended:
    """A child is gone, and everything it had to say came before this."""

    worker: int
    status: int
    """Exit status; on POSIX minus the signal's number where a signal ended it."""


Item = Said | Ended
Inbox = queue.Queue[Item]


def new_inbox() -> Inbox:
    """Where the reports of all children arrive."""
    return queue.Queue(INBOX)


class Child:
    """A started child. ``pid`` with ``start_time`` is its identity, also after this program has ended."""

    def __init__(
        self,
        worker: int,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path,
        inbox: Inbox,
        cwd: Path | None = None,
        job: host.ChildrenJob | None = None,
        thread_stays: bool = False,
    ) -> None:
        """Start it. Only from the main thread: on Linux a child ends with the thread that started it.

        ``thread_stays``: the caller's thread is another one, and ends after the child.

        Raises:
            OSError: the program cannot be started.
        """
        if not thread_stays and threading.current_thread() is not threading.main_thread():
            raise RuntimeError("children are started from the main thread only")
        self.worker = worker
        self.log = WorkerLog(log)
        self._inbox = inbox
        self._requests: queue.Queue[bytes | None] = queue.Queue(REQUESTS)
        self.overheard = Overheard()
        self._over = threading.Event()
        self._process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env={**env, **host.parent_environment()},
            cwd=cwd,
            **host.popen_options(detached=False),
        )
        self.pid = self._process.pid
        # Nobody has collected its status yet, so the id cannot belong to another one.
        self.start_time = host.process_start_time(self.pid)
        if job is not None:
            job.add(self._process)
        self._start_threads()

    def send(self, line: bytes) -> bool:
        """Hand a request over; never waits. False: the child does not read, and the line is lost."""
        return self._put(line)

    def kill(self) -> None:
        """Kill it and everything it started, at once; its `Ended` follows. Does nothing after its end."""
        if self._process.returncode is None:
            host.kill_tree(self.pid, self.start_time)

    def log_tail(self, limit: int = 16 << 10) -> str:
        """The last words of its log: what a failure is judged by."""
        return self.log.tail(limit)

    @property
    def ended(self) -> bool:
        """True once its `Ended` is in the inbox."""
        return self._over.is_set()

    def join(self, deadline: float) -> bool:
        """Wait up to ``deadline`` seconds for its end; True when it is gone."""
        self._watcher.join(deadline)
        return not self._watcher.is_alive()

    def _put(self, line: bytes | None) -> bool:
        try:
            self._requests.put_nowait(line)
        except queue.Full:
            return False
        return True

    def _thread(self, name: str, carry: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=carry, name=f"worker-{self.worker}-{name}", daemon=True)
        thread.start()
        return thread

    def _start_threads(self) -> None:
        try:
            self._threads = [
                self._thread("reports", self._carry_reports),
                self._thread("log", self._carry_log),
                self._thread("requests", self._carry_requests),
            ]
            self._watcher = self._thread("end", self._await_end)
        except RuntimeError as error:  # the system's limit: one more child is too much, those that run go on
            self.kill()
            self._put(None)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(PIPE_DEADLINE)
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                _opened(pipe).close()
            raise OSError(errno.EAGAIN, str(error)) from error

    def _carry_requests(self) -> None:
        pipe = _opened(self._process.stdin)
        with pipe:
            while (line := self._requests.get()) is not None:
                try:
                    rest = memoryview(line)
                    while rest:
                        rest = rest[pipe.write(rest) :]
                except OSError:
                    return

    def _carry_log(self) -> None:
        with _opened(self._process.stderr) as pipe:
            while chunk := pipe.read(CHUNK):
                self.log.write(chunk)
                self.overheard.hear(chunk)

    def _carry_reports(self) -> None:
        lines = Lines()
        with _opened(self._process.stdout) as pipe:
            while chunk := pipe.read(CHUNK):
                whole, garbage = lines.feed(chunk)
                if garbage:
                    self.log.write(garbage)
                for line in whole:
                    self._sort(line)
        # A line without its end was cut by the child's death: it is no message, whatever it looks like.
        self.log.write(lines.rest())

    def _sort(self, line: bytes) -> None:
        message = decode(line)
        if not isinstance(message, Report):
            self.log.write(line)
        elif not self._over.is_set():
            self._inbox.put(Said(self.worker, message))

    def _await_end(self) -> None:
        status = self._process.wait()
        host.kill_orphans(self.pid)
        while not self._put(None):
            with contextlib.suppress(queue.Empty):
                self._requests.get_nowait()
        until = time.monotonic() + PIPE_DEADLINE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        self._over.set()
        self._inbox.put(Ended(self.worker, status))
        self.log.close()


class Lines:
    """Cuts a stream into lines with bounded memory."""

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._held = bytearray()
        self._skipping = False

    def feed(self, chunk: bytes) -> tuple[list[bytes], bytes]:
        """Return the lines that are whole now, newline included, and what is garbage because a line is too long."""
        garbage = b""
        if self._skipping:
            end = chunk.find(b"\n") + 1
            if end == 0:
                return [], chunk
            garbage, chunk, self._skipping = chunk[:end], chunk[end:], False
        *whole, cut = chunk.split(b"\n")
        lines = [line + b"\n" for line in whole]
        if lines:
            lines[0] = self.rest() + lines[0]
        self._held += cut
        if len(self._held) > self._longest:
            garbage += self.rest()
            self._skipping = True
        return lines, garbage

    def rest(self) -> bytes:
        """What came after the last newline; forgets it."""
        held = bytes(self._held)
        self._held.clear()
        return held


def _opened(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
