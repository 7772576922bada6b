# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds the layer table of the engine: who may import what, and who may touch the world."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "dispatch"

PURE = frozenset(
    [
        "model",
        "codec",
        "protocol",
        "events",
        "faults",
        "snapshot",
        "machine",
        "ledger",
        "ladder",
        "lacking",
        "rungs",
        "climbed",
        "own_slot",
        "small_cards",
        "memory_told",
        "fit_words",
        "roster",
        "blame",
        "blocks",
        "hold",
        "streak",
        "quarantine",
        "telling",
        "pace",
        "assignment",
        "course",
        "costs",
        "lanes",
        "tail",
        "forecast",
        "time_left",
        "kernels",
        "gauges",
        "readings",
        "growth",
        "slowness",
        "recycling",
        "timing",
        "evidence",
        "bottleneck",
        "verdict",
        "hearing",
        "trust",
        "allowance",
        "candidates",
        "checks",
        "layout",
        "frames",
        "deadlines",
        "launch",
        "findings",
        "preflight",
        "session_findings",
        "wording",
        "auto",
        "auto_words",
        "berths",
        "capacity",
        "copies",
        "kinds",
        "prospect",
        "squeeze",
        "trial",
        "tries",
        "failure_text",
        "devices",
        "doctor",
        "doctor_cards",
        "doctor_nouns",
        "doctor_places",
        "doctor_words",
        "redaction",
        "report",
        "job_clock",
        "job_lanes",
        "timeline",
        "recorded",
        "report_data",
        "figures",
        "gantt",
        "charts",
        "markup",
        "job_sections",
        "measurement_charts",
        "measurement_sections",
        "measurement_words",
        "panel_words",
        "job_words",
        "measurement",
        "measure_memory",
        "measure_plan",
        "measure_table",
        "steady",
        "weights",
        "noise",
        "scaling",
        "crossing",
        "recommendation",
        "selection",
        "shown",
        "player",
    ]
)
"""Rooms without any effect. They may import one another, `PURE_LIBRARY`, and nothing else."""

PURE_LIBRARY = frozenset(
    [
        "__future__",
        "array",
        "bisect",
        "collections",
        "dataclasses",
        "difflib",
        "enum",
        "functools",
        "heapq",
        "html",
        "itertools",
        "json",
        "math",
        "ntpath",
        "operator",
        "posixpath",
        "re",
        "shlex",
        "statistics",
        "string",
        "types",
        "typing",
        "unicodedata",
        "os",
        "subprocess",
        "pathlib",
        "datetime",
    ]
)

WORDS_ONLY = {"os": {"name", "sep", "pathsep"}, "subprocess": {"list2cmdline"}, "pathlib": {"Path", "PurePath"}}
"""Of these modules the pure rooms may use what computes with names, nothing that does anything."""

EFFECTS = frozenset(
    [
        "exists",
        "is_file",
        "is_dir",
        "is_symlink",
        "stat",
        "lstat",
        "mkdir",
        "rmdir",
        "unlink",
        "touch",
        "rename",
        "read_text",
        "read_bytes",
        "write_text",
        "write_bytes",
        "iterdir",
        "glob",
        "rglob",
        "resolve",
        "expanduser",
        "samefile",
        "cwd",
        "home",
        "now",
        "today",
        "utcnow",
    ]
)
"""Methods that read a disk or a clock."""

LAZY = frozenset({"psutil", "pynvml", "rich"})
"""Libraries that may be missing: imported inside functions. `LAZY_ROOMS` are themselves imported inside functions."""

LAZY_ROOMS = {"live": {"rich"}}

ONE_SYSTEM_ONLY = frozenset(["fcntl", "resource", "pwd", "grp", "termios", "msvcrt", "winreg", "ctypes", "_winapi"])
READS_BLENDERS_MEMORY = {"packed_bakes.py": {"ctypes"}}
ONE_SYSTEM_CALLS = frozenset(
    [
        "fork",
        "forkpty",
        "killpg",
        "getpgid",
        "setpgid",
        "setsid",
        "getuid",
        "geteuid",
        "getppid",
        "nice",
        "sched_getaffinity",
        "SIGKILL",
        "SIGSTOP",
        "SIGCONT",
        "SIGHUP",
        "CREATE_NEW_PROCESS_GROUP",
        "DETACHED_PROCESS",
        "startfile",
        "chown",
        "lchown",
        "mkfifo",
        "preexec_fn",
        "O_NONBLOCK",
        "pidfd_open",
    ]
)
"""What only some operating systems have: `dispatch/host` alone knows of these."""

LONGEST_MODULE = 300
LONG_FOR_A_REASON = {"protocol.py": "the closed message set, one class a message"}
LONGEST_FUNCTION = 45

MODULES = sorted(PACKAGE.rglob("*.py"))
IDS = [str(path.relative_to(PACKAGE)) for path in MODULES]
every_module = pytest.mark.parametrize("path", MODULES, ids=IDS)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room(path: Path) -> str:
    """``machine`` for dispatch/machine.py, ``host`` and ``child`` for everything in these packages."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def absolute(node: ast.AST) -> list[str]:
    """Top names that an import statement takes from outside the package."""
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        return [(node.module or "").split(".")[0]]
    return []


def own(path: Path, node: ast.AST) -> list[str]:
    """Rooms of this package that a relative import names."""
    if not isinstance(node, ast.ImportFrom) or not node.level:
        return []
    base = path.parent
    for _ in range(node.level - 1):
        base = base.parent
    assert base == PACKAGE or PACKAGE in base.parents, f"{path.name}:{node.lineno} leaves the package"
    names = [node.module] if node.module else [alias.name for alias in node.names]
    parts = [*base.relative_to(PACKAGE).parts]
    return [(parts or name.split("."))[0] for name in names]


def at_module_level(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs at import: function bodies and `if TYPE_CHECKING` do not."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from at_module_level(child)


def test_the_table_names_rooms_that_exist() -> None:
    assert {name for name in PURE if not (PACKAGE / f"{name}.py").is_file()} == set()
    assert {name for name in LAZY_ROOMS if not (PACKAGE / f"{name}.py").is_file()} == set()


@every_module
def test_bpy_is_imported_in_the_child_only_and_only_inside_functions(path: Path) -> None:
    blender = {"bpy", "_cycles", "_bpy", "mathutils", "addon_utils", "bl_ui"}
    if room(path) != "child":
        assert not [n for node in ast.walk(tree(path)) for n in absolute(node) if n in blender]
    assert not [n for node in at_module_level(tree(path)) for n in absolute(node) if n in blender]


@every_module
def test_imports_inside_the_package_are_relative_and_point_to_nothing_above_it(path: Path) -> None:
    above = {"dispatch", "mgd_dispatch", "operators", "ui"}
    assert not [n for node in ast.walk(tree(path)) for n in absolute(node) if n in above]
    for node in ast.walk(tree(path)):
        own(path, node)


@every_module
def test_the_dispatcher_side_does_not_import_the_childs_program(path: Path) -> None:
    if room(path) != "child":
        assert "child" not in [n for node in ast.walk(tree(path)) for n in own(path, node)]


@pytest.mark.parametrize("name", sorted(PURE))
def test_a_pure_room_imports_pure_rooms_and_computing_libraries_only(name: str) -> None:
    path = PACKAGE / f"{name}.py"
    for node in ast.walk(tree(path)):
        assert set(absolute(node)) <= PURE_LIBRARY, f"{name}:{node.lineno} {ast.unparse(node)}"
        assert set(own(path, node)) <= PURE, f"{name}:{node.lineno} {ast.unparse(node)}"
        if isinstance(node, ast.ImportFrom) and not node.level and node.module in WORDS_ONLY:
            assert {alias.name for alias in node.names} <= WORDS_ONLY[node.module], f"{name}:{node.lineno}"


@pytest.mark.parametrize("name", sorted(PURE))
def test_a_pure_room_touches_no_disk_no_process_and_no_clock(name: str) -> None:
    for node in ast.walk(tree(PACKAGE / f"{name}.py")):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            allowed = WORDS_ONLY.get(node.value.id)
            assert allowed is None or node.attr in allowed, f"{name}:{node.lineno} {ast.unparse(node)}"
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in EFFECTS | {"open", "print", "input"}, f"{name}:{node.lineno} {ast.unparse(node)}"


@every_module
def test_libraries_that_may_be_missing_are_imported_inside_functions(path: Path) -> None:
    allowed = LAZY_ROOMS.get(room(path), set())
    names = {n for node in at_module_level(tree(path)) for n in absolute(node)}
    assert names & LAZY <= allowed
    rooms = {n for node in at_module_level(tree(path)) for n in own(path, node)}
    assert not rooms & set(LAZY_ROOMS)


@every_module
def test_only_the_host_knows_what_one_operating_system_alone_has(path: Path) -> None:
    if room(path) == "host":
        return
    unsafe = ONE_SYSTEM_ONLY - READS_BLENDERS_MEMORY.get(path.name, set())
    for node in ast.walk(tree(path)):
        assert not unsafe & set(absolute(node)), f"{path.name}:{node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used = node.value.id in {"os", "signal", "subprocess"} and node.attr in ONE_SYSTEM_CALLS
            assert not used, f"{path.name}:{node.lineno} {ast.unparse(node)}"


def test_every_module_imports_without_blender_and_loads_no_library_that_may_be_missing() -> None:
    # The children's rooms too: they import bpy when they run, not before.
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES]
    names = [name.removesuffix(".__init__") for name in names if not name.endswith(("__main__", "child.entry"))]
    lazy = {f"dispatch.{name}" for name in LAZY_ROOMS}
    code = f"""
import importlib, sys
sys.path.insert(0, {str(ROOT)!r})
sys.modules["bpy"] = None
for name in {[n for n in names if n not in lazy]!r}:
    importlib.import_module(name)
loaded = {{name.split(".")[0] for name in sys.modules}} & {set(LAZY)!r}
assert not loaded, loaded
print("imported")
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("imported", "")


@every_module
def test_a_room_is_short_enough_to_hold_one_concept(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n")
    if path.name not in LONG_FOR_A_REASON:
        assert text.count("\n") <= LONGEST_MODULE, "look for the second concept"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= LONGEST_FUNCTION, f"{path.name}:{node.lineno} {node.name}"
