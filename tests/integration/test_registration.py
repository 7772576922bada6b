# SPDX-License-Identifier: GPL-3.0-or-later
"""Enabling and disabling in a real Blender leaves no trace, neither after a failure in the middle."""

from __future__ import annotations

from pathlib import Path

import pytest
from installed import MODULE, Installed

LOOK = '''
import threading

timers = set()
register_timer = bpy.app.timers.register
def remember(function, *words, **named):
    timers.add(function)
    return register_timer(function, *words, **named)
bpy.app.timers.register = remember

def named(function):
    return f"{getattr(function, '__module__', '')}.{function.__qualname__}"

def look():
    """Everything of Blender that an extension can leave something in, as plain data."""
    found = {}
    for name in dir(bpy.types):
        each = getattr(bpy.types, name)
        rna = getattr(each, "bl_rna", None)
        found["type " + name] = (
            sorted(rna.properties.keys()) if rna else [],
            sorted(vars(each)) if isinstance(each, type) and not hasattr(each, "draw") else [],
            [named(f) for f in getattr(getattr(each, "draw", None), "_draw_funcs", [getattr(each, "draw", look)])],
        )
    for name in dir(bpy.app.handlers):
        listed = getattr(bpy.app.handlers, name)
        if isinstance(listed, list):
            found["handlers " + name] = [repr(f) for f in listed]
    for config in bpy.context.window_manager.keyconfigs:
        for keymap in config.keymaps:
            found["keymap " + config.name + keymap.name] = sorted(i.idname for i in keymap.keymap_items)
    found["timers"] = sorted(f.__qualname__ for f in timers if bpy.app.timers.is_registered(f))
    found["threads"] = sorted(t.name for t in threading.enumerate())
    found["sys.path"] = list(sys.path)
    found["add-ons"] = sorted(bpy.context.preferences.addons.keys())
    found["operators"] = sorted(dir(bpy.ops.multi_gpu))
    found["scene"] = sorted(bpy.context.scene.keys())
    found["dirty"] = bpy.data.is_dirty
    return found

def differences(before, after):
    return {k: (before.get(k), after.get(k)) for k in {*before, *after} if before.get(k) != after.get(k)}

def ours(name):
    return name.startswith(MODULE)
'''


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def test_enabling_and_disabling_three_times_leaves_no_trace(installed: Installed) -> None:
    told = installed.run(
        LOOK
        + """
enable(); disable()
before, modules = look(), set(sys.modules)
left, added = [], []
for _ in range(3):
    enable()
    added.append(len(differences(before, look())))
    disable()
    left.append(differences(before, look()))
tell({"left": left, "added": added, "modules": [n for n in set(sys.modules) - modules if not ours(n)]})
"""
    )
    assert told["left"] == [{}, {}, {}]
    assert min(told["added"]) > 10, "nothing was registered at all"
    assert told["modules"] == []


def test_the_first_time_leaves_no_trace_and_no_module_of_ours_under_a_name_of_others(installed: Installed) -> None:
    told = installed.run(
        LOOK
        + """
before = look()
enable(); disable()
tops = {n.split(".")[0] for n in sys.modules}
tell({"left": differences(before, look()), "shadowing": sorted(tops & {"dispatch", "operators", "ui", "tests"})})
"""
    )
    assert told == {"left": {}, "shadowing": []}


def test_enabled_it_adds_what_the_artist_finds(installed: Installed) -> None:
    told = installed.run("""
enable()
addon = bpy.context.preferences.addons[MODULE]
preferences = room("operators.preferences")
settings = bpy.context.scene.multi_gpu
before = settings.strategy, bpy.data.is_dirty
addon.preferences.strategy = "COMBINED"
addon.preferences.jobs_folder = "/tmp/some jobs"
followed = settings.strategy, bpy.data.is_dirty
settings.strategy = "PER_DEVICE"
tell({
    "operators": dir(bpy.ops.multi_gpu), "before": before, "followed": followed, "chosen": settings.strategy,
    "kept": preferences.get().keep_days, "jobs": str(preferences.jobs_root()), "own": preferences.ROOT_PACKAGE,
})
""")
    assert {"preset_add", "preset_apply", "user_preset_add"} <= set(told["operators"])
    assert {"check_machine", "stop_checking", "open_check", "save_support_bundle"} <= set(told["operators"])
    untouched = told["before"][1]
    assert (told["before"], told["followed"]) == (["AUTO", untouched], ["COMBINED", untouched])
    assert told["chosen"] == "PER_DEVICE"
    assert (told["kept"], Path(told["jobs"]), told["own"]) == (30, Path("/tmp/some jobs"), MODULE)


def test_without_preferences_of_ours_the_defaults_hold(installed: Installed) -> None:
    told = installed.run("""
enable(); disable()
preferences = room("operators.preferences")
tell({"strategy": preferences.get().strategy, "days": preferences.get().keep_days, "jobs": str(preferences.jobs_root())})
""")
    assert (told["strategy"], told["days"]) == ("AUTO", 30)
    assert installed.folder / "state" in Path(told["jobs"]).parents


def test_a_class_that_blender_refuses_takes_everything_back(installed: Installed) -> None:
    """Once for every class: whichever fails."""
    told = installed.run(
        LOOK
        + """
module = enable(); disable()
before = look()
register_class, left, raised = bpy.utils.register_class, {}, 0
count = 0
def counting(each):
    global count
    count += 1
    register_class(each)
bpy.utils.register_class = counting
module.register(); module.unregister()
for fatal in range(1, count + 1):
    seen = 0
    def failing(each):
        global seen
        seen += 1
        if seen == fatal:
            raise RuntimeError("refused by the test")
        register_class(each)
    bpy.utils.register_class = failing
    try:
        module.register()
    except RuntimeError as error:
        raised += "refused by the test" in str(error)
    if found := differences(before, look()):
        left[fatal] = found
bpy.utils.register_class = register_class
module.register()
works = bpy.ops.multi_gpu.preset_add(name="After")
module.unregister()
tell({"count": count, "raised": raised, "left": left, "works": sorted(works), "after": differences(before, look())})
"""
    )
    assert told["count"] == told["raised"] > 5
    assert told["left"] == {}
    assert told["works"] == ["FINISHED"]
    assert told["after"].keys() <= {"scene"}, "only the preset that was added is left, in the scene"


def test_a_room_that_raises_takes_everything_back(installed: Installed) -> None:
    """Once before and once after each room has done its own part; and a room that is not there."""
    told = installed.run(
        LOOK
        + """
module = enable(); disable()
bpy.context.preferences.is_dirty = False
before = look()
registration = room("operators.registration")
rooms = [room(name) for name in registration.ROOMS]
raised, left = [], {}
for each in rooms:
    if not hasattr(each, "register"):
        continue
    real = each.register
    for late in (False, True):
        def failing():
            if late:
                real()
            raise RuntimeError("refused by the test")
        each.register = failing
        try:
            module.register()
        except RuntimeError:
            raised.append(each.__name__)
        if found := differences(before, look()):
            left[each.__name__] = found
    each.register = real
registration.ROOMS += ("operators.nowhere",)
try:
    module.register()
except ModuleNotFoundError as error:
    raised.append(error.name)
dirty = bpy.context.preferences.is_dirty
tell({"raised": raised, "left": left, "after": differences(before, look()), "preferences": dirty})
"""
    )
    assert not told["preferences"], "registering alone must not touch the preferences"
    assert (told["left"], told["after"]) == ({}, {})
    assert len(told["raised"]) >= 3
    assert told["raised"][-1] == f"{MODULE}.operators.nowhere"


def test_a_fault_on_the_way_back_does_not_keep_the_rest(installed: Installed) -> None:
    told = installed.run("""
import logging
lines = []
class Keep(logging.Handler):
    def emit(self, record): lines.append(record.getMessage())
logging.getLogger().addHandler(Keep())
module = enable(); disable()
command = room("operators.commandline")
real = command.unregister
def failing():
    real()
    raise RuntimeError("refused by the test")
command.unregister = failing
enable(); disable()
tell({"left": [n for n in dir(bpy.types) if "multi_gpu" in n.lower()], "lines": lines})
""")
    assert told["left"] == []
    assert [line for line in told["lines"] if "operators.commandline" in line]


def test_inside_our_children_it_does_nothing_at_all(installed: Installed) -> None:
    told = installed.run(
        LOOK
        + """
before = look()
enable()
found = differences(before, look())
modules = [n for n in sys.modules if ours(n)]
disable()
tell({"found": found, "modules": modules, "after": differences(before, look())})
""",
        MGD_CHILD="1",
    )
    assert told["found"].keys() <= {"add-ons"}
    assert told["modules"] == [MODULE]
    assert told["after"] == {}
