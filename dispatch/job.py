# SPDX-License-Identifier: GPL-3.0-or-later
"""Job folders: the whole interface between whoever starts a job and the dispatcher that runs it.

Owns the folder's form (README, "Job folder") and its private place: ``job.json`` (immutable), ``journal.jsonl``,
``snapshot.json`` (replaced atomically), ``control/`` (wishes), ``workers/*.log``, ``lock`` (dies with its owner).
Decides nothing about rendering.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from . import given_paths, host, preferences, seal
from .codec import from_plain
from .model import SCHEMA, DispatchError, Job
from .snapshot import Snapshot

_LOCK_PATIENCE = 1.0
_ID = re.compile(r"\d{8}-\d{6}-[a-z0-9-]+-[0-9a-f]{4}")


class Wish(StrEnum):
    """What may be asked of a running job through its folder."""

    STOP = "stop"
    """After the current frames."""
    STOP_NOW = "stop-now"
    PAUSE = "pause"
    GO_ON = "go-on"
    AHEAD = "ahead"
    """One place further to the front, while it waits in line for its cards."""
    SHARE = "share"
    """Wait no longer: share the cards with the job that has them."""
    THEN = "then"
    """Change what the machine does at the end; the value is a `model.Then`."""
    STAY = "stay"
    """Do not sleep or shut down: cancels the countdown."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One wish as it was left in the control folder."""

    wish: Wish
    value: str = ""


def jobs_folder(chosen: str | None = None) -> Path:
    """Return the folder that holds the jobs: the chosen one, else the private one of this user."""
    return given_paths.whole(chosen) if chosen else host.state_folder() / "jobs"


def new_id(name: str) -> str:
    """Return an id that sorts by time and can be typed: ``20261121-024805-shot-7f3a``."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24] or "job"
    return f"{datetime.now():%Y%m%d-%H%M%S}-{slug}-{secrets.token_hex(2)}"


def create(job: Job, root: Path, config: str = "") -> Path:
    """Make the job's folder and its ``job.json``.

    Args:
        config: Folder of the artist's preferences: the children get a private copy of them.

    Raises:
        DispatchError: the place cannot be written.
    """
    folder = root / job.id
    try:
        for path in (root, folder, folder / "control", folder / "workers"):
            host.private_folder(path)
        if config:
            preferences.copy_preferences(Path(config), folder / "config")
        plain = asdict(job)
        data = {"schema": SCHEMA, "seal": seal.mark(_text(plain)), "job": plain}
        _write_whole(folder / "job.json", json.dumps(data, indent=1))
        host.fsync_folder(root)  # a power cut must not take the whole folder
    except OSError as error:
        words = f"The job folder {folder} cannot be made ({error.strerror}): choose another place with --jobs-dir."
        raise DispatchError(words) from error
    return folder


def load(folder: Path) -> Job:
    """Read ``job.json``.

    Raises:
        DispatchError: it is missing, damaged, from a newer version, or somebody else's.
    """
    return _read(folder)[0]


def load_to_run(folder: Path) -> Job:
    """Read ``job.json`` of a job that shall render, or remove something: it must be one that this user made here.

    Raises:
        DispatchError: as `load`, or it was made elsewhere or changed by hand.
    """
    job, text, its_mark = _read(folder)
    seal.must_be_ours(folder, text, its_mark)
    return job


def _read(folder: Path) -> tuple[Job, str, object]:
    """Return the job, and what its seal is over with the one that it bears."""
    path = folder / "job.json"
    try:
        seal.mind(folder)
        data = json.loads(path.read_bytes())
        schema = data.get("schema")
        if isinstance(schema, int) and schema > SCHEMA:
            raise DispatchError(f"{folder} was made by a newer version (schema {schema}): update to open it.")
        return from_plain(Job, data["job"]), _text(data["job"]), data.get("seal")
    except FileNotFoundError:
        raise DispatchError(f"{folder} is no job folder: it holds no job.json.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DispatchError(f"{path} cannot be read ({error}): the job cannot go on; start it anew.") from error


def _text(plain: object) -> str:
    """What the seal is over: the content, however it is laid out."""
    return json.dumps(plain, sort_keys=True)


def names(root: Path) -> list[str]:
    """Return the names of what may be job folders, oldest first; whether a job is inside was not looked at.

    Only folders with a name of our own making that belong to this user: other programs have a ``job.json`` too, and
    a job names the program that renders it, so nobody else's is ever offered.
    """
    try:
        with os.scandir(root) as entries:
            found = [entry for entry in entries if _ID.fullmatch(entry.name)]
            return sorted(
                entry.name for entry in found if entry.is_dir(follow_symlinks=False) and host.is_own(Path(entry.path))
            )
    except OSError:
        return []


def folders(root: Path) -> list[Path]:
    """Return all job folders, oldest first."""
    return [root / name for name in names(root) if given_paths.is_file(root / name / "job.json")]


def find(text: str, root: Path) -> Path:
    """Return the one job folder that the text means: a path, an id, a part of one, or ``last``.

    Raises:
        DispatchError: none or several fit.
    """
    if text and given_paths.is_file(Path(text) / "job.json"):
        return Path(text).absolute()
    every, text = folders(root), text.removesuffix(":")  # as `status` prints it
    if text == "last" and every:
        return every[-1]
    exact = [p for p in every if p.name == text]
    fitting = exact or [p for p in every if text and text in p.name]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise DispatchError(f"There is no job '{text}' in {root}: 'status' lists them.")
    names = ", ".join(p.name for p in fitting[:4])
    raise DispatchError(f"'{text}' fits {len(fitting)} jobs ({names} …): name one of them whole.")


def lock(folder: Path) -> host.FileLock:
    """Take the job for this process; tries for a second, since `is_running` may hold the lock for a moment.

    Raises:
        DispatchError: another dispatcher runs it.
    """
    until = time.monotonic() + _LOCK_PATIENCE
    while True:
        try:
            return host.lock_file(folder / "lock")
        except host.Locked:
            if time.monotonic() > until:
                raise DispatchError(f"A dispatcher already runs the job {folder.name}: 'status' shows it.") from None
            time.sleep(0.02)
        except OSError as error:
            raise DispatchError(
                f"{folder} cannot be written ({error.strerror}): make it writable and try again."
            ) from error


def is_running(folder: Path) -> bool:
    """Whether a dispatcher holds the job now."""
    try:
        return host.is_locked(folder / "lock")
    except OSError:
        return False


def look(folder: Path, snapshot: Snapshot | None) -> tuple[bool, Snapshot | None]:
    """Return whether a dispatcher holds the job now, and the last snapshot unless an earlier run left it.

    Running with an outcome: the dispatcher counts down to what was asked for at the end.
    """
    running = is_running(folder)
    # A resumed job's folder shows the old end until the first new snapshot.
    old = running and snapshot is not None and snapshot.outcome is not None and not host.is_alive(snapshot.pid, None)
    return running, None if old else snapshot


def is_dismissed(folder: Path) -> bool:
    """Whether the artist does not want to see it by itself any more."""
    return (folder / "dismissed").exists()


def dismiss(folder: Path, dismissed: bool = True) -> None:
    """Do not show the job by itself any more; ``dismissed`` False: show it again.

    Raises:
        DispatchError: the folder cannot be written.
    """
    mark = folder / "dismissed"
    try:
        mark.touch() if dismissed else mark.unlink(missing_ok=True)
    except OSError as error:
        raise DispatchError(f"The job folder {folder} cannot be written ({error.strerror}).") from error


def write_snapshot(folder: Path, snapshot: Snapshot) -> None:
    """Replace ``snapshot.json`` in one step. Not synced: after a power cut the journal tells more."""
    temp = folder / "snapshot.json.new"
    temp.write_text(json.dumps(asdict(snapshot)), encoding="utf-8")
    # A reader may have it open (Windows). Only the last one is worth waiting for: the next comes in a moment.
    put = host.replace if snapshot.outcome else os.replace
    put(temp, folder / "snapshot.json")


def read_snapshot(folder: Path) -> Snapshot | None:
    """Return the last snapshot, or None where there is none that can be read."""
    try:
        return from_plain(Snapshot, json.loads((folder / "snapshot.json").read_bytes()))
    except (OSError, ValueError, RecursionError):
        return None


def ask(folder: Path, wish: Wish, value: str = "") -> None:
    """Leave a wish for the dispatcher; it is read within half a second.

    Raises:
        DispatchError: the folder cannot be written.
    """
    place, name = folder / "control", f"{time.time_ns():020d}-{os.getpid()}"
    try:
        try:
            _write_whole(place / f"{name}.json", json.dumps({"wish": wish, "value": value}))
        except OSError:
            # On a full disk there is often still room for a name: a stop must be heard there too.
            (place / f"{name}.{wish}.json").touch()
    except OSError as error:
        raise DispatchError(f"The job {folder.name} cannot be told to {wish}: {error.strerror}.") from error


def take_wishes(folder: Path) -> Iterator[Asked]:
    """Yield the wishes left since the last call, oldest first. What is no wish is removed and passed over."""
    try:
        paths = sorted((folder / "control").glob("*.json"))
    except OSError:
        return
    for path in paths:
        try:
            text = path.read_bytes() if path.is_file() else b"?"  # reading a pipe would never end
            left = json.loads(text) if text else {"wish": path.name.split(".")[-2]}
            asked = Asked(Wish(left["wish"]), str(left.get("value", "")))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            asked = None
        try:
            path.unlink(missing_ok=True)
        except OSError:
            continue  # somebody has it open: left there it would be taken twice, so it is taken next time
        if asked is not None:
            yield asked


def _write_whole(path: Path, text: str) -> None:
    temp = path.with_name(path.name + ".new")
    try:
        temp.write_text(text, encoding="utf-8")
        host.fsync_file(temp)
        host.replace(temp, path)
    except OSError:
        with contextlib.suppress(OSError):
            temp.unlink()
        raise
    host.fsync_folder(path.parent)
