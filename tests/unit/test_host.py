# SPDX-License-Identifier: GPL-3.0-or-later
"""The operating system below us, asked with real processes and files. What other systems would be asked:
`test_host_windows`, `test_host_macos`."""

from __future__ import annotations

import contextlib
import inspect
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from waiting import until

from dispatch import host
from dispatch.host import family, linux, macos, posix, windows
from dispatch.model import PROGRAM, DispatchError

ROOT = Path(__file__).resolve().parents[2]
SLEEP = "import time; time.sleep(600)"


@contextlib.contextmanager
def running(code: str, *arguments: str, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A small Python in a session of its own; killed with all that it started."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=env,
        **host.popen_options(detached=False),
    )
    start = host.process_start_time(process.pid)
    try:
        with process:
            yield process
            host.kill_tree(process.pid, start)
    finally:
        process.wait()
        host.kill_orphans(process.pid)


def said(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


# --- the same names everywhere


OFFERED = sorted(name for name, it in vars(host).items() if callable(it) and vars(linux).get(name) is it)
"""The calls of which every system has its own."""


@pytest.mark.parametrize("system", [linux, macos, windows])
@pytest.mark.parametrize("name", OFFERED)
def test_every_system_offers_the_same_call(system: object, name: str) -> None:
    here, there = getattr(host, name), getattr(system, name)
    if name not in ("cores", "memory_allowed"):  # the Linux ones take a root for tests
        assert inspect.signature(there).parameters == inspect.signature(here).parameters
    if inspect.isclass(here):
        names = {n for n in dir(here) if not n.startswith("_")}
        assert {n for n in dir(there) if not n.startswith("_")} == names


# --- who is alive


def test_a_process_is_known_by_id_and_start_time() -> None:
    with running(SLEEP) as process:
        start = host.process_start_time(process.pid)
        assert start is not None
        assert start == host.process_start_time(process.pid)
        assert host.is_alive(process.pid, start)
        assert host.is_alive(process.pid, None)
        assert not host.is_alive(process.pid, start - 1), "another process had this id before"


def test_a_dead_process_that_nobody_collected_is_not_alive() -> None:
    with running(SLEEP) as process:
        start = host.process_start_time(process.pid)
        process.send_signal(signal.SIGKILL)
        until(lambda: not host.is_alive(process.pid, start))
        assert host.process_start_time(process.pid) == start


def test_a_process_that_was_never_there_is_not_alive() -> None:
    assert not host.is_alive(2**31 - 7, 1.0)
    assert host.process_start_time(2**31 - 7) is None


def test_this_machine_and_its_boot_have_names() -> None:
    assert host.hostname()
    assert len(host.boot_id()) == 36
    assert host.boot_id() == host.boot_id()
    assert host.pid_namespace().startswith("pid:[")


# --- ending a tree

FAMILY = """
    import subprocess, sys, time
    sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
    near = subprocess.Popen(sleeper)
    far = subprocess.Popen(sleeper, start_new_session=True)
    print(near.pid, far.pid, flush=True)
    time.sleep(600)
"""


def test_killing_a_tree_ends_children_in_the_group_and_outside_of_it() -> None:
    with running(FAMILY) as process:
        children = [int(word) for word in said(process).split()]
        starts = [host.process_start_time(pid) for pid in children]
        assert host.kill_tree(process.pid, host.process_start_time(process.pid), wait=10.0) == []
        assert process.wait(60) == -signal.SIGKILL
        for pid, start in zip(children, starts, strict=True):
            assert not host.is_alive(pid, start)


def test_killing_a_tree_spares_a_process_that_only_has_the_same_id() -> None:
    with running(SLEEP) as process:
        start = host.process_start_time(process.pid)
        assert start is not None
        host.kill_tree(process.pid, start - 1)
        assert host.is_alive(process.pid, start)


def test_killing_a_tree_that_is_gone_does_nothing() -> None:
    with running("pass") as process:
        start = host.process_start_time(process.pid)
        process.wait()
    assert host.kill_tree(process.pid, start) == []


def test_what_a_dead_child_left_in_its_group_is_ended() -> None:
    code = """
        import os, subprocess, sys
        left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        print(left.pid, flush=True)
        sys.stdin.readline()
        os._exit(3)
    """
    with running(code) as process:
        left = int(said(process))
        start = host.process_start_time(left)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 3
        assert host.is_alive(left, start)
        host.kill_orphans(process.pid)
        until(lambda: not host.is_alive(left, start))


def test_the_family_of_a_process_leaves_out_who_is_older_than_its_parent() -> None:
    table = [
        family.Process(10, 1, 5.0),
        family.Process(11, 10, 6.0),
        family.Process(12, 11, 7.0),
        family.Process(13, 10, 4.0),  # 10 was somebody else's id when this one was started
        family.Process(14, 1, 9.0, frozenset({10})),  # its parent is gone, its group is not
        family.Process(15, 14, 9.5),
        family.Process(99, 1, 1.0),
    ]
    assert [p.pid for p in family.family(table, 10)] == [10, 14, 11, 15, 12]


def test_processes_that_fork_while_they_are_killed_are_found_too() -> None:
    root = family.Process(10, 1, 5.0, frozenset({10}))
    late = family.Process(20, 1, 8.0, frozenset({10}))
    tables = iter([[root], [late], []])
    killed: list[int] = []
    left = family.kill_family(
        10, 5.0, read_table=lambda: next(tables, []), kill=lambda p: killed.append(p.pid), myself=1, wait=0
    )
    assert (killed, left) == ([10, 20], [])


def test_what_does_not_die_is_named() -> None:
    root = family.Process(10, 1, 5.0)
    begin = time.monotonic()
    assert family.kill_family(10, 5.0, read_table=lambda: [root], kill=lambda p: None, myself=1, wait=0.1) == [10]
    assert time.monotonic() - begin >= 0.1


# --- dying with the dispatcher

CHILD_OF_OURS = """
    import sys, time
    from dispatch import host
    host.die_with_parent()
    print("lives", flush=True)
    time.sleep(600)
"""


def test_a_child_dies_when_its_dispatcher_is_killed() -> None:
    code = """
        import os, subprocess, sys
        from dispatch import host
        child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], env={**os.environ, **host.parent_environment()})
        print(child.pid, flush=True)
        child.wait()
    """
    with running(code, textwrap.dedent(CHILD_OF_OURS)) as dispatcher:
        # Two writers share the pipe: either may come first.
        words = {said(dispatcher), said(dispatcher)}
        child = int(next(w for w in words if w != "lives"))
        start = host.process_start_time(child)
        assert host.is_alive(child, start)
        dispatcher.kill()
        until(lambda: not host.is_alive(child, start))


def test_a_child_whose_dispatcher_died_before_it_could_say_so_ends_at_once() -> None:
    with running("pass") as dispatcher:
        mark = f"{dispatcher.pid} {host.process_start_time(dispatcher.pid)} {host.pid_namespace()}"
        dispatcher.wait()
    with running(CHILD_OF_OURS, env={**os.environ, linux.PARENT: mark}) as child:
        assert child.wait(60) == linux.ORPHANED


def test_a_child_that_was_started_through_a_script_lives(tmp_path: Path) -> None:
    script = tmp_path / "blender"
    script.write_text(f'#!/bin/sh\n"{sys.executable}" "$@"\nexit 0\n', encoding="utf-8")
    script.chmod(0o755)
    process = subprocess.Popen(
        [script, "-c", textwrap.dedent(CHILD_OF_OURS)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, **host.parent_environment()},
        **host.popen_options(detached=False),
    )
    with process:
        assert said(process) == "lives"
        host.kill_tree(process.pid, None, wait=5.0)


def test_a_child_runs_below_normal_priority_and_goes_first_when_memory_runs_out() -> None:
    code = """
        import os
        from pathlib import Path
        from dispatch import host
        host.lower_priority()
        print(os.nice(0), Path("/proc/self/oom_score_adj").read_text(encoding="ascii").strip())
    """
    with running(code) as child:
        niceness, score = (int(word) for word in said(child).split())
    assert niceness >= posix.NICENESS
    assert score >= 500


def test_a_detached_process_outlives_who_started_it(tmp_path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from dispatch import host
        process = host.spawn_detached([sys.executable, "-c", sys.argv[1]], log=Path(sys.argv[2]))
        print(process.pid, host.process_start_time(process.pid), flush=True)
        process.returncode = 0  # not ours to wait for
    """
    log = tmp_path / "log"
    with running(code, f"print('here', flush=True); {SLEEP}", str(log)) as starter:
        pid, start = said(starter).split()
        starter.wait()
    try:
        assert host.is_alive(int(pid), float(start))
        until(lambda: log.read_text(encoding="utf-8") == "here\n")
        assert os.getsid(int(pid)) == int(pid)
    finally:
        host.kill_tree(int(pid), float(start), wait=5.0)


# --- locks


def test_a_lock_is_held_once_even_within_one_process(tmp_path: Path) -> None:
    with host.lock_file(tmp_path / "lock"), pytest.raises(host.Locked):
        host.lock_file(tmp_path / "lock")
    host.lock_file(tmp_path / "lock").release()


def test_a_lock_dies_with_its_owner_and_is_not_passed_on_to_its_children(tmp_path: Path) -> None:
    code = """
        import subprocess, sys, time
        from pathlib import Path
        from dispatch import host
        lock = host.lock_file(Path(sys.argv[1]))
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], close_fds=False)
        print("locked", flush=True)
        time.sleep(600)
    """
    path = tmp_path / "lock"
    with running(code, str(path)) as process:
        assert said(process) == "locked"
        with pytest.raises(host.Locked):
            host.lock_file(path)
        process.kill()
        process.wait()
        host.lock_file(path).release()


def test_whoever_asks_for_a_lock_is_not_taken_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not host.is_locked(path)
    assert not path.exists(), "to ask makes no file"
    with host.lock_file(path):
        assert host.is_locked(path)
    ask = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n" + (
        "from pathlib import Path; from dispatch import host\n"
        "print(sum(host.is_locked(Path(sys.argv[1])) for _ in range(20000)))\n"
    )
    asking = [subprocess.Popen([sys.executable, "-c", ask, str(path)], stdout=subprocess.PIPE) for _ in range(2)]
    assert [int(process.communicate(timeout=60)[0]) for process in asking] == [0, 0]


def test_a_lock_on_a_file_that_was_removed_is_a_lock_on_the_new_file(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    old = host.lock_file(path)
    path.unlink()
    with host.lock_file(path), pytest.raises(host.Locked):
        host.lock_file(path)
    old.release()


def test_a_lock_names_its_holder_and_can_be_read_by_others(tmp_path: Path) -> None:
    with host.lock_file(tmp_path / "lock") as lock:
        lock.write(b"a long first holder\n")
        lock.write(b"second\n")
        assert (tmp_path / "lock").read_bytes() == b"second\n"
    lock.release()


def test_a_file_system_without_locks_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import fcntl

    def refuse(fd: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(DispatchError, match=r"no file locks: choose a local folder with --jobs-dir"):
        host.lock_file(tmp_path / "lock")


# --- files and places


def test_replacing_and_syncing_leaves_the_new_content(tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    new.write_bytes(b"new")
    old.write_bytes(b"old")
    host.fsync_file(new)
    host.replace(new, old)
    host.fsync_folder(tmp_path)
    assert old.read_bytes() == b"new"
    assert not new.exists()


def test_syncing_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        host.fsync_file(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        host.fsync_folder(tmp_path / "none")


def test_a_full_disk_that_shows_only_when_syncing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        host.fsync_file(tmp_path / "file")


def test_free_space_is_known_for_a_folder_that_does_not_exist_yet(tmp_path: Path) -> None:
    assert host.free_space(tmp_path / "a" / "b") > 0


def test_the_state_folder_follows_the_xdg_rules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert linux.state_folder() == tmp_path / PROGRAM
    monkeypatch.setenv("XDG_STATE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert linux.state_folder() == tmp_path / ".local" / "state" / PROGRAM


def test_a_private_folder_can_be_looked_into_by_its_owner_only(tmp_path: Path) -> None:
    old = tmp_path / "state"
    old.mkdir(mode=0o755)
    assert host.private_folder(old) == old
    assert old.stat().st_mode & 0o777 == 0o700
    assert host.private_folder(tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_private_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(DispatchError, match="belongs to another user"):
        host.private_folder(tmp_path / "state")


def test_a_display_is_what_the_session_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not linux.has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert linux.has_display()


def test_peak_memory_is_this_processes_own_and_not_what_it_was_forked_from() -> None:
    ballast = bytearray(200 << 20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    with running("from dispatch import host; print(host.peak_memory())") as process:
        peak = int(said(process))
    assert 1 << 20 < peak < 150 << 20
    assert host.peak_memory() > len(ballast)


# --- cores


def _tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))


@pytest.mark.parametrize(
    ("files", "count"),
    [
        ({}, 16),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, 16),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "450000 100000\n"}, 4),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "200000 100000\n"}, 2),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "6400000 100000\n"}, 16),
        (
            {
                "proc/self/cgroup": "4:memory:/x\n2:cpu,cpuacct:/docker/1\n0::/\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (
            {
                "proc/self/cgroup": "1:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            16,
        ),
    ],
)
@pytest.mark.usefixtures("sixteen")
def test_cores_are_those_that_affinity_and_quota_leave(tmp_path: Path, files: dict[str, str], count: int) -> None:
    assert linux.cores(_tree(tmp_path, files)) == count


GB = 1 << 30


@pytest.mark.parametrize(
    ("files", "allowed"),
    [
        ({}, (None, None, None)),
        ({"proc/vmstat": "pgfault 12\noom_kill 3\noom_kill_other 4\n"}, (None, None, 3)),
        ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, (None, None, None)),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/memory.max": f"{8 * GB}\n",
                "sys/fs/cgroup/a/memory.current": f"{7 * GB}\n",
                "sys/fs/cgroup/a/memory.stat": f"anon {4 * GB}\ninactive_file {2 * GB}\n",
                "sys/fs/cgroup/a/b/memory.max": f"{6 * GB}\n",
                "sys/fs/cgroup/a/b/memory.current": f"{1 * GB}\n",
            },
            (6 * GB, 3 * GB, None),
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/docker/1\n2:cpu,cpuacct:/docker/1\n0::/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{4 * GB}\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{3 * GB}\n",
                "sys/fs/cgroup/memory/memory.stat": f"inactive_file 0\ntotal_inactive_file {1 * GB}\n",
            },
            (4 * GB, 2 * GB, None),
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{3 * GB}\n",
            },
            (None, None, None),
        ),
    ],
)
def test_memory_is_what_the_tightest_group_leaves(
    tmp_path: Path, files: dict[str, str], allowed: tuple[int | None, ...]
) -> None:
    told = linux.memory_allowed(_tree(tmp_path, files))
    assert (told.total, told.free, told.kills) == allowed


def test_this_process_has_at_least_one_core() -> None:
    assert 1 <= host.cores() <= (os.cpu_count() or 1)


# --- staying awake


@pytest.fixture
def inhibit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemd-inhibit that grants what ``granted`` lists, and then does what the real one does."""
    tool = tmp_path / "bin" / "systemd-inhibit"
    tool.parent.mkdir()
    tool.write_text(
        '#!/bin/sh\necho "$@" >>"$0.calls"\ngrep -qx -e "$1" "$0.granted" || exit 1\nshift 4\n"$@"\n', encoding="utf-8"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    return tool


def _grant(tool: Path, *what: str) -> None:
    tool.with_name("systemd-inhibit.granted").write_text("".join(f"--what={w}\n" for w in what), encoding="utf-8")


def test_the_machine_is_kept_awake_until_release(inhibit: Path) -> None:
    _grant(inhibit, "idle:sleep")
    with linux.KeepAwake("rendering shot 7") as awake:
        assert awake.held
        assert awake.hold(), "a second time does nothing"
    assert not awake.held
    (call,) = inhibit.with_name("systemd-inhibit.calls").read_text(encoding="utf-8").splitlines()
    assert call.startswith(f"--what=idle:sleep --who={PROGRAM} --why=rendering shot 7 --mode=block cat")


def test_where_sleep_may_not_be_blocked_idleness_is(inhibit: Path) -> None:
    _grant(inhibit, "idle")
    with linux.KeepAwake("rendering") as awake:
        assert awake.held


def test_a_session_that_grants_nothing_is_said_and_does_no_harm(inhibit: Path) -> None:
    _grant(inhibit)
    with linux.KeepAwake("rendering") as awake:
        assert not awake.held
        assert "may fall asleep" in awake.reason


def test_a_system_without_the_tool_is_said_and_does_no_harm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    awake = linux.KeepAwake("rendering")
    assert not awake.hold()
    assert "systemd-inhibit" in awake.reason
    awake.release()


def test_the_machine_may_sleep_again_when_the_dispatcher_is_killed(inhibit: Path) -> None:
    _grant(inhibit, "idle:sleep")
    code = """
        import time
        from dispatch.host import linux
        awake = linux.KeepAwake("rendering")
        assert awake.hold()
        print(awake._process.pid, flush=True)
        time.sleep(600)
    """
    with running(code) as process:
        holder = int(said(process))
        start = host.process_start_time(holder)
        assert host.is_alive(holder, start)
        process.kill()
        until(lambda: not host.is_alive(holder, start))
