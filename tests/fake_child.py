# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain-Python child: speaks the real protocol, makes real claims and tiny real pictures, and misbehaves on demand.

Exchangeable with ``dispatch/child/entry.py``: start it with ``BlenderProgram(path=sys.executable, is_module=True)``.
Its "scene" is the JSON script of `fake_scene`.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import queue
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))

from fake_files import FILES
from fake_scene import Rule, Script, frame_path, scene_facts

STDIN_ENDED = 75


class FrameError(Exception):
    """A rule fails the attempt: (fault, words)."""


def load_package() -> ModuleType:
    """Load ``dispatch`` under a private name, as the real entry does."""
    folder = Path(__file__).resolve().parents[1] / "dispatch"
    spec = importlib.util.spec_from_file_location(
        "mgd_dispatch", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["mgd_dispatch"] = package
    spec.loader.exec_module(package)
    return package


@dataclass
class Held:
    """An attempt whose pictures wait for the journal."""

    frame: int
    put: Callable[[], tuple[str, ...]]
    drop: Callable[[], None]


@dataclass
class Child:
    """The whole program. One thread reads requests; everything else happens in the main one."""

    requests: int
    reports: int
    protocol: Any
    model: Any
    script: Script = field(default_factory=Script)
    setup: Any = None
    deaf: bool = False
    leaving: bool = False
    attempt: int = 0
    frame: int | None = None
    again: bool = False

    def __post_init__(self) -> None:
        self.inbox: queue.Queue[Any] = queue.Queue()
        self.pending: deque[Any] = deque()
        self.folders: set[str] = set()
        self.held: dict[int, Held] = {}
        self.gaps: list[float] = []
        self.free_at = 0.0
        self.leaked: list[bytes] = []
        self.template: tuple[Path, Any] | None = None

    # --- talk

    def read(self) -> None:
        """Carry requests into the inbox; the end of stdin ends the process (thread)."""
        with os.fdopen(self.requests, "rb") as stream:
            for line in stream:
                message = self.protocol.decode(line)
                if message is not None:
                    self.inbox.put(message)
        if not self.deaf:
            os._exit(STDIN_ENDED)

    def send(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.reports, data) :]

    def say(self, report: Any) -> None:
        """Send a report, unless a rule does something else with it."""
        for rule in self.strike(type(report).__name__):
            if rule.do == "lost":
                return
            if rule.do == "half":
                line = self.protocol.encode(report)
                self.send(line[: len(line) // 2])
                return
            if rule.do == "double":
                self.send(self.protocol.encode(report))
            if rule.do == "other":
                report = dataclasses.replace(report, attempt=report.attempt + 1000)
            if rule.do == "wrong-device":
                other = ("CPU",) if "CPU" not in self.setup.devices else ("CUDA_of_somebody_else",)
                report = dataclasses.replace(report, devices=other)
        self.send(self.protocol.encode(report))

    # --- misbehave

    def strike(self, at: str) -> list[Rule]:
        """Do what the rules say for this place; return those that are about a report or a request."""
        left = []
        worker, devices = (self.setup.worker, self.setup.devices) if self.setup else (0, ())
        for rule in self.script.due(at, worker, self.frame, devices):
            if rule.do in _DEEDS:
                _DEEDS[rule.do](self, rule)
            else:
                left.append(rule)
        return left

    def pour(self, rule: Rule) -> None:
        """Write ``size`` bytes of nonsense; for ``endless`` without a single line's end."""
        target = {"stderr": 2, "stdout": 1, "reports": self.reports}[rule.stream]
        block = b"x" * 65536 if rule.do == "endless" else (b"Fra:1 Mem:8.34M | Sample 1/4 " * 4 + b"\n") * 560
        for _ in range(rule.size // len(block) + 1):
            rest = block
            while rest:
                rest = rest[os.write(target, rest) :]

    def fail(self, rule: Rule) -> None:
        raise FrameError(self.model.Fault(rule.fault), rule.words)

    def fail_as_blender(self, rule: Rule) -> None:
        from mgd_dispatch.failure_text import classify

        raise FrameError(classify(rule.words) or self.model.Fault.UNKNOWN, rule.words)

    def break_down(self, rule: Rule) -> None:
        self.say(self.protocol.Broken(fault=self.model.Fault(rule.fault), words=rule.words))
        os._exit(1)

    # --- work

    def run(self) -> None:
        """Be a child until told to leave."""
        self.strike("start")
        threading.Thread(target=self.read, daemon=True).start()
        info = sys.version_info
        self.say(
            self.protocol.Hello(
                self.protocol.VERSION,
                os.getpid(),
                _version(),
                os.environ.get("FAKE_BUILD", "fake"),
                f"{info[0]}.{info[1]}.{info[2]}",
            )
        )
        while True:
            while not self.inbox.empty():
                self.take(self.inbox.get())
            if self.leaving and not self.held:
                break
            if self.pending and not self.leaving:
                self.render(self.pending.popleft())
            else:
                self.take(self.inbox.get())
        if folder := self.script.get("gaps", ""):
            Path(folder, f"{os.getpid()}.json").write_text(json.dumps(self.gaps), encoding="utf-8")
        self.say(self.protocol.Left(dropped=tuple(r.attempt for r in self.pending)))
        self.strike("end")
        os._exit(0)

    def take(self, message: Any) -> None:
        """Handle one request."""
        p = self.protocol
        match message:
            case p.Inspect():
                self.inspect(message)
            case p.Configure():
                self.configure(message)
            case p.Render() | p.Check():
                self.pending.append(message)
            case p.MakeMovie():
                self.make_movie(message)
            case p.Commit():
                self.commit(message.attempt)
            case p.Discard():
                if held := self.held.pop(message.attempt, None):
                    held.drop()
            case p.FolderNoted():
                self.folders.add(message.folder)
            case p.Leave():
                self.leaving = not any(rule.do == "ignore" for rule in self.strike("leave"))

    def wait(self, seconds: float) -> None:
        """Let time pass, as a render does: requests are handled meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                self.take(self.inbox.get(timeout=left))
            except queue.Empty:
                return

    def await_file(self, rule: Rule) -> None:
        """Go on when the file is there; requests are handled meanwhile. ``path-FRAME`` says that this one waits."""
        Path(f"{rule.path}-{self.frame}").touch()
        while not Path(rule.path).exists():
            self.wait(0.02)

    def devices(self) -> tuple[Any, ...]:
        listed = self.script.get("devices", [["CPU", "Fake processor", "CPU"]])
        return tuple(self.model.Device(i, name, self.model.Backend(backend)) for i, name, backend in listed)

    def inspect(self, request: Any) -> None:
        facts, error = None, ""
        if request.blend:
            try:
                self.script = Script(request.blend)
                facts = scene_facts(self.protocol, self.script, request)
            except (OSError, ValueError) as problem:
                error = f"{request.blend} cannot be opened: {problem}."
        self.strike("inspect")
        error = self.script.get("error", error)
        preferred = tuple(self.script.get("preferred", []))
        self.say(self.protocol.Inspected(self.devices(), preferred, None if error else facts, error))

    def configure(self, request: Any) -> None:
        self.setup = request
        self.script = Script(request.blend)
        self.strike("load")
        self.say(self.protocol.Loaded(seconds=0.01, devices=request.devices or ("CPU",)))

    def check(self, request: Any) -> None:
        """Compare as a rule says: frames differ where one says so and data was kept. The private folder is a real one."""
        from mgd_dispatch.working_folder import WorkingFolder, make_fresh_folder, remove_tree

        folder = Path(request.pictures[-1].path).parent
        self.enter(str(folder))
        temp = WorkingFolder(folder).temp_of(self.setup.owner, request.attempt)
        try:
            make_fresh_folder(temp)
            (temp / "picture").write_bytes(b"x")
            rules = [rule.do for rule in self.strike("check")]
            self.wait(self.script.get("seconds", 0.0))
            same = "differ" not in rules
            answer = self.protocol.Checked(
                request.attempt, "unread" not in rules, same, 0.0 if same else 0.5, "the script says so"
            )
        except FrameError as failure:
            answer = self.protocol.Failed(request.attempt, *failure.args)
        finally:
            remove_tree(temp)
        self.say(answer)

    def render(self, request: Any) -> None:
        """Render one frame; its pictures stay in ``held`` until the journal knows them."""
        self.attempt, self.frame = request.attempt, request.frame
        if isinstance(request, self.protocol.Check):
            self.check(request)
            return
        self.again = request.again
        if self.free_at:
            self.gaps.append(time.monotonic() - self.free_at)
        drop: Callable[[], None] = lambda: None  # noqa: E731
        try:
            final = Path(frame_path(self.setup.output, request.frame))
            self.enter(str(final.parent))
            self.strike("claim")
            files = FILES[self.script.get("pictures", "real")](self, final)
            if files is None:
                return
            put, drop, make = files
            self.say(self.protocol.Begun(request.attempt))
            self.strike("render")
            began = time.monotonic()
            self.wait(self.script.get("seconds", 0.0))
            self.use_cards(self.script.get("card_seconds", 0.0))
            pictures = make()
            self.log_render()
            phases = self.model.Phases(render=self.script.get("says", time.monotonic() - began))
            self.held[request.attempt] = Held(request.frame, put, drop)
            self.say(self.protocol.Rendered(request.attempt, pictures, phases, self.memory(), self.setup.devices))
            self.free_at = time.monotonic()
        except (FrameError, OSError, self.model.DispatchError) as failure:
            drop()
            self.held.pop(request.attempt, None)
            self.folders.clear()  # it may be gone, or not ours any more: asked for again, as the real child does
            self.say(self.protocol.Failed(request.attempt, *self.words_for(failure)))

    def words_for(self, failure: Exception) -> tuple[Any, str]:
        """Return a failure's kind and words as the real child tells them."""
        from mgd_dispatch.working_folder import cannot_write

        if isinstance(failure, BrokenPipeError):
            raise failure  # the dispatcher is gone
        if isinstance(failure, FrameError):
            return failure.args[0], failure.args[1]
        if isinstance(failure, OSError):
            failure = cannot_write(Path(frame_path(self.setup.output, self.frame or 0)), failure)
        return getattr(failure, "fault", self.model.Fault.UNKNOWN), str(failure)

    def memory(self) -> int:
        """Keep what the script says of this frame; return what the child has had in all."""
        size = self.script.get("leak", 0)
        if not size:
            return 10_000_000
        from mgd_dispatch import host

        self.leaked.append(b"x" * size)
        return host.peak_memory()

    def use_cards(self, seconds: float) -> None:
        """Have the cards to oneself as long as the frame's samples and pixels take; several share them evenly."""
        if seconds:
            import fake_cards

            work = seconds * self.setup.pixels * (self.setup.samples or 100.0) / 100
            with fake_cards.held(self.script.counts, self.setup.devices):
                self.wait(work / len(self.setup.devices))

    def make_movie(self, request: Any) -> None:
        """Put the pictures' names into a file, which stays half in our working folder where a rule strikes."""
        from mgd_dispatch.working_folder import WorkingFolder, make_fresh_folder

        final = Path(request.movie)
        temp = WorkingFolder(final.parent).temp_of(self.setup.owner) / "movie"
        make_fresh_folder(temp)
        half = temp / final.name
        half.write_text("half", encoding="utf-8")
        self.strike("movie")
        names = [Path(path).name for path in request.pictures]
        half.write_text(json.dumps({"frames": request.frames, "pictures": names}), encoding="utf-8")
        half.replace(final)
        self.say(self.protocol.MovieMade(str(final), final.stat().st_size))

    def enter(self, folder: str) -> None:
        """Wait until the journal knows the output folder."""
        if folder not in self.folders:
            self.say(self.protocol.FolderUsed(folder))
        while folder not in self.folders:
            self.take(self.inbox.get())

    def log_render(self) -> None:
        if path := self.script.get("renders", ""):
            line = f"{self.frame} {self.attempt} {self.setup.worker} {os.getpid()}\n"
            with Path(path).open("a", encoding="utf-8") as log:
                log.write(line)

    def commit(self, attempt: int) -> None:
        held = self.held.get(attempt)
        if held is None:
            return
        before = self.attempt, self.frame
        self.attempt, self.frame = attempt, held.frame
        try:
            self.strike("commit")
            lost = held.put()
            del self.held[attempt]
            self.say(self.protocol.Committed(attempt, lost))
        except (FrameError, OSError, self.model.DispatchError) as failure:
            held.drop()
            self.held.pop(attempt, None)
            self.say(self.protocol.Failed(attempt, *self.words_for(failure)))
        finally:
            self.attempt, self.frame = before


def _version() -> tuple[int, ...]:
    return tuple(map(int, os.environ.get("FAKE_VERSION", "5.0.1").split(".")))


def _become_deaf(child: Child, rule: Rule) -> None:
    child.deaf = True
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


GARBAGE = (
    b"Fra:1 Mem:8.34M (Peak 10.49M) | Sample 1/4\n",
    b'{"mgd":"Rendered"}\n',
    b'{"mgd":"Rendered","attempt":"x"}\n',
    b'{"mgd":["Hello"]}\n',
    b'{"hello": "world"}\n',
    b"{" * 5000 + b"\n",
    b"\xff\xfe\x00\x01\n",
    b"\n",
)

_DEEDS: dict[str, Callable[[Child, Rule], object]] = {
    "exit": lambda child, rule: os._exit(rule.code),
    "signal": lambda child, rule: os.kill(os.getpid(), rule.code),
    "stop": lambda child, rule: os.kill(os.getpid(), signal.SIGSTOP),
    "hang": lambda child, rule: threading.Event().wait(),
    "sleep": lambda child, rule: child.wait(rule.seconds),
    "await": Child.await_file,
    "deaf": _become_deaf,
    "garbage": lambda child, rule: [child.send(line) for line in GARBAGE],
    "flood": Child.pour,
    "endless": Child.pour,
    "close": lambda child, rule: os.close(child.reports),
    "print": lambda child, rule: os.write(2, f"{rule.words}\n".encode()),
    "fail": Child.fail,
    "raise": Child.fail_as_blender,
    "broken": Child.break_down,
}


def main() -> None:
    """Take the pipes, load the package, be a child."""
    requests, reports = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    load_package()
    from mgd_dispatch import model, protocol

    try:
        Child(requests, reports, protocol, model).run()
    except BrokenPipeError:
        os._exit(STDIN_ENDED)


if __name__ == "__main__":
    main()
