# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of single files: names that are taken, foreign and stale claims, spoiled pictures, inputs that change."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from case import Seen, case
from fake_scene import png
from trouble import PATIENCE, Trouble

HOUR = 3600.0


# --- names and claims -----------------------------------------------------------------------------------------------


@case(
    "a picture's final name is a folder",
    "files",
    how="for real: a folder 0003.png lies there before the job",
    did="gives that one frame up after its tries, leaves the folder alone, renders the others",
    reads=r"^Frame 3 is given up after \d tries: .*is a folder or no ordinary file: move it away",
)
def name_is_a_folder(folder: Path) -> Seen:
    job = Trouble(folder)
    job.final(3).mkdir(parents=True)
    status = job.run()
    job.final(3).rmdir()
    return job.seen(status, given_up=(3,), expected_status=1)


@case(
    "a foreign placeholder (a plain Blender's claim) that nobody fills",
    "files",
    how="for real: an empty 0003.png lies there before the job (Overwrite off)",
    did="leaves it alone, waits for it for a while, ends without it and says what to do",
    reads=r"1 frame is claimed elsewhere.*: finish (it|them) there, or release the claims?",
)
def foreign_claim(folder: Path) -> Seen:
    job = Trouble(folder, overwrite=False, limits={"foreign": 1.0})
    job.output.mkdir()
    job.final(3).touch()
    status = job.run()
    assert job.final(3).stat().st_size == 0
    job.final(3).unlink()
    return job.seen(status, given_up=(3,), expected_status=1)


@case(
    "stale placeholders, and the artist allowed to take them over by age",
    "files",
    how="for real: an empty file dated a day back; release_claims_after of an hour",
    did="takes it over and renders the frame",
    reads=r"^8 of 8 frames complete",
)
def stale_placeholder(folder: Path) -> Seen:
    job = Trouble(folder, overwrite=False, release_claims_after=HOUR)
    job.output.mkdir()
    job.final(3).touch()
    os.utime(job.final(3), (time.time() - 24 * HOUR,) * 2)
    return job.seen(job.run(), most_renders=1)


@case(
    "claims of a dispatcher on another machine that died",
    "files",
    how="for real: its owner file, record and placeholder lie there, the heartbeat an hour old",
    did="buries it once, takes its claims over and renders the frames",
    reads=r"^A dispatcher that used .* has died: its claims are free again",
)
def dead_owner(folder: Path) -> Seen:
    job = Trouble(folder, overwrite=False)
    owners, claims = job.output / ".mgd" / "owners", job.output / ".mgd" / "claims"
    owners.mkdir(parents=True)
    claims.mkdir()
    job.final(3).touch()
    dead = {"id": "d" * 16, "host": "render7", "boot": "gone", "namespace": "", "pid": 4711, "start_time": 1.0}
    files = {
        owners / f"{'d' * 16}.json": dead | {"job": "theirs", "created": ""},
        claims / "0003.png.json": {"owner": "d" * 16, "attempt": 1, "placeholder": True, "name": "0003.png"},
    }
    for path, content in files.items():
        path.write_text(json.dumps(content))
        os.utime(path, (time.time() - HOUR,) * 2)
    return job.seen(job.run(), most_renders=1)


# --- pictures -------------------------------------------------------------------------------------------------------


@case(
    "a picture is cut by somebody else while the job runs",
    "files",
    how="for real: truncated to half its size in the middle of the job; resumed after the end",
    did="counts it as missing in the audit; resume renders it again",
    reads=r"^Frame 2 was in place, but files in .* are gone or broken now: Resume renders it again",
)
def picture_cut(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4, overwrite=True)
    with job.running() as dispatcher:
        job.until_held()
        os.truncate(job.final(2), job.final(2).stat().st_size // 2)
        assert job.finish(dispatcher) == 1
    return job.seen(job.run(), twice=(2,))


@case(
    "a byte of a finished picture changes on the disk",
    "files",
    how="for real: one byte of the same file inverted after the job's end; resumed",
    did="compares by content what was put in place last; renders the frame again",
    reads=r"^8 of 8 frames complete",
)
def picture_rots(folder: Path) -> Seen:
    job = Trouble(folder, overwrite=True)
    assert job.run() == 0
    content = bytearray(job.final(2).read_bytes())
    content[len(content) // 2] ^= 255
    job.final(2).write_bytes(content)
    return job.seen(job.run(), twice=(2,))


@case(
    "a plain Blender writes its own picture over ours",
    "files",
    how="for real: another whole picture of the frame put there in the middle (Overwrite off)",
    did="keeps it and counts the frame as rendered twice",
    reads=r"^8 of 8 frames complete, 1 rendered twice",
)
def picture_replaced(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4, overwrite=False)
    with job.running() as dispatcher:
        job.until_held()
        job.final(2).write_bytes(png(9, 9, "frame 2 by a plain Blender"))
        status = job.finish(dispatcher)
    return job.seen(status, by_others=(2,))


@case(
    "the final name is locked by another program when the picture is put in place",
    "files",
    how="simulated: os.replace in the children refuses three times (EACCES), as under Windows",
    did="tries the frame again",
    reads=r"^Frame \d failed on .* \(Cannot write .*Permission denied.*\); it is tried again",
)
def name_locked(folder: Path) -> Seen:
    job = Trouble(folder)
    locks = folder / "locks"
    locks.mkdir()
    for n in range(3):
        (locks / str(n)).touch()
    return job.seen(job.run(f"child:locked={locks}"))


# --- what the job reads ---------------------------------------------------------------------------------------------


@case(
    "a texture or library changes while the job runs",
    "files",
    how="for real: the file is written again in the middle of the job",
    did="renders on, and names the file",
    reads=r"texture\.png changed while the job ran: later frames may look different",
)
def external_changed(folder: Path) -> Seen:
    texture = folder / "texture.png"
    texture.write_bytes(b"old")
    found = texture.stat()
    job = Trouble(folder, held_from=4, external=((str(texture), found.st_size, found.st_mtime_ns),))
    with job.running() as dispatcher:
        job.until_held()
        texture.write_bytes(b"newer")
        status = job.finish(dispatcher)
    return job.seen(status, most_renders=1)


@case(
    "the .blend is saved over in the middle, and every child dies after that",
    "files",
    how="for real: the file is written again, then all children are killed (-9); later the old file is put back",
    did="loads the new file in no child: ends and says so; resume with the old file renders what is missing",
    reads=r"jobs.blend changed since the job was made",
)
def blend_replaced(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4)
    blend = folder / "jobs.blend"
    old, kept = blend.stat(), blend.read_bytes()
    with job.running() as dispatcher:
        job.until_held()
        blend.write_bytes(kept + b" ")
        job.kill_children(dispatcher)
        assert dispatcher.wait(PATIENCE) == 1
    blend.write_bytes(kept)
    os.utime(blend, ns=(old.st_atime_ns, old.st_mtime_ns))
    return job.seen(job.run())
