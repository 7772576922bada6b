# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes out of text what says who somebody is: home, names of user and host, secrets, where things lie. Pure.

Owns what counts as such, in every spelling that our files have: plain, JSON-escaped, in URLs, with slashes of Windows and
of others. It takes out rather too much than too little. Reads nothing: who this is comes as `Person`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .launch import MASKS

LEFT_OUT = "(left out)"
_SECRET_WORDS = "KEY|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|AUTH|COOKIE|PWD"
SECRET = re.compile(rf"{_SECRET_WORDS}|(?:^|_)PAT(?:$|_)", re.IGNORECASE)
"""In the name of a variable or a field: its value goes."""
ALLOWED = frozenset((*MASKS, "OCIO", "LANG", "LC_ALL", "XDG_SESSION_TYPE", "OMP_NUM_THREADS"))
_ALLOWED_STARTS = ("BLENDER_", "CYCLES_")
_NOT_OURS_TO_TELL = frozenset(["seal"])
_ORDINARY = frozenset(["root", "user", "admin", "render", "blender", "ubuntu", "localhost", "host", "worker", "home"])
"""Names of accounts and machines that say nothing of anybody; they are words of our own files too."""
_SHORTEST_SECRET = 4
_SHORT_NAME = 5
"""Letters: a shorter name counts only where no letter stands beside it."""

_PART = r"[^\\/\s\"'<>|:*?,;()\[\]{}=]+"
_POSIX_PATH = re.compile(rf"(?<![\w.:/\\…~])~?/(?:{_PART}/+)+({_PART}/+{_PART})")
_WINDOWS_PATH = re.compile(rf"(?:(?<![A-Za-z])[A-Za-z]:|~|(?<!\\)\\)[\\/]+(?:{_PART}[\\/]+)+({_PART}[\\/]+{_PART})")
_NAME = rf"[\w-]{{0,60}}?(?:{_SECRET_WORDS})[\w-]{{0,60}}"
_ASSIGNED = re.compile(
    rf"(?<![\w-])({_NAME}\\*[\"']?)([ \t]{{0,9}}[=:][ \t]{{0,9}})"
    r"(?:(?:Bearer|Basic|Digest)[ \t]+\S+|\\*\"[^\"\n]*\"|\\*'[^'\n]*'|\S+)",
    re.IGNORECASE,
)
_OPTION = re.compile(rf"(?<![\w-])(--?{_NAME})([ \t]+)\S+", re.IGNORECASE)
_LOGIN = re.compile(r"(://)[^\s/@:]*:[^\s/]*@")
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]{1,63}(?:\.[\w-]{1,63})+")


@dataclass(frozen=True, slots=True)
class Person:
    """Who and where this is."""

    homes: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    """Values that are never shown."""
    folders: tuple[str, ...] = ()
    """Folders whose last part alone may be shown; for those with spaces in their names."""


def secrets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values of variables whose names say that they are secret."""
    return tuple(value for name, value in environ.items() if SECRET.search(name))


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that may be shown: those that change a render."""
    return {
        name: value
        for name, value in sorted(environ.items())
        if (name in ALLOWED or name.startswith(_ALLOWED_STARTS)) and not SECRET.search(name)
    }


def paths_in(data: object) -> Iterable[str]:
    """Yield every string below that looks like an absolute path."""
    if isinstance(data, str):
        if re.match(r"/|[A-Za-z]:[\\/]|\\\\", data):
            yield data
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from paths_in(value)
    elif isinstance(data, (list, tuple)):
        for value in data:
            yield from paths_in(value)


class Redaction:
    def __init__(self, person: Person, *, keep_paths: bool = False) -> None:
        """``keep_paths``: show where things lie; home and names go all the same."""
        self._keep_paths = keep_paths
        self._secrets = _any(value for value in person.secrets if len(value) >= _SHORTEST_SECRET)
        self._folders = _any((folder for folder in person.folders if _depth(folder) > 1), r"(?![\w-])")
        self._homes = _any((home for home in person.homes if len(home) > 1), r"(?!\w)")
        self._users = _names(person.users)
        self._hosts = _names(person.hosts)

    def text(self, text: str) -> str:
        """Return any text without what says who somebody is."""
        text = self._secrets.sub(LEFT_OUT, text)
        text = _LOGIN.sub(rf"\1{LEFT_OUT}@", text)
        text = _ASSIGNED.sub(rf"\1\2{LEFT_OUT}", text)
        text = _OPTION.sub(rf"\1\2{LEFT_OUT}", text)
        text = _MAIL.sub("(e-mail)", text)
        if not self._keep_paths:
            text = self._folders.sub(lambda found: f"…/{_last(found.group())}", text)
            text = self._homes.sub("~", text)
            text = _WINDOWS_PATH.sub(r"…/\1", text)
            text = _POSIX_PATH.sub(r"…/\1", text)
        text = self._homes.sub("~", text)
        return self._hosts.sub("host", self._users.sub("user", text))

    def data(self, data: Any, name: str = "") -> Any:
        """Return plain data of JSON without it, keys included."""
        if name in _NOT_OURS_TO_TELL or SECRET.search(name):
            return LEFT_OUT
        if isinstance(data, str):
            return self.text(self._path(data) if not self._keep_paths else data)
        if isinstance(data, Mapping):
            if name == "environment":
                data = environment(data)
            return {self.text(str(key)): self.data(value, str(key)) for key, value in data.items()}
        if isinstance(data, (list, tuple)):
            return [self.data(value) for value in data]
        return data

    def lines(self, text: str) -> str:
        """Return a file's text: lines that are JSON as data, the others as text."""
        found: list[str] = []
        for is_data, group in itertools.groupby(text.splitlines(), _may_be_data):
            some = list(group)
            # Lines of text all at once: a log has hundreds of thousands.
            found += map(self._line, some) if is_data else [self.text("\n".join(some))]
        return "\n".join(found)

    def _line(self, line: str) -> str:
        try:
            return json.dumps(self.data(json.loads(line)), ensure_ascii=False)
        except (ValueError, RecursionError):
            return self.text(line)

    def _path(self, text: str) -> str:
        """Shorten a string that is a path and nothing else: then spaces in it are no end."""
        if "\n" not in text and re.fullmatch(r"(?:[A-Za-z]:|\\|~)?[\\/][^\"<>|*?]*", text) and _depth(text) > 2:
            parts = [part for part in re.split(r"[\\/]+", text) if part]
            return f"…/{parts[-2]}/{parts[-1]}"
        return text


def _may_be_data(line: str) -> bool:
    return line.lstrip().startswith(("{", "["))


def _any(words: Iterable[str], end: str = "") -> re.Pattern[str]:
    """Return what finds any of the words in any spelling, the longest first; nothing where there are none."""
    spellings = {spelling for word in words for spelling in _spellings(word)}
    found = "|".join(re.escape(word) for word in sorted(spellings, key=len, reverse=True))
    return re.compile(f"(?:{found}){end}" if found else r"(?!)", re.IGNORECASE)


def _spellings(word: str) -> set[str]:
    plain = word.rstrip("/\\") or word
    turned = {plain, plain.replace("\\", "/"), plain.replace("/", "\\")}
    escaped = {json.dumps(spelling)[1:-1] for spelling in turned}
    quoted = {
        "".join(f"%{b:02X}" if b > 127 or b == 32 else chr(b) for b in s.encode("utf-8", "replace")) for s in turned
    }
    return {
        *turned,
        *escaped,
        *quoted,
        *(spelling.replace("\\", "\\\\") for spelling in escaped),
    }


def _names(words: Iterable[str]) -> re.Pattern[str]:
    known = {word for word in words if len(word) > 1 and word.lower() not in _ORDINARY}
    spelled = {s: len(word) < _SHORT_NAME for word in known for s in _spellings(word)}
    parts = [
        rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])" if short else re.escape(word)
        for word, short in sorted(spelled.items(), key=lambda item: len(item[0]), reverse=True)
    ]
    return re.compile("|".join(parts) or r"(?!)", re.IGNORECASE)


def _depth(path: str) -> int:
    return len([part for part in re.split(r"[\\/]+", path) if part])


def _last(path: str) -> str:
    return re.split(r"[\\/]+", path.rstrip("\\/"))[-1]
