# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between operating systems: processes, locks, atomic replacement, places, sleep.

Owns every call that exists on one system only; nothing else in the engine may make one. ``linux``, ``macos`` and
``windows`` offer the same names with the same meaning (`as`: from a room they share); the one list of them is here. Each of
the three can be imported anywhere, so that tests can look at the calls that it would make. Decides nothing, needs
neither psutil nor Blender.
"""

from __future__ import annotations

import sys

from .anywhere import FileLock as FileLock
from .anywhere import Locked as Locked
from .anywhere import free_space as free_space
from .anywhere import hostname as hostname
from .anywhere import soft_limits as soft_limits

if sys.platform == "win32":
    from . import windows as _system
elif sys.platform == "darwin":
    from . import macos as _system
else:
    from . import linux as _system

boot_id = _system.boot_id
carry_bytes = _system.carry_bytes
pid_namespace = _system.pid_namespace
process_start_time = _system.process_start_time
is_alive = _system.is_alive
popen_options = _system.popen_options
spawn_detached = _system.spawn_detached
parent_environment = _system.parent_environment
die_with_parent = _system.die_with_parent
lower_priority = _system.lower_priority
kill_tree = _system.kill_tree
kill_orphans = _system.kill_orphans
link_folder = _system.link_folder
is_locked = _system.is_locked
is_own = _system.is_own
others_may_write = _system.others_may_write
lock_file = _system.lock_file
replace = _system.replace
fsync_file = _system.fsync_file
fsync_folder = _system.fsync_folder
long_path = _system.long_path
state_folder = _system.state_folder
private_folder = _system.private_folder
has_display = _system.has_display
cores = _system.cores
peak_memory = _system.peak_memory
memory_allowed = _system.memory_allowed
ChildrenJob = _system.ChildrenJob
KeepAwake = _system.KeepAwake
notify = _system.notify
sleep_now = _system.sleep_now
shut_down = _system.shut_down
