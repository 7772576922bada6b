# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds the layer table above the bpy line: the extension's front door, ``operators`` and ``ui``."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from unit.test_layers import (
    LONGEST_FUNCTION,
    LONGEST_MODULE,
    ONE_SYSTEM_ONLY,
    PURE,
    ROOT,
    absolute,
    at_module_level,
    tree,
)

OWN = ("dispatch", "operators", "ui")
MODULES = sorted(path for package in ("operators", "ui") for path in (ROOT / package).rglob("*.py"))
IN_UI = [path for path in MODULES if path.parent.name == "ui"]
IN_OPERATORS = [path for path in MODULES if path.parent.name == "operators"]

UI_READS_OPERATORS = frozenset(
    {"session", "settings", "devices", "plans", "preferences", "presets", "scene_facts", "measurements", "doctor"}
)
"""Rooms that `ui` asks. What changes something it names as an operator, by its ``bl_idname``."""
UI_READS_DISPATCH = PURE | {"watch", "listing", "jobs_seen"}
"""What `ui` may know of the engine: words and rules without effect, and the nouns of what is seen."""
NOUNS_ONLY = frozenset({"watch", "listing", "jobs_seen"})
"""Of these `ui` takes classes, never functions: they read disks."""

EFFECTS_IN_DRAWING = frozenset(
    [
        "open",
        "read_text",
        "read_bytes",
        "write_text",
        "write_bytes",
        "mkdir",
        "unlink",
        "rename",
        "stat",
        "lstat",
        "exists",
        "lexists",
        "is_file",
        "is_dir",
        "isfile",
        "isdir",
        "iterdir",
        "listdir",
        "scandir",
        "glob",
        "rglob",
        "walk",
        "resolve",
        "realpath",
        "samefile",
        "Popen",
        "check_output",
        "check_call",
        "system",
        "sleep",
        "available_devices",
    ]
)
"""Calls that read a disk, start a program or wait: no draw() may."""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def relative(path: Path) -> list[tuple[str, str, str]]:
    """Every relative import as (package, room, what is taken): ``("dispatch", "model", "Outcome")``."""
    found = []
    package = list(path.parent.relative_to(ROOT).parts)
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        up = node.level - 1
        assert up <= len(package), f"{named(path)}:{node.lineno} leaves the extension"
        base = [*package[: len(package) - up], *((node.module or "").split(".") if node.module else [])]
        for alias in node.names:
            whole = [*base, alias.name] if len(base) < 2 else [*base[:2], alias.name]
            found.append((whole[0], whole[1] if len(whole) > 1 else "", whole[2] if len(whole) > 2 else ""))
    return found


def rooms_registered() -> tuple[str, ...]:
    """Read ``ROOMS`` without Blender."""
    for node in tree(ROOT / "operators" / "registration.py").body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROOMS":
            return tuple(ast.literal_eval(node.value))
    raise AssertionError("operators/registration.py has no ROOMS")


every_module = pytest.mark.parametrize("path", MODULES, ids=map(named, MODULES))


def test_the_front_door_imports_without_blender_and_loads_nothing() -> None:
    code = f"""
import importlib.util, sys
sys.modules["bpy"] = None
spec = importlib.util.spec_from_file_location("extension", {str(ROOT / "__init__.py")!r})
module = importlib.util.module_from_spec(spec)
before = set(sys.modules)
spec.loader.exec_module(module)
print(callable(module.register), callable(module.unregister), sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-I", "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("True True []", "")


@every_module
def test_own_packages_are_imported_relatively_and_the_path_stays_as_it_is(path: Path) -> None:
    assert not [n for node in ast.walk(tree(path)) for n in absolute(node) if n in {*OWN, "bl_ext"}]
    assert "sys.path" not in {ast.unparse(n) for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute)}


@pytest.mark.parametrize("path", IN_UI, ids=map(named, IN_UI))
def test_the_ui_asks_rooms_that_read_and_draws_what_they_say(path: Path) -> None:
    for package, room, taken in relative(path):
        if package == "operators":
            assert room in UI_READS_OPERATORS, f"{named(path)} imports operators.{room}"
        if package == "dispatch":
            assert room in UI_READS_DISPATCH, f"{named(path)} imports dispatch.{room}"
            assert room not in NOUNS_ONLY or taken[:1].isupper(), f"{named(path)} takes {taken} from dispatch.{room}"


@pytest.mark.parametrize("path", IN_UI, ids=map(named, IN_UI))
def test_the_ui_reads_no_disk_starts_nothing_and_waits_for_nothing(path: Path) -> None:
    assert not {n for node in ast.walk(tree(path)) for n in absolute(node)} & {"subprocess", "threading", "socket"}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in EFFECTS_IN_DRAWING, f"{named(path)}:{node.lineno} {ast.unparse(node)}"
            assert not ast.unparse(node.func).startswith("bpy.ops"), f"{named(path)}:{node.lineno} runs an operator"


@pytest.mark.parametrize("path", IN_OPERATORS, ids=map(named, IN_OPERATORS))
def test_operators_know_nothing_of_the_ui(path: Path) -> None:
    allowed = {("preferences.py", "preferences")}  # Blender calls the preferences' own draw method
    used = {(path.name, room) for package, room, _ in relative(path) if package == "ui"}
    assert used <= allowed
    at_import = [node for node in at_module_level(tree(path)) if isinstance(node, ast.ImportFrom) and node.level == 2]
    assert not [
        n for n in at_import if (n.module or "").split(".")[0] == "ui" or (not n.module and n.names[0].name == "ui")
    ]


@every_module
def test_devices_and_their_driver_are_not_asked_inside_blender(path: Path) -> None:
    names = {n for node in ast.walk(tree(path)) for n in absolute(node)}
    assert not names & {"_cycles", "pynvml"}, f"{named(path)}: a probe child lists devices"
    assert not names & ONE_SYSTEM_ONLY, f"{named(path)}: dispatch/host knows operating systems"


def test_every_room_that_has_something_to_register_is_in_the_list() -> None:
    registered = rooms_registered()
    assert len(set(registered)) == len(registered)
    offering = set()
    for path in MODULES:
        names = {
            t.id for n in tree(path).body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)
        }
        names |= {
            n.target.id for n in tree(path).body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
        }
        if "CLASSES" in names:
            offering.add(f"{path.parent.name}.{path.stem}")
    assert set(registered) == offering


@every_module
def test_a_start_has_its_stop_in_the_same_file(path: Path) -> None:
    functions = {node.name for node in tree(path).body if isinstance(node, ast.FunctionDef)}
    assert ("register" in functions) == ("unregister" in functions)


@every_module
def test_a_room_is_short_enough_to_hold_one_concept(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# SPDX-License-Identifier: GPL-3.0-or-later\n")
    assert ast.get_docstring(tree(path)), "the first lines say what the room owns and must not do"
    assert text.count("\n") <= LONGEST_MODULE, "look for the second concept"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno <= LONGEST_FUNCTION, f"{named(path)}:{node.lineno} {node.name}"
