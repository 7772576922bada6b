# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of records: job files, journals, snapshots, wishes, leases and owner files that are damaged or not ours."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import engine
from case import Seen, case
from trouble import Trouble

HOUR = 3600.0


# --- the job file ---------------------------------------------------------------------------------------------------


def _refused(folder: Path, spoil: Callable[[Path], object]) -> Seen:
    job = Trouble(folder)
    spoil(job.folder / "job.json")
    return job.seen(job.run(), frames=(), expected_status=2)


@case(
    "a job folder from a newer version",
    "records",
    how="for real: its job file says schema 2",
    did="touches nothing, refuses",
    reads=r"was made by a newer version \(schema 2\): update to open it",
)
def newer_version(folder: Path) -> Seen:
    return _refused(folder, lambda file: file.write_text(json.dumps(json.loads(file.read_text()) | {"schema": 2})))


@case(
    "a job file cut in the middle",
    "records",
    how="for real: truncated to half its size",
    did="touches nothing, refuses",
    reads=r"job\.json cannot be read .*: the job cannot go on; start it anew",
)
def job_file_cut(folder: Path) -> Seen:
    return _refused(folder, lambda file: os.truncate(file, file.stat().st_size // 2))


@case(
    "a job file changed by somebody",
    "records",
    how="for real: another Blender is written into it",
    did="runs nothing that it names, refuses",
    reads=r"does not bear your seal",
)
def job_file_changed(folder: Path) -> Seen:
    return _refused(
        folder, lambda file: file.write_text(file.read_text().replace('"is_module": true', '"is_module": false'))
    )


# --- the journal ----------------------------------------------------------------------------------------------------


def _resumed(folder: Path, spoil: Callable[[Path], object], *, damaged: int = 0, most_renders: int = 2) -> Seen:
    """Kill the dispatcher in the middle, spoil its journal, resume."""
    job = Trouble(folder, held_from=4, overwrite=False)
    with job.running() as dispatcher:
        job.until_held()
        dispatcher.kill()
        dispatcher.wait()
    spoil(job.folder / "journal.jsonl")
    return job.seen(job.run(), damaged=damaged, most_renders=most_renders)


def _append(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(path.read_bytes() + content)


@case(
    "a journal whose last line is torn",
    "records",
    how="for real: the dispatcher killed (-9), half a record without its end written behind the last one; resumed",
    did="cuts it off and goes on",
    reads=r"^8 of 8 frames complete",
)
def journal_torn(folder: Path) -> Seen:
    return _resumed(folder, _append(b'{"what":"committed","at":"20'))


@case(
    "a journal that ends in zeros",
    "records",
    how="for real: 4096 zero bytes behind the last record, as some file systems leave after a power cut; resumed",
    did="cuts them off and goes on",
    reads=r"^8 of 8 frames complete",
)
def journal_zeros(folder: Path) -> Seen:
    return _resumed(folder, _append(bytes(4096)))


@case(
    "a journal with garbage in its middle",
    "records",
    how="for real: binary noise, an open brace five thousand deep and records without fields between the others; resumed",
    did="passes over what is no record",
    reads=r"^8 of 8 frames complete",
)
def journal_garbage(folder: Path) -> Seen:
    noise = (b"\xff\xfe\x00\x01", b"{" * 5000, b'{"what":"committed","task":"x"}', b"[]", b"null")
    return _resumed(folder, _append(b"\n".join(noise) + b"\n"), damaged=len(noise))


@case(
    "a journal with a line of 50 MB",
    "records",
    how="for real: written behind the last record; resumed",
    did="passes over it",
    reads=r"^8 of 8 frames complete",
)
def journal_long_line(folder: Path) -> Seen:
    return _resumed(folder, _append(b"x" * 50_000_000 + b"\n"), damaged=1)


@case(
    "a journal that is gone",
    "records",
    how="for real: removed after the dispatcher was killed (-9) in the middle; resumed with Overwrite off",
    did="begins a new one, buries the dead run, finds the pictures that are whole and renders the rest",
    reads=r"^8 of 8 frames complete",
)
def journal_gone(folder: Path) -> Seen:
    return _resumed(folder, lambda path: path.unlink())


@case(
    "a journal of another job",
    "records",
    how="for real: that of a finished job with another output folder, put in the place of this one's",
    did="believes nothing in it: refuses, touches nothing",
    reads=r"belongs to another job",
)
def journal_of_another(folder: Path) -> Seen:
    other = Trouble(folder / "other")
    assert other.run() == 0
    job = Trouble(folder)
    shutil.copyfile(other.folder / "journal.jsonl", job.folder / "journal.jsonl")
    return job.seen(job.run(), frames=(), expected_status=2, jobs=(), said=job.said(job.folder / "dispatcher.log"))


# --- what else lies in the job's folder -----------------------------------------------------------------------------


@case(
    "a snapshot that cannot be read, and then none",
    "records",
    how="for real: noise in its place before the run, removed in the middle",
    did="writes the next one over it",
    reads=r"^8 of 8 frames complete",
)
def snapshot_garbage(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4)
    snapshot = job.folder / "snapshot.json"
    snapshot.write_bytes(b'{"state": [[[[\xff')
    with job.running() as dispatcher:
        job.until_held()
        snapshot.unlink(missing_ok=True)
        status = job.finish(dispatcher)
    return job.seen(status, most_renders=1)


@case(
    "garbage among the wishes",
    "records",
    how="for real: noise, deep nesting, an unknown wish, a folder, a pipe and a link to nowhere in control/",
    did="removes what is no wish, passes over the rest, heeds the real one",
    reads=r"^[0-9]+ of 8 frames complete",
)
def control_garbage(folder: Path) -> Seen:
    job = Trouble(folder, held_from=4)
    control = job.folder / "control"
    for name, content in (
        ("1", b"\xff\x00"),
        ("2", b"[" * 100_000),
        ("3", b'{"wish":"explode"}'),
        ("4", b'{"wish":7}'),
    ):
        (control / f"{name}.json").write_bytes(content)
    (control / "5.json").mkdir()
    os.mkfifo(control / "6.json")
    (control / "7.json").symlink_to(folder / "nowhere")
    with job.running() as dispatcher:
        job.until_held()
        (control / "8.new").write_text('{"wish": "pause"}')
        (control / "8.new").replace(control / "8.json")
        job.until(lambda: any(r["what"] == "wish" for r in engine.records(job.folder)), "the real wish")
        (control / "9.new").write_text('{"wish": "go-on"}')
        (control / "9.new").replace(control / "9.json")
        status = job.finish(dispatcher)
    return job.seen(status)


# --- leases and owners ----------------------------------------------------------------------------------------------


@case(
    "lease files of the card are garbage",
    "records",
    how="for real: noise in the lease, tickets with impossible names beside it, nobody holds them",
    did="a lease is a lock, not a text: takes it, ignores the rest",
    reads=r"^8 of 8 frames complete",
)
def lease_garbage(folder: Path) -> Seen:
    first = Trouble(folder / "first", share_devices=False)
    assert first.run() == 0
    (place,) = Path(os.environ["XDG_STATE_HOME"]).glob("*/leases/*")
    for lease in place.glob("*.lease"):
        lease.write_bytes(b"\xff{")
        for stamp in ("x", "99999999999999999999999999", ""):
            (place / f"{lease.stem}.{stamp}-y.waits").write_bytes(b"\0")
    job = Trouble(folder, share_devices=False)
    return job.seen(job.run(), most_renders=1)


@case(
    "the place of the leases cannot be used",
    "records",
    how="for real: folders lie where the lease files belong",
    did="says so and refuses; no fault of the program",
    reads=r"[Ll]ease|cannot be (written|opened|locked)",
)
def leases_blocked(folder: Path) -> Seen:
    first = Trouble(folder / "first", share_devices=False)
    assert first.run() == 0
    (place,) = Path(os.environ["XDG_STATE_HOME"]).glob("*/leases/*")
    for lease in place.glob("*.lease"):
        lease.unlink()
        lease.mkdir()
    job = Trouble(folder, share_devices=False)
    return job.seen(job.run(), frames=(), expected_status=2, jobs=(), said=job.said(job.folder / "dispatcher.log"))


@case(
    "owner files and claims that are garbage, or lead out of the folder",
    "records",
    how="for real: noise, and claims on ../canary, in .mgd, an hour old",
    did="buries what nobody holds; follows no path out of the folder",
    reads=r"^8 of 8 frames complete",
)
def owners_garbage(folder: Path) -> Seen:
    job = Trouble(folder, overwrite=False)
    canary = folder / "canary"
    canary.touch()
    owners, claims = job.output / ".mgd" / "owners", job.output / ".mgd" / "claims"
    temp = job.output / ".mgd" / "temp"
    for place in (owners, claims, temp):
        place.mkdir(parents=True)
    evil = {"owner": "../../..", "attempt": 1, "placeholder": True, "name": "../canary"}
    files = {
        owners / f"{'a' * 16}.json": b"\xff\x00{",
        owners / "...json": b"{}",
        claims / "x~y.json": json.dumps(evil).encode(),
        claims / "0003.png.json": b"[" * 10_000,
    }
    for path, content in files.items():
        path.write_bytes(content)
        os.utime(path, (time.time() - HOUR,) * 2)
    (temp / "link").symlink_to(folder)
    os.utime(temp / "link", (time.time() - HOUR,) * 2, follow_symlinks=False)
    status = job.run()
    assert canary.exists()
    return job.seen(status, most_renders=1)
