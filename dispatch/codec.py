# SPDX-License-Identifier: GPL-3.0-or-later
"""Frozen dataclasses to JSON and back, strictly: what does not fit its declared type is refused with the field's name.

Owns nothing but the mapping. Knows the types that our files and messages use: numbers, text, enums, tuples, dicts
with text keys, optional values, nested dataclasses. Unknown keys are ignored (a newer writer may add some), missing
ones take the field's default.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")

_BRIEF = 60
"""Letters of somebody else's data that are repeated in a sentence."""


class CodecError(ValueError):
    """The data does not have the declared shape; the text names the field."""


def to_json(value: Any) -> str:
    """Return one line of JSON for a dataclass instance (or any plain value)."""
    plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
    return json.dumps(plain, ensure_ascii=True, separators=(",", ":"))


def from_plain(kind: type[T], data: object, where: str = "") -> T:
    """Build a ``kind`` from parsed JSON.

    Raises:
        CodecError: a field is missing or has another type than declared.
    """
    return typing.cast(T, _convert(kind, data, where or kind.__name__))


@functools.cache
def _fields(kind: type) -> tuple[tuple[str, Any, bool], ...]:
    hints = typing.get_type_hints(kind)
    return tuple(
        (f.name, hints[f.name], f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING)
        for f in dataclasses.fields(kind)
    )


def _convert(kind: Any, data: object, where: str) -> object:
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, data, where)
    if origin in (typing.Union, types.UnionType):
        return _optional(kind, data, where)
    if origin is tuple:
        return _tuple(typing.get_args(kind), data, where)
    if origin is dict:
        if not isinstance(data, dict):
            raise CodecError(f"{where}: expected an object")
        value = typing.get_args(kind)[1]
        return {str(k): _convert(value, v, f"{where}.{str(k)[:_BRIEF]}") for k, v in data.items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(data)
        except ValueError:
            raise CodecError(f"{where}: {repr(data)[:_BRIEF]} is no {kind.__name__}") from None
    return _scalar(kind, data, where)


def _dataclass(kind: type, data: object, where: str) -> object:
    if not isinstance(data, dict):
        raise CodecError(f"{where}: expected an object")
    values = {}
    for name, hint, required in _fields(kind):
        if name in data:
            value = data[name]
            # The exact type fits as it is: most of a snapshot, which is read four times a second.
            fits = type(value) is hint and (hint is not float or math.isfinite(value))
            values[name] = value if fits else _convert(hint, value, f"{where}.{name}")
        elif required:
            raise CodecError(f"{where}.{name} is missing")
    return kind(**values)


def _optional(kind: Any, data: object, where: str) -> object:
    options = typing.get_args(kind)
    if data is None and type(None) in options:
        return None
    (inner,) = (o for o in options if o is not type(None))
    return _convert(inner, data, where)


def _tuple(inner: tuple[Any, ...], data: object, where: str) -> tuple[object, ...]:
    if not isinstance(data, (list, tuple)):
        raise CodecError(f"{where}: expected a list")
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(_convert(inner[0], item, f"{where}[{i}]") for i, item in enumerate(data))
    if len(data) != len(inner):
        raise CodecError(f"{where}: expected {len(inner)} values, not {len(data)}")
    return tuple(_convert(k, item, f"{where}[{i}]") for i, (k, item) in enumerate(zip(inner, data, strict=True)))


def _scalar(kind: Any, data: object, where: str) -> object:
    if kind is float and isinstance(data, (int, float)) and not isinstance(data, bool):
        return _finite(data, where)
    if kind in (int, float) and isinstance(data, bool):
        raise CodecError(f"{where}: expected a number")
    if not isinstance(data, kind):
        raise CodecError(f"{where}: expected {kind.__name__}, not {type(data).__name__}")
    return data


def _finite(data: float, where: str) -> float:
    """JSON of Python's own knows NaN and Infinity, and whole numbers that no float can hold: no clock survives those."""
    try:
        number = float(data)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise CodecError(f"{where}: expected a number")
    return number
