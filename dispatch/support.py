# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs what helps to find a fault into one zip, redacted: what this machine is, and what a job's folder tells.

Owns the bundle's files, their order and their sizes. Every byte of text goes through `redaction`; a scene, a picture or a
preference is never even opened. Judges nothing.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import platform
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from . import doctor, doctor_command, given_paths, host, redaction
from .doctor_nouns import Facts
from .model import PROGRAM, DispatchError
from .redaction import Person, Redaction

MOST = 18 << 20
"""Bytes of all files before they are packed: the zip stays below 20 MB whatever they hold."""
MOST_LOGS = 40
_TAILS = {"journal.jsonl": 6 << 20, "telemetry.jsonl": 2 << 20, "job.json": 2 << 20, "snapshot.json": 2 << 20}
_TAIL = 256 << 10

README = """\
This is a support bundle of Multi-GPU Dispatcher. Please look through it before you send it to anybody.

machine.txt, machine.json  what 'doctor' says of this machine and of its cards
environment.json           variables that change a render; no others
job/                       the job's settings, its journal, its last state, load over time, and the ends of its logs
faults/                    faults of the program itself

Taken out: the home folder (~), names of user and computer (user, host), e-mail addresses, values of variables and fields
that are named like keys, tokens, secrets or passwords{paths}.
Not in here: scenes, pictures, preferences. Names of scenes, files, objects and cards are.
"""
_SHORT = ", and all of a path but its last two parts"


def write(
    target: Path, facts: Facts, folder: Path | None, environ: Mapping[str, str], *, keep_paths: bool
) -> list[str]:
    """Write the bundle; return the names of the files for which there was no room.

    Args:
        folder: The job's; None: of the machine alone.
        keep_paths: Show where things lie.

    Raises:
        DispatchError: it cannot be written.
    """
    given_paths.mind_target(target, "The bundle")
    redact = Redaction(person(environ, folder), keep_paths=keep_paths)
    files = [("README.txt", README.format(paths="" if keep_paths else _SHORT))]
    files += _machine(facts, environ, redact)
    left_out: list[str] = []
    temp = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        with zipfile.ZipFile(temp, "w", zipfile.ZIP_DEFLATED) as bundle:
            room = MOST
            for name, text in [*files, *_faults(redact), *_job(folder, redact)]:
                data = text.encode("utf-8", "replace")
                room -= len(data)
                if room < 0:
                    left_out.append(name)
                    continue
                bundle.writestr(name, data)
        host.replace(temp, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            temp.unlink()
        raise DispatchError(
            f"The bundle cannot be written to {target} ({error.strerror or error}): name another place with -o."
        ) from error
    return left_out


def person(environ: Mapping[str, str], folder: Path | None) -> Person:
    """Return who this is, and the folders that the job names."""
    homes = {str(_home()), *(environ.get(name, "") for name in ("HOME", "USERPROFILE"))} - {""}
    users = {environ.get(name, "") for name in ("USER", "LOGNAME", "USERNAME", "SUDO_USER")}
    users |= {Path(home).name for home in homes}
    with contextlib.suppress(OSError, KeyError, ImportError):
        users.add(getpass.getuser())
    machine = {host.hostname(), platform.node(), *(environ.get(n, "") for n in ("HOSTNAME", "COMPUTERNAME"))}
    machine |= {name.partition(".")[0] for name in machine}
    return Person(
        tuple(homes),
        tuple(users - {""}),
        tuple(machine - {""}),
        redaction.secrets(environ),
        tuple(_folders(folder)),
    )


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir())


def _folders(folder: Path | None) -> Iterator[str]:
    """Yield every folder above what the job names, the job's own place and the temporary one."""
    named = [tempfile.gettempdir() + "/x", str(host.state_folder())]
    if folder is not None:
        named.append(str(folder))
        with contextlib.suppress(OSError, ValueError, RecursionError):
            named += redaction.paths_in(json.loads((folder / "job.json").read_bytes()))
    for path in named:
        yield from (str(above) for above in Path(path).parents)


def _machine(facts: Facts, environ: Mapping[str, str], redact: Redaction) -> list[tuple[str, str]]:
    said = "\n".join(doctor_command.lines(doctor.diagnose(facts)))
    data = json.dumps(redact.data(asdict(facts)), indent=1, ensure_ascii=False)
    shown = json.dumps(redact.data(redaction.environment(environ)), indent=1, ensure_ascii=False)
    return [("machine.txt", redact.lines(said)), ("machine.json", data), ("environment.json", shown)]


def _faults(redact: Redaction) -> Iterator[tuple[str, str]]:
    for path in _newest(host.state_folder() / "faults", "*.txt", 5):
        yield f"faults/{path.name}", redact.lines(_tail(path, _TAIL))


def _job(folder: Path | None, redact: Redaction) -> Iterator[tuple[str, str]]:
    """Yield the job's files, what matters most first."""
    if folder is None:
        return
    for name in ("job.json", "journal.jsonl", "snapshot.json", "dispatcher.log", "telemetry.jsonl", "measurement.json"):
        path = folder / name
        if path.is_file() and not path.is_symlink():
            yield f"job/{name}", _content(_tail(path, _TAILS.get(name, _TAIL)), redact)
    for path in _newest(folder / "workers", "*.log", MOST_LOGS):
        yield f"job/workers/{redact.text(path.name)}", redact.lines(_tail(path, _TAIL))


def _newest(folder: Path, pattern: str, most: int) -> list[Path]:
    try:
        found = [(path.lstat().st_mtime, path) for path in folder.glob(pattern) if not path.is_symlink()]
    except OSError:
        return []
    return [path for _, path in sorted(found, reverse=True)[:most]]


def _tail(path: Path, most: int) -> str:
    """Return the end of a file, from the beginning of a line on; a sentence where it cannot be read."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - most))
            data = file.read(most)
    except OSError as error:
        return f"(it cannot be read: {error.strerror or error})"
    text = data.decode("utf-8", "replace")
    return text if size <= most else f"(its last {most >> 10} KiB)\n{text.partition(chr(10))[2]}"


def _content(text: str, redact: Redaction) -> str:
    """One JSON value over several lines (``job.json``), else line by line."""
    try:
        return json.dumps(redact.data(json.loads(text)), indent=1, ensure_ascii=False)
    except (ValueError, RecursionError):
        return redact.lines(text)


def file_name(job_id: str, day: str) -> str:
    """Return the bundle's name where none was asked for."""
    return f"{PROGRAM}-support-{job_id or day}.zip"
